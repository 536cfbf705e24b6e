"""WSGIServer and its handler: what applications are given, and what clients get."""

import logging
import sys
from io import BytesIO, StringIO

import pytest

from verdigris import pywsgi, sleep, socket
from verdigris.event import Event
from verdigris.pywsgi import WSGIServer
from wsgi import ask, client, serving

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
PLAIN = ("Content-Type", "text/plain")


def hello(environ, start_response):
    start_response("200 OK", [PLAIN])
    return [b"hello"]


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [PLAIN])
    return [body]


def answering(status, headers, result):
    def application(environ, start_response):
        start_response(status, headers)
        return result() if callable(result) else result

    return application


# What the client gets


def test_a_list_has_a_length_a_date_and_a_kept_connection():
    with serving(hello) as server, client(server) as connection:
        for _ in range(2):
            connection.send(GET)
            answer = connection.answer()
            assert answer.line == "HTTP/1.1 200 OK"
            assert answer.body == b"hello"
            assert answer.header("Content-Type") == "text/plain"
            assert answer.header("Content-Length") == "5"
            assert answer.header("Date").endswith(" GMT")
            assert answer.header("Connection") is None


def test_head_and_body_come_in_one_piece():
    with serving(hello) as server, client(server) as connection:
        connection.send(GET)
        piece = connection.socket.recv(65536)
        assert piece.startswith(b"HTTP/1.1 200 OK\r\n") and piece.endswith(b"\r\n\r\nhello")


def test_accepted_sockets_do_not_delay():
    seen = []

    class Handler(pywsgi.WSGIHandler):
        def handle(self):
            seen.append(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            super().handle()

    with serving(hello, handler_class=Handler) as server:
        ask(server, GET)
    assert seen and seen[0]


def test_a_generator_is_sent_in_chunks_as_it_goes():
    go_on = Event()

    def application(environ, start_response):
        start_response("200 OK", [PLAIN])
        yield b"first"
        yield b""
        go_on.wait()
        yield b"second"

    with serving(application) as server, client(server) as connection:
        connection.send(GET)
        head = connection.socket.recv(65536)
        assert b"Transfer-Encoding: chunked\r\n" in head and head.endswith(b"\r\n\r\n5\r\nfirst\r\n")
        go_on.set()
        assert connection.file.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"
        connection.send(GET)
        assert connection.answer().chunks == [b"first", b"second"]


def test_pipelined_requests_are_answered_in_order():
    def application(environ, start_response):
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    with serving(application) as server, client(server) as connection:
        connection.send("".join(f"GET /{n} HTTP/1.1\r\n\r\n" for n in range(50)))
        assert [connection.answer().body for _ in range(50)] == [f"/{n}".encode() for n in range(50)]


@pytest.mark.parametrize(
    ("request_text", "says"),
    [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "close"),
        ("GET / HTTP/1.0\r\n\r\n", "close"),
    ],
)
def test_the_connection_ends_when_the_client_wants_it(request_text, says):
    with serving(hello) as server, client(server) as connection:
        connection.send(request_text)
        answer = connection.answer()
        assert (answer.body, answer.header("Connection")) == (b"hello", says)
        assert connection.rest() == b""


def test_http_1_0_may_keep_its_connection():
    with serving(hello) as server, client(server) as connection:
        for _ in range(2):
            connection.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert connection.answer().header("Connection") == "keep-alive"


def test_an_unknown_length_ends_an_http_1_0_connection():
    with serving(answering("200 OK", [], lambda: iter([b"a", b"b"]))) as server, client(server) as connection:
        connection.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = connection.answer()
        assert (answer.body, answer.header("Connection")) == (b"ab", "close")


def test_the_application_may_close_the_connection():
    with serving(answering("200 OK", [("Connection", "close")], [b"x"])) as server, client(server) as connection:
        connection.send(GET)
        assert connection.answer().body == b"x"
        assert connection.rest() == b""


def test_head_has_headers_and_no_body():
    for result in ([b"hello"], lambda: iter([b"hel", b"lo"])):
        with serving(answering("200 OK", [("Content-Length", "5")], result)) as server, client(server) as connection:
            connection.send("HEAD / HTTP/1.1\r\n\r\n")
            assert connection.answer(head=True).header("Content-Length") == "5"
            connection.send(GET)
            assert connection.answer().body == b"hello"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body(status):
    with serving(answering(status, [], [])) as server, client(server) as connection:
        for _ in range(2):
            connection.send(GET)
            answer = connection.answer()
            assert answer.line == f"HTTP/1.1 {status}"
            assert answer.header("Content-Length") is answer.header("Transfer-Encoding") is None


def test_write_sends_at_once():
    go_on = Event()

    def application(environ, start_response):
        write = start_response("200 OK", [])
        write(b"one")
        go_on.wait()
        write(bytearray(b"two"))
        return [memoryview(b"three")]

    with serving(application) as server, client(server) as connection:
        connection.send(GET)
        assert connection.socket.recv(65536).endswith(b"3\r\none\r\n")
        go_on.set()
        assert connection.file.read(23) == b"3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"


def test_a_large_body_arrives_whole():
    body = bytes(range(256)) * 40_000
    for result in ([body], [body[:100], body[100:]], lambda: iter([body])):
        with serving(answering("200 OK", [], result)) as server:
            assert ask(server, GET).body == body


def test_close_is_called_on_the_result_even_after_an_error():
    closed = []

    class Result:
        def __init__(self, chunks):
            self.chunks = chunks

        def __iter__(self):
            yield from self.chunks
            if not self.chunks:
                raise RuntimeError("in the result")

        def close(self):
            closed.append(True)

    for chunks in ([b"x"], []):
        with serving(answering("200 OK", [], lambda chunks=chunks: Result(chunks))) as server:
            ask(server, GET)
    assert closed == [True, True]


# What the application gets


def environ_of(request_text, **options):
    seen = []

    def application(environ, start_response):
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application, **options) as server:
        assert ask(server, request_text).code == 200
        seen[0]["port"] = str(server.server_port)
    return seen[0]


def test_environ():
    environ = environ_of(
        "GET /a%20b%2Fc%zz?x=%20y HTTP/1.1\r\nHost: h:1\r\nX-One: 1\r\nx-ONE: 2\r\nCookie: a\r\nCookie: b\r\n"
        "X_Under: no\r\nContent-Type: t/x\r\nContent-Length: 0\r\nX-Latin: caf\xe9\r\n\r\n"
    )
    assert type(environ) is dict
    expected = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/c%zz",
        "QUERY_STRING": "x=%20y",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_PORT": environ["port"],
        "SERVER_SOFTWARE": "gevent/20.0 Python/{}.{}".format(*sys.version_info),
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "h:1",
        "HTTP_X_ONE": "1,2",
        "HTTP_COOKIE": "a; b",
        "HTTP_X_LATIN": "caf\xe9",
        "CONTENT_TYPE": "t/x",
        "CONTENT_LENGTH": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    assert {key: environ.get(key) for key in expected} == expected
    assert environ["REMOTE_PORT"].isdigit()
    assert isinstance(environ["SERVER_NAME"], str)
    assert not [key for key in environ if "UNDER" in key or key in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH")]


def test_every_request_has_its_own_environ():
    seen = []

    def application(environ, start_response):
        seen.append(environ)
        environ["mine"] = environ.get("mine", 0) + 1
        return hello(environ, start_response)

    with serving(application) as server, client(server) as connection:
        for _ in range(2):
            connection.send(GET)
            connection.answer()
    assert seen[0] is not seen[1] and seen[1]["mine"] == 1


def test_environ_of_the_server():
    environ = environ_of(GET, environ={"my.key": 1, "wsgi.errors": sys.stdout, "SERVER_NAME": "me"})
    assert (environ["my.key"], environ["wsgi.errors"], environ["SERVER_NAME"]) == (1, sys.stdout, "me")


def test_environ_class():
    class Server(WSGIServer):
        environ_class = pywsgi.WSGISecureEnviron

    seen = []

    def application(environ, start_response):
        seen.append(environ)
        return hello(environ, start_response)

    with Server(("127.0.0.1", 0), application, log=None) as server:
        ask(server, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: secret\r\n\r\n")
    assert type(seen[0]) is pywsgi.WSGISecureEnviron
    assert "secret" not in repr(seen[0]) and "'HTTP_HOST': 'a'" in repr(seen[0])


def test_secure_environ_shows_what_it_is_told_to():
    environ = pywsgi.SecureEnviron(a=1, b=2)
    assert repr(environ).startswith("<pywsgi.SecureEnviron dict (keys: 2) at ")
    environ.whitelist_keys = ("a",)
    assert str(environ) == "{'a': 1, 'b': '<MASKED>'}"
    environ.print_masked_keys = False
    assert str(environ) == "{'a': 1, (hidden keys: 1)}"
    environ.secure_repr = False
    assert str(environ) == "{'a': 1, 'b': 2}"
    assert type(environ.copy()) is pywsgi.SecureEnviron


# wsgi.input


def body_of(request_text, read):
    seen = []

    def application(environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            seen.append(read(environ["wsgi.input"]))
        return hello(environ, start_response)

    with serving(application) as server, client(server) as connection:
        connection.send(request_text + GET)
        assert connection.answer().body == connection.answer().body == b"hello"
    return seen[0]


LENGTH = "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\nab\ncd\n\nefghi"
CHUNKED = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n5\r\nb\ncd\n\r\n6\r\n\nefghi\r\n0\r\n\r\n"


@pytest.mark.parametrize("request_text", [LENGTH, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda i: i.read(), b"ab\ncd\n\nefghi"),
        (lambda i: i.read(-1), b"ab\ncd\n\nefghi"),
        (lambda i: [i.read(5), i.read(0), i.read(100), i.read(), i.read(1)], [b"ab\ncd", b"", b"\n\nefghi", b"", b""]),
        (lambda i: [i.readline(), i.readline(1), i.readline(), i.read()], [b"ab\n", b"c", b"d\n", b"\nefghi"]),
        (lambda i: i.readlines(), [b"ab\n", b"cd\n", b"\n", b"efghi"]),
        (lambda i: list(i), [b"ab\n", b"cd\n", b"\n", b"efghi"]),
        (lambda i: [next(i), i.next(), i.position], [b"ab\n", b"cd\n", 6]),
        (lambda i: None, None),
    ],
)
def test_input(request_text, read, expected):
    assert body_of(request_text, read) == expected


def test_input_waits_for_the_client():
    with serving(echo) as server, client(server) as connection:
        connection.send("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n")
        for byte in b"abcd":
            sleep(0)
            connection.send(bytes([byte]))
        assert connection.answer().body == b"abcd"


def test_input_of_a_request_without_a_body_is_empty():
    assert body_of("POST / HTTP/1.1\r\n\r\n", lambda i: i.read()) == b""


def test_continue_is_sent_when_the_application_reads():
    with serving(echo) as server, client(server) as connection:
        connection.send("PUT / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert connection.answer().line == "HTTP/1.1 100 Continue"
        connection.send("ok")
        assert connection.answer().body == b"ok"


def test_continue_is_not_sent_to_a_client_that_is_refused():
    with serving(answering("417 No", [], [b"no"])) as server, client(server) as connection:
        connection.send("PUT / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert connection.answer().code == 417
        assert connection.rest() == b""


def test_input_over_a_file():
    body = pywsgi.Input(BytesIO(b"12345"), content_length=4)
    assert [body.read(1), body.readline(), body.read()] == [b"1", b"234", b""]
    with pytest.raises(OSError):
        pywsgi.Input(BytesIO(b"1"), content_length=2).read()


# Logs


def test_log_line():
    log = StringIO()
    with serving(hello, log=log) as server:
        ask(server, "GET /a?b=c HTTP/1.1\r\n\r\n")
    client_, _, _, day, time, *request, code, length, seconds = log.getvalue().split()
    assert (client_, request, code) == ("127.0.0.1", ['"GET', "/a?b=c", 'HTTP/1.1"'], "200")
    assert day[0] == "[" and time[-1] == "]" and int(length) > len("hello") and float(seconds) < 10
    assert log.getvalue().count("\n") == 1


def test_a_logger_is_a_log():
    lines = []

    class Logger:
        def log(self, level, message):
            lines.append((level, message))

        extra = 1

    with serving(hello, log=Logger(), error_log=Logger()) as server:
        assert server.log.extra == 1
        ask(server, GET)
        ask(server, "nonsense\r\n")
    assert [level for level, _ in lines] == [logging.INFO, logging.ERROR, logging.INFO]
    assert '"GET / HTTP/1.1" 200' in lines[0][1] and not lines[0][1].endswith("\n")


def test_a_unix_socket(tmp_path):
    seen, log = [], StringIO()

    def application(environ, start_response):
        seen.append(environ)
        return hello(environ, start_response)

    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with WSGIServer(listener, application, log=log), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
            with connection.makefile("rb") as file:
                assert file.read().endswith(b"\r\n\r\nhello")
    assert "REMOTE_ADDR" not in seen[0] and seen[0]["SERVER_NAME"] == seen[0]["SERVER_PORT"] == ""
    assert log.getvalue().startswith("- - - [")


def test_arguments():
    with pytest.raises(NotImplementedError):
        WSGIServer(("127.0.0.1", 0), hello, keyfile="k", certfile="c")
    with pytest.warns(DeprecationWarning):
        WSGIServer(("127.0.0.1", 0), hello, handle=hello)
