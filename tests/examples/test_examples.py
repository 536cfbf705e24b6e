"""Every numbered example, as a real process, in both spellings: each must show what it says it shows.

The files say `import gevent`. They run unchanged under `verdigris run python`, and once more with the import lines
rewritten to verdigris's own names, under plain python.
"""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = {path.name[:2]: path for path in EXAMPLES.glob("[0-9][0-9]_*.py")}
IMPORT_LINES = [
    (re.compile(r"^import gevent$", re.MULTILINE), "import verdigris as gevent"),
    (re.compile(r"^from gevent\b", re.MULTILINE), "from verdigris"),
]
# The command as it is installed, so that this is what a user types.
VERDIGRIS_RUN = (os.path.join(sysconfig.get_path("scripts"), "verdigris"), "run")
# Far longer than any of them takes: a program that hangs fails its test and not the whole run.
LIMIT = 40


def in_own_names(source: str) -> str:
    for pattern, replacement in IMPORT_LINES:
        source = pattern.sub(replacement, source)
    return source


@pytest.fixture(params=["verdigris", "gevent"])
def run(request, tmp_path):
    """A function: run the program of a number, return its finished process (text of stdout and stderr)."""

    def run_program(number: str) -> subprocess.CompletedProcess[str]:
        program = PROGRAMS[number]
        if request.param == "gevent":
            command = [*VERDIGRIS_RUN, sys.executable, str(program)]
        else:
            rewritten = tmp_path / program.name
            rewritten.write_text(in_own_names(program.read_text()))
            command = [sys.executable, str(rewritten)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, done.stderr
        return done

    return run_program


@pytest.fixture
def lines(run):
    """A function: run a program that must leave stderr empty, return the lines it printed."""

    def run_quietly(number: str) -> list[str]:
        done = run(number)
        assert done.stderr == ""
        return done.stdout.splitlines()

    return run_quietly


def test_every_example_has_a_test():
    tested = {name[5:7] for name in globals() if re.match(r"test_\d\d_", name)}
    assert tested == set(PROGRAMS)


def test_rewriting_leaves_no_gevent_import():
    for program in PROGRAMS.values():
        assert not re.search(r"^\s*(import|from) gevent", in_own_names(program.read_text()), re.MULTILINE), program


def test_01_greenlets_alternate(lines):
    assert lines("01") == ["foo: running", "bar: running", "foo: back again", "bar: back again"]


def test_02_waits_overlap(lines):
    printed = [re.fullmatch(r"(.*) at (\d+\.\d) s", line) for line in lines("02")]
    assert [line[1] for line in printed] == [
        "first: waiting for I/O",
        "second: waiting for I/O",
        "worker: something to do meanwhile",
        "worker: finished",
        "first: done waiting",
        "second: done waiting",
        "all over",
    ]
    # Two waits of a second each: two seconds would mean that one came after the other.
    assert 1.0 <= float(printed[-1][2]) < 2.0


def test_03_ordered_then_in_any_order(lines):
    printed = lines("03")
    tasks = [f"task {number} done" for number in range(10)]
    assert printed[0] == "one_after_the_other:"
    assert printed[1:11] == tasks
    assert printed[12] == "all_at_once:"
    assert sorted(printed[13:23]) == tasks
    one_by_one, at_once = (float(re.fullmatch(r"took ([\d.]+) ms", printed[i])[1]) for i in (11, 23))
    assert at_once < one_by_one


def test_05_four_equal_runs(lines):
    runs = [line for line in lines("05") if line.startswith("greenlets: ")]
    assert len(runs) == 4
    assert set(runs) == {runs[0]}
    assert sorted(runs[0].removeprefix("greenlets: ").split()) == [str(number) for number in range(10)]


def test_06_in_order_of_time(lines):
    assert lines("06") == [
        "I come first",
        "Hello",
        "the lambda gave 42",
        "countdown: 3",
        "countdown: 2",
        "countdown: 1",
        "the countdown gave lift-off",
    ]


def test_07_states_and_report(run):
    done = run("07")
    assert done.stdout.splitlines() == [
        "before: started=True ready=False",
        "joinall did not raise",
        "winner: started=False ready=True successful=True",
        "winner: value='You win!' exception=None",
        "loser: started=False ready=True successful=False",
        "loser: value=None exception=ValueError('You fail at failing.')",
        "winner.get(): You win!",
        "loser.get() raised: You fail at failing.",
    ]
    assert_reported(done.stderr, r"ValueError: You fail at failing\.", r'<Greenlet "the-loser" at 0x[0-9a-f]+: fail>')


def test_09_each_timeout_is_its_own(lines):
    assert lines("09") == [
        "round a join: 0.02 seconds and it is ours: True",
        "with-block: TooLong",
        "with-block and False: went on silently",
        "join(timeout=timer): back, and the greenlet is ready: False",
        "get(timeout=timer): ours: True",
        "nested: the outer one: True",
        "with_timeout: 0.02 seconds",
        "with_timeout and timeout_value: gave up",
    ]


def test_11_all_five_wake_after_the_set(lines):
    printed = lines("11")
    assert printed[:2] == ["setter: there is something to do first", "setter: ready"]
    assert sorted(printed[2:7]) == [f"waiter {number}: woken" for number in range(5)]
    assert printed[7:] == ["still set, so no wait: True", "cleared, wait for a while: False"]


def test_12_value_and_exception_delivered(lines):
    printed = lines("12")
    assert sorted(printed[:3]) == ["first: got Hello!", "second: got Hello!", "third: raised nothing to give"]
    assert printed[3:] == ["good: True bad: False", "linked: 6"]


def test_13_round_robin_and_nothing_twice(lines):
    names = ["steve", "john", "nancy"]
    assert lines("13") == [
        *(f"{names[(task - 1) % 3]} got task {task}" for task in range(1, 25)),
        *(f"{name} goes home" for name in names),
    ]


def test_14_never_more_than_three_ahead(lines):
    printed = lines("14")
    waiting = 0
    taken = []
    for line in printed:
        if put := re.fullmatch(r"boss put task \d, (\d) waiting", line):
            waiting = max(waiting, int(put[1]))
        elif got := re.fullmatch(r"(?:steve|john|bob) got task (\d)", line):
            taken.append(int(got[1]))
    assert waiting == 3
    assert taken == list(range(1, 10))
    assert sorted(printed[-4:-1]) == ["bob goes home", "john goes home", "steve goes home"]
    assert printed[-1] == "no room for a fourth"


def test_15_ordered_and_unordered(lines):
    inside = [f"{number} of a group of 3" for number in range(3)]
    assert lines("15") == [
        "before join: 3",
        *["bar", "bar", "fizz"],
        "after join: 0",
        *inside,
        "map: [0, 1, 4]",
        *inside,
        "imap: [0, 1, 4]",
        *inside,
        "imap_unordered: [4, 1, 0]",
    ]


def test_16_sizes_and_refusal(lines):
    assert lines("16") == [
        "most in the pool: 2",
        "ada: come in",
        "ben: come in",
        "cleo: sorry, we are full",
        "guests inside: 2",
        "guests after closing time: 0",
    ]


def test_17_never_more_than_two_inside(lines):
    *entered, last = lines("17")
    counts = {re.fullmatch(r"(\w+) enters, (\d) inside", line)[1]: line.split()[2] for line in entered}
    assert list(counts) == ["ada", "ben", "cleo", "dora", "emil", "fay"]
    assert set(counts.values()) == {"1", "2"}
    assert last == "released too often: Semaphore released too many times"


def test_17_also_under_the_name_of_old():
    """Programs of gevent's early days say `gevent.coros`."""
    code = "import gevent.coros, gevent.lock; print(gevent.coros.Semaphore is gevent.lock.Semaphore)"
    done = subprocess.run(
        [*VERDIGRIS_RUN, sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_18_each_sees_its_own(lines):
    assert lines("18") == ["second sees x: False", "first sees 1", "second sees 2 and 3", "main sees x: False"]


def test_22_they_alternate(lines):
    assert lines("22") == ["ping", "pong"] * 5


def test_24_all_get_the_whole_text(lines):
    assert lines("24") == [
        *["Hello!", "1", "2", "3", "4", "5", "Bye."],
        "50 of 50 clients got the whole text",
        "served",
    ]


def test_25_two_chunks(lines):
    printed = lines("25")
    assert printed[0] == "HTTP/1.1 200 OK"
    headers, body = printed[1 : printed.index("")], printed[printed.index("") + 1 :]
    assert "Transfer-Encoding: chunked" in headers
    assert [line for line in body if line] == ["8", "<p>Hello", "9", "World</p>", "0"]


def test_29_all_three_names(lines):
    assert lines("29") == ["localhost: 127.0.0.1", "127.0.0.1: 127.0.0.1", "127.0.0.2: 127.0.0.2"]


def test_30_reported_in_full(run):
    done = run("30")
    assert done.stdout.splitlines() == [
        "the other one: still here",
        "kept for whoever asks: ZeroDivisionError('division by zero')",
    ]
    assert_reported(done.stderr, "ZeroDivisionError: division by zero", "<Greenlet at 0x[0-9a-f]+: divide>")


def test_31_no_waiting_in_the_hub(run):
    done = run("31")
    printed = done.stdout.splitlines()
    assert printed[:4] == [
        "in main, the current greenlet is the hub: False",
        "in the callback, the current greenlet is the hub: True",
        "the greenlet has ended with 42",
        "sleep in the hub: BlockingSwitchOutError",
    ]
    assert printed[4].startswith("it says: ")
    assert printed[-1] == "main goes on"
    assert_reported(done.stderr, r"[\w.]*BlockingSwitchOutError: .+", ".*wait_regardless.*")


def assert_reported(stderr: str, error: str, context: str) -> None:
    """That `stderr` is one traceback that ends with `error`, then the line: time, context, "failed with", type."""
    kind = re.match(r".*?(\w+): ", error)[1]
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    report = rf"Traceback \(most recent call last\):\n(?:  .*\n)+{error}\n{time} {context} failed with {kind}\n+"
    assert re.fullmatch(report, stderr), stderr
