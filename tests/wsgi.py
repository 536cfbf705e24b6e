"""A WSGI server for one test, and a client that sends bytes and reads answers."""

from contextlib import contextmanager
from io import StringIO

from verdigris import Timeout, socket
from verdigris.pywsgi import WSGIServer


@contextmanager
def serving(application, **options):
    """A started server. `errors` of what is yielded is its error log."""
    errors = StringIO()
    options = {"log": None, "error_log": errors} | options
    server = WSGIServer(("127.0.0.1", 0), application, **options)
    server.errors = errors
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def client(server):
    """A connection to the server; nothing it does takes long, or the test fails."""
    with Timeout(10), socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        yield Client(connection)


def ask(server, request):
    """The answer to one request on a connection of its own."""
    with client(server) as connection:
        connection.send(request)
        return connection.answer()


class Client:
    def __init__(self, connection):
        self.socket = connection
        self.file = connection.makefile("rb")

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def answer(self, head=False):
        """The next answer; `head` says that it is to HEAD, so that it has no body."""
        line = self.file.readline().decode("latin-1")
        assert line, "no answer"
        answer = Answer(line.strip())
        while (line := self.file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(": ")
            answer.headers.append((name, value))
        if not head and answer.code not in (100, 101, 204, 304):
            self._read_body(answer)
        return answer

    def _read_body(self, answer):
        if answer.header("Transfer-Encoding") == "chunked":
            while size := int(self.file.readline(), 16):
                answer.chunks.append(self.file.read(size))
                assert self.file.readline() == b"\r\n"
            assert self.file.readline() == b"\r\n"
        elif (length := answer.header("Content-Length")) is not None:
            answer.chunks.append(self.file.read(int(length)))
        else:
            answer.chunks.append(self.file.read())

    def rest(self):
        """All that comes until the server closes."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""


class Answer:
    def __init__(self, line):
        self.line = line
        self.code = int(line.split()[1])
        self.headers = []
        self.chunks = []

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, values
        return values[0] if values else None

    @property
    def body(self):
        return b"".join(self.chunks)
