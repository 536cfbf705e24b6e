"""Sockets for any test that asks for them."""

import pytest

from verdigris import socket


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def connection(listener):
    client = socket.create_connection(listener.getsockname())
    served, _ = listener.accept()
    with client, served:
        yield client, served
