"""A greenlet that runs off its stack says so before the process dies; other faults are none of our business.

Each program dies in a process of its own. CPython does not check the recursion of `next()` through nested iterators:
with enough of them it runs off any stack.
"""

import re
import signal
import textwrap

import pytest

from programs import output_of, python

# What each program below begins with.
PROLOGUE = """
    import ctypes, faulthandler, itertools, os, signal, threading, time
    import verdigris
    from verdigris.rawgreenlet import getcurrent, greenlet

    libc = ctypes.CDLL(None)

    # More than 4 MiB of stack, at some 32 bytes of it for each.
    def crunch(levels=400_000):
        nested = iter(())
        for _ in range(levels):
            nested = itertools.chain(nested)
        next(nested, None)

    class Worker:
        def crunch(self):
            crunch()

    def in_a_thread(function):
        thread = threading.Thread(target=function)
        thread.start()
        thread.join()

    def read_nowhere():
        ctypes.string_at(8)
"""

SAID = re.compile(
    r"Fatal verdigris error: a greenlet has overflowed its stack of (?P<size>\d+) bytes\n"
    r"<(?P<type>\S+) object at (?P<address>0x[0-9a-f]+)(: (?P<function>\S+))?> in thread (?P<thread>0x[0-9a-f]{16})\n"
    r".*VERDIGRIS_STACK_SIZE=(?P<larger>\d+) .*\n.*verdigris\.config\.stack_size = (?P=larger) .*\n"
)


def dying(code, *options, killed_by=signal.SIGSEGV, **more):
    """What a program leaves on stdout and stderr that is killed by a signal."""
    result = python(*options, "-c", textwrap.dedent(PROLOGUE) + textwrap.dedent(code), **more)
    assert result.returncode == -killed_by, result
    return result.stdout, result.stderr


def overflow(code, *options, **more):
    """What is said about the overflow that kills a program; a match."""
    _, stderr = dying(code, *options, **more)
    found = SAID.findall(stderr)
    assert len(found) == 1, stderr
    return SAID.search(stderr)


@pytest.mark.parametrize(
    "code, type_, function",
    [
        ("greenlet(crunch).switch()", "greenlet.greenlet", "crunch"),
        ("greenlet(Worker().crunch).switch()", "greenlet.greenlet", "Worker.crunch"),
        ("greenlet(lambda: crunch()).switch()", "greenlet.greenlet", "<lambda>"),
        ("greenlet(next).switch(iter(lambda: crunch(), 1))", "greenlet.greenlet", ""),
        ("verdigris.spawn(crunch).get()", "Greenlet", "crunch"),
        ("verdigris.spawn(Worker().crunch).get()", "Greenlet", "Worker.crunch"),
        ("in_a_thread(lambda: verdigris.spawn(crunch).get())", "Greenlet", "crunch"),
        ("verdigris.get_hub().threadpool.apply(lambda: greenlet(crunch).switch())", "greenlet.greenlet", "crunch"),
    ],
)
def test_it_is_said_which_greenlet(code, type_, function):
    said = overflow(code)
    assert (said["type"], said["function"] or "") == (type_, function)


def test_the_greenlet_has_the_address_of_its_repr_and_the_thread_that_of_faulthandler():
    stdout, stderr = dying(
        """
        def named():
            print(hex(id(getcurrent())), f"{threading.get_ident():#018x}", flush=True)
            crunch()

        greenlet(named).switch()
        """
    )
    said = SAID.search(stderr)
    assert [said["address"], said["thread"]] == stdout.split()


def test_the_size_is_the_one_that_was_set():
    by_default = int(overflow("greenlet(crunch).switch()")["size"])
    assert by_default == int(output_of("import verdigris; print(verdigris.config.stack_size)"))
    said = overflow("greenlet(crunch).switch()", env={"VERDIGRIS_STACK_SIZE": "600KB"})
    assert (int(said["size"]), int(said["larger"])) == (600 * 1024, 2400 * 1024)


@pytest.mark.parametrize(
    "code, size",
    [
        ("verdigris.config.stack_size = '2MB'; greenlet(crunch).switch()", 2 << 20),
        ("verdigris.config.stack_size = '2MB'; in_a_thread(lambda: greenlet(crunch).switch())", 2 << 20),
        ("greenlet(int).switch(); verdigris.config.stack_size = '2MB'; greenlet(crunch).switch()", 2 << 20),
        (
            """
            def change():
                verdigris.config.stack_size = "2MB"

            old = greenlet(lambda: (getcurrent().parent.switch(), crunch()))
            old.switch()
            in_a_thread(change)
            verdigris.spawn(int).get()  # the pool that `old` came from is gone
            old.switch()
            """,
            int(output_of("import verdigris; print(verdigris.config.stack_size)")),
        ),
    ],
    ids=["first", "another thread's", "later", "suspended before"],
)
def test_a_size_counts_for_the_greenlets_that_start_afterwards_in_any_thread(code, size):
    assert int(overflow(code)["size"]) == size


def test_larger_stacks_hold_more():
    code = textwrap.dedent(PROLOGUE) + "greenlet(crunch).switch(20_000); print('done')"
    assert python("-c", code, env={"VERDIGRIS_STACK_SIZE": "64MB"}).stdout == "done\n"
    overflow("greenlet(crunch).switch(20_000)", env={"VERDIGRIS_STACK_SIZE": "256KB"})


IN_ANY_THREAD = pytest.mark.parametrize(
    "start", ["greenlet(crunch).switch()", "in_a_thread(lambda: greenlet(crunch).switch())"], ids=["main", "thread"]
)


@IN_ANY_THREAD
def test_faulthandler_that_was_there_first_shows_the_calls_afterwards(start):
    _, stderr = dying(start, "-X", "faulthandler")
    said = SAID.match(stderr)
    assert said, stderr
    assert stderr.index("Fatal Python error: Segmentation fault") >= said.end()
    assert "in crunch" in stderr


@IN_ANY_THREAD
def test_faulthandler_that_came_later_shows_the_calls_before(start):
    _, stderr = dying(f"getcurrent(); faulthandler.enable(); {start}")
    said = SAID.search(stderr)
    assert said, stderr
    assert stderr.index("Fatal Python error: Segmentation fault") < said.start()
    assert "in crunch" in stderr


@pytest.mark.parametrize(
    "code",
    [
        "greenlet(read_nowhere).switch()",
        "greenlet(int).switch(); read_nowhere()",
        "greenlet(int).switch(); in_a_thread(read_nowhere)",
        "getcurrent(); os.kill(os.getpid(), signal.SIGSEGV); time.sleep(60)",
        "greenlet(lambda: signal.raise_signal(signal.SIGSEGV)).switch()",
    ],
)
@pytest.mark.parametrize("options", [(), ("-X", "faulthandler")], ids=["", "faulthandler"])
def test_other_faults_are_passed_on_without_a_word(code, options):
    _, stderr = dying(code, *options)
    assert "verdigris error" not in stderr
    assert ("Fatal Python error: Segmentation fault" in stderr) == bool(options)


@pytest.mark.parametrize("order", ["{ours}; {theirs}", "{theirs}; {ours}"], ids=["later", "first"])
def test_a_handler_in_python_gets_the_signals_that_are_sent(order):
    setup = order.format(ours="getcurrent()", theirs="signal.signal(signal.SIGSEGV, lambda *_: print('caught'))")
    code = textwrap.dedent(PROLOGUE) + f"{setup}; signal.raise_signal(signal.SIGSEGV); print('alive')"
    assert output_of(code) == "caught\nalive\n"


def test_an_ignored_signal_stays_ignored():
    code = "signal.signal(signal.SIGSEGV, signal.SIG_IGN); getcurrent(); signal.raise_signal(signal.SIGSEGV)"
    assert output_of(textwrap.dedent(PROLOGUE) + code) == ""


@pytest.mark.parametrize("function, says", [("crunch", True), ("read_nowhere", False)])
def test_a_handler_in_c_that_was_there_first_has_the_last_word(function, says):
    # The handler is _exit itself, and so the signal's number the exit code.
    code = f"libc.signal(signal.SIGSEGV, libc._exit); greenlet({function}).switch()"
    result = python("-c", textwrap.dedent(PROLOGUE) + code)
    assert result.returncode == signal.SIGSEGV
    assert bool(SAID.fullmatch(result.stderr)) == says


def test_a_handler_in_c_that_wants_to_be_called_once_is():
    # It returns, and the same instruction faults again.
    _, stderr = dying(
        """
        class Action(ctypes.Structure):
            _fields_ = [
                ("handler", ctypes.c_void_p),
                ("mask", ctypes.c_ulong * 16),
                ("flags", ctypes.c_int),
                ("restorer", ctypes.c_void_p),
            ]

        SA_RESETHAND = 0x80000000 - (1 << 32)
        action = Action(ctypes.cast(libc.getpid, ctypes.c_void_p), flags=SA_RESETHAND)
        assert libc.sigaction(signal.SIGSEGV, ctypes.byref(action), None) == 0
        greenlet(crunch).switch()
        """
    )
    assert SAID.fullmatch(stderr)


def test_a_signal_stack_of_somebody_elses_is_used_and_not_replaced():
    _, stderr = dying(
        """
        class Stack(ctypes.Structure):
            _fields_ = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

        memory = ctypes.create_string_buffer(32 * 1024)
        libc.sigaltstack(ctypes.byref(Stack(ctypes.addressof(memory), 0, len(memory))), None)
        greenlet(int).switch()
        now = Stack()
        libc.sigaltstack(None, ctypes.byref(now))
        assert now.sp == ctypes.addressof(memory)
        greenlet(crunch).switch()
        """
    )
    assert SAID.fullmatch(stderr)


def test_the_signal_stacks_of_ended_threads_are_unmapped():
    code = """
        def mappings():
            with open("/proc/self/maps") as maps:
                return len(maps.readlines())

        in_a_thread(lambda: greenlet(int).switch())
        before = mappings()
        for _ in range(50):
            in_a_thread(lambda: greenlet(int).switch())
        print(mappings() - before < 25)
    """
    assert output_of(textwrap.dedent(PROLOGUE) + textwrap.dedent(code)) == "True\n"


def test_a_forked_child_says_it_as_well():
    code = """
        greenlet(int).switch()
        child = os.fork()
        if child == 0:
            greenlet(crunch).switch()
        print(os.WTERMSIG(os.waitpid(child, 0)[1]))
    """
    result = python("-c", textwrap.dedent(PROLOGUE) + textwrap.dedent(code))
    assert result.stdout == f"{signal.SIGSEGV:d}\n"
    assert SAID.fullmatch(result.stderr)
