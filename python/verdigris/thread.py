"""The `_thread` module with greenlets for threads. What monkey patching puts in its place."""

import _thread as _native
from _thread import (
    TIMEOUT_MAX,
    RLock,
    error,
    get_native_id,
    interrupt_main,
)

from ._core import (
    Event,
    GreenletExit,
    LockType,
    _ThreadHandle,
    get_ident,
    getcurrent,
    local,
    start_joinable_thread,
)
from .greenlet import Greenlet
from .monkey._table import implements

__all__ = [
    "TIMEOUT_MAX",
    "LockType",
    "RLock",
    "allocate",
    "allocate_lock",
    "error",
    "exit",
    "exit_thread",
    "get_ident",
    "get_native_id",
    "interrupt_main",
    "lock",
    "stack_size",
    "start_joinable_thread",
    "start_new",
    "start_new_thread",
]

_local = local
_native_stack_size = _native.stack_size


lock = LockType
allocate_lock = allocate = LockType


def start_new_thread(function, args=(), kwargs=None):
    """Run `function(*args, **kwargs)` in a new greenlet; returns its `get_ident`.

    Raises:
        TypeError: function cannot be called, args is no tuple or kwargs no dictionary.
    """
    return get_ident(_start(function, args, kwargs))


def _start(function, args=(), kwargs=None):
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    return Greenlet.spawn(function, *args, **(kwargs or {}))


start_new = start_new_thread


def _make_thread_handle(ident):
    """A handle for the current greenlet, which `start_joinable_thread` has not started.

    `ident` is what `threading` takes for its number. In the child of a fork that is the number
    of the native main thread, so it is not looked at.
    """
    handle = _ThreadHandle()
    handle._attach_running()
    return handle


def exit():
    """End the current greenlet, silently."""
    raise GreenletExit


exit_thread = exit

if hasattr(_native, "daemon_threads_allowed"):
    daemon_threads_allowed = _native.daemon_threads_allowed


def stack_size(size=None):
    """The stack size of native threads; a greenlet's is chosen elsewhere.

    Raises:
        ValueError: the size is too small for the system.
    """
    return _native_stack_size() if size is None else _native_stack_size(size)


def _set_sentinel():
    """What `threading.Thread` waits for the end of the current greenlet by, before Python 3.13."""
    sentinel = EndOfThread()
    current = getcurrent()
    if hasattr(current, "rawlink"):
        current.rawlink(lambda _greenlet: sentinel.release())
    return sentinel


class EndOfThread:
    """A lock that a thread holds while it lives, and that nobody holds when it has ended.

    Whoever waits for the thread acquires it and releases it again; a true lock would be handed from one to the
    next, and `threading` insists that it is free as soon as the first has it.
    """

    def __init__(self):
        self._at_fork_reinit()

    def _at_fork_reinit(self):
        self._ended = Event()
        self._held = False
        self._interrupted = None

    def acquire(self, blocking=True, timeout=-1):
        """For the thread itself, which comes first: begin. For others: wait for the end; whether it has come."""
        if not self._held:
            self._held = True
            return True
        if not blocking:
            return self._ended.is_set()
        try:
            return self._ended.wait(None if timeout < 0 else timeout)
        except BaseException:
            self._interrupted = getcurrent()
            raise

    def release(self):
        """The thread has ended; for who has waited for that, nothing."""
        self._ended.set()

    def locked(self):
        """Whether the thread lives.

        After an error in `acquire`, `threading` asks the same greenlet whether it has got the lock nevertheless: no.
        (Else it takes the thread for ended when a Timeout ends the wait, as with gevent.)
        """
        if self._interrupted is getcurrent():
            self._interrupted = None
            return False
        return self._held and not self._ended.is_set()


__implements__ = implements(__name__)
