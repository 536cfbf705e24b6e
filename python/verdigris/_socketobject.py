"""The class `socket`: the standard library's surface on the `Socket` that is written in Rust.

What runs per message (`recv`, `recv_into`, `send`, `sendall`, `accept`, `connect` to a number,
timeouts, closing) is inherited from it. Here is what runs per connection, or for datagrams: it asks
`_sock`, which never waits, and waits when that says so. What the standard class does with nothing
but other methods is taken from there as it is.
"""

import os
import socket as __socket__
import time
from errno import EAGAIN, EALREADY, EINPROGRESS, EISCONN
from socket import MSG_DONTWAIT, AddressFamily, SocketKind
from typing import Any

from . import _core
from ._socketcommon import _resolve_addr, as_enum
from .hub import get_hub, sleep

# Typeshed leaves out the private parts of the standard module.
_module: Any = __socket__
_standard: Any = __socket__.socket


class socket(_core.Socket):
    """A socket whose waits let other greenlets run.

    It has all that `socket.socket` of the standard library has, but is not derived from it. Unlike
    there, a socket may be closed while another greenlet waits for it: that one gets
    `cancel_wait_ex`, an `OSError` with EBADF.

    Args:
        family: an address family; -1 for IPv4, or with `fileno` for what the descriptor is.
        type: a kind of socket; -1 for a stream, or with `fileno` for what the descriptor is.
        proto: a protocol's number; -1 for the usual one.
        fileno: a descriptor to take over. It is made non-blocking.

    Raises:
        OSError: the kernel has no such socket, or `fileno` is none.
    """

    __slots__ = ()
    __module__ = "verdigris.socket"

    family = property(lambda self: as_enum(self._family, AddressFamily), doc="The address family.")
    type = property(lambda self: as_enum(self._type, SocketKind), doc="The kind of socket.")
    hub = property(lambda self: get_hub(), doc="The hub of this thread.")

    __enter__ = _standard.__enter__
    __exit__ = _standard.__exit__
    dup = _standard.dup
    makefile = _standard.makefile
    get_inheritable = _standard.get_inheritable
    set_inheritable = _standard.set_inheritable
    sendfile = _standard.sendfile
    _sendfile_use_send = _standard._sendfile_use_send
    _check_sendfile_params = _standard._check_sendfile_params

    def __repr__(self):
        closed = " [closed]" if self.closed else ""
        text = f"<{type(self).__module__}.{type(self).__qualname__}{closed} fd={self.fileno()}"
        text += f", family={self.family}, type={self.type}, proto={self.proto}"
        if not self.closed:
            for label, ask in (("laddr", self.getsockname), ("raddr", self.getpeername)):
                try:
                    address = ask()
                except OSError:
                    continue
                if address:
                    text += f", {label}={address}"
        return text + ">"

    def __getstate__(self):
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def bind(self, address):
        """Take `address` for this end."""
        return self._sock.bind(address)

    def listen(self, *backlog):
        """Let others connect; at most `backlog` of them may wait to be accepted."""
        return self._sock.listen(*backlog)

    def shutdown(self, how):
        """End one direction (`SHUT_RD`, `SHUT_WR`) or both (`SHUT_RDWR`)."""
        return self._sock.shutdown(how)

    def getsockname(self):
        """The address of this end."""
        return self._sock.getsockname()

    def getpeername(self):
        """The address of the other end."""
        return self._sock.getpeername()

    def getsockopt(self, *args):
        """`getsockopt(level, option[, buffer_size])`: an integer, or bytes if a size is given."""
        return self._sock.getsockopt(*args)

    def connect(self, address):
        """Connect to `address`; a name is resolved first, while other greenlets run.

        Raises:
            TimeoutError: the socket's timeout passes.
        """
        if self._connect_number(address):
            return
        address = _resolve_addr(self, address)
        if not self._connect_number(address):
            self._connect_other(address)

    def _connect_other(self, address):
        end = None if self.timeout is None else time.monotonic() + self.timeout
        while True:
            errno = self._sock.connect_ex(address)
            if errno in (0, EISCONN):
                return
            if self.timeout == 0.0 or errno not in (EINPROGRESS, EALREADY, EAGAIN):
                raise OSError(errno, os.strerror(errno))
            if errno != EAGAIN:
                self._finish_connect()
                return
            # The queue of a Unix listener is full, and the kernel does not tell when it has room.
            if end is not None and time.monotonic() >= end:
                raise TimeoutError("timed out")
            sleep(_QUEUE_FULL_PAUSE)

    def connect_ex(self, address):
        """`connect`, but returns the number of the error, 0 for none.

        Raises:
            gaierror: there is no such host. A malformed address raises, too.
        """
        try:
            self.connect(address)
        except __socket__.gaierror:
            raise
        except TimeoutError as error:
            return EAGAIN if error.errno is None else error.errno
        except OSError as error:
            if error.errno is None:
                raise
            return error.errno
        return 0

    def recvfrom(self, bufsize, flags=0):
        """Receive a datagram of at most `bufsize` bytes. Returns `(bytes, address)`."""
        return self._receive(flags, self._sock.recvfrom, bufsize, flags)

    def recvfrom_into(self, buffer, nbytes=0, flags=0):
        """Receive a datagram into `buffer`. Returns `(length, address)`."""
        return self._receive(flags, self._sock.recvfrom_into, buffer, nbytes, flags)

    def recvmsg(self, bufsize, ancbufsize=0, flags=0):
        """Receive data and ancillary data: `(data, ancdata, msg_flags, address)`."""
        return self._receive(flags, self._sock.recvmsg, bufsize, ancbufsize, flags)

    def recvmsg_into(self, buffers, ancbufsize=0, flags=0):
        """Receive data into `buffers`: `(length, ancdata, msg_flags, address)`."""
        return self._receive(flags, self._sock.recvmsg_into, buffers, ancbufsize, flags)

    def sendto(self, data, *flags_and_address):
        """`sendto(data[, flags], address)`: send a datagram. Returns how many bytes were sent."""
        flags = flags_and_address[0] if len(flags_and_address) == 2 else 0
        if flags_and_address:
            *rest, address = flags_and_address
            flags_and_address = (*rest, _resolve_addr(self, address))
        return self._send_until_done(flags, self._sock.sendto, data, *flags_and_address)

    def sendmsg(self, buffers, ancdata=(), flags=0, address=None):
        """Send `buffers` and ancillary data as one message. Returns how many bytes were sent."""
        if address is not None:
            address = _resolve_addr(self, address)
        return self._send_until_done(flags, self._sock.sendmsg, buffers, ancdata, flags, address)

    def _receive(self, flags, operation, *args):
        while True:
            try:
                return operation(*args)
            except BlockingIOError:
                if self.timeout == 0.0 or flags & MSG_DONTWAIT:
                    raise
            self._wait_read()

    def _send_until_done(self, flags, operation, *args):
        while True:
            try:
                return operation(*args)
            except BlockingIOError:
                if self.timeout == 0.0 or flags & MSG_DONTWAIT:
                    raise
            self._wait_write()

    def _sendfile_use_sendfile(self, file, offset=0, count=None):
        self._check_sendfile_params(file, offset, count)
        try:
            source = file.fileno()
            if not os.fstat(source).st_size:
                return 0
        except (AttributeError, OSError) as error:
            raise _GiveupOnSendfile(error) from None
        if self.timeout == 0.0:
            raise ValueError("non-blocking sockets are not supported")
        total = 0
        try:
            while count is None or total < count:
                block = _SENDFILE_MOST if count is None else min(count - total, _SENDFILE_MOST)
                try:
                    sent = os.sendfile(self.fileno(), source, offset + total, block)
                except BlockingIOError:
                    self._wait_write()
                    continue
                except OSError as error:
                    if total == 0:
                        raise _GiveupOnSendfile(error) from None
                    raise
                if sent == 0:
                    break
                total += sent
        finally:
            if total and hasattr(file, "seek"):
                file.seek(offset + total)
        return total


_GiveupOnSendfile = _module._GiveupOnSendfile
_SENDFILE_MOST = 1 << 30  # bytes; what one call may be asked for
_QUEUE_FULL_PAUSE = 0.001  # seconds
