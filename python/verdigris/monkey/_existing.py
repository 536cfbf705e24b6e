"""What patching needs besides replacing names: objects that have taken the originals already."""

import sys

from ._apply import get_original, patch_item

__all__ = [
    "adopt_main_thread",
    "replace_existing_locks",
    "replace_in_selectors",
    "replace_logging_locks",
    "replace_methods_of_thread",
]


def adopt_main_thread(old_ident):
    """Make the Thread of the main thread that of its main greenlet.

    `threading` finds the current Thread by `get_ident`, which was `old_ident` and is another
    number now. Returns False in another thread, for whose main greenlet there is nothing.
    """
    import threading

    from ..thread import get_ident

    main = threading.main_thread()
    if main.ident != old_ident:
        return main.ident == get_ident()
    threading._active[get_ident()] = threading._active.pop(old_ident)
    main._ident = get_ident()
    # The handle of the running thread: Python 3.14 calls it by another name than 3.13.
    handle = next((name for name in ("_os_thread_handle", "_handle") if hasattr(main, name)), None)
    if handle is None:
        _replace_lock_of(main)
    else:
        setattr(main, handle, threading._make_thread_handle(main._ident))
    return True


def _replace_lock_of(thread):
    """Before Python 3.13: the lock by which others wait for the end of `thread`, which `threading` releases."""
    import threading

    from ..thread import EndOfThread

    threading._shutdown_locks.discard(thread._tstate_lock)
    thread._tstate_lock = EndOfThread()
    thread._tstate_lock.acquire()
    threading._shutdown_locks.add(thread._tstate_lock)


def replace_methods_of_thread():
    """Give the class `threading.Thread` faster methods for some that run for each thread.

    A method that somebody has replaced already stays.
    """
    import threading

    from .._core import thread_methods

    for name, method in thread_methods(threading.Thread).items():
        if getattr(vars(threading.Thread).get(name), "__module__", None) == "threading":
            setattr(threading.Thread, name, method)
    threading._dangling.update(get_original("threading", "_dangling"))


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


def replace_existing_locks(old_ident):
    """Make Python's own locks that exist know greenlets.

    `old_ident` is what `get_ident` was for this thread. The locks of modules that are being
    imported just now belong to it, and would not be released otherwise.
    """
    import gc
    from importlib._bootstrap import _ModuleLock

    from ..thread import LockType, get_ident

    for lock in gc.get_objects():
        if type(lock) is _ModuleLock:
            lock.wakeup = LockType()
            if lock.owner == old_ident:
                lock.owner = get_ident()
    futures = sys.modules.get("concurrent.futures.thread")
    if futures is not None and not futures._global_shutdown_lock.locked():
        futures._global_shutdown_lock = LockType()


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
