"""The standard `os` module, with what is needed to wait for descriptors and children.

`nb_read` and `nb_write` wait in the hub, for pipes, terminals and sockets. `tp_read` and
`tp_write` wait in a native thread, for what the kernel cannot watch, such as files.
"""

import os as _native
from os import *  # noqa: F403

from ._core import sleep
from .hub import get_hub
from .monkey._table import implements

__all__ = [
    "fork",
    "fork_gevent",
    "forkpty",
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
            except BlockingIOError:
                pass
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
    if options & _native.WNOHANG:
        return _native_waitpid(pid, options)
    while True:
        found = _native_waitpid(pid, options | _native.WNOHANG)
        if found[0]:
            return found
        if pid > 0 and not options & (_native.WUNTRACED | _native.WCONTINUED):
            _wait_for_end(pid)
        else:
            # The kernel has no descriptor for "any child", or for one that stops.
            sleep(_POLL_SECONDS)


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
        _native.close(fd)


_POLL_SECONDS = 0.01
