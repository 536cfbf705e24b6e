"""Real child processes, while other greenlets run."""

import os
import signal
import sys
import threading

import pytest

import verdigris
from programs import output_of
from verdigris import subprocess
from verdigris.event import Event

CAT = ["cat"]
ECHO = "import sys; sys.stderr.write('err'); sys.stdout.write(sys.stdin.read())"


def test_others_run_while_it_waits():
    child = subprocess.Popen(CAT, stdin=subprocess.PIPE)
    waiting = verdigris.spawn(child.wait)
    verdigris.sleep(0)
    assert child.poll() is None
    child.stdin.close()
    assert waiting.get(timeout=10) == 0
    assert child.poll() == 0


def test_two_wait_for_one_child():
    child = subprocess.Popen(CAT, stdin=subprocess.PIPE)
    waiting = [verdigris.spawn(child.wait) for _ in range(2)]
    verdigris.sleep(0)
    child.kill()
    assert [greenlet.get(timeout=10) for greenlet in waiting] == [-9, -9]
    child.stdin.close()


def test_waiting_can_be_given_up():
    with subprocess.Popen(CAT, stdin=subprocess.PIPE) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.01)
        assert child.poll() is None
    assert child.returncode == 0


def test_communicate_with_all_three_pipes():
    child = subprocess.Popen([sys.executable, "-c", ECHO], stdin=-1, stdout=-1, stderr=-1)
    # More than a pipe holds: written and read at once, or never.
    data = os.urandom(300_000)
    assert child.communicate(data) == (data, b"err")
    assert child.returncode == 0
    assert child.stdin.closed and child.stdout.closed and child.stderr.closed


def test_communicate_with_text():
    done = subprocess.run([sys.executable, "-c", ECHO], input="a\nü", capture_output=True, encoding="utf-8")
    assert (done.stdout, done.stderr) == ("a\nü", "err")


def test_communicate_goes_on_after_a_timeout():
    child = subprocess.Popen(["sh", "-c", "printf begun; kill -STOP $$; printf ' done'"], stdout=-1, stderr=-1)
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        child.communicate(timeout=0.01)
    assert caught.value.output in (b"", b"begun")
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    child.send_signal(signal.SIGCONT)
    assert child.communicate(timeout=10) == (b"begun done", b"")


def test_lines_as_they_come():
    with subprocess.Popen(CAT, stdin=-1, stdout=-1, text=True, bufsize=1) as child:
        reading = verdigris.spawn(child.stdout.readline)
        verdigris.sleep(0)
        assert not reading.ready()
        child.stdin.write("one\n")
        assert reading.get(timeout=10) == "one\n"


def test_without_buffers():
    with subprocess.Popen(CAT, stdin=-1, stdout=-1, bufsize=0) as child:
        assert child.stdin.write(b"x") == 1
        assert child.stdout.read(1) == b"x"


def test_a_callback_at_the_end():
    ended = Event()
    told = []
    child = subprocess.Popen(["true"])
    child.rawlink(lambda whose: (told.append(whose), ended.set()))
    assert ended.wait(10)
    assert told == [child]


def test_a_child_whose_status_somebody_else_took():
    child = subprocess.Popen(["true"])
    os.waitpid(child.pid, 0)
    assert child.wait() == 0


def test_leaving_the_block_while_another_communicates():
    with subprocess.Popen(["sleep", "60"], stdin=-1, stdout=-1, stderr=-1) as child:
        communicating = verdigris.spawn(child.communicate)
        verdigris.sleep(0)
        communicating.kill()
        child.kill()
    assert child.returncode == -9


def test_an_early_end_is_not_missed():
    children = [subprocess.Popen(["true"]) for _ in range(5)]
    for child in children:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert [child.wait(timeout=10) for child in children] == [0] * 5


def test_in_a_thread_of_its_own():
    found = []
    thread = threading.Thread(target=lambda: found.append(subprocess.check_output(["echo", "hi"])))
    thread.start()
    thread.join()
    assert found == [b"hi\n"]


def test_errors_are_the_standard_ones():
    with pytest.raises(FileNotFoundError):
        subprocess.Popen(["/no/such/program"])
    with pytest.raises(subprocess.CalledProcessError) as caught:
        subprocess.check_call(["false"])
    assert caught.value.returncode == 1


def test_the_functions_use_this_popen():
    assert subprocess.call.__globals__["Popen"] is subprocess.Popen
    assert subprocess.getstatusoutput("echo 3; exit 2") == (2, "3")


def test_a_child_gets_a_blocking_pipe():
    read, write = os.pipe()
    ours = verdigris.fileobject.FileObjectPosix(read, "rb")
    assert not os.get_blocking(read)
    with subprocess.Popen(CAT, stdin=ours, stdout=-1) as child:
        os.write(write, b"data")
        os.close(write)
        assert child.communicate()[0] == b"data"
    ours.close()


def test_patched():
    text = output_of(
        """
        import verdigris.monkey
        verdigris.monkey.patch_all()
        import os, subprocess
        child = subprocess.Popen(["cat"], stdin=-1, stdout=-1)
        reading = verdigris.spawn(child.stdout.read)
        verdigris.sleep(0)
        child.stdin.close()
        print(reading.get(timeout=10), child.wait(), os.popen("echo popen").read().strip())
        """
    )
    assert text == "b'' 0 popen\n"
