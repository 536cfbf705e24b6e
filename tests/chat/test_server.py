"""The chat room as a running process: its API, many readers at once, and its end."""

import socket
import subprocess
import sys
import threading

import pytest

from .process import PROGRAM, ChatProcess, news_path

READERS = 200
MESSAGES = 10


@pytest.fixture
def chat():
    with ChatProcess() as process:
        yield process


def test_two_talk_and_the_late_comer_sees_the_backlog(chat):
    ada, ben = chat.client("Ada"), chat.client("Ben")
    for user in (ada, ben):
        user.join("garden")
    cursor = ben.news("garden")[1]["cursor"]
    status, sent = ada.post("garden", "Hällo <b>")
    assert status == 201
    status, news = ben.news("garden", cursor)
    assert (status, news["messages"]) == (200, [sent])
    assert (sent["name"], sent["text"]) == ("Ada", "Hällo <b>")
    ben.post("garden", "Hi!")
    cleo = chat.client("Cleo")
    cleo.join("garden")
    news = cleo.news("garden")[1]
    assert [(each["name"], each["text"]) for each in news["messages"]] == [("Ada", "Hällo <b>"), ("Ben", "Hi!")]
    assert news["members"] == ["Ada", "Ben", "Cleo"]
    assert ada.call("DELETE", "/api/users")[0] == 204
    assert cleo.news("garden", news["cursor"])[1]["members"] == ["Ben", "Cleo"]


def test_errors_are_json_with_a_fitting_status(chat):
    ada, nobody = chat.client("Ada"), chat.client()

    def refusal(client, *request):
        status, answer = client.call(*request)
        assert answer["error"]["message"]
        return status, answer["error"]["code"]

    assert refusal(nobody, "GET", "/api/rooms") == (401, "unknown_user")
    assert refusal(nobody, "POST", "/api/users", {"name": "ADA"}) == (409, "name_taken")
    assert refusal(nobody, "POST", "/api/users", {"name": ""}) == (400, "bad_name")
    assert refusal(nobody, "POST", "/api/users", ["Ada"]) == (400, "bad_json")
    assert refusal(nobody, "POST", "/api/users", {"name": "x" * 20_000})[0] in (400, 413)
    assert refusal(ada, "POST", "/api/rooms", {"name": "a/b"}) == (400, "bad_name")
    assert refusal(ada, "POST", "/api/rooms/nowhere/members") == (404, "unknown_room")
    assert refusal(ada, "POST", "/api/rooms/lobby/messages", {"text": "hello"}) == (403, "not_a_member")
    assert refusal(ada, "GET", "/api/rooms/lobby/news") == (403, "not_a_member")
    ada.join("lobby")
    assert refusal(ada, "POST", "/api/rooms/lobby/messages", {"text": " "}) == (400, "bad_text")
    assert refusal(ada, "POST", "/api/rooms/lobby/messages", {"text": "x" * 2001}) == (413, "text_too_long")
    assert refusal(ada, "GET", "/api/rooms/lobby/news?after=1") == (400, "bad_cursor")
    assert refusal(ada, "GET", "/api/nothing")[0] == 404
    assert refusal(ada, "PUT", "/api/rooms")[0] == 405


def test_every_reader_sees_every_message_exactly_once(chat):
    """Two hundred long polls at a time, from plain threads; three people talk without pause."""
    expected = sorted(f"{who} {number}" for who in ("Ada", "Ben", "Cleo") for number in range(MESSAGES))
    talkers = [chat.client(who) for who in ("Ada", "Ben", "Cleo")]
    readers = [chat.client(f"reader {number}") for number in range(READERS)]
    for user in (*talkers, *readers):
        user.join("lobby")
    cursors = [reader.news("lobby")[1]["cursor"] for reader in readers]
    read: list[list[str]] = [[] for _ in readers]

    def follow(index):
        while len(read[index]) < len(expected):
            status, news = readers[index].news("lobby", cursors[index])
            assert (status, news["missed"], news["fresh"]) == (200, False, False)
            cursors[index] = news["cursor"]
            read[index] += [message["text"] for message in news["messages"]]

    def talk(client):
        for number in range(MESSAGES):
            assert client.post("lobby", f"{client.name} {number}")[0] == 201

    threads = [threading.Thread(target=follow, args=(index,), daemon=True) for index in range(READERS)]
    threads += [threading.Thread(target=talk, args=(client,), daemon=True) for client in talkers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=40)
    assert all(sorted(texts) == expected for texts in read), [len(texts) for texts in read]
    assert all(texts == read[0] for texts in read)


def test_ctrl_c_ends_it_while_polls_wait(chat):
    readers = [chat.client(f"reader {number}") for number in range(20)]
    for reader in readers:
        reader.join("lobby")
    cursor = readers[0].news("lobby")[1]["cursor"]
    for reader in readers:
        reader.send("GET", news_path("lobby", cursor))
    # Sent after the polls and answered: so the server has read the polls, and they wait.
    assert chat.client().call("GET", "/api/rooms")[0] == 401
    assert chat.interrupt() == ("\nThe chat room is closed.\n", "")
    for reader in readers:
        status, answer = reader.answer()
        assert (status, answer["error"]["code"]) == (503, "closing")


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, str(PROGRAM), "--port", str(port)], capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Cannot listen on port {port} of 127.0.0.1: Address already in use.")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_bad_port_is_refused(port):
    done = subprocess.run(
        [sys.executable, str(PROGRAM), f"--port={port}"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert "argument --port: invalid" in done.stderr
