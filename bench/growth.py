"""How the cost of one operation grows with how many greenlets or timers there are.

    python bench/growth.py [--impl MODULE] [--rounds N]

Each row at 1 000, 10 000, 100 000 and 1 000 000, each measurement in a process of its own that has done
nothing before, so that at every size what is paid for memory that is touched for the first time is in
the figure. Three figures: CPU time, the least of some rounds; page faults, which are the kernel handing
out memory; and, where there is valgrind, instructions, which neither a cache nor the kernel has a part
in: if they stay and the time grows, the machine's memory is what it waits for. Prints a table, and
puts it into docs/growth.md and the plot into docs/growth.svg.
"""

import argparse
import importlib
import platform
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import growth_plot

SIZES = (1_000, 10_000, 100_000, 1_000_000)
DOCS = Path(__file__).resolve().parent.parent / "docs"


class Stopwatch:
    """CPU seconds and page faults between `start` and `stop`."""

    def start(self):
        self._faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        self._time = time.process_time()

    def stop(self):
        self.seconds = time.process_time() - self._time
        self.faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - self._faults


def nothing():
    pass


def spawn_join(gevent, n, watch):
    """Spawn a greenlet that does nothing, and join it."""
    watch.start()
    gevent.joinall([gevent.spawn(nothing) for _ in range(n)])
    watch.stop()
    return n


def sleep0(gevent, n, watch):
    """Let the next of n greenlets run."""
    turns = 10

    def body():
        for _ in range(turns):
            gevent.sleep(0)

    greenlets = [gevent.spawn(body) for _ in range(n)]
    gevent.sleep(0)
    watch.start()
    gevent.joinall(greenlets)
    watch.stop()
    return n * turns


def event_wake_many(gevent, n, watch):
    """Wake one of n greenlets that wait for an Event."""
    event = gevent.event.Event()
    greenlets = [gevent.spawn(event.wait) for _ in range(n)]
    gevent.sleep(0)
    watch.start()
    event.set()
    gevent.joinall(greenlets)
    watch.stop()
    return n


def timers(gevent, n, watch):
    """Start a timer among n, and have it fire: they end in random order, within a second."""
    moment = random.Random(1).random
    fired = []
    loop = gevent.get_hub().loop
    timers = [loop.timer(moment()) for _ in range(n)]
    watch.start()
    for timer in timers:
        timer.start(fired.append, None)
    gevent.get_hub().join()
    watch.stop()
    assert len(fired) == n
    return n


def queue(gevent, n, watch):
    """Hand an item to one of n greenlets that wait for a Queue."""
    items = gevent.queue.Queue()
    greenlets = [gevent.spawn(items.get) for _ in range(n)]
    gevent.sleep(0)
    watch.start()
    for _ in range(n):
        items.put(None)
    gevent.joinall(greenlets)
    watch.stop()
    return n


ROWS = (spawn_join, sleep0, event_wake_many, timers, queue)


def measure_here(module, row, n):
    """In the child: nanoseconds and page faults of one operation, and how many operations there were."""
    gevent = importlib.import_module(module)
    for part in ("event", "queue"):
        importlib.import_module(f"{module}.{part}")
    function = next(known for known in ROWS if known.__name__ == row)
    watch = Stopwatch()
    function(gevent, 1, watch)  # The hub and what is imported late are not what is measured.
    operations = function(gevent, n, watch)
    print(watch.seconds / operations * 1e9, watch.faults / operations, operations)


def run(module, row, n, *before):
    command = [*before, sys.executable, __file__, "--impl", module, "--child", row.__name__, str(n)]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def measure(module, row, n, rounds):
    """(nanoseconds, page faults) of one operation: the fastest of the rounds."""
    answers = [run(module, row, n).stdout.split() for _ in range(rounds if n < 1_000_000 else 1)]
    return min((float(nanoseconds), float(faults)) for nanoseconds, faults, _ in answers)


def instructions(module, row, few, many):
    """Instructions for each operation that `many` has more than `few`, set-up included."""
    counts = []
    for n in (few, many):
        done = run(module, row, n, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
        counted = re.search(r"Collected : (\d+)", done.stderr)
        counts.append((int(counted[1]), int(done.stdout.split()[2])))
    (least, fewer), (most, more) = counts
    return (most - least) / (more - fewer)


def table(found, counted):
    sizes = [f"{n:,}".replace(",", " ") for n in SIZES]
    lines = [
        f"| one operation | {' | '.join(sizes)} | 100 000 : 1 000 | instructions, to 10 000 | from there to 100 000 |",
        "|---|" + "---|" * (len(SIZES) + 3),
    ]
    for row, figures in found.items():
        cells = [f"{nanoseconds:.0f} ns, {faults:.2f} faults" for nanoseconds, faults in figures]
        growth = figures[SIZES.index(100_000)][0] / figures[0][0]
        counts = [f"{count:.0f}" for count in counted[row]] or ["not counted"] * 2
        lines.append(f"| `{row}` | {' | '.join(cells)} | {growth:.2f}× | {' | '.join(counts)} |")
    return "\n".join(lines)


def write(text, plot):
    (DOCS / "growth.svg").write_text(plot)
    page = DOCS / "growth.md"
    head, begin, rest = page.read_text().partition("<!-- figures -->\n")
    _, end, tail = rest.partition("<!-- end of figures -->\n")
    page.write_text(head + begin + text + end + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--impl", default="verdigris", help="the module to measure (default: verdigris)")
    parser.add_argument("--rounds", type=int, default=5, help="processes for each figure below a million (default: 5)")
    parser.add_argument("--child", nargs=2, metavar=("ROW", "N"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    module = arguments.impl
    if arguments.child:
        measure_here(module, arguments.child[0], int(arguments.child[1]))
        return
    found = {row.__name__: [measure(module, row, n, arguments.rounds) for n in SIZES] for row in ROWS}
    count = shutil.which("valgrind") is not None
    steps = ((1_000, 10_000), (10_000, 100_000)) if count else ()
    counted = {row.__name__: [instructions(module, row, *step) for step in steps] for row in ROWS}
    text = f"{module}, Python {platform.python_version()}, {date.today()}:\n\n{table(found, counted)}\n"
    print(text)
    if module == "verdigris":
        write(text, growth_plot.draw(SIZES, {row: [ns for ns, _ in figures] for row, figures in found.items()}))


if __name__ == "__main__":
    main()
