"""Queues between greenlets, with the interface of the standard `queue` module.

`Queue` also counts unfinished tasks, so `JoinableQueue` is another name for it. `Channel`
holds nothing: each `put` waits for its `get`. `Empty`, `Full` and (from Python 3.13)
`ShutDown` are the standard library's.
"""

import queue as _native
import sys
from queue import Empty, Full

from ._core import (
    Channel,
    LifoQueue,
    PriorityQueue,
    Queue,
    SimpleQueue,
)
from .monkey._table import implements

if sys.version_info >= (3, 13):
    from queue import ShutDown
else:

    class ShutDown(Exception):
        """Raised by `put` and `get` of a queue that was shut down."""


__all__ = [
    "Channel",
    "Empty",
    "Full",
    "JoinableQueue",
    "LifoQueue",
    "PriorityQueue",
    "Queue",
    "ShutDown",
    "SimpleQueue",
]

__implements__ = implements(__name__)
__imports__ = [name for name in ("Empty", "Full", "ShutDown") if hasattr(_native, name)]
__extensions__ = [name for name in __all__ if name not in (*__implements__, *__imports__)]

JoinableQueue = Queue
