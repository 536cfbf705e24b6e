"""What `threading` does for each Thread that is made, where a program may make one for each piece of work.

All do what CPython's do; those were not written for threads that cost next to nothing.
"""

import sys
import threading
from weakref import WeakSet, ref

from ._core import _FreshRefs, _NativeRLock

__all__ = ["Threads", "make_invoke_excepthook", "make_lists_lock"]

_make_original = threading._make_invoke_excepthook  # type: ignore[attr-defined]


class Threads(_FreshRefs, WeakSet):
    """A WeakSet for things of which most are gone soon: what is added is not in the set before somebody looks."""

    def __init__(self, data=None):
        super().__init__(data)
        # The WeakSet's own looks at `data`, so that whatever was just added would come into the set.
        self._remove = _forgetter(self)

    def _settle(self):
        """Bring what was added into the set, if it lives."""
        # One by one, since each is one step: other native threads may add, or be here as well.
        while (reference := self._pop_fresh()) is not None:
            item = reference()
            if item is None:
                continue
            try:
                self._settled.add(ref(item, self._remove))
            except Exception:
                # It had a hash when it was added, and has none now, or is not comparable with another. That is not the
                # fault of who looks, who may be making another thread.
                continue

    @property
    def data(self):
        """The set of weak references that a WeakSet stands on."""
        self._settle()
        return self._settled

    @data.setter
    def data(self, references):
        self._settled = references


def _forgetter(threads):
    """What is called at the end of a thing that has come into the set."""
    weakly = ref(threads)

    def forget(reference):
        threads = weakly()
        if threads is None:
            return
        # Until Python 3.14 a WeakSet that is iterated over must stay as it is; since then it iterates over a copy.
        if getattr(threads, "_iterating", None):
            threads._pending_removals.append(reference)
        else:
            threads._settled.discard(reference)

    return forget


def make_lists_lock():
    """A lock for `threading`'s lists of threads, in a class of its own.

    A with-block looks `__enter__` and `__exit__` up in the class. What it finds there are methods of this lock
    already, so that CPython makes no object for each, which takes longer than all that the lock does.
    """

    class ListsLock(_NativeRLock):
        __slots__ = ()

    lock = ListsLock()
    ListsLock.__enter__, ListsLock.__exit__ = lock.__enter__, lock.__exit__
    return lock


# The hooks for which it was made last, and what was made.
_made = (object(), object(), None)


def make_invoke_excepthook():
    """A function that calls `threading.excepthook` for a Thread with the error that is being handled.

    It remembers `threading.excepthook` and `sys.excepthook` as they are now, for the end of the interpreter. So one is
    made for all threads between two changes of these.

    Raises:
        RuntimeError: one of the hooks is None.
    """
    global _made
    hook, sys_hook, made = _made
    if hook is not threading.excepthook or sys_hook is not sys.excepthook:
        hook, sys_hook = threading.excepthook, sys.excepthook
        made = _make_original()
        _made = hook, sys_hook, made
    return made
