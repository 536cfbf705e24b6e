"""What greenlet keeps in its extension module: its names, and a look at its bookkeeping."""

from .._core import (
    _C_API,
    GreenletExit,
    error,
    get_pending_cleanup_count,
    get_total_main_greenlets,
    getcurrent,
    gettrace,
    greenlet,
    set_thread_local,
    settrace,
)

__all__ = [
    "CLOCKS_PER_SEC",
    "GREENLET_USE_CONTEXT_VARS",
    "GREENLET_USE_GC",
    "GREENLET_USE_STANDARD_THREADING",
    "GREENLET_USE_TRACING",
    "_C_API",
    "GreenletExit",
    "enable_optional_cleanup",
    "error",
    "get_clocks_used_doing_optional_cleanup",
    "get_pending_cleanup_count",
    "get_total_main_greenlets",
    "get_tstate_trash_delete_nesting",
    "getcurrent",
    "gettrace",
    "greenlet",
    "set_thread_local",
    "settrace",
]

CLOCKS_PER_SEC = 1_000_000
GREENLET_USE_CONTEXT_VARS = True
GREENLET_USE_GC = True
GREENLET_USE_STANDARD_THREADING = True
GREENLET_USE_TRACING = True

_optional_cleanup = True


def enable_optional_cleanup(flag):
    """Greenlet searches for leaked references when a thread ends; stacks of our own need none.

    `flag` is kept for `get_clocks_used_doing_optional_cleanup`, and changes nothing else.
    """
    global _optional_cleanup
    _optional_cleanup = bool(flag)


def get_clocks_used_doing_optional_cleanup():
    """Always 0; None when the clean-up was switched off."""
    return 0 if _optional_cleanup else None


def get_tstate_trash_delete_nesting():
    """How deep the deallocator is nested, which is 0 whenever Python code can ask."""
    return 0
