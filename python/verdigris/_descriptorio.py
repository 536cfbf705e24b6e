"""Raw I/O on a descriptor that waits in the hub: what `io`'s buffers and text stand on."""

import io
import os
from errno import EBADF

from ._socketcommon import cancel_wait_ex
from .hub import get_hub

__all__ = ["DescriptorIO"]

_READ = 1
_WRITE = 2


class DescriptorIO(io.RawIOBase):
    """A non-blocking descriptor as `io.FileIO` is a blocking one.

    Only what the kernel can watch is waited for: pipes, terminals, sockets. A regular file is
    always ready, and so blocks as ever.

    Args:
        fd: the descriptor; it is made non-blocking, for all who share it.
        reads, writes: which of them are allowed.
        closefd: whether `close` closes it.
        origin: an object that owns the descriptor and is closed in its place, or None.
    """

    def __init__(self, fd, reads, writes, closefd=True, origin=None):
        self._fd = None
        # Fails for a descriptor that is not open, before anything depends on it.
        os.set_blocking(fd, False)
        self._fd = fd
        self._reads = reads
        self._writes = writes
        self._closefd = closefd
        self._origin = origin
        #: Who is waited with: {(hub, events): watcher}. Kept, since making one costs more than using it.
        self._watchers = {}

    def readable(self):
        return self._reads

    def writable(self):
        return self._writes

    def seekable(self):
        try:
            os.lseek(self.fileno(), 0, os.SEEK_CUR)
        except OSError:
            return False
        return True

    def fileno(self):
        """The descriptor.

        Raises:
            ValueError: it is closed.
        """
        if self.closed or self._fd is None:
            raise ValueError("I/O operation on closed file")
        return self._fd

    def isatty(self):
        return os.isatty(self.fileno())

    def seek(self, offset, whence=os.SEEK_SET):
        return os.lseek(self.fileno(), offset, whence)

    def truncate(self, size=None):
        size = self.tell() if size is None else size
        os.ftruncate(self.fileno(), size)
        return size

    def readinto(self, buffer):
        """Read into `buffer`, waiting until there is something; the number of bytes, 0 at the end."""
        if not self._reads:
            raise io.UnsupportedOperation("not readable")
        return self._when_ready(_READ, os.readv, [buffer])

    def write(self, data):
        """Write what the descriptor takes of `data`, waiting until it takes some; the number of bytes."""
        if not self._writes:
            raise io.UnsupportedOperation("not writable")
        return self._when_ready(_WRITE, os.write, data)

    def _when_ready(self, events, function, argument):
        while True:
            fd = self.fileno()
            try:
                return function(fd, argument)
            except BlockingIOError:
                hub = get_hub()
                hub.wait(self._watcher(hub, fd, events))

    def _watcher(self, hub, fd, events):
        key = (hub, events)
        watcher = self._watchers.get(key)
        if watcher is None or watcher.active:
            # Two greenlets that read one pipe wait each with a watcher of its own.
            watcher = self._watchers[key] = hub.loop.io(fd, events)
        return watcher

    def close(self):
        """Close the descriptor, if it is ours. Who waits for it gets an `OSError` with EBADF."""
        if self.closed or self._fd is None:
            return
        try:
            super().close()
        finally:
            watchers, self._watchers = self._watchers, {}
            for (hub, _), watcher in watchers.items():
                if hub.loop is not None:
                    hub.cancel_wait(watcher, cancel_wait_ex, close_watcher=True)
            self._release()

    def _release(self):
        fd, self._fd = self._fd, None
        if not self._closefd:
            return
        if self._origin is not None:
            self._origin.close()
            return
        try:
            os.close(fd)
        except OSError as error:
            # Somebody else closed it: what was asked for is the case.
            if error.errno != EBADF:
                raise

    def __repr__(self):
        return f"<{type(self).__name__} fd={self._fd}>"
