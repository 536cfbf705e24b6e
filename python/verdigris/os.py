"""The standard `os` module, with what is needed to wait for descriptors and children.

`nb_read` and `nb_write` wait in the hub, for pipes, terminals and sockets. `tp_read` and
`tp_write` wait in a native thread, for what the kernel cannot watch, such as files.
"""

import os as _native
from errno import EAGAIN, EINTR
from os import *  # noqa: F403

from ._children import _reap_children as _reap_children
from ._children import fork_and_watch, forkpty_and_watch, waitpid
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
_read = _native.read
_write = _native.write

_native_fork = _native.fork
_native_forkpty = _native.forkpty


def fork():  # type: ignore[no-redef]
    """`os.fork`. In the child the hub repairs itself, as after any fork: gevent's name for it.

    Unlike gevent's it has nobody reap the child: `fork_and_watch` does.
    """
    return _native_fork()


def forkpty():  # type: ignore[no-redef]
    """`os.forkpty`; see `fork`."""
    return _native_forkpty()


fork_gevent = fork
forkpty_gevent = forkpty


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
