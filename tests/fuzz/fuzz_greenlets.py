"""Switches, throws, kills, collections, forks and ends of threads at random, in several threads at once.

    python fuzz_greenlets.py [--seconds 10] [--round 5] [--threads 4] [--seed N] [--part raw|spawned|both]
                             [--share N] [--real]

It goes in rounds, at the end of which nothing may be left, and from one to the next nothing may grow: neither memory
nor, on a debug build of CPython, references. Ends with status 0 and counts, or with status 1 and what was
inconsistent; a crash or a hang speaks for itself. The same seed gives each thread the same choices, though not the
same interleaving. --share: how many greenlets with stacks a thread has before it lets them share; without it each round
has a number of its own, and its own pace of compaction. --real: the installed greenlet and gevent in place of
verdigris, which checks the fuzz itself.
"""

import argparse
import faulthandler
import gc
import random
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable

from growth import Growth


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--round", type=float, default=5)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--part", choices=["raw", "spawned", "both"], default="both")
    parser.add_argument("--share", type=int)
    parser.add_argument("--real", action="store_true")
    return parser.parse_args()


def prepare(options: argparse.Namespace) -> list[object]:
    """Has the process be as hard on greenlets as it can; the list that exceptions raised to nobody will be in."""
    faulthandler.enable()
    sys.setswitchinterval(0.0005)
    gc.set_threshold(200, 5, 5)
    # The real greenlet starts each at the depth of whoever starts it, and on the same C stack.
    sys.setrecursionlimit(20_000)
    threading.stack_size(256 << 20)
    # Forking beside other threads is the point.
    warnings.simplefilter("ignore", DeprecationWarning)
    # What an exit on the side raises goes to no parent.
    unraisable: list[object] = []
    sys.unraisablehook = lambda what: (unraisable.append(repr(what)), sys.__unraisablehook__(what))
    if not options.real:
        import verdigris

        verdigris.install_as_gevent()
    return unraisable


def in_threads(number: int, work: Callable[[int], Counter[str]]) -> tuple[Counter[str], int]:
    """Runs work(0) … work(number - 1), each in its thread; the sum of their counts, and how many failed."""
    counts: list[Counter[str]] = []

    def run(index: int) -> None:
        try:
            counts.append(work(index))
        except BaseException:
            traceback.print_exc()

    threads = [threading.Thread(target=run, args=[index], daemon=True) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts, Counter()), number - len(counts)


def raw_round(seed: int, seconds: float, options: argparse.Namespace) -> tuple[Counter[str], int]:
    from raw_part import Raw, Shared

    shared = Shared(options.threads, options.real)

    def work(index: int) -> Counter[str]:
        fuzz = Raw(seed + index, shared)
        try:
            fuzz.run(seconds)
        except BaseException:
            shared.barrier.abort()
            raise
        return fuzz.counts

    return in_threads(options.threads, work)


def spawned_round(seed: int, seconds: float, options: argparse.Namespace) -> tuple[Counter[str], int]:
    from spawned_part import fuzz_spawned

    return in_threads(options.threads, lambda index: fuzz_spawned(seed + index, seconds, options.real))


PARTS = {"raw": raw_round, "spawned": spawned_round}


def settle(options: argparse.Namespace, random: random.Random) -> None:
    """How greenlets come by their stacks and lose them in the next round."""
    if not options.real:
        from verdigris import _core

        _core.set_share_above(random.choice((0, 0, 0, 3, 20, None)) if options.share is None else options.share)
        _core.set_compact_after(random.choice((None, None, 5, 0)))


def main() -> int:
    options = arguments()
    unraisable = prepare(options)
    print(f"seed {options.seed}, {options.threads} threads, {options.seconds} s")
    names = [name for name in PARTS if options.part in (name, "both")]
    counts = {name: Counter[str]() for name in names}
    growth, failed, rounds = Growth(), 0, 0
    deadline = time.monotonic() + options.seconds
    while not failed and (left := deadline - time.monotonic()) > 0:
        seconds = min(options.round, left) / len(names)
        settle(options, random.Random(options.seed + rounds))
        faulthandler.dump_traceback_later(seconds * 4 + 120, exit=True)
        for name in names:
            done, failures = PARTS[name](options.seed + rounds * options.threads, seconds, options)
            counts[name] += done
            failed += failures
        rounds += 1
        growth.sample()
    for name in names:
        print(f"{name}: " + ", ".join(f"{count} {what}" for what, count in sorted(counts[name].items())))
    print(f"{rounds} rounds, {growth}")
    problems = growth.has_grown() + (["exceptions were raised to nobody"] if unraisable else [])
    print("\n".join(problems), end="\n" if problems else "")
    good = not failed and not problems
    print("ok" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
