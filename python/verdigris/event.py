"""Waking greenlets that wait for something to happen.

`Event` is a flag: everybody who waits goes on when it is set. `AsyncResult` is a flag with
a value, or with an exception that is raised in whoever gets it. Both may be set from
another thread.
"""

from ._core import AsyncResult, Event

__all__ = ["AsyncResult", "Event"]
