"""The old face of the event loop: its class, and the numbers of I/O events.

New code asks the hub instead: `get_hub().loop`.
"""

from ._core import loop
from ._version import version_info

__all__ = [
    "EVENTS",
    "READ",
    "WRITE",
    "get_header_version",
    "get_version",
    "loop",
    "recommended_backends",
    "supported_backends",
    "time",
]

READ = 1
WRITE = 2
EVENTS = READ | WRITE


def get_version():
    """What runs the loop."""
    return "verdigris " + ".".join(map(str, version_info[:3]))


get_header_version = get_version


def supported_backends():
    """The ways of the kernel to wait for many descriptors that could be used."""
    return ["epoll"]


recommended_backends = supported_backends


def time():
    """Seconds since the epoch."""
    from time import time as now

    return now()
