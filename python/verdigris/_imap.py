"""The greenlets behind `imap` and `imap_unordered`: they feed calls and collect results.

The feeding greenlet starts calls as long as there are places; each call, as it ends, puts
its outcome in a queue that the user's iteration reads. A place is given back when an
outcome is taken, so `maxsize` bounds what is running together with what has piled up.
"""

from ._core import GreenletExit, Semaphore, SimpleQueue
from .greenlet import Greenlet

__all__ = ["IMap", "IMapUnordered"]


class IMapUnordered(Greenlet):
    """Iterates over results as they come. Also a Greenlet: the one that feeds the calls."""

    def __init__(self, func, iterable, spawn, maxsize=None):
        """Call `spawn(func, *args)` for each tuple in `iterable`; see `Group.imap`."""
        Greenlet.__init__(self)
        self.func = func
        self.iterable = iterable
        self.spawn = spawn
        self.queue = SimpleQueue()
        self._places = Semaphore(maxsize) if maxsize else None
        self._running = 0
        self._count = 0
        self._fed = False
        self._ended = False

    def __iter__(self):
        return self

    def __next__(self):
        if self._ended:
            raise StopIteration
        outcome = self._take()
        if outcome is None:
            self._ended = True
            raise StopIteration
        error, value = outcome
        if error is not None:
            raise error
        return value

    next = __next__

    def _take(self):
        """The next outcome in the order of this class, or None at the end."""
        found = self.queue.get()
        if found is None:
            return None
        self._give_place_back()
        return found[1]

    def _give_place_back(self):
        if self._places is not None:
            self._places.release()

    def _run(self):
        try:
            for args in self.iterable:
                self._wait_for_place()
                call = self.spawn(self.func, *args)
                number = self._count
                self._count += 1
                self._running += 1
                call.rawlink(_Numbered(self._on_end, number))
        except GreenletExit:
            raise  # killed: what has been started still comes out, and then it ends
        except BaseException as error:
            self.queue.put((self._count, (error, None)))
            self._count += 1
            raise
        finally:
            self._fed = True
            # Drop what may be large; a user may keep the finished iterator.
            self.spawn = self.func = self.iterable = None
            self._end_if_done()

    def _wait_for_place(self):
        if self._places is not None:
            self._places.acquire()

    def _on_end(self, call, number):
        self._running -= 1
        error = None if call.successful() else call.exception
        self.queue.put((number, (error, call.value)))
        self._end_if_done()

    def _end_if_done(self):
        if self._fed and not self._running:
            self.queue.put(None)


class IMap(IMapUnordered):
    """Iterates over results in the order of the arguments."""

    def __init__(self, func, iterable, spawn, maxsize=None):
        super().__init__(func, iterable, spawn, maxsize)
        self._early = {}
        self._next = 0

    def _take(self):
        while self._next not in self._early:
            found = self.queue.get()
            if found is None:
                return None
            number, outcome = found
            self._early[number] = outcome
        outcome = self._early.pop(self._next)
        self._next += 1
        self._give_place_back()
        return outcome


class _Numbered:
    """A callback that also passes the number of its call."""

    def __init__(self, function, number):
        self.function = function
        self.number = number

    def __call__(self, call):
        self.function(call, self.number)
