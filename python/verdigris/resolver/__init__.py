"""Looking up host names: `hub.resolver` is one of these classes, as `config.resolver` says."""

__all__ = ["AbstractResolver"]


class AbstractResolver:
    """What a resolver has: the functions of the `socket` module, and `close`."""

    def close(self):
        """Let go of what the resolver holds; it may be used again."""

    def gethostbyname(self, hostname, family=None):
        """As `socket.gethostbyname`."""
        raise NotImplementedError

    def gethostbyname_ex(self, hostname, family=None):
        """As `socket.gethostbyname_ex`."""
        raise NotImplementedError

    def gethostbyaddr(self, ip_address):
        """As `socket.gethostbyaddr`."""
        raise NotImplementedError

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        """As `socket.getaddrinfo`, with plain numbers in the result."""
        raise NotImplementedError

    def getnameinfo(self, sockaddr, flags):
        """As `socket.getnameinfo`."""
        raise NotImplementedError
