"""`subprocess` whose waits and pipes let other greenlets run.

`Popen` is the standard class, which starts the process. Here is how it is waited for: by a pidfd, in
the hub of whoever waits, so there is no SIGCHLD handler to fight over, no other child is reaped, and
it works in every thread. And what its pipes are: `FileObjectPosix`. The functions are the standard
ones, made to find this `Popen`.
"""

import io
import os
import subprocess as _native
from contextlib import suppress
from subprocess import *  # noqa: F403
from time import monotonic
from types import FunctionType

from ._core import sleep
from ._socketcommon import wait_read
from .fileobject import FileObject, FileObjectPosix
from .greenlet import Greenlet, joinall, killall
from .monkey._table import implements
from .os import nb_read, nb_write

__all__ = [*_native.__all__, "FileObject"]
__implements__ = implements(__name__)

_CHUNK = 32768


class Popen(_native.Popen):  # type: ignore[no-redef]
    """A child process. As `subprocess.Popen`; its pipes are `FileObjectPosix`.

    Args:
        threadpool: accepted, since gevent has it; nothing here needs one.

    The other arguments, and what is raised, are those of `subprocess.Popen`. Unlike gevent's, it
    works in every thread.
    """

    #: What `communicate` has begun: one greenlet a pipe.
    _communicating_greenlets = None

    def __init__(self, args, bufsize=-1, *more, threadpool=None, **kwargs):
        super().__init__(args, bufsize, *more, **kwargs)
        self.stdin, self.stdout, self.stderr = (
            stream and _cooperative(stream, bufsize) for stream in (self.stdin, self.stdout, self.stderr)
        )

    def _get_handles(self, *streams):
        handles = super()._get_handles(*streams)
        for standard, end in enumerate((handles[0], handles[3], handles[5])):
            # A file object of ours may have made it non-blocking, which few programs are prepared for.
            with suppress(OSError):
                os.set_blocking(standard if end == -1 else end, True)
        return handles

    def __exit__(self, *exc_info):
        # Those that still read hold the pipes that are to be closed.
        killall(self._communicating_greenlets or ())
        return super().__exit__(*exc_info)

    def rawlink(self, callback):
        """Have `callback(self)` called in the hub when the process has ended."""
        Greenlet.spawn(self.wait).rawlink(lambda _: callback(self))

    def _wait(self, timeout):
        if self.poll() is None:
            try:
                self._wait_for_end(timeout)
            except TimeoutError:
                raise _native.TimeoutExpired(self.args, timeout) from None
            while self.poll() is None:
                sleep(0)  # A native thread is just taking the status.
        return self.returncode

    def _wait_for_end(self, timeout):
        try:
            end = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return  # Somebody has taken its status already: poll() knows what to make of that.
        try:
            wait_read(end, timeout)
        finally:
            os.close(end)

    def _communicate(self, input, endtime, orig_timeout):
        if not self._communication_started:
            self._save_input(input)
            self._received = {stream: [] for stream in (self.stdout, self.stderr) if stream}
            drains = [Greenlet.spawn(_drain, stream, chunks) for stream, chunks in self._received.items()]
            feeds = [Greenlet.spawn(_feed, self.stdin, self._input)] if self.stdin else []
            self._communicating_greenlets = feeds + drains
            # Should this greenlet be killed meanwhile: the next call goes on from here.
            self._communication_started = True
        timeout = _remaining(endtime)
        joinall(self._communicating_greenlets, timeout=timeout if timeout is None else max(timeout, 0))
        if not all(greenlet.ready() for greenlet in self._communicating_greenlets):
            raise _native.TimeoutExpired(self.args, orig_timeout, *map(self._so_far, (self.stdout, self.stderr)))
        for greenlet in self._communicating_greenlets:
            greenlet.get()
        self.wait(timeout=_remaining(endtime))
        return self._decoded(self.stdout), self._decoded(self.stderr)

    def _so_far(self, stream):
        return b"".join(self._received[stream]) if stream else None

    def _decoded(self, stream):
        data = self._so_far(stream)
        if data is None or not self.text_mode:
            return data
        return self._translate_newlines(data, stream.encoding, stream.errors)


def _cooperative(stream, bufsize):
    """The same stream on a descriptor that is waited for in the hub."""
    text = stream if isinstance(stream, io.TextIOWrapper) else None
    buffered = text.detach() if text else stream
    raw = buffered if isinstance(buffered, io.RawIOBase) else buffered.detach()
    binary = FileObjectPosix(raw, raw.mode, -1 if bufsize == 1 else bufsize)
    if text:
        binary.make_text(
            encoding=text.encoding,
            errors=text.errors,
            line_buffering=text.line_buffering,
            write_through=text.write_through,
        )
    return binary


def _remaining(endtime):
    return None if endtime is None else endtime - monotonic()


def _drain(stream, chunks):
    """Read all of a pipe, into a list, and close it."""
    while data := nb_read(stream.fileno(), _CHUNK):
        chunks.append(data)
    stream.close()


def _feed(stream, data):
    """Write all of `data` into a pipe, as far as somebody reads it, and close it."""
    with suppress(BrokenPipeError):
        stream.flush()
        rest = memoryview(data or b"").cast("B")
        while rest:
            rest = rest[nb_write(stream.fileno(), rest) :]
    with suppress(BrokenPipeError):
        stream.close()


def _finding_ours(function):
    """The standard function, but looking up `Popen` and the like in this module."""
    ours = FunctionType(function.__code__, _names, function.__name__, function.__defaults__)
    ours.__kwdefaults__ = function.__kwdefaults__
    ours.__doc__ = function.__doc__
    ours.__module__ = __name__
    return ours


# What the functions see: the standard module, with ours in place of what is ours.
_names = {**vars(_native), "__name__": __name__, "Popen": Popen}
for _name in _native.__all__:
    if isinstance(getattr(_native, _name), FunctionType):
        _names[_name] = globals()[_name] = _finding_ours(getattr(_native, _name))
