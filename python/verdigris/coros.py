"""The name that `verdigris.lock` had in gevent's early days, for programs of that age.

Today's gevent no longer has it.
"""

from verdigris.lock import BoundedSemaphore, DummySemaphore, RLock, Semaphore

__all__ = ["BoundedSemaphore", "DummySemaphore", "RLock", "Semaphore"]
