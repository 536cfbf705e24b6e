"""The greenlets behind `imap` and `imap_unordered`: they feed calls whose outcomes they iterate over.

The outcomes are Rust (`_core.Outcomes`), since they come and go once a call.
"""

from ._core import GreenletExit, Outcomes
from .greenlet import Greenlet

__all__ = ["IMap", "IMapUnordered"]


class IMapUnordered(Greenlet):
    """Iterates over results as they come. Also a Greenlet: the one that feeds the calls."""

    _ordered = False

    def __init__(self, func, iterable, spawn, maxsize=None):
        """Call `spawn(func, *args)` for each tuple in `iterable`; see `Group.imap`."""
        Greenlet.__init__(self)
        self.func = func
        self.iterable = iterable
        self.spawn = spawn
        self._outcomes = Outcomes(self._ordered, maxsize)

    @property
    def queue(self):
        """The outcomes: its length tells how many have come that were not taken."""
        return self._outcomes

    def __iter__(self):
        # Not this object: its __next__ would be a call of Python for each result.
        return self._outcomes

    def __next__(self):
        return next(self._outcomes)

    next = __next__

    def _run(self):
        try:
            self._outcomes.feed(self.spawn, self.func, self.iterable)
        except GreenletExit:
            raise  # killed: what has been started still comes out, and then it ends
        except BaseException as error:
            self._outcomes.fail(error)
            raise
        finally:
            # Drop what may be large; a user may keep the finished iterator.
            self.spawn = self.func = self.iterable = None
            self._outcomes.close()


class IMap(IMapUnordered):
    """Iterates over results in the order of the arguments."""

    _ordered = True
