"""The usual resolver: the system's own functions, in native threads."""

import _socket

from ..hub import get_hub
from . import AbstractResolver

__all__ = ["Resolver"]


class Resolver(AbstractResolver):
    """Asks the C library, and with it /etc/hosts and whatever else the system is set to."""

    def __init__(self, hub=None):
        """The threads are those of `hub`; None is this thread's."""
        self._hub = get_hub() if hub is None else hub

    def _ask(self, function, *args):
        return self._hub.threadpool.apply_quietly(function, args)

    def gethostbyname(self, hostname, family=None):
        """As `socket.gethostbyname`; `family` is not used."""
        return self._ask(_socket.gethostbyname, hostname)

    def gethostbyname_ex(self, hostname, family=None):
        """As `socket.gethostbyname_ex`; `family` is not used."""
        return self._ask(_socket.gethostbyname_ex, hostname)

    def gethostbyaddr(self, ip_address):
        """As `socket.gethostbyaddr`."""
        return self._ask(_socket.gethostbyaddr, ip_address)

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        """As `socket.getaddrinfo`, with plain numbers in the result."""
        return self._ask(_socket.getaddrinfo, host, port, family, type, proto, flags)

    def getnameinfo(self, sockaddr, flags):
        """As `socket.getnameinfo`."""
        return self._ask(_socket.getnameinfo, sockaddr, flags)
