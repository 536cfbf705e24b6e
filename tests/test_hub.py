"""`hub`: who runs when, what a busy program still gets to hear, and what Ctrl-C does."""

import io
import os
import signal
import subprocess
import sys

import pytest

import verdigris as gevent
from programs import output_of
from verdigris.exceptions import BlockingSwitchOutError, LoopExit
from verdigris.hub import Hub, Waiter, get_hub


class TestWaiting:
    def test_a_greenlet_can_wait_for_a_watcher(self):
        hub = get_hub()
        with hub.loop.timer(0.001) as timer:
            hub.wait(timer)
            assert not timer.active

    def test_there_is_one_hub_before_it_has_run_and_after(self):
        assert output_of(
            """
            import verdigris
            hub = verdigris.get_hub()
            print(hub is verdigris.get_hub())
            verdigris.sleep(0)
            print(hub is verdigris.get_hub())
            """
        ).split() == ["True", "True"]

    def test_the_hub_itself_cannot_wait(self):
        errors = []

        def wait():
            try:
                gevent.sleep(1)
            except BlockingSwitchOutError as error:
                errors.append(error)

        get_hub().loop.run_callback(wait)
        gevent.sleep(0)
        assert len(errors) == 1

    def test_nothing_left_to_wait_for_is_an_error_that_says_so(self):
        with pytest.raises(LoopExit, match="This operation would block forever\n\tHub: .*\n\tHandles:"):
            Waiter().get()

    def test_join_runs_everything(self):
        done = []
        gevent.spawn_later(0.001, done.append, 1)
        assert get_hub().join() is True
        assert done == [1]
        gevent.spawn_later(60, done.append, 2).kill(block=False)
        assert get_hub().join(timeout=60) is True


class TestBusyQueue:
    """A queue that never empties must not keep sockets from their turn."""

    @pytest.fixture
    def spinners(self):
        turns = [0]

        def spin():
            while True:
                turns[0] += 1
                gevent.sleep(0)

        greenlets = [gevent.spawn(spin) for _ in range(2000)]
        gevent.sleep(0)
        yield turns
        gevent.killall(greenlets)

    def test_a_ready_fd_does_not_wait_for_the_whole_queue(self, spinners):
        reader, writer = os.pipe()
        seen = []
        with get_hub().loop.io(reader, 1) as watcher:
            watcher.start(lambda: (seen.append(spinners[0]), watcher.stop()))
            before = spinners[0]
            os.write(writer, b"x")
            while not seen:
                gevent.sleep(0)
        os.close(reader)
        os.close(writer)
        assert seen[0] - before < 500

    def test_a_timer_waits_for_those_that_were_ready_before(self):
        started = []
        greenlets = [gevent.spawn(started.append, number) for number in range(5000)]
        with get_hub().loop.timer(0) as timer:
            get_hub().wait(timer)
        assert len(started) == 5000
        gevent.joinall(greenlets)

    def test_nor_does_what_is_always_ready_stop_the_queue(self):
        reader, writer = os.pipe()
        os.write(writer, b"x")
        with get_hub().loop.io(reader, 1) as always:
            always.start(lambda: None)
            for _ in range(1000):
                gevent.sleep(0)
        os.close(reader)
        os.close(writer)


class TestFork:
    def test_a_child_has_a_loop_of_its_own(self):
        assert output_of(
            """
            import os, verdigris
            hub = verdigris.get_hub()
            watcher = hub.loop.fork(ref=False)
            watcher.start(print, "forked")
            verdigris.sleep(0)
            if os.fork() == 0:
                verdigris.sleep(0.001)
                verdigris.spawn(print, "in the child").join()
                os.sys.stdout.flush()
                os._exit(0)
            _, status = os.wait()
            verdigris.sleep(0.001)
            print("parent", status)
            """
        ).splitlines() == ["forked", "in the child", "parent 0"]


class TestDestroy:
    def test_the_default_loop_outlives_its_hub_unless_it_is_destroyed(self):
        assert output_of(
            """
            import verdigris
            loops = []
            for destroy in (None, True, None):
                hub = verdigris.get_hub()
                loops.append(hub.loop)
                assert hub.loop.default
                verdigris.sleep(0)
                hub.destroy(destroy)
            print(loops[0] is loops[1], loops[1] is loops[2])
            """
        ).split() == ["True", "False"]

    def test_that_of_another_thread_does_not(self):
        def thread():
            hub = Hub()
            loop = hub.loop
            hub.destroy()
            return loop.default, loop.ptr

        assert get_hub().threadpool.apply(thread) == (False, 0)


class TestAnotherLoop:
    """`hub.loop` may be assigned an object that passes on to the loop."""

    class Observer:
        def __init__(self, loop):
            self.loop = loop
            self.looks = 0
            self.scheduled = []

        def __getattr__(self, name):
            return getattr(self.loop, name)

        def update_now(self):
            self.looks += 1
            self.loop.update_now()

        def run_callback_threadsafe(self, callback, *args):
            self.scheduled.append((callback, args))
            return self.loop.run_callback_threadsafe(callback, *args)

    @pytest.fixture
    def observer(self):
        hub = get_hub()
        loop = hub.loop
        hub.loop = self.Observer(loop)
        yield hub.loop
        hub.loop = loop

    def test_it_is_told_when_a_timer_looks_at_the_clock(self, observer):
        gevent.sleep(0.001)
        assert observer.looks == 1
        with gevent.Timeout(60):
            assert observer.looks == 2
        get_hub().loop = observer.loop
        gevent.sleep(0.001)
        assert observer.looks == 2

    def test_it_is_asked_when_another_thread_schedules_a_link(self, observer):
        event = gevent.event.Event()
        called = []
        event.rawlink(called.append)
        get_hub().threadpool.apply(event.set)
        gevent.sleep(0)
        assert called == [event]
        assert (called.append, (event,)) in observer.scheduled

    @pytest.mark.parametrize(
        ("flags", "name"), [("epoll", "epoll"), (["epoll"], "epoll"), (4, "epoll"), ("select", "default")]
    )
    def test_a_backends_name_makes_a_loop(self, flags, name):
        def backend():
            hub = Hub(flags, default=False)
            try:
                return hub.loop.backend, hub.loop.default
            finally:
                hub.destroy()

        assert get_hub().threadpool.apply(backend) == (name, False)


class TestReports:
    @pytest.fixture
    def report(self):
        hub = get_hub()
        hub.exception_stream = io.StringIO()
        yield hub.exception_stream.getvalue
        del hub.exception_stream
        hub.format_context = None

    def test_an_error_that_nobody_waits_for_is_printed(self, report):
        greenlet = gevent.spawn(divmod, 1, 0)
        greenlet.join()
        assert "ZeroDivisionError" in report() and f"{greenlet!r} failed with ZeroDivisionError" in report()

    def test_a_program_may_choose_the_words(self, report):
        get_hub().format_context = lambda context: "it, namely"
        gevent.spawn(divmod, 1, 0).join()
        assert " it, namely failed with ZeroDivisionError" in report()

    def test_or_that_nothing_is_printed(self, report, capsys):
        get_hub().exception_stream = None
        gevent.spawn(divmod, 1, 0).join()
        assert report() == "" and capsys.readouterr().err == ""


INTERRUPTED = {
    "in a sleep": "verdigris.sleep(60)",
    "in a join": "verdigris.spawn(verdigris.sleep, 60).join()",
    "in a hub's join": "verdigris.spawn(verdigris.sleep, 60); verdigris.get_hub().join()",
    "in a queue that is busy": """
def spin():
    while True:
        verdigris.sleep(0)
verdigris.joinall([verdigris.spawn(spin) for _ in range(3)])
""",
    "in a greenlet that computes": """
def compute():
    while True:
        pass
verdigris.spawn(compute).join()
""",
}


# With the hub made: an interrupt in the middle of an import may be lost in a callback of the import system.
READY = "import verdigris; verdigris.sleep(0); print('ready', flush=True)"


class TestInterrupt:
    @pytest.mark.parametrize("code", INTERRUPTED.values(), ids=INTERRUPTED)
    def test_ctrl_c_ends_the_program_wherever_it_is(self, code):
        output = self.interrupted(f"{READY}\n{code}")
        assert "KeyboardInterrupt" in output

    def test_who_catches_it_may_go_on(self):
        output = self.interrupted(
            f"""
try:
    {READY}
    verdigris.sleep(60)
except KeyboardInterrupt:
    verdigris.sleep(0.001)
    print('went on')
    raise SystemExit(-2)
"""
        )
        assert output.endswith("went on\n")

    @staticmethod
    def interrupted(code):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        try:
            output, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode in (-signal.SIGINT, 254), output
        return output


def test_only_the_main_greenlet_can_join_the_hub():
    greenlet = gevent.spawn(lambda: get_hub().join())
    greenlet.join()
    assert isinstance(greenlet.exception, AssertionError)
