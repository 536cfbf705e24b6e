"""The standard library's `socket`, where waiting lets other greenlets run.

Every name of the standard module is here: those in `__implements__` are our own, those in
`__extensions__` are additions, the rest are the standard objects.
"""

import _socket
import contextlib
import socket as __socket__
from errno import EAGAIN, EBADF, EWOULDBLOCK  # noqa: F401 - the standard module has these, too
from socket import SocketIO  # noqa: F401
from typing import Any

from ._socketcommon import (  # noqa: F401 - part of this module's face
    cancel_wait,
    cancel_wait_ex,
    getaddrinfo,
    getfqdn,
    gethostbyaddr,
    gethostbyname,
    gethostbyname_ex,
    getnameinfo,
    wait,
    wait_read,
    wait_readwrite,
    wait_write,
)
from ._socketobject import socket as socket
from .monkey._table import implements

_GLOBAL_DEFAULT_TIMEOUT: Any = vars(__socket__)["_GLOBAL_DEFAULT_TIMEOUT"]

SocketType = socket


def fromfd(fd, family, type, proto=0):
    """A socket on a duplicate of the descriptor `fd`."""
    return socket(family, type, proto, fileno=_socket.dup(fd))


def socketpair(family=None, type=__socket__.SOCK_STREAM, proto=0):
    """Two sockets that are connected with each other; `family` is AF_UNIX unless given."""
    if family is None:
        family = __socket__.AF_UNIX
    left, right = _socket.socketpair(family, type, proto)
    return (
        socket(family, type, proto, fileno=left.detach()),
        socket(family, type, proto, fileno=right.detach()),
    )


def _fallback_socketpair(family=__socket__.AF_INET, type=__socket__.SOCK_STREAM, proto=0):
    """`socketpair` over TCP on the loopback."""
    hosts = {__socket__.AF_INET: "127.0.0.1", __socket__.AF_INET6: "::1"}
    if family not in hosts:
        raise ValueError("Only AF_INET and AF_INET6 socket address families are supported")
    if type != __socket__.SOCK_STREAM:
        raise ValueError("Only SOCK_STREAM socket type is supported")
    if proto != 0:
        raise ValueError("Only protocol zero is supported")
    with socket(family, type, proto) as listener, contextlib.ExitStack() as on_error:
        listener.bind((hosts[family], 0))
        listener.listen()
        left = on_error.enter_context(socket(family, type, proto))
        left.connect(listener.getsockname()[:2])
        right = on_error.enter_context(listener.accept()[0])
        # Another process may have been quicker to connect.
        if left.getsockname() != right.getpeername() or right.getsockname() != left.getpeername():
            raise ConnectionError("Unexpected peer connection")
        on_error.pop_all()
        return left, right


def create_connection(address, timeout=_GLOBAL_DEFAULT_TIMEOUT, source_address=None, *, all_errors=False):
    """Connect to `address` over TCP, trying each address that its host has.

    Args:
        address: `(host, port)`.
        timeout: seconds for each attempt, or None for no limit; the socket keeps it. By default
            that of `getdefaulttimeout`.
        source_address: `(host, port)` for this end.
        all_errors: raise an `ExceptionGroup` of what every attempt raised, not only the last.

    Returns the socket.

    Raises:
        OSError: no address could be connected to.
    """
    host, port = address
    errors = []
    try:
        for family, kind, proto, _, place in getaddrinfo(host, port, 0, __socket__.SOCK_STREAM):
            try:
                with contextlib.ExitStack() as on_error:
                    sock = on_error.enter_context(socket(family, kind, proto))
                    if timeout is not _GLOBAL_DEFAULT_TIMEOUT:
                        sock.settimeout(timeout)
                    if source_address:
                        sock.bind(source_address)
                    sock.connect(place)
                    on_error.pop_all()
                    return sock
            except OSError as error:
                errors.append(error)
        if not errors:
            raise OSError("getaddrinfo returns an empty list")
        if all_errors:
            raise ExceptionGroup("create_connection failed", errors)
        raise errors[-1]
    finally:
        # The errors refer to this frame, which would refer to them.
        errors.clear()


def create_server(address, *, family=__socket__.AF_INET, backlog=None, reuse_port=False, dualstack_ipv6=False):
    """A TCP socket that listens at `address`, `(host, port)`.

    Unlike gevent's, which is the standard function, it makes our sockets.

    Args:
        backlog: how many connections may wait to be accepted; by default the system's choice.
        reuse_port: let other processes listen at the same port.
        dualstack_ipv6: with AF_INET6, take IPv4 connections too.

    Raises:
        ValueError: `dualstack_ipv6` or `reuse_port` is not to be had.
    """
    if reuse_port and not hasattr(__socket__, "SO_REUSEPORT"):
        raise ValueError("SO_REUSEPORT not supported on this platform")
    if dualstack_ipv6:
        if not __socket__.has_dualstack_ipv6():
            raise ValueError("dualstack_ipv6 not supported on this platform")
        if family != __socket__.AF_INET6:
            raise ValueError("dualstack_ipv6 requires AF_INET6 family")
    with contextlib.ExitStack() as on_error:
        sock = on_error.enter_context(socket(family, __socket__.SOCK_STREAM))
        sock.setsockopt(__socket__.SOL_SOCKET, __socket__.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(__socket__.SOL_SOCKET, __socket__.SO_REUSEPORT, 1)
        if __socket__.has_ipv6 and family == __socket__.AF_INET6:
            only = 0 if dualstack_ipv6 else 1
            sock.setsockopt(__socket__.IPPROTO_IPV6, __socket__.IPV6_V6ONLY, only)
        try:
            sock.bind(address)
        except OSError as error:
            message = f"{error.strerror} (while attempting to bind on address {address!r})"
            raise type(error)(error.errno, message) from None
        sock.listen(*([] if backlog is None else [backlog]))
        on_error.pop_all()
        return sock


__implements__ = implements(__name__)
__extensions__ = ["cancel_wait", "wait_read", "wait_write", "wait_readwrite"]
__imports__ = [name for name in __socket__.__all__ if name not in __implements__]
globals().update({name: getattr(__socket__, name) for name in __imports__})
__all__ = [name for name in (*__implements__, *__extensions__, *__imports__) if not name.startswith("_")]
