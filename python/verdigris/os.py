"""The standard `os` module, with what is needed to wait for descriptors and children.

`nb_read` and `nb_write` wait in the hub, for pipes, terminals and sockets. `tp_read` and
`tp_write` wait in a native thread, for what the kernel cannot watch, such as files.
"""

import os as _native
from errno import EAGAIN, EINTR
from os import *  # noqa: F403

from . import _children
from ._core import sleep
from .hub import get_hub, get_hub_if_exists
from .monkey._table import implements

__all__ = [
    "close",
    "fork",
    "fork_and_watch",
    "fork_gevent",
    "forkpty",
    "forkpty_and_watch",
    "forkpty_gevent",
    "make_nonblocking",
    "nb_read",
    "nb_write",
    "tp_read",
    "tp_write",
    "waitpid",
]
__implements__ = implements(__name__)

_READ = 1
_WRITE = 2
_native_close = _native.close
_native_waitpid = _native.waitpid
_read = _native.read
_write = _native.write

_native_fork = _native.fork
_native_forkpty = _native.forkpty


def fork():  # type: ignore[no-redef]
    """`os.fork`. In the child the hub repairs itself, as after any fork: gevent's name for it."""
    return _native_fork()


def forkpty():  # type: ignore[no-redef]
    """`os.forkpty`; see `fork`."""
    return _native_forkpty()


fork_gevent = fork
forkpty_gevent = forkpty


def fork_and_watch(callback=None, loop=None, ref=False, fork=fork_gevent):
    """Fork, and have the hub take the end of the child, so that it never becomes a zombie.

    Args:
        callback: called in the hub with the watcher when the child has ended: `watcher.rpid`, `watcher.rstatus`.
        loop: whose watcher it is; None is this thread's.
        ref: whether the watcher keeps the loop running.
        fork: what to fork with.

    Returns the pid of the child, and 0 in it. `waitpid` here knows how it ended.
    """
    pid = fork()
    if pid:
        _children.watch(pid, callback, loop, ref)
    return pid


def forkpty_and_watch(callback=None, loop=None, ref=False, forkpty=forkpty_gevent):
    """`fork_and_watch` with a terminal for the child; returns its pid and the other end of the terminal."""
    pid, fd = forkpty()
    if pid:
        _children.watch(pid, callback, loop, ref)
    return pid, fd


def close(fd):  # type: ignore[no-redef]
    """`os.close`; whoever waits for the descriptor in this thread's hub is told so, by an OSError."""
    hub = get_hub_if_exists()
    if hub is not None and hub.loop is not None:
        hub.loop.closing_fd(fd)
    _native_close(fd)


def make_nonblocking(fd):
    """Make reads and writes fail rather than wait; True if they did not before."""
    if _native.get_blocking(fd):
        _native.set_blocking(fd, False)
        return True
    return None


def nb_read(fd, n):
    """Read up to `n` bytes of a non-blocking descriptor, waiting until there are some.

    Returns bytes; none at the end of the file.

    Raises:
        OSError: as os.read.
    """
    return _when_ready(fd, _READ, _read, n)


def nb_write(fd, buf):
    """Write of `buf` what a non-blocking descriptor takes, waiting until it takes some.

    Returns the number of bytes written, which may be fewer than were given.

    Raises:
        OSError: as os.write.
    """
    return _when_ready(fd, _WRITE, _write, buf)


def _when_ready(fd, events, function, argument):
    watcher = None
    try:
        while True:
            try:
                return function(fd, argument)
            except OSError as error:
                # By number, not class: an error from elsewhere need not be of the class that Python gives its own.
                if error.errno not in (EAGAIN, EINTR):
                    raise
            hub = get_hub()
            if watcher is None:
                watcher = hub.loop.io(fd, events)
            hub.wait(watcher)
    finally:
        if watcher is not None:
            watcher.close()


def tp_read(fd, n):
    """Read up to `n` bytes, in a native thread."""
    return get_hub().threadpool.apply(_read, (fd, n))


def tp_write(fd, buf):
    """Write of `buf` what the descriptor takes, in a native thread; the number of bytes."""
    return get_hub().threadpool.apply(_write, (fd, buf))


def waitpid(pid, options):  # type: ignore[no-redef]
    """`os.waitpid` that lets others run while it waits.

    Raises:
        ChildProcessError: there is no such child.
    """
    if _children.is_watched(pid):
        if not _children.has_ended(pid):
            if options & _native.WNOHANG:
                return (0, 0)
            _wait_for_end(pid)
        return _children.take(pid)
    while True:
        found = _look(pid, options)
        if found[0] or options & _native.WNOHANG:
            return found
        if pid > 0 and not options & (_native.WUNTRACED | _native.WCONTINUED):
            _wait_for_end(pid)
        else:
            # The kernel has no descriptor for "any child", or for one that stops.
            sleep(_POLL_SECONDS)


def _look(pid, options):
    """What `os.waitpid` would say without waiting; (0, 0) if nothing has happened."""
    ended = _children.take_any() if pid == -1 else None
    if ended is not None:
        return ended
    found = _native_waitpid(pid, options | _native.WNOHANG)
    if found[0] and not _native.WIFSTOPPED(found[1]) and not _native.WIFCONTINUED(found[1]):
        _children.told(*found)
    return found


def _wait_for_end(pid):
    fd = _native.pidfd_open(pid)
    try:
        hub = get_hub()
        watcher = hub.loop.io(fd, _READ)
        try:
            hub.wait(watcher)
        finally:
            watcher.close()
    finally:
        _native_close(fd)


_POLL_SECONDS = 0.01
