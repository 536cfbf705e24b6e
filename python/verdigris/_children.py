"""Children whose end the hub takes: those of `os.fork_and_watch`.

The kernel tells the status of a child once. The watcher has taken it, so `os.waitpid` asks here first. What
nobody asks for is kept until a new child has the same number.
"""

import os

from ._core import AsyncResult
from .hub import get_hub

__all__ = ["has_ended", "is_watched", "take", "take_any", "told", "watch"]

_ends: dict[int, AsyncResult] = {}  # pid -> what waitpid is to say


def watch(pid, callback, loop, ref):
    """Have `callback(watcher)` called in the hub when the child has ended; None is for nothing."""
    end = _ends[pid] = AsyncResult()
    watcher = (get_hub().loop if loop is None else loop).child(pid, ref=ref)
    watcher.start(_on_end, watcher, end, callback)


def _on_end(watcher, end, callback):
    watcher.stop()
    if not end.ready():
        end.set((watcher.rpid, watcher.rstatus))
    if callback is not None:
        callback(watcher)


def is_watched(pid):
    """Whether `take` knows this child."""
    return pid in _ends


def take(pid):
    """Wait until the watcher has seen the end of the child; returns (pid, status), once."""
    end = _ends[pid].get()
    _ends.pop(pid, None)
    return end


def take_any():
    """(pid, status) of some child that has ended, once; None if there is none."""
    for pid, end in _ends.items():
        if end.ready():
            return take(pid)
    return None


def has_ended(pid):
    """Whether the watcher has seen the end of the child."""
    return _ends[pid].ready()


def told(pid, status):
    """Somebody else was told by the kernel; the watcher will not be."""
    end = _ends.pop(pid, None)
    if end is not None:
        end.set((pid, status))


os.register_at_fork(after_in_child=_ends.clear)
