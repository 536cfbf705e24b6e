"""What patching needs besides replacing names: objects that have taken the originals already."""

import sys

from ._apply import patch_item

__all__ = ["adopt_main_thread", "replace_in_selectors", "replace_logging_locks"]


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


def replace_in_selectors():
    """Have the standard selectors wait with our `select` and `poll`.

    They keep the functions as attributes of their classes.
    """
    import select
    import selectors

    def _select(self, readers, writers, _, timeout=None):
        return select.select(readers, writers, [], timeout)

    selectors.SelectSelector._select = _select
    if hasattr(selectors, "PollSelector"):
        selectors.PollSelector._selector_cls = select.poll
