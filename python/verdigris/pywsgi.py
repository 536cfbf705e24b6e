"""A WSGI server: each client in a greenlet, HTTP/1.1 in Rust.

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"Hello, World!"]

    WSGIServer(("127.0.0.1", 8088), application).serve_forever()

`WSGIHandler` serves one connection. What it does per request is its base class in Rust,
whose methods a subclass may replace one by one, as gevent's; here is what happens rarely:
logs and errors.

Unlike gevent's, this server refuses requests that two readers could understand in two
ways (a header continued on the next line, a bare line feed, HTTP/0.9, two lengths), answers
a head that is too large with 431 instead of 400, sends the head and the first piece of the
body at once with TCP_NODELAY, and never sends the body of an answer to HEAD.
"""

import errno
import sys
import traceback
import warnings
from _socket import AF_INET, AF_INET6, IPPROTO_TCP, TCP_NODELAY
from datetime import datetime

from ._core import GreenletExit, InvalidClientInput, InvalidClientRequest, _Handler, _NoopLog
from ._core import Input as Input
from ._environ import Environ, SecureEnviron, WSGISecureEnviron
from ._socketcommon import getfqdn
from .hub import get_hub
from .server import StreamServer

__all__ = ["Environ", "LoggingLogAdapter", "SecureEnviron", "WSGIHandler", "WSGISecureEnviron", "WSGIServer"]

#: Longest request line in bytes; a longer one is answered with 414.
MAX_REQUEST_LINE = 8192


class LoggingLogAdapter:
    """Makes a `logging.Logger` a log that a server can write to.

    Attributes that it does not have are the logger's, to read and to write.
    """

    __slots__ = ("_level", "_logger")

    def __init__(self, logger, level=20):
        """
        Args:
            logger: a `logging.Logger`, or something else with its `log` method.
            level: what to log at; 20 is INFO.
        """
        self._logger = logger
        self._level = level

    def write(self, msg):
        """Log one line; the logger has its own line ends."""
        self._logger.log(self._level, msg.removesuffix("\n") if msg else msg)

    def flush(self):
        """Nothing is kept back."""

    def writelines(self, lines):
        """Log each line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self._logger, name)

    def __setattr__(self, name, value):
        if name in LoggingLogAdapter.__slots__:
            object.__setattr__(self, name, value)
        else:
            setattr(self._logger, name, value)

    def __delattr__(self, name):
        delattr(self._logger, name)


def _make_message(pairs):
    """Headers as an `http.client` message, with the older names that gevent adds."""
    from http.client import HTTPMessage

    class Message(HTTPMessage):
        status = ""

        def getheader(self, name, default=None):
            return self.get(name, default)

        @property
        def headers(self):
            return (f"{name}: {value}\r\n" for name, value in self.items())

        @property
        def typeheader(self):
            return self.get("content-type")

    global _make_message

    def _make_message(pairs):
        message = Message()
        for name, value in pairs:
            message.add_header(name, value)
        return message

    return _make_message(pairs)


class WSGIHandler(_Handler):
    """Serves the requests of one connection; `WSGIServer.handler_class` may be a subclass.

    Args:
        sock, address: the client, as from `accept`.
        server: whose application is called and whose logs are written.
        rfile: a file to read requests from instead of the socket.
    """

    protocol_version = "HTTP/1.1"
    #: Raised by `write` for what an application must not do.
    ApplicationError = AssertionError
    #: Numbers of the socket errors that mean that the client is gone, which is no news.
    ignored_socket_errors = (errno.EPIPE, errno.ECONNRESET)

    _print_unexpected_exc = staticmethod(traceback.print_exc)

    def _make_headers(self, pairs):
        return _make_message(pairs)

    def format_request(self):
        """The line for the server's log: client, time, request, status, bytes sent, seconds."""
        address = self.client_address
        if isinstance(address, tuple):
            address = address[0]
        status = self._orig_status or self.status or "000"
        seconds = f"{self.time_finish - self.time_start:.6f}" if self.time_finish else "-"
        return (
            f'{address or "-"} - - [{datetime.now().replace(microsecond=0)}] "{self.requestline or ""}" '
            f"{status.split()[0]} {self.response_length or '-'} {seconds}"
        )

    def log_error(self, msg, *args):
        """Write `msg % args` to the server's error log; `msg` as it is if there are no args."""
        message = msg
        if args:
            try:
                message = msg % args
            except Exception:
                self._print_unexpected_exc()
                message = f"{msg!r} {args!r}"
        try:
            self.server.error_log.write(f"{self.socket}: {message}\n")
        except Exception:
            self._print_unexpected_exc()

    def handle_error(self, t, v, tb):
        """See to an error of the application: report it, and answer 500 if nothing was sent."""
        self._log_error(t, v, tb)
        self._send_error_response_if_possible(500)

    def _log_error(self, t, v, tb):
        if issubclass(t, GreenletExit):
            return
        environ = self.environ
        if not isinstance(environ, self.server.secure_environ_class):
            environ = self.server.secure_environ_class(environ or {})
        get_hub().handle_error(environ, t, v, tb)

    def _handle_client_error(self, error):
        if not isinstance(error, (ValueError, InvalidClientInput)):
            traceback.print_exception(error)
        message = str(error) or type(error).__name__
        self.log_error("Invalid request (from %s): %s", self.client_address, message)

    def _send_error_response_if_possible(self, code):
        self.close_connection = True
        if self.headers_sent:
            return
        status, body = _ERRORS[code]
        headers = [("Content-Type", "text/plain"), ("Connection", "close"), ("Content-Length", str(len(body)))]
        try:
            self.start_response(status, headers)
            self.write(body)
        except OSError:
            pass


class WSGIServer(StreamServer):
    """Serves a WSGI application over HTTP/1.1.

    Class attributes, which may be set on an instance too:
        handler_class: called as (socket, address, server) for each client; what it returns
            must have a `handle()` that serves the client.
        environ_class: the class of environs, a dict or a subclass.
        base_env: what every environ of every server begins with.
    """

    handler_class = WSGIHandler
    log = None
    error_log = None
    environ_class = dict
    secure_environ_class = WSGISecureEnviron

    base_env = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        # Programs look at how this begins to learn that they may block; the number is the
        # one that gevent has said since 2020.
        "SERVER_SOFTWARE": f"gevent/20.0 Python/{sys.version_info[0]}.{sys.version_info[1]}",
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }

    def __init__(
        self,
        listener,
        application=None,
        backlog=None,
        spawn="default",
        log="default",
        error_log="default",
        handler_class=None,
        environ=None,
        **ssl_args,
    ):
        """See `StreamServer` for listener, backlog and spawn.

        Args:
            application: the WSGI application. A subclass may have it as a method instead.
            log: what requests are written to, a line each: something with a `write` method
                or a `logging.Logger`; 'default' is sys.stderr, None is nowhere.
            error_log: likewise for errors; it is also `wsgi.errors`.
            handler_class: see the class attribute.
            environ: added to every environ.

        Raises:
            NotImplementedError: TLS arguments were given.
        """
        if "handle" in ssl_args:
            message = "Passing 'handle' to WSGIServer is deprecated. Did you mean application?"
            warnings.warn(message, DeprecationWarning, stacklevel=2)
        super().__init__(listener, backlog=backlog, spawn=spawn, **ssl_args)
        if application is not None:
            self.application = application
        if handler_class is not None:
            self.handler_class = handler_class
        self.log = _make_log(log, 20)
        self.error_log = _make_log(error_log, 40)
        self.set_environ(environ)
        self.set_max_accept()

    def set_environ(self, environ=None):
        """Make `self.environ` anew, from `base_env` and `environ`, by default the old one."""
        if environ is None:
            environ = getattr(self, "environ", None)
        self.environ = self.environ_class(self.base_env)
        self.environ["wsgi.url_scheme"] = "https" if self.ssl_enabled else "http"
        if environ is not None:
            self.environ.update(environ)
        if self.environ.get("wsgi.errors") is None:
            self.environ["wsgi.errors"] = self.error_log

    def set_max_accept(self):
        """Accept one client at a time if other processes accept from the same listener."""
        if self.environ.get("wsgi.multiprocess"):
            self.max_accept = 1

    def get_environ(self):
        """A new environ, without what belongs to a request."""
        return self.environ_class(self.environ)

    def init_socket(self):
        super().init_socket()
        if self.socket.family in (AF_INET, AF_INET6):
            # Accepted sockets inherit it. A body that follows its head in a packet of its own
            # would otherwise wait until the client has acknowledged the head, which takes it
            # 40 ms.
            self.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self.update_environ()

    def update_environ(self):
        """Complete `self.environ` with the server's name and port, once they are known."""
        address = self.address
        if not isinstance(address, tuple):
            self.environ.setdefault("SERVER_NAME", "")
            self.environ.setdefault("SERVER_PORT", "")
            return
        if "SERVER_NAME" not in self.environ:
            try:
                name = getfqdn(address[0])
            except OSError:
                name = str(address[0])
            self.environ["SERVER_NAME"] = name
        self.environ.setdefault("SERVER_PORT", str(address[1]))

    def handle(self, sock, address):
        """Serve one client, to the end of its connection."""
        self.handler_class(sock, address, self).handle()


def _make_log(log, level):
    if log == "default":
        return sys.stderr
    if log is None:
        return _NoopLog()
    if not hasattr(log, "write") and hasattr(log, "log"):
        return LoggingLogAdapter(log, level)
    return log


_InvalidClientInput = InvalidClientInput
_InvalidClientRequest = InvalidClientRequest

_ERRORS = {
    400: ("400 Bad Request", b""),
    500: ("500 Internal Server Error", b"Internal Server Error"),
}
