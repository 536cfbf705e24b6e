"""`loop.child`: how a process ended, whoever started it, however early it ended, and whoever else looks."""

import os
import signal
import subprocess
import sys

import pytest

import verdigris as gevent
from programs import output_of
from verdigris import core
from verdigris.hub import get_hub

LOST = 255 << 8


@pytest.fixture
def loop():
    made = core.loop(default=False)
    yield made
    made.destroy()


def started(code):
    """A child that ends with the exit code, when told to: its pid, and a function that tells it."""
    ready, go = os.pipe()
    pid = os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", f"read line; exit {code}"],
        {},
        file_actions=[(os.POSIX_SPAWN_DUP2, ready, 0), (os.POSIX_SPAWN_CLOSE, go)],
    )
    os.close(ready)
    return pid, lambda: os.close(go)


def end_of(loop, pid):
    """Watch the process to its end: what the watcher then says."""
    watcher = loop.child(pid)
    watcher.start(watcher.stop)
    loop.run()
    return watcher.pid, watcher.rpid, watcher.rstatus


def test_it_says_how_the_process_ended(loop):
    pid, go = started(3)
    watcher = loop.child(pid)
    assert (watcher.pid, watcher.rpid, watcher.rstatus) == (pid, 0, 0)
    watcher.start(watcher.stop)
    go()
    loop.run()
    assert (watcher.rpid, os.waitstatus_to_exitcode(watcher.rstatus)) == (pid, 3)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_or_by_which_signal(loop):
    pid, go = started(0)
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(end_of(loop, pid)[2]) == -signal.SIGKILL
    go()


def test_one_that_has_ended_before_is_not_missed(loop):
    pid, go = started(4)
    go()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert end_of(loop, pid) == (pid, pid, 4 << 8)


def test_nor_one_that_somebody_else_has_waited_for(loop):
    pid, go = started(5)
    watcher = loop.child(pid)
    watcher.start(watcher.stop)
    go()
    assert os.waitpid(pid, 0) == (pid, 5 << 8)
    loop.run()
    assert (watcher.rpid, watcher.rstatus) == (pid, LOST)
    assert end_of(loop, pid) == (pid, pid, LOST)


def test_it_takes_no_other_child_and_no_signal(loop):
    arrived = []
    before = signal.signal(signal.SIGCHLD, lambda *_: arrived.append(1))
    try:
        other, go_other = started(6)
        pid, go = started(7)
        go_other()
        go()
        os.waitid(os.P_PID, other, os.WEXITED | os.WNOWAIT)
        assert end_of(loop, pid)[2] == 7 << 8
        assert os.waitpid(other, 0) == (other, 6 << 8)
        assert arrived
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_many_at_once():
    children = [started(code) for code in range(20)]
    ended = []
    for pid, _ in children:
        watcher = get_hub().loop.child(pid)
        watcher.start(lambda watcher: (ended.append((watcher.rpid, watcher.rstatus >> 8)), watcher.stop()), watcher)
    for _, go in reversed(children):
        go()
    assert get_hub().join()
    assert sorted(ended) == sorted((pid, code) for code, (pid, _) in enumerate(children))


def test_any_threads_loop_can_watch():
    pid, go = started(8)

    def watch():
        with get_hub().loop.child(pid) as watcher:
            get_hub().loop.run_callback(go)
            get_hub().wait(watcher)
            return watcher.rstatus

    assert get_hub().threadpool.apply(watch) == 8 << 8


def test_two_may_watch_one(loop):
    pid, go = started(9)
    watchers = [loop.child(pid), loop.child(pid)]
    for watcher in watchers:
        watcher.start(watcher.stop)
    go()
    loop.run()
    assert sorted(watcher.rstatus for watcher in watchers) == [9 << 8, LOST]


def test_a_stopped_one_leaves_the_process_alone(loop):
    pid, go = started(10)
    watcher = loop.child(pid)
    watcher.start(watcher.stop)
    watcher.stop()
    go()
    loop.run()
    assert (watcher.rpid, os.waitpid(pid, 0)) == (0, (pid, 10 << 8))


def test_in_a_forked_child_its_parents_watchers_are_silent():
    assert (
        output_of(
            """
            import os, verdigris
            ready, go = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(go)
                os.read(ready, 1)
                os._exit(0)
            watcher = verdigris.get_hub().loop.child(pid)
            watcher.start(lambda: print("told", pid == watcher.rpid, flush=True))
            watching = os.fork()
            os.close(go)
            if watching == 0:
                # The sibling's end is seen here, too.
                watcher.ref = False
                seen = verdigris.get_hub().loop.io(os.pidfd_open(pid), 1)
                verdigris.get_hub().wait(seen)
                verdigris.sleep(0.001)
                os._exit(0)
            os.waitid(os.P_PID, watching, os.WEXITED)
            verdigris.sleep(0.001)
            """
        )
        == "told True\n"
    )


def test_a_process_that_is_no_child_tells_its_end_without_a_status(loop):
    reader, writer = os.pipe()
    code = "import os, subprocess, sys; print(subprocess.Popen(['cat'], stdin=0, stdout=2).pid, flush=True)"
    between = subprocess.Popen([sys.executable, "-c", code], stdin=reader, stdout=subprocess.PIPE)
    os.close(reader)
    grandchild = int(between.communicate()[0])
    watcher = loop.child(grandchild)
    watcher.start(watcher.stop)
    os.close(writer)
    loop.run()
    assert (watcher.rpid, watcher.rstatus) == (grandchild, LOST)


def test_waiting_for_it_in_a_greenlet():
    pid, go = started(11)
    watcher = get_hub().loop.child(pid)
    waiting = gevent.spawn(get_hub().wait, watcher)
    gevent.sleep(0)
    go()
    waiting.get(timeout=10)
    assert watcher.rstatus == 11 << 8


@pytest.mark.parametrize("pid", [0, -1])
def test_a_pid_is_positive(loop, pid):
    with pytest.raises(ValueError, match="pid must be positive"):
        loop.child(pid)
