"""What `import greenlet` gives: the raw coroutines under everything else.

The names are greenlet 3.5's. A raw greenlet knows no hub: `switch()` goes where it is
told, at once. Use `verdigris.spawn()` unless you are writing a scheduler.

Unlike the real greenlet, each has a C stack of its own, so a switch copies no memory and
costs the same at any depth.
"""

from pathlib import Path

from .._core import _C_API, GreenletExit, error, getcurrent, gettrace, greenlet, settrace

__all__ = ["_C_API", "GreenletExit", "__version__", "error", "getcurrent", "greenlet", "gettrace", "settrace"]

#: The version of greenlet whose interface this is.
__version__ = "3.5.6"

GREENLET_USE_GC = True
GREENLET_USE_TRACING = True
GREENLET_USE_CONTEXT_VARS = True


def get_include():
    """The folder to compile with (`-I`) for C code that says `#include "greenlet/greenlet.h"`.

    A str. `verdigris include` prints it. Greenlet has no such function: it installs its header
    among those of the environment.
    """
    return str(Path(__file__).parent.parent / "include")
