"""Files whose reads and writes let other greenlets run while they wait.

`FileObjectPosix` waits in the hub, for pipes, terminals and sockets; a regular file is always
ready, and blocks as ever. `FileObjectThread` makes each call in a native thread, which does for
regular files, too. `FileObjectBlock` is the builtin `open`. `FileObject` is the one that
`config.fileobject` names.

Each takes a path, a descriptor, or an object with `fileno`, and the arguments of `open`. The
buffers and the text are those of `io`, so what is read and written is what `open` would give.
"""

import io
import os

from ._core import Semaphore
from ._descriptorio import DescriptorIO
from ._settings import config
from .hub import get_hub

__all__ = ["FileObject", "FileObjectBlock", "FileObjectPosix", "FileObjectThread"]  # noqa: F822 (see __getattr__)


class FileObjectBase:
    """What the kinds have in common: a file of `io`, at `io`, which answers for all else.

    Args:
        fobj: a path, a descriptor, or an object with `fileno`.
        mode: as of `open`; text unless there is a "b" in it.
        bufsize: as `buffering` of `open`, and the older name of it.
        close: whether closing this closes `fobj`; and `closefd`, another name of it.
        encoding, errors, newline: as of `open`, for text.
        atomic_write: accepted; an unbuffered write here may be partial, as everywhere.

    Raises:
        TypeError, ValueError: as `open`, for arguments that do not go together.
        OSError: it cannot be opened.
    """

    def __init__(
        self,
        fobj,
        mode="r",
        bufsize=None,
        close=None,
        encoding=None,
        errors=None,
        newline=None,
        buffering=None,
        closefd=None,
        atomic_write=False,
    ):
        if close is not None and closefd is not None and bool(close) != bool(closefd):
            raise TypeError("close and closefd are one and the same, but differ")
        if bufsize is not None and buffering is not None and bufsize != buffering:
            raise TypeError("bufsize and buffering are one and the same, but differ")
        wanted = closefd if close is None else close
        size = buffering if bufsize is None else bufsize
        self._closes = wanted is None or bool(wanted)
        self._fobj = fobj
        text = {"encoding": encoding, "errors": errors, "newline": newline}
        self._io = self._open(fobj, mode, -1 if size is None else size, text)

    def _open(self, fobj, mode, buffering, text):
        raise NotImplementedError

    io = property(lambda self: self._io, doc="The file of `io` that this stands on.")
    closed = property(lambda self: self._io.closed, doc="Whether `close` was called.")

    @property
    def name(self):
        """The path or descriptor that was given, or the name of the object that was."""
        return self._fobj if isinstance(self._fobj, (int, str, bytes, os.PathLike)) else self._fobj.name

    def close(self):
        """Write out what is buffered, and close the file."""
        self._io.close()

    def __getattr__(self, name):
        if name.startswith("__") or name == "_io":
            raise AttributeError(name)
        return getattr(self._io, name)

    def __iter__(self):
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    next = __next__

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"<{type(self).__name__} {'closed ' if self.closed else ''}{self._fobj!r} {self._io!r}>"


class FileObjectPosix(FileObjectBase):
    """A file that waits in the hub. Its descriptor is made non-blocking, for all who share it."""

    #: Bytes of buffer, where the arguments do not say.
    default_bufsize = io.DEFAULT_BUFFER_SIZE

    def _open(self, fobj, mode, buffering, text):
        _check(mode, buffering, text)
        reads, writes = bool(set(mode) & set("r+")), bool(set(mode) & set("wax+"))
        origin, closes, name = None, self._closes, fobj
        if isinstance(fobj, (str, bytes, os.PathLike)):
            fobj = origin = open(fobj, mode.replace("t", "").replace("b", "") + "b", buffering=0)
            closes = True
        elif not isinstance(fobj, int):
            origin, name = fobj, getattr(fobj, "name", None)
        fd = fobj if origin is None else origin.fileno()
        #: The raw file.
        self.fileio = raw = DescriptorIO(fd, reads, writes, closefd=closes, origin=origin)
        if name is not None:
            raw.name = name
        raw.mode = mode
        return _buffered(raw, mode, self.default_bufsize if buffering < 0 else buffering, buffering, text)

    def make_text(self, **how):
        """Put text on what is binary so far. `how`: as for `io.TextIOWrapper`."""
        self._io = io.TextIOWrapper(self._io, **how)


def _check(mode, buffering, text):
    """Have `open` judge the arguments: on a descriptor that cannot be, it gets no further."""
    if not isinstance(mode, str):
        raise TypeError(f"invalid mode: {mode!r}")
    if "U" in mode:
        raise ValueError(f"invalid mode: {mode!r}")
    if "b" not in mode and buffering == 0:
        raise ValueError("can't have unbuffered text I/O")
    opened = open(os.devnull, mode.replace("x", "w"), buffering, **text)
    opened.close()


def _buffered(raw, mode, size, asked, text):
    if size == 0:
        return raw
    size = io.DEFAULT_BUFFER_SIZE if size == 1 else size
    if "+" in mode and not raw.seekable():
        buffered = io.BufferedRWPair(raw, raw, size)
    elif "+" in mode:
        buffered = io.BufferedRandom(raw, size)
    else:
        buffered = (io.BufferedWriter if raw.writable() else io.BufferedReader)(raw, size)
    if "b" in mode:
        return buffered
    lines = asked == 1 or (asked < 0 and raw.isatty())
    wrapped = io.TextIOWrapper(buffered, line_buffering=lines, **text)
    wrapped.mode = mode
    return wrapped


class FileObjectBlock(FileObjectBase):
    """What `open` gives: it blocks the thread."""

    def _open(self, fobj, mode, buffering, text):
        if isinstance(fobj, (int, str, bytes, os.PathLike)):
            closefd = self._closes or not isinstance(fobj, int)
            return open(fobj, mode, buffering, closefd=closefd, **text)
        opened = open(fobj.fileno(), mode, buffering, closefd=False, **text)
        self._origin = fobj if self._closes else None
        return opened

    def close(self):
        """Write out what is buffered, and close the file."""
        super().close()
        origin = self.__dict__.pop("_origin", None)
        if origin is not None:
            origin.close()


class FileObjectThread(FileObjectBlock):
    """A file of which each call is made in a native thread.

    Args:
        threadpool: whose threads; the hub's by default.
        lock: True to make one call after another, False not to; or a lock.
    """

    def __init__(self, *args, lock=True, threadpool=None, **kwargs):
        self._threadpool = threadpool or get_hub().threadpool
        self._lock = Semaphore() if lock is True else lock or _NoLock()
        super().__init__(*args, **kwargs)

    def _apply(self, function, *args, **kwargs):
        with self._lock:
            return self._threadpool.apply(function, args, kwargs)

    def __getattr__(self, name):
        found = super().__getattr__(name)
        if name not in _IN_A_THREAD:
            return found

        def call(*args, **kwargs):
            return self._apply(found, *args, **kwargs)

        return call

    def close(self):
        """Write out what is buffered, in a native thread, and close the file."""
        if not self.closed:
            self._apply(super().close)


#: What may wait for the disk. The rest answers at once, and from memory.
_IN_A_THREAD = frozenset(
    "flush read read1 readall readinto readinto1 readline readlines seek tell truncate write writelines".split()
)


class _NoLock:
    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        pass


def __getattr__(name):
    if name == "FileObject":
        return config.fileobject
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
