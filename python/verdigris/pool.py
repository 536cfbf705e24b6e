"""Groups of greenlets, and pools: groups of bounded size.

A group forgets a greenlet as soon as it has ended. A pool has a semaphore with one count
for each greenlet that it may still take, so that starting one in a full pool waits.

A `map` inside a greenlet of a pool that is full waits for itself for ever, as gevent's does.
"""

from queue import Full

from . import _core
from ._core import GreenletExit, Timeout, getcurrent, joinall, kill, sleep
from ._imap import IMap, IMapUnordered
from .greenlet import Greenlet
from .lock import DummySemaphore, Semaphore

__all__ = ["Group", "Pool", "PoolFull"]


class PoolFull(Full):
    """A greenlet was added to a full pool without waiting, or for too long."""

    def __init__(self, *args):
        super().__init__(*(args or ("the pool is full",)))


class Mapping:
    """The ways to call a function on many arguments. They need `spawn` and no more, so the
    thread pool has them too."""

    greenlet_class = Greenlet

    def spawn(self, function, *args, **kwargs):
        """Start a call; return its greenlet, or something with the same `get` and `rawlink`."""
        raise NotImplementedError

    def apply_cb(self, func, args=None, kwds=None, callback=None):
        """`apply`, then `callback(result)`, then return the result."""
        result = self.apply(func, args, kwds)
        if callback is not None:
            self._call_later(callback, result)
        return result

    def apply_async(self, func, args=None, kwds=None, callback=None):
        """Start a call and return its greenlet; `callback(result)` runs if it succeeds.

        Where there is no room for another greenlet, the returned one waits for room, and
        the caller does not.
        """
        if self._is_blocked():
            return Greenlet.spawn(self.apply_cb, func, args, kwds, callback)
        greenlet = self.spawn(func, *(args or ()), **(kwds or {}))
        if callback is not None:
            self._link(greenlet, _ValueTo(callback))
        return greenlet

    def apply(self, func, args=None, kwds=None):
        """Call in a greenlet of the group, and wait for the result (or its exception).

        Called from within the group, it calls directly: waiting could wait for itself.
        """
        args, kwds = args or (), kwds or {}
        if self._is_inside():
            return func(*args, **kwds)
        return self.spawn(func, *args, **kwds).get()

    def map(self, func, iterable):
        """The list of `func(item)`, run side by side, in the order of the items."""
        return list(self.imap(func, iterable))

    def map_cb(self, func, iterable, callback=None):
        """`map`, then `callback(result)`, then return the result."""
        result = self.map(func, iterable)
        if callback is not None:
            callback(result)
        return result

    def map_async(self, func, iterable, callback=None):
        """A greenlet that does a `map`; its value is the list."""
        return Greenlet.spawn(self.map_cb, func, iterable, callback)

    def imap(self, func, *iterables, maxsize=None):
        """Iterate over `func(*items)` in order, while later ones are running.

        `maxsize` bounds how many calls may be running or waiting to be taken; None: all.
        An exception is raised when its turn comes, and the iteration can go on after it.
        """
        return IMap.spawn(func, zip(*iterables, strict=False), self.spawn, maxsize)

    def imap_unordered(self, func, *iterables, maxsize=None):
        """`imap`, but each result as soon as it is there."""
        return IMapUnordered.spawn(func, zip(*iterables, strict=False), self.spawn, maxsize)

    def _call_later(self, callback, result):
        Greenlet.spawn(callback, result)

    def _link(self, call, callback):
        call.link(callback)

    def _is_inside(self):
        return False

    def _is_blocked(self):
        return False


class Group(_core.Group, Mapping):
    """Greenlets that are joined or killed together. `in`, `len` and iteration see those
    that have not ended.

    `spawn`, `start`, `add` and `discard` are the base's; each may be overridden.
    """

    def __init__(self, *greenlets):
        """Begin with `greenlets`, each an existing one, or nothing."""
        if len(greenlets) == 1 and not hasattr(greenlets[0], "rawlink"):
            greenlets = tuple(greenlets[0])
        for greenlet in greenlets:
            self.add(greenlet)

    def __repr__(self):
        return f"<{type(self).__name__} at 0x{id(self):x} {self.greenlets}>"

    def __iter__(self):
        return iter(self.greenlets)

    def full(self):
        """Whether there is no room: never, in a group."""
        return False

    def wait_available(self, timeout=None):
        """Wait until there is room: returns at once, in a group."""

    def join(self, timeout=None, raise_error=False):
        """Wait until the group is empty; True, or False if `timeout` seconds passed first.

        With `raise_error`, the first error found among the greenlets is raised afterwards.
        """
        greenlets = list(self.greenlets) if raise_error else ()
        result = self._empty_event.wait(timeout=timeout)
        for greenlet in greenlets:
            if getattr(greenlet, "exception", None) is not None:
                raise greenlet.exception
        return result

    def kill(self, exception=GreenletExit, block=True, timeout=None):
        """Throw `exception` into every greenlet of the group.

        With `block`, wait until all have ended, those included that are added meanwhile,
        but at most `timeout` seconds.
        """
        with Timeout(timeout, False):
            while self.greenlets:
                for greenlet in list(self.greenlets):
                    self._kill(greenlet, exception)
                if not block:
                    break
                joinall(list(self.greenlets))
                # They have ended, but perhaps not all links to them have been called.
                sleep(0)

    def killone(self, greenlet, exception=GreenletExit, block=True, timeout=None):
        """Throw `exception` into one greenlet and, with `block`, wait for its end.

        Nothing happens, nor is waited for, if the greenlet is not in the group, or is dying
        already of an earlier `kill` or `killone`.
        """
        if greenlet in self.greenlets and greenlet not in self.dying:
            self._kill(greenlet, exception)
            if block:
                greenlet.join(timeout)

    def _kill(self, greenlet, exception):
        if greenlet not in self.dying:
            self.dying.add(greenlet)
            if hasattr(greenlet, "kill"):
                greenlet.kill(exception, block=False)
            else:
                kill(greenlet, exception)

    def _is_inside(self):
        return getcurrent() in self

    def _is_blocked(self):
        return self.full()


class Pool(Group):
    """A group of at most `size` greenlets."""

    def __init__(self, size=None, greenlet_class=None):
        """`size`: how many at once; None is no bound. `greenlet_class`: what `spawn` makes."""
        if size is not None and size < 0:
            raise ValueError(f"size must not be negative: {size!r}")
        super().__init__()
        self.size = size
        self._semaphore = DummySemaphore() if size is None else Semaphore(size)
        if greenlet_class is not None:
            self.greenlet_class = greenlet_class

    def full(self):
        """Whether adding another greenlet would have to wait."""
        return self.free_count() <= 0

    def free_count(self):
        """How many more fit; 1 if there is no bound."""
        return 1 if self.size is None else max(0, self.size - len(self))

    def wait_available(self, timeout=None):
        """Wait until there is room, at most `timeout` seconds; the number of free places."""
        return self._semaphore.wait(timeout=timeout)


class _ValueTo:
    """A link that hands on the value of a greenlet which succeeded."""

    def __init__(self, callback):
        self.callback = callback

    def __call__(self, greenlet):
        if greenlet.successful():
            self.callback(greenlet.value)

    def __eq__(self, other):
        return self.callback == getattr(other, "callback", other)

    def __hash__(self):
        return hash(self.callback)
