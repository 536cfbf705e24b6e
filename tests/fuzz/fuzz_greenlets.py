"""Switches, throws, kills and collections at random, in several threads at once.

    python fuzz_greenlets.py [--seconds 10] [--threads 4] [--seed N] [--part raw|spawned|both] [--real]

Ends with status 0 and counts, or with status 1 and what was inconsistent; a crash or a hang
speaks for itself. The same seed gives each thread the same choices, though not the same
interleaving. --real: the installed greenlet and gevent in place of verdigris, which checks
the fuzz itself.
"""

import argparse
import faulthandler
import gc
import random
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--part", choices=["raw", "spawned", "both"], default="both")
    parser.add_argument("--real", action="store_true")
    return parser.parse_args()


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


def main() -> int:
    options = arguments()
    faulthandler.enable()
    faulthandler.dump_traceback_later(options.seconds * 2 + 120, exit=True)
    sys.setswitchinterval(0.0005)
    gc.set_threshold(200, 5, 5)
    # The real greenlet starts each at the depth of whoever starts it, and on the same C stack.
    sys.setrecursionlimit(20_000)
    threading.stack_size(256 << 20)
    # What an exit on the side raises goes to no parent.
    unraisable: list[object] = []
    sys.unraisablehook = lambda what: (unraisable.append(what), sys.__unraisablehook__(what))
    if not options.real:
        import verdigris

        verdigris.install_as_gevent()
    print(f"seed {options.seed}, {options.threads} threads, {options.seconds} s")

    parts: dict[str, Callable[[int], Counter[str]]] = {}
    if options.part != "spawned":
        from raw_part import Raw, Shared

        shared = Shared(options.threads)

        def raw(index: int) -> Counter[str]:
            fuzz = Raw(options.seed + index, shared)
            try:
                fuzz.run(options.seconds / (2 if options.part == "both" else 1))
            except BaseException:
                shared.barrier.abort()
                raise
            return fuzz.counts

        parts["raw"] = raw
    if options.part != "raw":
        from spawned_part import fuzz_spawned

        seconds = options.seconds / (2 if options.part == "both" else 1)
        parts["spawned"] = lambda index: fuzz_spawned(options.seed + index, seconds)

    failed = 0
    for name, work in parts.items():
        counts, failures = in_threads(options.threads, work)
        failed += failures
        print(f"{name}: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    good = not failed and not unraisable
    print("ok" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
