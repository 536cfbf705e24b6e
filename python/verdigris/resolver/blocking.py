"""The resolver that blocks the whole thread: for programs that look up names at their start."""

import _socket

from . import AbstractResolver

__all__ = ["Resolver"]


class Resolver(AbstractResolver):
    """The system's functions as they are."""

    def __init__(self, hub=None):
        """`hub` is not used."""

    def gethostbyname(self, hostname, family=None):
        """As `socket.gethostbyname`; `family` is not used."""
        return _socket.gethostbyname(hostname)

    def gethostbyname_ex(self, hostname, family=None):
        """As `socket.gethostbyname_ex`; `family` is not used."""
        return _socket.gethostbyname_ex(hostname)

    def gethostbyaddr(self, ip_address):
        """As `socket.gethostbyaddr`."""
        return _socket.gethostbyaddr(ip_address)

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        """As `socket.getaddrinfo`, with plain numbers in the result."""
        return _socket.getaddrinfo(host, port, family, type, proto, flags)

    def getnameinfo(self, sockaddr, flags):
        """As `socket.getnameinfo`."""
        return _socket.getnameinfo(sockaddr, flags)
