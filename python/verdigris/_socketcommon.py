"""What sockets share: waiting for descriptors by number, and names.

`verdigris.socket` re-exports the public part.
"""

import _socket
import socket as __socket__
from errno import EBADF
from socket import AF_INET, AF_INET6, AddressFamily, SocketKind, gethostname

from .exceptions import ConcurrentObjectUseError
from .hub import get_hub
from .timeout import Timeout

_READ, _WRITE = 1, 2
_unset = object()


class RawSocket(_socket.socket):
    """The `_sock` of a socket: asks the kernel and never waits.

    Unlike its base, it may be referred to weakly, which TLS needs.
    """

    __slots__ = ("__weakref__",)


class cancel_wait_ex(OSError):
    """A greenlet's wait ended because another closed the descriptor."""

    def __init__(self):
        super().__init__(EBADF, "File descriptor was closed in another greenlet")


def wait(watcher, timeout=None, timeout_exc=_unset):
    """Wait until a watcher of the loop fires.

    Args:
        timeout: seconds, or None for no limit.
        timeout_exc: what to raise when they pass; by default `TimeoutError("timed out")`.

    Raises:
        ConcurrentObjectUseError: a greenlet waits for this watcher already.
    """
    if watcher.callback is not None:
        raise ConcurrentObjectUseError(f"This socket is already used by another greenlet: {watcher.callback!r}")
    if timeout is None:
        get_hub().wait(watcher)
        return
    if timeout_exc is _unset:
        timeout_exc = TimeoutError("timed out")
    with Timeout(timeout, timeout_exc):
        get_hub().wait(watcher)


def _wait_for(fileno, events, timeout, timeout_exc):
    watcher = get_hub().loop.io(fileno, events)
    try:
        wait(watcher, timeout, timeout_exc)
    finally:
        watcher.close()


def wait_read(fileno, timeout=None, timeout_exc=_unset):
    """Wait until the descriptor `fileno` has something to read.

    Args:
        timeout: seconds, or None for no limit.
        timeout_exc: what to raise when they pass; by default `TimeoutError("timed out")`.
    """
    _wait_for(fileno, _READ, timeout, timeout_exc)


def wait_write(fileno, timeout=None, timeout_exc=_unset, event=_unset):
    """Wait until the descriptor `fileno` has room to write. `event` means nothing.

    Args:
        timeout: seconds, or None for no limit.
        timeout_exc: what to raise when they pass; by default `TimeoutError("timed out")`.
    """
    _wait_for(fileno, _WRITE, timeout, timeout_exc)


def wait_readwrite(fileno, timeout=None, timeout_exc=_unset, event=_unset):
    """Wait until the descriptor `fileno` can be read or written. `event` means nothing.

    Args:
        timeout: seconds, or None for no limit.
        timeout_exc: what to raise when they pass; by default `TimeoutError("timed out")`.
    """
    _wait_for(fileno, _READ | _WRITE, timeout, timeout_exc)


def cancel_wait(watcher, error=cancel_wait_ex):
    """Raise `error` in the greenlet that waits for `watcher`, if one does."""
    get_hub().cancel_wait(watcher, error)


def as_enum(value, kind):
    """`value` as a member of the enumeration `kind`, or as it is if there is none."""
    try:
        return kind(value)
    except ValueError:
        return value


def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    """The addresses of a service: a list of `(family, type, proto, canonname, sockaddr)`.

    Names are looked up by the hub's resolver, while other greenlets run. An address that is a
    number is translated at once.

    Args:
        host: a name, an address, or None.
        port: a number, a service's name, or None.

    Raises:
        gaierror: there is no such host or service.
    """
    if _is_number(host) and _is_port_number(port):
        flags |= __socket__.AI_NUMERICHOST
        found = _socket.getaddrinfo(host, port, family, type, proto, flags)
    else:
        found = get_hub().resolver.getaddrinfo(host, port, family, type, proto, flags)
    return [
        (as_enum(family, AddressFamily), as_enum(kind, SocketKind), proto, name, address)
        for family, kind, proto, name, address in found
    ]


def gethostbyname(hostname):
    """The IPv4 address of `hostname`, as text."""
    return get_hub().resolver.gethostbyname(hostname)


def gethostbyname_ex(hostname):
    """`(name, aliases, addresses)` of `hostname`, for IPv4."""
    return get_hub().resolver.gethostbyname_ex(hostname)


def gethostbyaddr(ip_address):
    """`(name, aliases, addresses)` of the host with `ip_address`."""
    return get_hub().resolver.gethostbyaddr(ip_address)


def getnameinfo(sockaddr, flags):
    """`(host, port)` of `sockaddr`, as names unless `flags` asks for numbers."""
    return get_hub().resolver.getnameinfo(sockaddr, flags)


def getfqdn(name=""):
    """The first name of host `name` that has a dot in it; its first name if none has.

    Args:
        name: a name or an address; empty for this host.

    Returns `name` as it is, if the resolver does not know it.
    """
    name = name.strip()
    if name in ("", "0.0.0.0", "::"):
        name = gethostname()
    try:
        first, aliases, _ = gethostbyaddr(name)
    except OSError:
        return name
    return next((known for known in [first, *aliases] if "." in known), first)


def _resolve_addr(sock, address):
    """`address` with its host's name resolved, for a `sock` of the internet families."""
    if sock.family not in (AF_INET, AF_INET6) or not isinstance(address, tuple) or not address:
        return address
    if isinstance(address[0], (bytes, bytearray)):
        address = (address[0].decode("ascii"), *address[1:])
    if address[0] in ("", "<broadcast>"):
        return address
    try:
        __socket__.inet_pton(sock.family, address[0])
    except OSError:
        found = getaddrinfo(address[0], None, sock.family)[0][4]
        # What the address says of port, flow and scope stays; the rest is the resolver's.
        return (found[0], *address[1:], *found[len(address) :])
    return address


def _is_number(host):
    if not isinstance(host, str):
        return False
    for family in (AF_INET, AF_INET6):
        try:
            __socket__.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False


def _is_port_number(port):
    if isinstance(port, (str, bytes)):
        return port.isdigit()
    return port is None or isinstance(port, int)
