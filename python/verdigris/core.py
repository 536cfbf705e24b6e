"""The old face of the event loop: its class and its watchers', and the numbers of I/O events.

New code asks the hub instead: `get_hub().loop`.
"""

from ._core import async_, callback, check, child, fork, idle, io, loop, prepare, signal, stat, timer, watcher
from ._version import version_info

__all__ = [
    "EVENTS",
    "MAXPRI",
    "MINPRI",
    "READ",
    "WRITE",
    "async_",
    "callback",
    "check",
    "child",
    "embeddable_backends",
    "fork",
    "get_header_version",
    "get_version",
    "idle",
    "io",
    "loop",
    "prepare",
    "recommended_backends",
    "set_syserr_cb",
    "signal",
    "stat",
    "supported_backends",
    "time",
    "timer",
    "watcher",
]

#: libev's numbers for what a watcher can be told of; ours tell READ and WRITE.
UNDEF = -1
NONE = 0x00
READ = 0x01
WRITE = 0x02
READWRITE = 0x03
TIMER = 0x100
PERIODIC = 0x200
SIGNAL = 0x400
CHILD = 0x800
STAT = 0x1000
IDLE = 0x2000
PREPARE = 0x4000
CHECK = 0x8000
EMBED = 0x10000
FORK = 0x20000
CLEANUP = 0x40000
ASYNC = 0x80000
CUSTOM = 0x1000000
ERROR = -0x80000000
#: libev's numbers for what a loop waits with; ours waits with epoll.
BACKEND_SELECT = 1
BACKEND_POLL = 2
BACKEND_EPOLL = 4
BACKEND_KQUEUE = 8
BACKEND_DEVPOLL = 16
BACKEND_PORT = 32
BACKEND_LINUXAIO = 64
BACKEND_IOURING = 128
MINPRI = loop.MINPRI
MAXPRI = loop.MAXPRI
#: The loop is part of the package, and no library of the system.
LIBEV_EMBED = True
# `async` was a name once.
globals()["async"] = async_


class _Events:
    """Stands for the events that a watcher was called with; `start(callback, pass_events=True)` is what to use."""

    def __repr__(self):
        return "gevent.core.EVENTS"


EVENTS = _Events()


def get_version():
    """What runs the loop."""
    return "verdigris " + ".".join(map(str, version_info[:3]))


get_header_version = get_version


def supported_backends():
    """The ways of the kernel to wait for many descriptors that could be used."""
    return ["epoll"]


recommended_backends = supported_backends
embeddable_backends = supported_backends


def set_syserr_cb(callback):
    """Accept a function to be told of fatal errors of the loop; it is never called, since those are exceptions here.

    Raises:
        TypeError: `callback` is neither callable nor None.
    """
    if callback is not None and not callable(callback):
        raise TypeError(f"Expected callable or None, got {callback!r}")


def time():
    """Seconds since the epoch."""
    from time import time as now

    return now()
