"""`select` and `poll` that let other greenlets run while they wait.

Whoever is ready already is found by one call of the system's poll, at once. Only if
nobody is, a watcher is set on each descriptor. What `xlist` asks for (out-of-band data) is
seen in that first look only, as with gevent.
"""

import select as _native
from select import POLLIN, POLLOUT, POLLPRI

from ._core import look as _look
from ._core import sleep
from .event import Event
from .hub import get_hub

__all__ = ["error", "poll", "select"]

error = OSError

# Taken now: under monkey patching the names in the module become ours.
_native_poll = _native.poll
_READ = 1
_WRITE = 2
_NOBODY: tuple[list, list, list] = ([], [], [])
for _name in dir(_native):
    if _name.startswith(("POLL", "EPOLL")):
        globals()[_name] = getattr(_native, _name)
        __all__.append(_name)


def select(rlist, wlist, xlist, timeout=None):
    """Wait until one of these can be read or written, or `timeout` seconds have passed.

    Returns three lists, as `select.select`.

    Raises:
        ValueError: timeout is negative, or a descriptor is.
        OSError: a descriptor is not open.
    """
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    rlist, wlist, xlist = list(rlist), list(wlist), list(xlist)
    ready = _look(rlist, wlist, xlist)
    if timeout == 0:
        sleep(0)
        return ready
    if ready != _NOBODY:
        return ready
    waiting = _Waiting()
    try:
        for items, events in ((rlist, _READ), (wlist, _WRITE)):
            for item in items:
                waiting.add(_fileno(item), events)
        waiting.wait(timeout)
    finally:
        waiting.close()
    return _look(rlist, wlist, xlist)


class poll:
    """Descriptors to wait on, and the events to wait for. As `select.poll`."""

    def __init__(self):
        self._native = _native_poll()
        self._events = {}

    def register(self, fd, eventmask=POLLIN | POLLOUT | POLLPRI):
        """Wait for these events of a descriptor, which may be an object with `fileno`."""
        self._native.register(fd, eventmask)
        self._events[_fileno(fd)] = eventmask

    def modify(self, fd, eventmask):
        """Wait for other events.

        Raises:
            FileNotFoundError: the descriptor is not registered.
        """
        self._native.modify(fd, eventmask)
        self._events[_fileno(fd)] = eventmask

    def unregister(self, fd):
        """Wait for a descriptor no more.

        Raises:
            KeyError: it is not registered.
        """
        self._native.unregister(fd)
        del self._events[_fileno(fd)]

    def poll(self, timeout=None):
        """Wait until something happens, at most `timeout` milliseconds; None or below 0: for ever.

        Returns a list of (descriptor, events).
        """
        ready = self._native.poll(0)
        if timeout == 0:
            sleep(0)
        if ready or timeout == 0:
            return ready
        waiting = _Waiting()
        try:
            for fd, mask in self._events.items():
                events = _READ * bool(mask & POLLIN) | _WRITE * bool(mask & POLLOUT)
                if events:
                    waiting.add(fd, events)
            waiting.wait(None if timeout is None or timeout < 0 else timeout / 1000)
        finally:
            waiting.close()
        return self._native.poll(0)


class _Waiting:
    """Watchers on descriptors, which all set one event."""

    def __init__(self):
        self._loop = get_hub().loop
        self._watchers = []
        self._event = Event()

    def add(self, fd, events):
        watcher = self._loop.io(fd, events)
        self._watchers.append(watcher)
        watcher.start(self._event.set)

    def wait(self, timeout):
        self._event.wait(timeout)

    def close(self):
        for watcher in self._watchers:
            watcher.stop()
            watcher.close()


def _fileno(item):
    fd = item if isinstance(item, int) else getattr(item, "fileno", lambda: None)()
    if not isinstance(fd, int):
        raise TypeError("argument must be an int, or have a fileno() method.")
    if fd < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({fd})")
    return fd
