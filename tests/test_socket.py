"""`verdigris.socket`: real sockets on the loopback, at ports of the system's choice."""

import errno
import gc
import io
import os
import pickle
import socket as standard
import weakref

import pytest

import verdigris
from verdigris import socket
from waiting import BIG, receive_all, run_until_parked, started


class TestMessages:
    def test_what_is_sent_is_received(self, connection):
        client, served = connection
        client.sendall(b"to you")
        assert served.recv(100) == b"to you"
        assert served.send(memoryview(b"and back")) == 8
        assert client.recv(3) == b"and"
        assert client.recv(100) == b" back"

    def test_recv_waits_and_others_run(self, pair):
        left, right = pair
        reader = verdigris.spawn(right.recv, 10)
        run_until_parked(reader)
        left.sendall(b"late")
        assert reader.get() == b"late"

    @pytest.mark.parametrize("length", [1, 64, 8191, 8192, 30000, 65536])
    def test_every_length_arrives_whole_after_every_other(self, pair, length):
        left, right = pair
        for size in (length, 1, length):
            data = os.urandom(size)
            left.sendall(data)
            got = b""
            while len(got) < size:
                got += right.recv(1 << 17)
            assert got == data and hash(got) == hash(data)

    def test_more_than_the_buffers_hold(self, connection):
        client, served = connection
        data = os.urandom(1 << 16) * (BIG >> 16)

        def send():
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        sender = verdigris.spawn(send)
        assert receive_all(served) == data
        sender.get()

    def test_recv_into_a_part(self, pair):
        left, right = pair
        buffer = bytearray(b"........")
        left.sendall(b"abcdef")
        assert right.recv_into(buffer, 2) == 2
        assert right.recv_into(memoryview(buffer)[4:]) == 4
        assert buffer == b"ab..cdef"

    @pytest.mark.parametrize("timeout", [None, 0.01, 0])
    def test_no_bytes_are_there_at_once(self, pair, timeout):
        left, right = pair
        right.settimeout(timeout)
        for _ in range(2):
            received, into = started(right.recv, 0), started(right.recv_into, bytearray())
            assert (received.value, into.value) == (b"", 0)
            left.sendall(b"x")
        right.close()
        for operation in (lambda: right.recv(0), lambda: right.recv_into(bytearray())):
            with pytest.raises(OSError) as caught:
                operation()
            assert caught.value.errno == errno.EBADF

    def test_recvfrom_waits_even_for_no_bytes(self, pair):
        left, right = pair
        reader = verdigris.spawn(right.recvfrom, 0)
        run_until_parked(reader)
        left.sendall(b"x")
        assert reader.get()[0] == b""
        assert right.recv(1) == b"x"

    def test_recv_into_where_not_bytes(self, pair):
        left, right = pair
        left.sendall(b"xxxx")
        with pytest.raises(TypeError):
            right.recv_into(b"read-only")
        with pytest.raises(ValueError, match="too small"):
            right.recv_into(bytearray(2), 3)
        with pytest.raises(ValueError, match="negative"):
            right.recv_into(bytearray(2), -1)
        with pytest.raises(ValueError, match="negative"):
            right.recv(-1)
        assert right.recv(9) == b"xxxx"

    @pytest.mark.parametrize("method", ["send", "sendall"])
    def test_only_bytes_are_sent(self, pair, method):
        with pytest.raises(TypeError, match="bytes-like"):
            getattr(pair[0], method)("text")

    def test_a_buffer_that_is_being_sent_cannot_be_resized(self, connection):
        client, served = connection
        data = bytearray(BIG)
        sender = verdigris.spawn(client.sendall, data)
        run_until_parked(sender)
        with pytest.raises(BufferError):
            data.append(1)
        received = verdigris.spawn(receive_all, served)
        sender.get()
        client.close()
        data.append(1)
        assert len(received.get()) == BIG

    def test_peek_leaves_it_there(self, pair):
        left, right = pair
        left.sendall(b"abc")
        assert right.recv(2, socket.MSG_PEEK) == b"ab"
        assert right.recv(9) == b"abc"

    def test_send_of_nothing(self, pair):
        pair[0].sendall(b"")
        assert pair[0].send(b"") == 0

    def test_datagrams(self):
        with socket.socket(type=socket.SOCK_DGRAM) as here, socket.socket(type=socket.SOCK_DGRAM) as there:
            here.bind(("127.0.0.1", 0))
            there.bind(("127.0.0.1", 0))
            reader = verdigris.spawn(here.recvfrom, 100)
            run_until_parked(reader)
            assert there.sendto(b"one", here.getsockname()) == 3
            assert reader.get() == (b"one", there.getsockname())
            there.connect(here.getsockname())
            there.sendmsg([b"tw", b"o"])
            buffer = bytearray(10)
            assert here.recvfrom_into(buffer) == (3, there.getsockname())
            assert buffer[:3] == b"two"

    def test_descriptors_are_passed(self, pair):
        left, right = pair
        with open(os.devnull) as file:
            reader = verdigris.spawn(standard.recv_fds, right, 10, 1)
            run_until_parked(reader)
            standard.send_fds(left, [b"fd"], [file.fileno()])
            data, (received,), _, _ = reader.get()
            assert data == b"fd" and os.path.samestat(os.fstat(received), os.fstat(file.fileno()))
            os.close(received)


class TestConnecting:
    def test_accept_waits(self, listener):
        accepting = verdigris.spawn(listener.accept)
        run_until_parked(accepting)
        with socket.create_connection(listener.getsockname()) as client:
            served, address = accepting.get()
            with served:
                assert address == client.getsockname() == served.getpeername()
                assert type(served) is socket.socket

    def test_a_listener_of_a_subclass_accepts_plain_sockets(self):
        class Special(socket.socket):
            def __init__(self, name):
                super().__init__(socket.AF_INET, socket.SOCK_STREAM)
                self.name = name

        with Special("x") as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            with socket.create_connection(listener.getsockname()) as client:
                served, _ = listener.accept()
                served.close()
                assert client.recv(1) == b""

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_connect_by_number_and_by_name(self, listener, host):
        with socket.socket() as client:
            client.connect((host, listener.getsockname()[1]))
            assert client.getpeername() == listener.getsockname()

    def test_ipv6(self):
        try:
            listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            pytest.skip("this machine has no IPv6")
        with listener, socket.socket(socket.AF_INET6) as client:
            client.connect(listener.getsockname()[:2])
            served, address = listener.accept()
            with served:
                assert address == client.getsockname() and len(address) == 4

    def test_unix(self, tmp_path):
        path = str(tmp_path / "listener")
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
            listener.bind(path)
            listener.listen()
            client.connect(path)
            served, address = listener.accept()
            with served:
                assert address == "" and served.getsockname() == path

    def test_unix_waits_for_room_in_the_queue(self, tmp_path):
        path = str(tmp_path / "listener")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(0)
            clients = [socket.socket(socket.AF_UNIX) for _ in range(4)]
            connecting = [verdigris.spawn(client.connect, path) for client in clients]
            for _ in clients:
                listener.accept()[0].close()
            verdigris.joinall(connecting, raise_error=True)
            for client in clients:
                assert client.recv(1) == b""
                client.close()

    def test_nobody_listens(self, listener):
        address = listener.getsockname()
        listener.close()
        with socket.socket() as client:
            assert client.connect_ex(address) == errno.ECONNREFUSED
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        with pytest.raises(ExceptionGroup) as caught:
            socket.create_connection(address, all_errors=True)
        assert [type(error) for error in caught.value.exceptions] == [ConnectionRefusedError]

    @pytest.mark.parametrize(
        ("address", "error"),
        [
            ("127.0.0.1", TypeError),
            (("127.0.0.1",), TypeError),
            ((1, 1), TypeError),
            (("127.0.0.1", "http"), TypeError),
            (("127.0.0.1", 1 << 16), OverflowError),
        ],
    )
    def test_malformed_addresses(self, address, error):
        with socket.socket() as client:
            with pytest.raises(error):
                client.connect(address)
            with pytest.raises(error):
                client.connect_ex(address)

    def test_source_address(self, listener):
        with socket.create_connection(listener.getsockname(), source_address=("127.0.0.2", 0)) as client:
            assert client.getsockname()[0] == "127.0.0.2"

    def test_fallback_socketpair(self):
        left, right = socket._fallback_socketpair()
        with left, right:
            left.sendall(b"x")
            assert right.recv(1) == b"x"
        with pytest.raises(ValueError):
            socket._fallback_socketpair(socket.AF_UNIX)

    def test_ten_at_once_do_not_wait_for_one_another(self, listener):
        def serve():
            for _ in range(10):
                verdigris.spawn(echo, listener.accept()[0])

        def echo(sock):
            with sock:
                sock.sendall(receive_all(sock))

        def ask(number):
            with socket.create_connection(listener.getsockname()) as client:
                client.sendall(b"%d" % number)
                client.shutdown(socket.SHUT_WR)
                return receive_all(client)

        server = verdigris.spawn(serve)
        with socket.create_connection(listener.getsockname()):  # stalls, and harms nobody
            asking = [verdigris.spawn(ask, number) for number in range(9)]
            verdigris.joinall(asking, raise_error=True)
        assert [one.value for one in asking] == [b"%d" % number for number in range(9)]
        server.get()

    def test_a_peer_that_resets(self, connection):
        client, served = connection
        reader = verdigris.spawn(served.recv, 1)
        run_until_parked(reader)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        with pytest.raises(ConnectionResetError):
            reader.get()

    def test_a_peer_that_is_gone_does_not_raise_sigpipe(self, pair):
        left, right = pair
        right.close()
        with pytest.raises(BrokenPipeError):
            left.sendall(b"x")


class TestLife:
    def test_closed(self, pair):
        sock = pair[0]
        sock.close()
        sock.close()
        assert sock.closed and sock.fileno() == -1 and "[closed]" in repr(sock)
        for operation in (
            lambda: sock.recv(1),
            lambda: sock.sendall(b"x"),
            lambda: sock.recvfrom(1),
            sock.accept,
            sock.getsockname,
        ):
            with pytest.raises(OSError) as caught:
                operation()
            assert caught.value.errno == errno.EBADF

    def test_close_tells_that_the_descriptor_was_gone(self, pair):
        os.close(pair[0].fileno())
        with pytest.raises(OSError) as caught:
            pair[0].close()
        assert caught.value.errno == errno.EBADF

    def test_detach(self, pair):
        left, right = pair
        fd = right.detach()
        assert right.fileno() == -1 and right.closed
        with socket.socket(fileno=fd) as again:
            assert (again.family, again.type, again.proto) == (socket.AF_UNIX, socket.SOCK_STREAM, 0)
            left.sendall(b"x")
            assert again.recv(1) == b"x"

    def test_dup_and_fromfd(self, pair):
        left, right = pair
        right.settimeout(3)
        with right.dup() as again, socket.fromfd(right.fileno(), right.family, right.type) as third:
            assert again.timeout == 3 and type(again) is socket.socket
            right.close()
            left.sendall(b"xy")
            assert again.recv(1) + third.recv(1) == b"xy"

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"fileno": -1}, ValueError),
            ({"fileno": 1.5}, TypeError),
            ({"fileno": "x"}, TypeError),
            ({"fileno": 1 << 20}, OSError),
            ({"family": "x"}, TypeError),
            ({"family": -5}, OSError),
            ({"type": 77}, OSError),
        ],
    )
    def test_what_is_no_socket(self, arguments, error):
        with pytest.raises(error):
            socket.socket(**arguments)

    def test_a_file_is_no_socket_and_stays_open(self):
        with open(os.devnull) as file:
            with pytest.raises(OSError) as caught:
                socket.socket(fileno=file.fileno())
            assert caught.value.errno == errno.ENOTSOCK
            os.fstat(file.fileno())

    def test_unclosed_warns_and_closes(self):
        sock = socket.socket()
        fd = sock.fileno()
        with pytest.warns(ResourceWarning, match=f"unclosed .*fd={fd}"):
            del sock
            gc.collect()
        with pytest.raises(OSError):
            os.fstat(fd)

    def test_is_not_pickled(self, pair):
        with pytest.raises(TypeError, match="socket"):
            pickle.dumps(pair[0])

    def test_weak_references(self):
        sock = socket.socket()
        reference = weakref.ref(sock)
        sock.close()
        del sock
        assert reference() is None

    def test_repr_names_class_and_ends(self, connection):
        text = repr(connection[0])
        assert text.startswith("<verdigris.socket.socket fd=")
        assert f"raddr={connection[1].getsockname()}" in text

    def test_inheritable(self, pair):
        assert not pair[0].get_inheritable()
        pair[0].set_inheritable(True)
        assert pair[0].get_inheritable()


class TestFiles:
    def test_lines(self, connection):
        client, served = connection
        with served.makefile("rw", encoding="utf-8", newline="\n") as file:
            client.sendall(b"erste\nzw")
            assert file.readline() == "erste\n"
            second = verdigris.spawn(file.readline)
            run_until_parked(second)
            client.sendall(b"eite\n")
            assert second.get() == "zweite\n"
            file.write("ja\n")
            file.flush()
            assert client.recv(10) == b"ja\n"

    def test_the_descriptor_lives_as_long_as_its_files(self, connection):
        client, served = connection
        file = client.makefile("rb")
        client.close()
        assert client.closed and client.fileno() != -1
        served.sendall(b"x")
        assert file.read(1) == b"x"
        file.close()
        assert client.fileno() == -1
        assert served.recv(1) == b""

    def test_modes(self, pair):
        with pytest.raises(ValueError):
            pair[0].makefile("a")
        with pytest.raises(ValueError):
            pair[0].makefile("r", buffering=0)

    def test_sendfile(self, connection, tmp_path):
        client, served = connection
        data = os.urandom(1 << 16) * 64
        path = tmp_path / "data"
        path.write_bytes(data)
        with open(path, "rb") as file:

            def send():
                with client:
                    return client.sendfile(file, 5), file.tell()

            sender = verdigris.spawn(send)
            assert receive_all(served) == data[5:]
            assert sender.get() == (len(data) - 5, len(data))

    def test_sendfile_of_what_is_no_file(self, pair):
        assert pair[0].sendfile(io.BytesIO(b"in memory"), 3, 4) == 4
        assert pair[1].recv(100) == b"memo"


class TestNames:
    def test_numbers_are_not_looked_up(self, monkeypatch):
        class Refuses:
            def __getattr__(self, name):
                raise AssertionError(name)

        monkeypatch.setattr(verdigris.get_hub(), "resolver", Refuses(), raising=False)
        assert socket.getaddrinfo("127.0.0.1", 80, 0, socket.SOCK_STREAM) == [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))
        ]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            socket.create_connection(listener.getsockname()).close()

    def test_localhost(self):
        assert socket.gethostbyname("localhost") == "127.0.0.1"
        assert ("127.0.0.1", 80) in [place for *_, place in socket.getaddrinfo("localhost", 80)]
        assert socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV) == (
            "127.0.0.1",
            "80",
        )

    def test_no_such_host(self):
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("no.such.host.invalid", 80)

    def test_results_are_enumerations(self):
        family, kind, *_ = socket.getaddrinfo("::1", 1)[0]
        assert family is socket.AddressFamily.AF_INET6 and kind is socket.SocketKind.SOCK_STREAM


class TestModule:
    def test_all_names_of_the_standard_module(self):
        assert set(standard.__all__) <= set(socket.__all__)
        assert all(hasattr(socket, name) for name in socket.__all__)

    def test_what_is_ours_and_what_is_not(self):
        for name in socket.__implements__:
            assert getattr(socket, name) is not getattr(standard, name, None)
        for name in socket.__imports__:
            assert getattr(socket, name) is getattr(standard, name)
        assert not any(hasattr(standard, name) for name in socket.__extensions__)

    def test_every_method_of_the_standard_class(self):
        missing = {name for name in dir(standard.socket) if not hasattr(socket.socket, name)}
        assert missing <= {"__del__", "__weakref__", "_accept", "_sendfile_zerocopy", "sendmsg_afalg"}


def test_a_host_may_be_bytes():
    with socket.socket(type=socket.SOCK_DGRAM) as there, socket.socket(type=socket.SOCK_DGRAM) as here:
        there.bind(("127.0.0.1", 0))
        here.sendto(b"datagram", (b"127.0.0.1", there.getsockname()[1]))
        assert there.recv(100) == b"datagram"


def test_sendall_takes_its_flags_by_name(pair):
    pair[0].sendall(b"x", flags=0)
    assert pair[1].recv(1) == b"x"
