"""What patching `threading` needs besides replacing names: objects that exist already."""

import sys

from ._apply import patch_item

__all__ = ["adopt_main_thread", "replace_logging_locks"]


def adopt_main_thread():
    """Make the Thread of the main thread that of its main greenlet.

    `threading` finds the current Thread by `get_ident`, which is another number now.
    """
    import threading

    from ..local import local
    from ..thread import get_ident

    main = threading.main_thread()
    old, new = main._ident, get_ident()
    if old != new and threading._active.get(old) is main:
        threading._active[new] = threading._active.pop(old)
        main._ident = new
    if hasattr(threading, "_thread_local_info"):
        # By its end, Python knows that a foreign thread is gone: now a greenlet.
        threading._thread_local_info = local()


def replace_logging_locks():
    """Give `logging`, if it is loaded, and its handlers locks that know greenlets."""
    logging = sys.modules.get("logging")
    if logging is None:
        return
    import threading

    patch_item(logging, "_lock", threading.RLock())
    for reference in logging._handlerList:
        handler = reference()
        if handler is not None and handler.lock is not None:
            handler.lock = threading.RLock()
