"""TCP and UDP servers that handle each client in a greenlet."""

from ._listener import tcp_listener, udp_socket
from .baseserver import BaseServer
from .lock import Semaphore

__all__ = ["DatagramServer", "StreamServer"]


class StreamServer(BaseServer):
    """A TCP server, or one on a Unix socket that is already bound.

    `handle(socket, address)` is called for each client, in a greenlet by default, and the
    socket is closed when it returns.

    TLS is not in this version: the TLS arguments of gevent's are refused.
    """

    #: How many clients the kernel may keep waiting; used if the constructor got none.
    backlog = 128
    #: SO_REUSEADDR of the listener; None leaves the system's default.
    reuse_addr = 1
    ssl_enabled = False

    def __init__(self, listener, handle=None, backlog=None, spawn="default", **ssl_args):
        """See `BaseServer` for listener, handle and spawn.

        Args:
            backlog: as that of `listen`. Only for an address: a socket listens already.

        Raises:
            TypeError: backlog was given together with a socket.
            NotImplementedError: TLS arguments were given.
        """
        if ssl_args:
            raise NotImplementedError(f"TLS is not in this version of verdigris: {', '.join(sorted(ssl_args))}")
        super().__init__(listener, handle=handle, spawn=spawn)
        if backlog is not None:
            if hasattr(self, "socket"):
                raise TypeError("backlog must be None when a socket is given")
            self.backlog = backlog

    def init_socket(self):
        if not hasattr(self, "socket"):
            self.socket = self.get_listener(self.address, self.backlog, self.family)
            self.address = self.socket.getsockname()

    @classmethod
    def get_listener(cls, address, backlog=None, family=None):
        """A socket that listens at (host, port); a subclass may make another kind."""
        if backlog is None:
            backlog = cls.backlog
        return tcp_listener(address, backlog=backlog, reuse_addr=cls.reuse_addr, family=family)

    def do_read(self):
        return self._intake.accept()

    def do_close(self, client_socket, *args):
        client_socket.close()


class DatagramServer(BaseServer):
    """A UDP server: `handle(data, address)` is called for each datagram."""

    #: SO_REUSEADDR of the socket; None leaves the system's default.
    reuse_addr = 1
    #: The largest datagram that is read whole, in bytes.
    max_datagram = 65536

    def __init__(self, *args, **kwargs):
        """As `BaseServer`; a socket that is given must be bound."""
        super().__init__(*args, **kwargs)
        self._lock = Semaphore()

    def set_listener(self, listener):
        if hasattr(listener, "recvfrom"):
            self.family = listener.family
            self.address = listener.getsockname()
            self.socket = listener
        else:
            super().set_listener(listener)

    def init_socket(self):
        if not hasattr(self, "socket"):
            self.socket = self.get_listener(self.address, self.family)
            self.address = self.socket.getsockname()

    @classmethod
    def get_listener(cls, address, family=None):
        """A socket bound to (host, port); a subclass may make another kind."""
        return udp_socket(address, reuse_addr=cls.reuse_addr, family=family)

    def do_read(self):
        return self._intake.receive(self.max_datagram)

    def sendto(self, *args):
        """`sendto` of the server's socket, one greenlet after the other."""
        with self._lock:
            return self.socket.sendto(*args)
