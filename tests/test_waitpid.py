"""`os.waitpid` and `os.fork_and_watch`: others run meanwhile, and each child's status goes to who asked for it."""

import os as native
import signal

import pytest

import verdigris
from programs import output_of
from verdigris import _children, os
from verdigris.hub import get_hub

QUIET = {"PYTHONWARNINGS": "ignore"}  # of a fork in a process with threads


def child(code, **options):
    """One that ends with the exit code, when told to: its pid, and a function that tells it."""
    ready, go = native.pipe()
    pid = native.posix_spawn(
        "/bin/sh",
        ["sh", "-c", f"read line; exit {code}"],
        {},
        file_actions=[(native.POSIX_SPAWN_DUP2, ready, 0), (native.POSIX_SPAWN_CLOSE, go)],
        **options,
    )
    native.close(ready)
    return pid, lambda: native.close(go)


def waiting_for(*arguments):
    """A greenlet that waits in waitpid."""
    greenlet = verdigris.spawn(os.waitpid, *arguments)
    verdigris.sleep(0)
    assert not greenlet.ready()
    return greenlet


def questions_end():
    """Wait until no native thread has a question of a test's."""
    while _children._waiting:
        verdigris.sleep(0.001)


@pytest.mark.parametrize("which", ["one", "any", "of this group"])
def test_it_lets_others_run(which):
    pid, go = child(3)
    argument = {"one": pid, "any": -1, "of this group": 0}[which]
    waiting = waiting_for(argument, 0)
    assert os.waitpid(argument, native.WNOHANG) == (0, 0)
    go()
    assert waiting.get(timeout=10) == (pid, 3 << 8)
    with pytest.raises(ChildProcessError):
        os.waitpid(argument, 0)
    questions_end()


def test_those_of_a_group():
    pid, go = child(4, setpgroup=0)
    waiting = waiting_for(-pid, 0)
    go()
    assert waiting.get(timeout=10) == (pid, 4 << 8)
    questions_end()


def test_several_wait_for_any_and_each_gets_one():
    children = dict(child(code) for code in (5, 6, 7))
    waiting = [waiting_for(-1, 0) for _ in children]
    assert len(_children._waiting) == 1
    for go in children.values():
        go()
    results = [greenlet.get(timeout=10) for greenlet in waiting]
    assert sorted(status >> 8 for _, status in results) == [5, 6, 7]
    assert {pid for pid, _ in results} == set(children)
    questions_end()


def test_who_gives_up_leaves_one_thread_behind_at_most():
    pid, go = child(8)
    for _ in range(20):
        with verdigris.Timeout(0.001, False):
            os.waitpid(-1, 0)
        assert len(_children._waiting) == 1
    go()
    assert os.waitpid(-1, 0) == (pid, 8 << 8)
    questions_end()


def test_one_that_stops_and_goes_on():
    pid, go = child(9)
    waiting = waiting_for(pid, native.WUNTRACED)
    native.kill(pid, signal.SIGSTOP)
    found, status = waiting.get(timeout=10)
    assert found == pid and native.WIFSTOPPED(status)
    waiting = waiting_for(pid, native.WCONTINUED)
    native.kill(pid, signal.SIGCONT)
    found, status = waiting.get(timeout=10)
    assert found == pid and native.WIFCONTINUED(status)
    go()
    assert os.waitpid(pid, 0) == (pid, 9 << 8)
    questions_end()


def test_without_a_pidfd(monkeypatch):
    def refuse(pid):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(native, "pidfd_open", refuse)
    pid, go = child(10)
    waiting = waiting_for(pid, 0)
    go()
    assert waiting.get(timeout=10) == (pid, 10 << 8)
    questions_end()


@pytest.mark.parametrize("pid", [1, -1, -(2**30)])
def test_nobody_to_wait_for(pid):
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_threads_wait_each_for_its_own():
    children = [child(code) for code in (11, 12)]
    pool = get_hub().threadpool
    waiting = [pool.spawn(os.waitpid, pid, 0) for pid, _ in children]
    for _, go in children:
        go()
    assert [result.get(timeout=10)[1] >> 8 for result in waiting] == [11, 12]


class TestWatched:
    def test_it_is_reaped_by_itself_and_told_to_who_asks(self):
        assert output_of(
            """
            from verdigris import get_hub, os, sleep
            ended = []
            pid = os.fork_and_watch(ended.append, ref=True)
            if pid == 0:
                os._exit(3)
            get_hub().join()
            print([(watcher.pid == pid, watcher.rstatus >> 8) for watcher in ended])
            try:
                os.waitid(os.P_PID, pid, os.WEXITED)
            except ChildProcessError:
                print("reaped")
            print(os.waitpid(pid, 0) == (pid, 3 << 8))
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                print("told once")
            """
        ).splitlines() == ["[(True, 3)]", "reaped", "True", "told once"]

    @pytest.mark.parametrize("argument", ["pid", "-1"])
    def test_it_can_be_waited_for_while_it_runs(self, argument):
        assert (
            output_of(
                f"""
                import verdigris
                from verdigris import os
                ready, go = os.pipe()
                pid = os.fork_and_watch()
                if pid == 0:
                    os.close(go)
                    os.read(ready, 1)
                    os._exit(4)
                waiting = verdigris.spawn(os.waitpid, {argument}, 0)
                verdigris.sleep(0)
                print(os.waitpid({argument}, os.WNOHANG))
                os.close(go)
                print(waiting.get() == (pid, 4 << 8))
                """
            )
            == "(0, 0)\nTrue\n"
        )

    def test_any_child_may_be_a_watched_one_or_not(self):
        assert (
            output_of(
                """
                from verdigris import os
                pids = {os.fork() or os._exit(5), os.fork_and_watch() or os._exit(5), os.fork() or os._exit(5)}
                found = [os.waitpid(-1, 0) for _ in pids]
                print({pid for pid, _ in found} == pids, {status >> 8 for _, status in found})
                """
            )
            == "True {5}\n"
        )

    def test_with_a_terminal(self):
        assert (
            output_of(
                """
                from verdigris import os
                pid, fd = os.forkpty_and_watch()
                if pid == 0:
                    os.write(1, b"said")
                    os._exit(6)
                print(os.nb_read(fd, 10), os.waitpid(pid, 0) == (pid, 6 << 8))
                """
            )
            == "b'said' True\n"
        )

    def test_what_nobody_asks_for_is_forgotten(self):
        assert (
            output_of(
                """
                from verdigris import _children, get_hub, os
                os.fork_and_watch(ref=True) or os._exit(0)
                get_hub().join()
                os._reap_children(60)
                print(len(_children._watched_children))
                os._reap_children(0)
                print(len(_children._watched_children))
                """
            )
            == "1\n0\n"
        )

    def test_a_childs_child_is_its_own(self):
        assert (
            output_of(
                """
                from verdigris import os
                other = os.fork_and_watch() or os._exit(0)
                pid = os.fork_and_watch()
                if pid == 0:
                    grandchild = os.fork_and_watch() or os._exit(7)
                    right = os.waitpid(-1, 0) == (grandchild, 7 << 8)
                    try:
                        os.waitpid(other, 0)
                    except ChildProcessError:
                        os._exit(8 if right else 9)
                print(os.waitpid(pid, 0)[1] >> 8, os.waitpid(other, 0)[1])
                """,
                env=QUIET,
            )
            == "8 0\n"
        )
