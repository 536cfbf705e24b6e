"""Where a server listens: reading addresses, and making listening sockets."""

import os
from _socket import AF_INET, AF_INET6, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET
from _socket import socket as native_socket

from .socket import socket

__all__ = ["Intake", "parse_address", "tcp_listener", "udp_socket"]


def parse_address(address):
    """What a user means by a listener: (family, (host, port)).

    Takes (host, port, ...), a port, 'port', 'host:port', '[ipv6]:port', ':port', '*:port'.
    No host, in a tuple or with a port alone, means every address, IPv6 and IPv4; ':port' and
    '*:port' mean every IPv4 address.

    Raises:
        TypeError: it is neither a tuple, a string nor a number.
        ValueError: it is a string, but not of these forms.
    """
    if isinstance(address, tuple):
        host = address[0]
        return (AF_INET6 if not host or ":" in host else AF_INET), address
    if isinstance(address, int):
        return AF_INET6, ("", address)
    if not isinstance(address, str):
        raise TypeError(f"expected a tuple, a string or a port: {address!r}")
    host, _, port = address.rpartition(":")
    try:
        number = int(port)
    except ValueError:
        raise ValueError(f"cannot find a port in the address {address!r}") from None
    if host.startswith("[") and host.endswith("]"):
        return AF_INET6, (host[1:-1], number)
    if ":" not in address:
        return AF_INET6, ("", number)
    return AF_INET, ("" if host == "*" else host, number)


def tcp_listener(address, backlog, reuse_addr, family):
    """A listening TCP socket. An OSError of bind names the address."""
    return _bound(socket(_usable(family, address), SOCK_STREAM), address, reuse_addr, backlog)


def udp_socket(address, reuse_addr, family):
    """A bound UDP socket."""
    return _bound(socket(_usable(family, address), SOCK_DGRAM), address, reuse_addr, None)


def _bound(sock, address, reuse_addr, backlog):
    try:
        if reuse_addr is not None:
            sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, reuse_addr)
        sock.bind(address)
        if backlog is not None:
            sock.listen(backlog)
    except OSError as error:
        sock.close()
        if error.strerror:
            error.strerror = f"{error.strerror}: {address!r}"
        raise
    except BaseException:
        sock.close()
        raise
    return sock


def _usable(family, address):
    """IPv4 where "every address" was asked for and the kernel has no IPv6."""
    if family == AF_INET6 and not address[0] and not os.path.exists("/proc/net/if_inet6"):
        return AF_INET
    return family


class Intake:
    """Takes clients or datagrams from a listener of any class, without ever waiting.

    It works on the descriptor, because a listener may be a socket of the standard library
    or one of ours, and ours would wait. Whoever owns the listener closes it, not this.
    """

    _native = None

    def __init__(self, listener):
        self._native = native_socket(listener.family, listener.type, listener.proto, fileno=listener.fileno())
        # A property of the open file: so it holds for the listener as well.
        self._native.setblocking(False)

    def accept(self):
        """(socket of ours, address), or None if nobody is waiting.

        Raises:
            OSError: as accept(2). A client that has gone again is not an error.
        """
        native = self._native
        try:
            fd, address = native._accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        return socket(native.family, native.type, native.proto, fileno=fd), address

    def receive(self, size):
        """(bytes, address) of a datagram, or None if there is none."""
        try:
            return self._native.recvfrom(size)
        except BlockingIOError:
            return None

    def close(self):
        """Forget the listener."""
        if self._native is not None:
            self._native.detach()

    __del__ = close
