"""What monkey patching puts into the standard `threading` module, so that its threads are
greenlets. Outside of that, use the standard module."""

import os
import threading as _native
import weakref

from . import thread as _thread
from ._core import _ThreadHandle, current_thread, getcurrent, new_thread_name
from ._threads import Threads, make_invoke_excepthook, make_lists_lock
from .event import Event
from .local import local
from .monkey._apply import is_object_patched
from .monkey._table import implements
from .thread import LockType, get_ident

__all__ = ["Event", "Lock", "Thread", "Timer", "current_thread", "get_ident", "local", "main_native_thread"]

Lock = _allocate_lock = LockType
_make_thread_handle = _thread._make_thread_handle
_set_sentinel = _thread._set_sentinel
_start_joinable_thread = _thread.start_joinable_thread
_start_new_thread = _thread.start_new_thread
Thread = _native.Thread
Timer = _native.Timer
_native_shutdown = _native._shutdown  # type: ignore[attr-defined]
_native_thread_shutdown = getattr(_native, "_thread_shutdown", None)
_native_main_thread = _native.main_thread()
_native_set_name = getattr(_native, "_set_name", None)


_active_limbo_lock = make_lists_lock()
_dangling = Threads()
_make_invoke_excepthook = make_invoke_excepthook
_newname = new_thread_name

# threading.RLock() then makes the class written in Python, over our Lock and get_ident.
_CRLock = None


class _DummyThread(_native._DummyThread):
    """The Thread of a greenlet that `threading` did not start. It is forgotten when the
    greenlet ends; the standard class would wait for the end of the native thread."""

    def __init__(self):
        super().__init__()
        if hasattr(_native, "_thread_local_info"):
            # Python 3.13 notes here what, by its end, tells it that the native thread has ended.
            del _native._thread_local_info._track_dummy_thread_ref
            _native._active[self._ident] = self
        ident, current = self._ident, getcurrent()
        if hasattr(current, "rawlink"):
            current.rawlink(lambda _greenlet: _forget(ident))
        else:
            self._forget_with_greenlet = weakref.ref(current, lambda _ref: _forget(ident))


def _forget(ident):
    thread = _native._active.get(ident)
    if isinstance(thread, _DummyThread):
        del _native._active[ident]


def main_native_thread():
    """The Thread of the main thread, also when asked from another."""
    return _native_main_thread


def _shutdown():
    """At the end of the program, before Python 3.13: wait for threads that are not daemons, greenlets too."""
    # By this it knows the main thread; it would wait for that one, too, if patching was done in another.
    _native_main_thread._ident = get_ident()
    _native_shutdown()


def _thread_shutdown():
    """At the end of the program, from Python 3.13 on: what `threading._shutdown` waits for threads by.

    It has run what was registered for that, so that thread pools end, and has declared the main thread ended.
    (Before, it waits for locks that the threads have, which are ours.)
    """
    # In the child of a fork the main thread is the greenlet that forked, not this one.
    done = {_native.current_thread(), _native.main_thread(), _native_main_thread}
    while others := [thread for thread in _native.enumerate() if thread not in done and _is_waited_for(thread)]:
        for thread in others:
            thread.join()
        # One that was native when patching was done stays listed though it has ended.
        done.update(others)
    _native_thread_shutdown()


def _set_name(name):
    """Tell the system the name of a native thread, as `threading` does from Python 3.14: not
    that of a greenlet, which would rename the process."""
    if getcurrent().parent is None:
        _native_set_name(name)


def _is_waited_for(thread):
    return not thread.daemon and not isinstance(thread, _native._DummyThread)


def _stay_alive():
    """In the child of a fork: every thread but the one that forked counts as ended.

    `threading` has made a new lock for its lists, but not of the kind that native threads need.
    """
    if is_object_patched("threading", "_active_limbo_lock"):
        _native._active_limbo_lock = make_lists_lock()
    thread = _native._active.get(get_ident())
    # Python 3.14 calls it by another name than 3.13.
    handle = getattr(thread, "_os_thread_handle", None) or getattr(thread, "_handle", None)
    if isinstance(handle, _ThreadHandle):
        handle.survive_fork()


os.register_at_fork(after_in_child=_stay_alive)

__implements__ = implements(__name__)
