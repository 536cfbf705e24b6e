"""Waiting for sockets: timeouts, several greenlets at one socket, bare descriptors."""

import errno
import socket as standard
import threading

import pytest

import verdigris
from verdigris import select, socket
from verdigris.event import AsyncResult
from verdigris.exceptions import ConcurrentObjectUseError, InvalidThreadUseError, LoopExit
from verdigris.socket import cancel_wait_ex
from waiting import BIG, run_until_parked


class TestTimeouts:
    def test_recv(self, pair):
        pair[0].settimeout(0.01)
        with pytest.raises(TimeoutError, match="timed out") as caught:
            pair[0].recv(1)
        assert type(caught.value) is socket.timeout

    def test_accept(self, listener):
        listener.settimeout(0.01)
        with pytest.raises(TimeoutError):
            listener.accept()

    def test_sendall_as_a_whole(self, pair):
        pair[0].settimeout(0.01)
        with pytest.raises(TimeoutError):
            pair[0].sendall(bytes(BIG))

    def test_send_with_its_own(self, pair):
        pair[0].setblocking(False)
        with pytest.raises(BlockingIOError):
            pair[0].sendall(bytes(BIG))
        pair[0].settimeout(None)
        with pytest.raises(TimeoutError):
            pair[0].send(b"x", timeout=0.01)
        assert pair[0].gettimeout() is None

    def test_datagrams(self):
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(0.01)
            with pytest.raises(TimeoutError):
                sock.recvfrom(1)

    def test_the_socket_is_usable_afterwards(self, pair):
        left, right = pair
        right.settimeout(0.01)
        with pytest.raises(TimeoutError):
            right.recv(1)
        right.settimeout(None)
        left.sendall(b"x")
        assert right.recv(1) == b"x"

    def test_a_gevent_timeout_ends_the_wait(self, pair):
        with pytest.raises(verdigris.Timeout), verdigris.Timeout(0.01):
            pair[0].recv(1)

    def test_nonblocking(self, pair, listener):
        left, _ = pair
        left.setblocking(False)
        assert left.gettimeout() == 0.0 and not left.getblocking()
        for operation in (lambda: left.recv(1), lambda: left.recv_into(bytearray(1)), lambda: left.recvfrom(1)):
            with pytest.raises(BlockingIOError):
                operation()
        with socket.socket() as client:
            client.settimeout(0)
            assert client.connect_ex(listener.getsockname()) == errno.EINPROGRESS
        listener.settimeout(0)
        left.setblocking(True)
        assert left.gettimeout() is None and left.getblocking()

    def test_dontwait(self, pair):
        with pytest.raises(BlockingIOError):
            pair[0].recv(1, socket.MSG_DONTWAIT)
        with pytest.raises(BlockingIOError):
            pair[0].recvfrom(1, socket.MSG_DONTWAIT)

    @pytest.mark.parametrize(
        ("value", "error"),
        [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError), (1e300, OverflowError)],
    )
    def test_what_is_no_timeout(self, pair, value, error):
        with pytest.raises(error):
            pair[0].settimeout(value)

    def test_the_default(self):
        standard.setdefaulttimeout(7)
        try:
            with socket.socket() as sock:
                assert sock.timeout == 7.0
        finally:
            standard.setdefaulttimeout(None)


class TestTwoGreenlets:
    def test_one_reads_and_one_writes(self, connection):
        client, served = connection
        writer = verdigris.spawn(client.sendall, bytes(BIG))
        reader = verdigris.spawn(client.recv, 1)
        run_until_parked(reader, writer)
        served.sendall(b"x")
        assert reader.get() == b"x"
        got = 0
        while got < BIG:
            got += len(served.recv(1 << 20))
        writer.get()

    def test_two_may_not_read(self, pair):
        first = verdigris.spawn(pair[0].recv, 1)
        run_until_parked(first)
        with pytest.raises(ConcurrentObjectUseError) as caught:
            pair[0].recv(1)
        assert str(verdigris.getcurrent()) in str(caught.value) or "greenlet" in str(caught.value)
        pair[1].sendall(b"x")
        assert first.get() == b"x"

    def test_close_wakes_who_waits(self, pair):
        reader = verdigris.spawn(pair[0].recv, 1)
        run_until_parked(reader)
        pair[0].close()
        with pytest.raises(cancel_wait_ex) as caught:
            reader.get()
        assert caught.value.errno == errno.EBADF

    def test_a_greenlet_that_is_killed_gives_the_socket_back(self, pair):
        left, right = pair
        reader = verdigris.spawn(right.recv, 1)
        run_until_parked(reader)
        reader.kill()
        left.sendall(b"x")
        assert right.recv(1) == b"x"

    def test_closed_between_readiness_and_running(self, pair):
        """The number may be another file's by then: nothing may be read from it."""
        left, right = pair

        def close_first():
            left.sendall(b"x")
            right.close()

        reader = verdigris.spawn(right.recv, 1)
        closer = verdigris.spawn(close_first)
        closer.get()
        with pytest.raises(OSError) as caught:
            reader.get()
        assert caught.value.errno == errno.EBADF

    def test_another_waits_before_the_woken_one_runs(self, pair):
        """Both are woken by one look at the kernel; the first takes what the second was woken for."""
        left, right = pair
        start, trigger = socket.socketpair()

        def intrude():
            start.recv(1)
            return right.recv(1), right.recv(1)

        with start, trigger:
            intruder = verdigris.spawn(intrude)
            owner = verdigris.spawn(right.recv, 1)
            run_until_parked(intruder, owner)
            trigger.sendall(b"!")
            left.sendall(b"x")
            with pytest.raises(ConcurrentObjectUseError):
                owner.get()
            left.sendall(b"y")
            assert intruder.get() == (b"x", b"y")

    def test_two_threads_may_not_wait_at_once(self, connection):
        client, served = connection
        reader = verdigris.spawn(client.recv, 1)
        run_until_parked(reader)
        errors = []

        def fill():
            try:
                client.sendall(bytes(BIG))
            except InvalidThreadUseError as error:
                errors.append(error)
            served.setblocking(False)
            served.sendall(b"x")

        thread = threading.Thread(target=fill)
        thread.start()
        assert reader.get() == b"x"
        thread.join()
        assert errors

    def test_a_socket_may_move_to_another_thread(self, pair):
        left, right = pair
        echo = verdigris.spawn(right.recv, 1)
        run_until_parked(echo)
        left.sendall(b"x")
        assert echo.get() == b"x"
        got = []
        thread = threading.Thread(target=lambda: got.append(right.recv(1)))
        thread.start()
        left.sendall(b"y")
        thread.join()
        assert got == [b"y"]

    def test_a_reader_whose_thread_has_ended_is_gone(self, pair):
        left, right = pair
        leave_a_reader_in_an_ended_thread(right)
        reader = verdigris.spawn(right.recv, 1)
        run_until_parked(reader)
        left.sendall(b"x")
        assert reader.get() == b"x"

    def test_it_does_not_bind_writers_to_its_thread(self, connection):
        client, served = connection
        leave_a_reader_in_an_ended_thread(client)
        writer = verdigris.spawn(client.sendall, bytes(BIG))
        run_until_parked(writer)
        got = 0
        while got < BIG:
            got += len(served.recv(1 << 20))
        writer.get()


def leave_a_reader_in_an_ended_thread(sock):
    parked = []

    def read():
        reader = verdigris.spawn(sock.recv, 1)
        run_until_parked(reader)
        parked.append(True)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert parked


class TestSendingFirst:
    """After sending, a socket waits for the answer before it asks the kernel."""

    def test_an_answer_that_is_there_already(self, pair):
        left, right = pair
        right.sendall(b"answer")
        left.sendall(b"question")
        assert left.recv(100) == b"answer"

    def test_with_no_time_left(self, pair):
        left, right = pair
        left.settimeout(1e-9)
        right.sendall(b"answer")
        left.sendall(b"question")
        assert left.recv(100) == b"answer"

    def test_nothing_and_what_may_not_wait(self, pair):
        left, right = pair
        left.sendall(b"question")
        with pytest.raises(BlockingIOError):
            left.recv(1, socket.MSG_DONTWAIT)
        left.sendall(b"question")
        left.setblocking(False)
        with pytest.raises(BlockingIOError):
            left.recv(1)

    def test_in_the_hub(self, pair):
        left, right = pair
        right.sendall(b"answer")
        got = AsyncResult()

        def ask():
            left.sendall(b"question")
            got.set(left.recv(100))

        verdigris.get_hub().loop.run_callback(ask)
        assert got.get() == b"answer"


class TestWaiting:
    def test_for_a_descriptor(self, pair):
        left, right = pair
        waiting = verdigris.spawn(socket.wait_read, right.fileno())
        run_until_parked(waiting)
        left.sendall(b"x")
        waiting.get()
        socket.wait_write(left.fileno())
        socket.wait_readwrite(left.fileno())

    def test_timeout(self, pair):
        with pytest.raises(TimeoutError, match="timed out"):
            socket.wait_read(pair[0].fileno(), timeout=0.01)
        with pytest.raises(ZeroDivisionError):
            socket.wait_read(pair[0].fileno(), timeout=0.01, timeout_exc=ZeroDivisionError)

    def test_what_is_no_descriptor(self):
        with pytest.raises(TypeError):
            socket.wait_read("x")
        with pytest.raises(ValueError):
            socket.wait_read(-1)

    def test_cancel(self, pair):
        watcher = verdigris.get_hub().loop.io(pair[0].fileno(), 1)
        waiting = verdigris.spawn(socket.wait, watcher)
        run_until_parked(waiting)
        socket.cancel_wait(watcher)
        with pytest.raises(cancel_wait_ex):
            waiting.get()

    def test_closing_tells_those_who_wait_for_the_number(self, pair):
        number = pair[0].fileno()
        waiting = verdigris.spawn(socket.wait_read, number)
        selecting = verdigris.spawn(select.select, [number], [], [])
        run_until_parked(waiting, selecting)
        pair[0].close()
        waiting.get()
        with pytest.raises(OSError) as caught:
            selecting.get()
        assert caught.value.errno == errno.EBADF

    def test_a_wait_that_does_not_count(self, pair):
        """With nothing else to run, the loop ends although a greenlet waits."""
        sock, _ = pair
        assert sock.ref
        sock.ref = False
        assert not sock.ref
        with pytest.raises(LoopExit):
            sock.recv(1)
