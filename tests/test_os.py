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


def test_closing_a_descriptor_tells_whoever_waits_for_it():
    ends = native.pipe()
    os.make_nonblocking(ends[0])
    reading = verdigris.spawn(os.nb_read, ends[0], 1)
    verdigris.sleep(0)
    os.close(ends[0])
    with pytest.raises(OSError):
        reading.get()
    os.close(ends[1])


@pytest.mark.parametrize("options", [0, native.WNOHANG])
def test_a_watched_child_is_told_of_and_waited_for(options):
    assert output_of(f"""
        import verdigris
        from verdigris import os
        from verdigris.event import Event
        ended = Event()
        seen = []
        def on_end(watcher):
            seen.append((watcher.rpid, watcher.rstatus))
            ended.set()
        hold, release = os.pipe()
        child = os.fork_and_watch(on_end, ref=True)
        if not child:
            os.read(hold, 1)
            os._exit(3)
        print(os.waitpid(child, os.WNOHANG))
        os.write(release, b'x')
        if {options}:
            ended.wait()
        print(os.waitpid(child, {options}) == (child, 3 << 8))
        ended.wait()
        print(seen == [(child, 3 << 8)])
        try:
            os.waitpid(child, 0)
        except ChildProcessError:
            print('once')
    """).splitlines() == ["(0, 0)", "True", "True", "once"]


def test_any_child_may_be_a_watched_one():
    assert output_of("""
        import verdigris
        from verdigris import os
        watched = os.fork_and_watch() or os._exit(1)
        plain = os.fork() or os._exit(2)
        print(sorted(status >> 8 for _, status in (os.waitpid(-1, 0), os.waitpid(-1, 0))))
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            print('no more')
    """).splitlines() == ["[1, 2]", "no more"]


def test_a_watched_child_may_have_a_terminal():
    assert (
        output_of("""
        from verdigris import os
        pid, fd = os.forkpty_and_watch()
        if not pid:
            os._exit(5)
        print(os.waitpid(pid, 0)[1] >> 8)
    """)
        == "5\n"
    )
