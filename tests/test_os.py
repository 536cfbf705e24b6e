"""Descriptors and children that are waited for in the hub."""

import os as native
import sys

import pytest

import verdigris
from programs import output_of
from verdigris import os


@pytest.fixture
def pipe():
    ends = native.pipe()
    for end in ends:
        os.make_nonblocking(end)
    yield ends
    for end in ends:
        native.close(end)


def test_make_nonblocking_says_whether_it_changed_anything():
    ends = native.pipe()
    assert os.make_nonblocking(ends[0]) is True
    assert os.make_nonblocking(ends[0]) is None
    for end in ends:
        native.close(end)


def test_nb_read_waits_for_data(pipe):
    r, w = pipe
    reading = verdigris.spawn(os.nb_read, r, 10)
    verdigris.sleep(0)
    assert not reading.ready()
    native.write(w, b"data")
    assert reading.get(timeout=10) == b"data"


def test_nb_write_waits_for_room(pipe):
    r, w = pipe
    while True:
        try:
            native.write(w, b"x" * 65536)
        except BlockingIOError:
            break
    writing = verdigris.spawn(os.nb_write, w, b"more")
    verdigris.sleep(0)
    assert not writing.ready()
    while not writing.ready():
        os.nb_read(r, 65536)
        verdigris.sleep(0)
    assert writing.get() == 4


def test_nb_read_at_the_end_and_of_nothing(pipe):
    with pytest.raises(OSError):
        os.nb_read(-1, 1)
    with pytest.raises(OSError):
        os.nb_write(-1, b"")


def test_reading_and_writing_files_in_a_thread(tmp_path):
    with open(tmp_path / "file", "w+b") as file:
        assert os.tp_write(file.fileno(), b"data") == 4
        file.seek(0)
        assert os.tp_read(file.fileno(), 10) == b"data"


def test_waitpid_lets_others_run():
    ready, go = native.pipe()
    pid = native.posix_spawn(
        sys.executable,
        [sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(3)"],
        {},
        file_actions=[(native.POSIX_SPAWN_DUP2, ready, 0), (native.POSIX_SPAWN_CLOSE, go)],
    )
    native.close(ready)
    waiting = verdigris.spawn(os.waitpid, pid, 0)
    verdigris.sleep(0)
    assert not waiting.ready() and os.waitpid(pid, os.WNOHANG) == (0, 0)
    native.close(go)
    found, status = waiting.get(timeout=10)
    assert found == pid and native.waitstatus_to_exitcode(status) == 3
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_waitpid_for_any_child():
    assert (
        output_of("""
        import verdigris
        from verdigris import os
        pid = os.fork()
        if not pid:
            os._exit(5)
        print(os.waitpid(-1, 0) == (pid, 5 << 8))
    """)
        == "True\n"
    )


def test_a_hub_works_on_both_sides_of_a_fork():
    assert (
        output_of("""
        import os, verdigris
        from verdigris.event import Event
        verdigris.sleep(0.001)
        other = verdigris.spawn(verdigris.sleep, 0.01)
        r, w = os.pipe()
        pid = os.fork()
        if not pid:
            verdigris.sleep(0.001)
            verdigris.spawn(os.write, w, b'child').join()
            os._exit(0)
        other.join()
        os.waitpid(pid, 0)
        print(os.read(r, 10))
    """)
        == "b'child'\n"
    )


def test_it_has_the_rest_of_os():
    assert os.getpid() == native.getpid() and os.O_RDONLY == native.O_RDONLY
