"""Queues between greenlets, with the interface of the standard `queue` module.

`Queue` also counts unfinished tasks, so `JoinableQueue` is another name for it. `Channel`
holds nothing: each `put` waits for its `get`. `Empty`, `Full` and (from Python 3.13)
`ShutDown` are the standard library's.
"""

from ._core import (
    Channel,
    Empty,
    Full,
    LifoQueue,
    PriorityQueue,
    Queue,
    ShutDown,
    SimpleQueue,
)

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

JoinableQueue = Queue
