"""Waiting for children, and forking ones that are watched.

`waitpid` for one process waits for its pidfd, in the hub. The kernel has no such descriptor for "any child", nor for a
child that stops; for these, and where there is no pidfd at all, a native thread waits for the change without taking it
(`WNOWAIT`), and the greenlet that asked takes it then. There is one such thread for each question that is asked,
however many ask it, so those who give up leave no thread each behind.

A child of `fork_and_watch` is reaped by its watcher as soon as it ends; what the watcher got is kept for `waitpid`.
"""

import os as _native
import time
from errno import ENOSYS, EPERM

from ._waiter import Waiter
from .event import Event
from .hub import get_hub
from .monkey import get_original

__all__ = ["fork_and_watch", "forkpty_and_watch", "waitpid"]

_fork = _native.fork
_forkpty = _native.forkpty
_native_waitpid = _native.waitpid
_new_lock = get_original("_thread", "allocate_lock")
_start_new_thread = get_original("_thread", "start_new_thread")


class _Watched:
    """A child that a watcher reaps."""

    def __init__(self, watcher):
        self.watcher = watcher
        self.ended = Event()
        self.ended_at = None

    def wait(self):
        """Wait until it has been reaped, whichever thread's loop does that."""
        loop = get_hub().loop
        loop.ref()
        try:
            self.ended.wait()
        finally:
            loop.unref()

    def end(self, callback):
        self.ended_at = time.monotonic()
        self.watcher.stop()
        self.ended.set()
        _reap_children()
        if callback is not None:
            callback(self.watcher)


#: The watched children that nobody has waited for: {pid: _Watched}.
_watched_children: dict[int, _Watched] = {}

#: Who waits for which change: {(idtype, id, options): watchers}. Under the lock, since threads share it.
_waiting: dict[tuple[int, int, int], list] = {}
_lock = _new_lock()


def fork_and_watch(callback=None, loop=None, ref=False, fork=_fork):
    """Fork, and have the child reaped when it ends. `waitpid` tells its status, within a minute from then.

    Args:
        callback: in the parent called as `callback(watcher)` in the hub when the child has ended; `watcher.pid` and
            `watcher.rstatus` say which and how.
        loop: the loop that watches; None is this thread's.
        ref: whether the child keeps the loop running.
        fork: the function that forks. In the child the hub repairs itself, whichever it is.

    Returns:
        The pid of the child; in the child 0.
    """
    pid = fork()
    if pid:
        _watch_child(pid, callback, loop, ref)
    return pid


def forkpty_and_watch(callback=None, loop=None, ref=False, forkpty=_forkpty):
    """As `fork_and_watch`, with a new pseudo-terminal. Returns the pid and the terminal's descriptor."""
    pid, fd = forkpty()
    if pid:
        _watch_child(pid, callback, loop, ref)
    return pid, fd


def _watch_child(pid, callback=None, loop=None, ref=False):
    watcher = (get_hub().loop if loop is None else loop).child(pid, ref=ref)
    child = _watched_children[pid] = _Watched(watcher)
    watcher.start(child.end, callback)


def _reap_children(timeout=60):
    """Forget the watched children that ended more than `timeout` seconds ago and that nobody waited for."""
    before = time.monotonic() - timeout
    for pid, child in list(_watched_children.items()):
        if child.ended_at is not None and child.ended_at <= before:
            del _watched_children[pid]


def waitpid(pid, options):
    """`os.waitpid` that lets others run while it waits.

    Raises:
        ChildProcessError: there is no such child.
    """
    child = _watched_children.get(pid)
    if child is not None:
        return _wait_for_watched(pid, child, options)
    if pid > 0 and not options & (_native.WUNTRACED | _native.WCONTINUED):
        return _wait_for_one(pid, options)
    return _wait_for_any(pid, options)


def _wait_for_watched(pid, child, options):
    if not child.ended.is_set():
        if options & _native.WNOHANG:
            return 0, 0
        child.wait()
    # Of several that wait for it one is told, as it is with waitpid.
    if _watched_children.get(pid) is child:
        del _watched_children[pid]
        return pid, child.watcher.rstatus
    return _native_waitpid(pid, options | _native.WNOHANG)


def _wait_for_one(pid, options):
    while True:
        found = _native_waitpid(pid, options | _native.WNOHANG)
        if found[0] or options & _native.WNOHANG:
            return found
        try:
            fd = _native.pidfd_open(pid)
        except ProcessLookupError:
            continue
        except OSError as error:
            if error.errno not in (ENOSYS, EPERM):
                raise
            _wait_for_change(_native.P_PID, pid, _native.WEXITED)
            continue
        try:
            with get_hub().loop.io(fd, 1) as watcher:
                get_hub().wait(watcher)
        finally:
            _native.close(fd)


def _wait_for_any(pid, options):
    question = _question(pid, options)
    while True:
        if pid == -1:
            for number, child in list(_watched_children.items()):
                if child.ended.is_set():
                    return _wait_for_watched(number, child, options)
        try:
            change = _native.waitid(*question[:2], question[2] | _native.WNOWAIT | _native.WNOHANG)
        except ChildProcessError:
            if pid == -1 and any(child.ended.is_set() for child in list(_watched_children.values())):
                continue
            raise
        if change is None:
            if options & _native.WNOHANG:
                return 0, 0
            _wait_for_change(*question)
            continue
        child = _watched_children.get(change.si_pid)
        if child is None:
            # This one only: another may be a watched one by now. And somebody may have been quicker.
            found = _if_there(change.si_pid, options | _native.WNOHANG)
            if found[0]:
                return found
        elif options & _native.WNOHANG:
            return 0, 0
        else:
            child.wait()


def _if_there(pid, options):
    try:
        return _native_waitpid(pid, options)
    except ChildProcessError:
        return 0, 0


def _question(pid, options):
    """What `waitid` has to be asked for `waitpid` of `pid`, a positive one included."""
    changes = _native.WEXITED
    if options & _native.WUNTRACED:
        changes |= _native.WSTOPPED
    if options & _native.WCONTINUED:
        changes |= _native.WCONTINUED
    if pid > 0:
        return _native.P_PID, pid, changes
    if pid == -1:
        return _native.P_ALL, 0, changes
    return _native.P_PGID, -pid or _native.getpgrp(), changes


def _wait_for_change(*question):
    """Wait until `waitid` has an answer to the question."""
    hub = get_hub()
    waiter = Waiter(hub)
    with hub.loop.async_() as watcher:
        watcher.start(waiter.switch, None)
        with _lock:
            is_first = question not in _waiting
            _waiting.setdefault(question, []).append(watcher)
        if is_first:
            _start_new_thread(_look_for_change, question)
        waiter.get()


def _look_for_change(*question):
    try:
        _native.waitid(*question[:2], question[2] | _native.WNOWAIT)
    except OSError:
        pass  # There is none to wait for: those who do will find out themselves.
    with _lock:
        watchers = _waiting.pop(question, ())
    for watcher in watchers:
        watcher.send()


def _after_fork():
    """In a child: those children are its siblings, and the threads are gone."""
    global _lock
    _watched_children.clear()
    _waiting.clear()
    _lock = _new_lock()


_native.register_at_fork(after_in_child=_after_fork)
