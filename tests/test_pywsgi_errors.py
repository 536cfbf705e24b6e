"""WSGIServer when something is wrong: with the request, the application or the network."""

import gc
import struct
import sys

import pytest

from verdigris import socket, spawn
from verdigris.event import Event
from verdigris.pywsgi import WSGIHandler
from wsgi import ask, client, serving

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def never(environ, start_response):
    raise AssertionError("nothing malformed may reach the application")


# Requests


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("nonsense\r\n", "400 Bad Request"),
        ("GET /\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\n\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nA : b\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP %\r\n", "400 Bad Request"),
        ("GET /" + "x" * 9000, "414 URI Too Long"),
        ("GET / HTTP/1.1\r\nA: " + "x" * 70_000, "431 Request Header Fields Too Large"),
        ("GET / HTTP/1.1\r\n" + "A: b\r\n" * 101, "431 Request Header Fields Too Large"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented"),
        ("GET / HTTP/2.0\r\n\r\n", "505 HTTP Version Not Supported"),
    ],
)
def test_a_malformed_head_is_refused_and_the_connection_closed(request_text, status):
    with serving(never) as server, client(server) as connection:
        connection.send(request_text)
        answer = connection.answer()
        assert answer.line == f"HTTP/1.1 {status}"
        assert (answer.header("Connection"), answer.body) == ("close", b"")
        assert connection.rest() == b""
    assert "Invalid request (from ('127.0.0.1', " in server.errors.getvalue()


def test_what_follows_a_malformed_request_is_not_seen():
    with serving(hello) as server, client(server) as connection:
        connection.send(GET + "nonsense\r\n" + GET)
        assert connection.answer().code == 200
        assert connection.answer().code == 400
        assert connection.rest() == b""


@pytest.mark.parametrize("chunks", ["x\r\n", "1\r\nab\r\n", "1\na\n", "0\r\nA B: c\r\n\r\n", "1" * 17 + "\r\n"])
@pytest.mark.parametrize("reads", [True, False])
def test_a_malformed_chunk_is_refused(chunks, reads):
    errors = []

    def application(environ, start_response):
        if reads:
            try:
                environ["wsgi.input"].read()
            except OSError as error:
                errors.append(error)
                raise
        return hello(environ, start_response)

    with serving(application) as server, client(server) as connection:
        connection.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + GET)
        assert connection.answer().code == (400 if reads else 200)
        assert connection.rest() == b""
    assert len(errors) == reads
    assert "Invalid request" in server.errors.getvalue()


# Applications


def test_an_exception_is_reported_and_answered_with_500(capsys):
    def application(environ, start_response):
        raise RuntimeError("my fault")

    with serving(application) as server, client(server) as connection:
        connection.send("GET /?secret=1 HTTP/1.1\r\n\r\n")
        answer = connection.answer()
        assert (answer.code, answer.body) == (500, b"Internal Server Error")
        assert connection.rest() == b""
        assert ask(server, GET).code == 500
    reported = capsys.readouterr().err
    assert "RuntimeError: my fault" in reported and "Traceback" in reported and "secret" not in reported


def test_an_exception_after_the_head_cuts_the_response_short(capsys):
    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"part"
        raise RuntimeError("too late")

    with serving(application) as server, client(server) as connection:
        connection.send(GET)
        sent = connection.rest()
        assert sent.endswith(b"4\r\npart\r\n") and b"500" not in sent
    assert "too late" in capsys.readouterr().err


def test_an_exception_before_the_head_is_sent_replaces_it(capsys):
    def application(environ, start_response):
        start_response("200 OK", [("X-Old", "1")])
        raise RuntimeError("in time")

    with serving(application) as server:
        answer = ask(server, GET)
        assert answer.code == 500 and answer.header("X-Old") is None


def test_exc_info_replaces_the_head_or_is_raised(capsys):
    def application(environ, start_response):
        write = start_response("200 OK", [("X-Old", "1")])
        if environ["PATH_INFO"] == "/sent":
            write(b"x")
        try:
            raise RuntimeError("mine")
        except RuntimeError:
            start_response("503 Later", [], sys.exc_info())
        return [b"replaced"]

    with serving(application) as server, client(server) as connection:
        connection.send(GET)
        answer = connection.answer()
        assert (answer.code, answer.body, answer.header("X-Old")) == (503, b"replaced", None)
        connection.send("GET /sent HTTP/1.1\r\n\r\n")
        assert connection.rest().endswith(b"1\r\nx\r\n")
    assert "RuntimeError: mine" in capsys.readouterr().err


BAD_HEADS = [
    ("200 OK\r\nA: b", [], ValueError, "carriage return or newline in status"),
    ("200 OK", [("A", "b\r\nC: d")], ValueError, "carriage return or newline in header value"),
    ("200 OK", [("A\n", "b")], ValueError, "carriage return or newline in header name"),
    ("200 OK", [("A B", "c")], ValueError, None),
    ("200 OK", [("A", "\0")], ValueError, None),
    ("200 OK", [("A", "\u20ac")], UnicodeError, "Non-latin1 header"),
    ("200 OK", [(b"A", "b")], UnicodeError, "The header must be a native string"),
    ("200 OK", [("A", b"b")], UnicodeError, "The value must be a native string"),
    (b"200 OK", [], UnicodeError, "The status string must be a native string"),
    ("OK", [], ValueError, None),
    ("200 OK", [("Content-Length", "x")], ValueError, None),
    ("200 OK", [("A",)], ValueError, None),
    ("200 OK", None, TypeError, None),
    ("304 Not Modified", [("Content-Length", "5")], AssertionError, None),
]


@pytest.mark.parametrize(("status", "headers", "error", "message"), BAD_HEADS)
def test_heads_that_cannot_be_sent(status, headers, error, message):
    raised = []

    def application(environ, start_response):
        try:
            start_response(status, headers)
        except Exception as caught:
            raised.append(caught)
        start_response("200 OK", [("A", "caf\xe9")])
        return [b"fine"]

    with serving(application) as server:
        answer = ask(server, GET)
        assert (answer.body, answer.header("A")) == (b"fine", "caf\xe9")
    assert isinstance(raised[0], error)
    assert message in (None, raised[0].args[0])


@pytest.mark.parametrize(
    "application",
    [
        lambda environ, start_response: [b"no start_response"],
        lambda environ, start_response: (start_response("204 No Content", []), [b"body"])[1],
        lambda environ, start_response: (start_response("200 OK", []), ["text"])[1],
        lambda environ, start_response: (start_response("200 OK", []), 5)[1],
        lambda environ, start_response: (start_response("200 OK", [("Content-Length", "1")]), [b"xx"])[1],
        lambda environ, start_response: (start_response("200 OK", [("Content-Length", "1")]), iter([b"xx"]))[1],
    ],
)
def test_bodies_that_cannot_be_sent(application, capsys):
    with serving(application) as server:
        assert ask(server, GET).code == 500
    assert "Error: " in capsys.readouterr().err


def test_a_body_that_ends_too_early_ends_the_connection():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return [b"abc"]

    with serving(application) as server, client(server) as connection:
        connection.send(GET)
        assert connection.rest().endswith(b"\r\n\r\nabc")


# The network


def test_a_client_that_resets_harms_only_itself(capsys):
    arrived, gone = Event(), Event()

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/":
            return hello(environ, start_response)
        arrived.set()
        gone.wait()
        start_response("200 OK", [])
        return (b"x" * 65536 for _ in range(100))

    with serving(application) as server:
        with client(server) as connection:
            connection.send("GET /reset HTTP/1.1\r\n\r\n")
            arrived.wait()
            linger = struct.pack("ii", 1, 0)
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.file.close()
            connection.socket.close()
        gone.set()
        assert ask(server, GET).body == b"hello"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("sent", ["", "GET", "GET / HTTP/1.1\r\nHost: a"])
def test_a_client_that_stalls_holds_up_nobody(sent):
    with serving(hello) as server, client(server) as stalled:
        stalled.send(sent)
        assert ask(server, GET).body == b"hello"


def test_a_client_that_half_closes_gets_its_answer():
    with serving(hello) as server, client(server) as connection:
        connection.send(GET + GET)
        connection.socket.shutdown(socket.SHUT_WR)
        assert [connection.answer().body, connection.answer().body] == [b"hello", b"hello"]
        assert connection.rest() == b""


def test_a_request_cut_short_is_an_error_of_the_client():
    errors = []

    def application(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            errors.append(error)
            raise

    with serving(application) as server, client(server) as connection:
        connection.send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.answer().code == 400
    assert len(errors) == 1


def test_stopping_the_server_ends_idle_connections():
    with serving(hello) as server, client(server) as connection:
        connection.send(GET)
        connection.answer()
        server.stop()
        assert connection.socket.fileno() >= 0


def test_a_killed_handler_closes_its_connection(capsys):
    greenlets = []

    def remember(*args):
        greenlets.append(spawn(*args))

    with serving(hello, spawn=remember) as server, client(server) as connection:
        connection.send(GET)
        connection.answer()
        greenlets[0].kill()
        assert connection.rest() == b""
    assert capsys.readouterr().err == ""


def test_nothing_stays_of_a_connection():
    alive = []

    class Handler(WSGIHandler):
        def __del__(self):
            alive.remove(id(self))

        def handle(self):
            alive.append(id(self))
            super().handle()

    def application(environ, start_response):
        environ["a cycle"] = start_response
        return hello(environ, start_response)

    with serving(application, handler_class=Handler) as server:
        ask(server, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        server.stop()
    gc.collect()
    assert alive == []
