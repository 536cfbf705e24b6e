"""Locks and semaphores for greenlets. They work across threads too.

Waiters are served in the order in which they came.
"""

from ._core import BoundedSemaphore, RLock, Semaphore

__all__ = ["BoundedSemaphore", "DummySemaphore", "RLock", "Semaphore"]


class DummySemaphore:
    """A semaphore that never runs out, for where one is optional.

    `Pool(None)` has one: the same code then serves bounded and unbounded pools.
    """

    def __init__(self, value=None):
        """`value` is accepted, as a Semaphore's is, and does nothing."""

    def __str__(self):
        return f"<{type(self).__name__}>"

    def locked(self):
        """Never: returns False."""
        return False

    def ready(self):
        """Always: returns True."""
        return True

    def acquire(self, blocking=True, timeout=None):
        """Returns True at once."""
        return True

    def release(self):
        """Does nothing."""

    def wait(self, timeout=None):
        """Returns at once, 1."""
        return 1

    def rawlink(self, callback):
        """Does nothing: there is never a change to report."""

    def unlink(self, callback):
        """Does nothing."""

    def __enter__(self):
        pass

    def __exit__(self, *error):
        pass
