"""Servers: how they listen, accept, hand clients out, and end."""

import contextlib
import errno
import resource
import socket as native

import pytest

import verdigris
from verdigris import select, socket
from verdigris._listener import parse_address
from verdigris.event import Event
from verdigris.pool import Pool
from verdigris.server import DatagramServer, StreamServer


def echo(client, address):
    while data := client.recv(1000):
        client.sendall(data)


@pytest.fixture
def serve():
    """Start StreamServers on a free port; they are stopped at the end."""
    servers = []

    def start(handle=echo, **arguments):
        server = StreamServer(("127.0.0.1", 0), handle, **arguments)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop(timeout=0)


@pytest.fixture
def connect():
    """Connect to servers; the connections are closed at the end."""
    clients = []

    def to(server):
        client = socket.create_connection((server.server_host, server.server_port))
        clients.append(client)
        client.settimeout(10)
        return client

    yield to
    for client in clients:
        client.close()


def test_clients_are_served_side_by_side(serve, connect):
    server = serve()
    clients = [connect(server) for _ in range(5)]
    for number, client in reversed(list(enumerate(clients))):
        client.sendall(str(number).encode())
        assert client.recv(10) == str(number).encode()
        client.close()


@pytest.mark.parametrize(
    "listener, expected",
    [
        (("127.0.0.1", 80), (native.AF_INET, ("127.0.0.1", 80))),
        (("", 80), (native.AF_INET6, ("", 80))),
        (("::1", 80), (native.AF_INET6, ("::1", 80))),
        (80, (native.AF_INET6, ("", 80))),
        ("80", (native.AF_INET6, ("", 80))),
        (":80", (native.AF_INET, ("", 80))),
        ("*:80", (native.AF_INET, ("", 80))),
        ("localhost:80", (native.AF_INET, ("localhost", 80))),
        ("[::1]:80", (native.AF_INET6, ("::1", 80))),
    ],
)
def test_addresses(listener, expected):
    assert parse_address(listener) == expected


def test_addresses_that_are_none():
    for listener in ("localhost:http", "localhost:", ""):
        with pytest.raises(ValueError, match="port"):
            parse_address(listener)
    with pytest.raises(TypeError):
        StreamServer(1.5, echo)


def test_a_listening_socket_may_be_given(connect):
    listener = native.create_server(("127.0.0.1", 0))
    with StreamServer(listener, echo) as server:
        assert server.server_port == listener.getsockname()[1]
        client = connect(server)
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    assert listener.fileno() == -1


def test_backlog_is_for_addresses_only():
    with native.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(TypeError):
            StreamServer(listener, echo, backlog=5)


def test_a_handler_is_needed():
    with pytest.raises(TypeError, match="handle"):
        StreamServer(("127.0.0.1", 0))


def test_tls_is_refused_by_name():
    with pytest.raises(NotImplementedError, match="certfile"):
        StreamServer(("127.0.0.1", 0), echo, certfile="x")


def test_handle_may_be_a_method(connect):
    class Greeter(StreamServer):
        def handle(self, client, address):
            client.sendall(b"hello")

    with Greeter(("127.0.0.1", 0)) as server:
        assert connect(server).recv(10) == b"hello"


def test_an_error_in_a_handler_closes_its_connection_only(serve, capfd, connect):
    def fail_on_x(client, address):
        if client.recv(1) == b"x":
            raise KeyError("planted")
        client.sendall(b"fine")

    server = serve(fail_on_x)
    bad, good = connect(server), connect(server)
    bad.sendall(b"x")
    assert bad.recv(10) == b""
    good.sendall(b"y")
    assert good.recv(10) == b"fine"
    assert "planted" in capfd.readouterr().err


def test_a_pool_bounds_how_many_are_served(serve, connect):
    served, release = [], Event()

    def handle(client, address):
        served.append(client)
        release.wait()
        client.sendall(b"done")

    server = serve(handle, spawn=1)
    clients = [connect(server) for _ in range(3)]
    while not served:
        verdigris.sleep(0)
    for _ in range(20):
        verdigris.sleep(0)
    assert len(served) == 1 and server.full() and server.pool.full()
    release.set()
    assert [client.recv(10) for client in clients] == [b"done"] * 3


def test_ways_to_spawn(serve, connect):
    greenlets = []

    def handle(client, address):
        greenlets.append(verdigris.getcurrent())
        client.send(b"x")

    for spawn in ("default", 3, Pool(1), verdigris.spawn_raw, None):
        assert connect(serve(handle, spawn=spawn)).recv(1) == b"x"
    kinds = [type(greenlet) for greenlet in greenlets]
    assert kinds[:3] == [verdigris.Greenlet] * 3
    assert kinds[3] is not verdigris.Greenlet
    assert greenlets[4] is verdigris.get_hub()
    with pytest.raises(TypeError):
        StreamServer(("127.0.0.1", 0), handle, spawn="sometimes")


def test_stop_and_its_effects(serve):
    server = serve()
    assert server.started and not server.closed
    port = server.server_port
    server.stop()
    assert server.closed and not server.started
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    server.stop()
    server.close()


def test_stop_waits_for_the_pool_then_kills(serve, connect):
    ended = []

    def handle(client, address):
        try:
            Event().wait()
        finally:
            ended.append(True)

    server = serve(handle, spawn=Pool(5))
    connect(server)
    while not len(server.pool):
        verdigris.sleep(0)
    verdigris.sleep(0)
    server.stop(timeout=0.001)
    assert ended == [True] and len(server.pool) == 0


def test_serve_forever_ends_when_stopped():
    server = StreamServer(("127.0.0.1", 0), echo)
    forever = verdigris.spawn(server.serve_forever)
    while not server.started:
        verdigris.sleep(0)
    server.stop()
    forever.get(timeout=10)


def test_an_address_in_use_is_named():
    with native.create_server(("127.0.0.1", 0)) as other:
        server = StreamServer(other.getsockname(), echo)
        server.reuse_addr = None
        with pytest.raises(OSError, match=str(other.getsockname()[1])) as caught:
            server.start()
        assert caught.value.errno == errno.EADDRINUSE
        assert not server.started


def test_out_of_descriptors_it_pauses_and_resumes(serve, capfd):
    server = serve()
    server.min_delay = server.delay = 0.001
    client = native.socket()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open("/dev/null") as probe:
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe.fileno(), hard))
    try:
        client.connect((server.server_host, server.server_port))
        while server._timer is None:
            verdigris.sleep(0)
        accepts = count_calls(server, "do_read")
        verdigris.sleep(0.01)
        assert len(accepts) < 10
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with client:
        client.sendall(b"late")
        assert select.select([client], [], [], 10)[0]
        assert client.recv(10) == b"late"
    assert capfd.readouterr().err.count("WARNING") == 1


def count_calls(target, name):
    calls, original = [], getattr(target, name)

    def counted(*arguments):
        calls.append(arguments)
        return original(*arguments)

    setattr(target, name, counted)
    return calls


def test_a_fatal_error_of_the_listener_ends_the_server(serve, capfd, connect):
    server = serve()

    def broken():
        raise OSError(errno.EBADF, "planted")

    server.do_read = broken
    with contextlib.suppress(ConnectionError):
        connect(server)
    while server.started:
        verdigris.sleep(0)
    assert server.closed
    assert "failed with [Errno 9] planted" in capfd.readouterr().err


def test_datagrams():
    class Shout(DatagramServer):
        def handle(self, data, address):
            self.sendto(data.upper(), address)

    server = Shout(("127.0.0.1", 0))
    server.start()
    client = socket.socket(type=native.SOCK_DGRAM)
    client.settimeout(10)
    for word in (b"one", b"two"):
        client.sendto(word, (server.server_host, server.server_port))
        assert client.recv(10) == word.upper()
    server.stop()
    client.close()
