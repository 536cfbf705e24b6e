"""Greenlets with a scheduler: `Greenlet`, and waiting for or killing many of them.

A `Greenlet` is started with `start()` or `Greenlet.spawn()`, runs when the hub comes to it,
and keeps its result or its error. Override `_run()` in a subclass.
"""

from ._core import (
    FailureSpawnedLink,
    Greenlet,
    SpawnedLink,
    SuccessSpawnedLink,
    getcurrent,
    joinall,
    killall,
)

__all__ = ["FailureSpawnedLink", "Greenlet", "SpawnedLink", "SuccessSpawnedLink", "getcurrent", "joinall", "killall"]
