"""Tries kinds of recursion and prints how each ended, as JSON.

A program of its own, since an attempt may end its process: each is made in a fork of this one. In a greenlet of the
default stack size; with `--compare`, also on the main thread with the 8 MiB of stack that most systems give it.

    python tests/recursion/attempt.py --compare | KIND...
"""

import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from recursion import KINDS
from verdigris.rawgreenlet import greenlet

MAIN_STACK = 8 << 20

#: Seconds after which an attempt counts as one that does not end.
PATIENCE = 60

#: What the process says that dies at the guard of a stack.
MESSAGE = b"a greenlet has overflowed its stack"


def attempt(kind, in_greenlet, depth):
    """How a kind ends: "finished", what exception it is, or what killed the process."""
    with tempfile.TemporaryFile() as stderr:
        child = os.fork()
        if child == 0:
            os.dup2(stderr.fileno(), 2)
            os._exit(_exit_code(kind, in_greenlet, depth))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        stderr.seek(0)
        said = stderr.read()
    if status == ENDS.index("other"):
        return said.decode(errors="replace").strip().splitlines()[-1]
    if status >= 0:
        return ENDS[status]
    if status == -signal.SIGSEGV and MESSAGE in said:
        return "guard page"
    return "does not end" if status == -signal.SIGALRM else signal.Signals(-status).name


ENDS = ["finished", "RecursionError", "MemoryError", "other"]


def _exit_code(kind, in_greenlet, depth):
    """In the child: try it, and return the exit code that says how it ended."""
    resource.setrlimit(resource.RLIMIT_STACK, (MAIN_STACK, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(PATIENCE)
    arguments = (depth,) if kind.uncounted else ()
    try:
        greenlet(kind.recurse).switch(*arguments) if in_greenlet else kind.recurse(*arguments)
    except BaseException as error:
        name = type(_root(error)).__name__
        if name not in ENDS:
            print(f"{name}: {error}"[:300], file=sys.stderr)
            name = "other"
        return ENDS.index(name)
    return ENDS.index("finished")


def _root(error):
    """What an error was caused by: 3.11 wraps those of `__set_name__`."""
    return error if error.__cause__ is None else _root(error.__cause__)


def levels_held(kind, in_greenlet):
    """How many levels of a kind that crashes there is room for, to two digits."""
    low, high = 0, kind.uncounted
    while high - low > high // 50:
        middle = (low + high) // 2
        if attempt(kind, in_greenlet, middle) == "finished":
            low = middle
        else:
            high = middle
    digits = len(str(low)) - 2
    return low // 10**digits * 10**digits


def compare(kind):
    """How a kind ends in a greenlet and on the main thread; for a crash, how many levels there is room for."""
    ended = {where: attempt(kind, where == "greenlet", kind.uncounted) for where in ("greenlet", "main")}
    crashes = [where for where, end in ended.items() if end in ("guard page", "SIGSEGV")]
    return ended | {where: levels_held(kind, where == "greenlet") for where in crashes}


def main(arguments):
    """Try the kinds of these names; or, with "--compare", all, on the main thread as well."""
    if arguments == ["--compare"]:
        ended = {kind.name: compare(kind) for kind in KINDS.values()}
    else:
        ended = {name: attempt(KINDS[name], True, KINDS[name].uncounted) for name in arguments}
    json.dump(ended, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
