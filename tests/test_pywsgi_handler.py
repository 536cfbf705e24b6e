"""WSGIHandler for those who derive from it: its steps may be replaced, its attributes changed."""

from io import BytesIO, StringIO

import pytest

from verdigris import socket
from verdigris.pywsgi import WSGIHandler
from wsgi import ask, client, serving

GET = "GET /path?q HTTP/1.1\r\nHost: a\r\n\r\n"

STEPS = [
    "handle",
    "handle_one_request",
    "read_requestline",
    "read_request",
    "get_environ",
    "handle_one_response",
    "run_application",
    "process_result",
    "start_response",
    "write",
    "finalize_headers",
    "log_request",
    "format_request",
]


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def chunks(environ, start_response):
    start_response("200 OK", [])
    yield b"a"
    yield b"b"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("application", "body"), [(hello, b"hello"), (chunks, b"ab")])
def test_each_step_may_be_replaced_and_do_what_it_did(step, application, body):
    calls = []

    def replacement(self, *args):
        calls.append(step)
        return getattr(WSGIHandler, step)(self, *args)

    handler = type("Handler", (WSGIHandler,), {step: replacement})
    log = StringIO()
    with serving(application, handler_class=handler, log=log) as server, client(server) as connection:
        for _ in range(2):
            connection.send(GET)
            assert connection.answer().body == body
    assert len(calls) >= (1 if step == "handle" else 2)
    assert log.getvalue().count('"GET /path?q HTTP/1.1" 200') == 2


@pytest.mark.parametrize("step", ["read_requestline", "read_request"])
@pytest.mark.parametrize(("bad", "code"), [("nonsense\r\n", 400), ("GET /" + "x" * 9000, 414)])
def test_a_bad_request_is_refused_by_replaced_steps_too(step, bad, code):
    handler = type("Handler", (WSGIHandler,), {step: lambda self, *args: getattr(WSGIHandler, step)(self, *args)})
    with serving(hello, handler_class=handler) as server, client(server) as connection:
        connection.send(GET + bad)
        assert connection.answer().code == 200
        assert connection.answer().code == code
        assert connection.rest() == b""
    assert "Invalid request" in server.errors.getvalue()


def test_another_protocol_may_be_found_in_the_request_line():
    class Handler(WSGIHandler):
        def read_requestline(self):
            start = self.rfile.read(3)
            if start == b"hi\n":
                self.socket.sendall(b"hi to you\n")
                return None
            return start + self.rfile.readline()

    with serving(hello, handler_class=Handler) as server:
        with client(server) as connection:
            connection.send("hi\n")
            assert connection.rest() == b"hi to you\n"
        assert ask(server, GET).body == b"hello"


def test_the_request_as_attributes():
    seen = {}

    class Handler(WSGIHandler):
        def get_environ(self):
            for name in ("command", "path", "request_version", "requestline", "content_length", "close_connection"):
                seen[name] = getattr(self, name)
            seen["headers"] = self.headers.items()
            seen["host"] = self.headers.get("host"), self.headers.getheader("Host")
            return super().get_environ()

    with serving(hello, handler_class=Handler) as server:
        ask(server, "PUT /path?q HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    assert seen == {
        "command": "PUT",
        "path": "/path?q",
        "request_version": "HTTP/1.0",
        "requestline": "PUT /path?q HTTP/1.0",
        "content_length": 0,
        "close_connection": True,
        "headers": [("Host", "a"), ("Content-Length", "0")],
        "host": ("a", "a"),
    }


def test_a_changed_request_reaches_the_application():
    seen = []

    class Handler(WSGIHandler):
        def read_request(self, raw_requestline):
            understood = super().read_request(raw_requestline)
            self.command = "PATCH"
            self.path = "/changed?too"
            self.client_address = ("10.0.0.1", 5)
            self.headers["X-Added"] = "1"
            return understood

    def application(environ, start_response):
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application, handler_class=Handler) as server, client(server) as connection:
        connection.send(GET + GET)
        assert connection.answer().body == connection.answer().body == b"hello"
    for environ in seen:
        assert [environ[key] for key in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_X_ADDED")] == [
            "PATCH",
            "/changed",
            "too",
            "1",
        ]
        assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("10.0.0.1", "5")


def test_the_response_as_attributes():
    seen = {}

    class Handler(WSGIHandler):
        def log_request(self):
            for name in ("status", "_orig_status", "code", "headers_sent", "response_use_chunked"):
                seen[name] = getattr(self, name)
            seen["headers"] = dict(self.response_headers)
            seen["length"] = self.response_length
            seen["took"] = self.time_finish - self.time_start

    with serving(chunks, handler_class=Handler) as server, client(server) as connection:
        connection.send(GET)
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.socket.recv(65536)
    assert 0 <= seen.pop("took") < 10
    assert seen.pop("length") == len(received)
    headers = seen.pop("headers")
    assert headers[b"Transfer-Encoding"] == b"chunked" and b"Date" in headers
    assert seen == {
        "status": b"200 OK",
        "_orig_status": "200 OK",
        "code": 200,
        "headers_sent": True,
        "response_use_chunked": True,
    }


def test_response_headers_may_be_changed_until_they_are_sent():
    class Handler(WSGIHandler):
        def finalize_headers(self):
            super().finalize_headers()
            self.response_headers.append((b"X-Late", b"yes"))
            self.response_headers[:] = [pair for pair in self.response_headers if pair[0] != b"Date"]

    with serving(hello, handler_class=Handler) as server:
        answer = ask(server, GET)
        assert (answer.header("X-Late"), answer.header("Date"), answer.body) == ("yes", None, b"hello")


def test_provided_date_and_length_keep_ours_out():
    class Handler(WSGIHandler):
        def start_response(self, status, headers, exc_info=None):
            write = super().start_response(status, headers, exc_info)
            self.provided_date = True
            self.provided_content_length = False
            self.response_use_chunked = False
            return write

    with serving(chunks, handler_class=Handler) as server, client(server) as connection:
        connection.send(GET)
        answer = connection.answer()
        assert [answer.header(name) for name in ("Date", "Content-Length", "Transfer-Encoding")] == [None] * 3
        assert answer.body == b"ab"


def test_close_connection_closes():
    class Handler(WSGIHandler):
        def run_application(self):
            self.close_connection = True
            super().run_application()

    with serving(hello, handler_class=Handler) as server, client(server) as connection:
        connection.send(GET)
        assert connection.answer().header("Connection") == "close"
        assert connection.rest() == b""


def test_an_upgrade_leaves_the_socket_to_the_application():
    def application(environ, start_response):
        assert environ["wsgi.input_terminated"] is False
        stream = environ["wsgi.input"]
        start_response("101 Switching Protocols", [("Upgrade", "echo"), ("Connection", "Upgrade")])(b"")
        assert stream is handlers[0].rfile and stream.raw._sock is handlers[0].socket
        handlers[0].socket.sendall(stream.readline() + stream.read(2))
        return []

    handlers = []

    class Handler(WSGIHandler):
        def run_application(self):
            handlers.append(self)
            super().run_application()
            assert self.connection_upgraded

    with serving(application, handler_class=Handler) as server, client(server) as connection:
        connection.send("GET / HTTP/1.1\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nline\nxyz")
        answer = connection.answer()
        assert (answer.code, answer.header("Connection")) == (101, "Upgrade")
        assert answer.header("Content-Length") is answer.header("Transfer-Encoding") is None
        assert connection.rest() == b"line\nxy"


def test_websocket_handlers_may_answer_without_the_application():
    """What gevent-websocket's handler does with the surface."""

    class Handler(WSGIHandler):
        def run_application(self):
            if self.environ.get("HTTP_UPGRADE") != "websocket":
                return super().run_application()
            self.start_response("426 Upgrade Required", [("Sec-WebSocket-Version", "13")])
            self.result = [b"No version"]
            assert self.status and not self.headers_sent
            self.process_result()

    with serving(hello, handler_class=Handler) as server, client(server) as connection:
        connection.send("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n" + GET)
        answer = connection.answer()
        assert (answer.code, answer.body) == (426, b"No version")
        assert connection.answer().body == b"hello"


def test_errors_may_be_handled_elsewhere():
    seen = []

    class Handler(WSGIHandler):
        def handle_error(self, t, v, tb):
            seen.append((t, str(v), tb is not None))
            self._send_error_response_if_possible(500)

    def application(environ, start_response):
        raise KeyError("k")

    with serving(application, handler_class=Handler) as server:
        assert ask(server, GET).code == 500
    assert seen == [(KeyError, "'k'", True)]


def test_a_failing_log_does_not_harm_others(capsys):
    class Log:
        def write(self, line):
            raise RuntimeError("disk full")

    with serving(hello, log=Log()) as server:
        assert ask(server, GET).body == b"hello"
        assert ask(server, GET).body == b"hello"
    assert "disk full" in capsys.readouterr().err


def test_requests_may_come_from_a_file():
    ours, theirs = socket.socketpair()
    with serving(hello) as server, ours, theirs:
        handler = WSGIHandler(ours, ("file", 0), server, rfile=BytesIO(GET.encode()))
        assert handler.handle_one_request() is True
        assert handler.handle_one_request() is None
        assert theirs.recv(65536).endswith(b"\r\n\r\nhello")
