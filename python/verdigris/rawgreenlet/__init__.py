"""What `import greenlet` gives: the raw coroutines under everything else.

The names are greenlet 3.5's. A raw greenlet knows no hub: `switch()` goes where it is
told, at once. Use `verdigris.spawn()` unless you are writing a scheduler.

Unlike the real greenlet, each has a C stack of its own, so a switch copies no memory and
costs the same at any depth. And what lies on its stack is released in more cases:

- Those that are suspended when their thread ends are unwound by an exception of their own, which is not GreenletExit:
  their `finally` clauses run, but cannot wait, and their locals go. The real one keeps what they refer to for ever.
- Those that only a circle of attributes refers to are garbage, and get GreenletExit from the collector. (With the real
  one they stay for ever, up to CPython 3.14.) A circle through the *locals* of a suspended greenlet is no garbage in
  either, as the collector cannot look into a C stack: it goes when the greenlet, or its thread, ends.
- Whoever swallows GreenletExit lives on, here as there. If nobody refers to it, its stack stays.
"""

from .._core import _C_API, GreenletExit, error, getcurrent, gettrace, greenlet, settrace
from ._greenlet import (  # noqa: F401 (greenlet has these, too, but does not list them)
    CLOCKS_PER_SEC,
    GREENLET_USE_CONTEXT_VARS,
    GREENLET_USE_GC,
    GREENLET_USE_TRACING,
    enable_optional_cleanup,
    get_clocks_used_doing_optional_cleanup,
)

__all__ = ["_C_API", "GreenletExit", "__version__", "error", "getcurrent", "greenlet", "gettrace", "settrace"]

#: The version of greenlet whose interface this is.
__version__ = "3.5.6"


def get_include():
    """The folder to compile with (`-I`) for C code that says `#include "greenlet/greenlet.h"`.

    A str. `verdigris include` prints it. Greenlet has no such function: it installs its header
    among those of the environment.
    """
    import os

    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "include")
