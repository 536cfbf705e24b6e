"""The chat room as a process of its own, and a client that talks to it with the standard library only."""

import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

PROGRAM = Path(__file__).parents[2] / "examples" / "chat" / "server.py"
SECONDS_TO_END = 10


class ChatProcess:
    """A context manager: a running chat room, at `url`. It is ended by Ctrl-C, and must then end well.

    Args:
        port: where it listens; 0: where there is room, which is then found in `port`.
    """

    def __init__(self, port: int = 0):
        self.port = port

    def __enter__(self) -> "ChatProcess":
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        first_line = self._process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:(\d+)/", first_line)
        if not address:
            self._process.kill()
            raise AssertionError(first_line + self._process.communicate()[1])
        self.url = address[0]
        self.port = int(address[1])
        self._clients: list[Client] = []
        return self

    def __exit__(self, *_error) -> None:
        for client in self._clients:
            client.close()
        if self._process.poll() is None:
            self.interrupt()

    def client(self, name: str | None = None) -> "Client":
        """A new client, known by `name` if one is given."""
        client = Client(self.port, name)
        self._clients.append(client)
        return client

    def interrupt(self) -> tuple[str, str]:
        """Press Ctrl-C; returns what the program wrote to stdout and stderr on its way out."""
        self._process.send_signal(signal.SIGINT)
        try:
            out, err = self._process.communicate(timeout=SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        assert (self._process.returncode, err) == (0, "")
        return out, err


class Client:
    """One user: calls the API over a connection that it keeps."""

    def __init__(self, port: int, name: str | None):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
        self._headers = {"Content-Type": "application/json"}
        self.name = name
        if name is not None:
            status, user = self.call("POST", "/api/users", {"name": name})
            assert status == 201, user
            self._headers["Authorization"] = f"Bearer {user['token']}"

    def call(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        """One request; returns status and JSON."""
        self.send(method, path, body)
        return self.answer()

    def send(self, method: str, path: str, body: object = None) -> None:
        """The first half of `call`: returns when the request is on its way."""
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, path, sent, self._headers)

    def answer(self) -> tuple[int, dict]:
        """The second half of `call`."""
        answer = self._connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else {}

    def join(self, room: str) -> None:
        assert self.call("POST", "/api/rooms", {"name": room})[0] == 201
        assert self.call("POST", f"/api/rooms/{quote(room)}/members")[0] == 200

    def post(self, room: str, text: str, key: str = "") -> tuple[int, dict]:
        return self.call("POST", f"/api/rooms/{quote(room)}/messages", {"text": text, "key": key})

    def news(self, room: str, cursor: str = "") -> tuple[int, dict]:
        return self.call("GET", news_path(room, cursor))

    def close(self) -> None:
        self._connection.close()


def news_path(room: str, cursor: str) -> str:
    return f"/api/rooms/{quote(room)}/news?{urlencode({'after': cursor})}"
