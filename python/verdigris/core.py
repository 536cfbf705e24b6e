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
    "signal",
    "stat",
    "supported_backends",
    "time",
    "timer",
    "watcher",
]

READ = 1
WRITE = 2
MINPRI = loop.MINPRI
MAXPRI = loop.MAXPRI
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


def time():
    """Seconds since the epoch."""
    from time import time as now

    return now()
