"""`core`: the loop's watchers, which programs that work below greenlets drive themselves."""

import gc
import os
import signal
import sys
import threading
import weakref

import pytest

import verdigris
from verdigris import core


@pytest.fixture
def loop():
    made = core.loop(default=False)
    yield made
    made.destroy()


@pytest.fixture
def pipe():
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    yield ends
    for end in ends:
        os.close(end)


class TestAnyWatcher:
    def test_it_holds_its_callback_only_while_it_may_be_called(self, loop):
        timer = loop.timer(0.001)
        assert (timer.callback, timer.args, timer.active, timer.pending) == (None, None, False, False)
        timer.start(print, 1, 2)
        assert (timer.callback, timer.args, timer.active) == (print, (1, 2), True)
        timer.stop()
        assert (timer.callback, timer.args, timer.active) == (None, None, False)

    def test_a_start_when_started_only_replaces_the_callback(self, loop):
        calls = []
        timer = loop.timer(0.001)
        timer.start(calls.append, "first")
        timer.start(calls.append, "second")
        loop.run()
        assert calls == ["second"]

    @pytest.mark.parametrize("callback", [None, 5])
    def test_what_cannot_be_called_is_refused(self, loop, callback):
        timer = loop.timer(1)
        with pytest.raises(TypeError, match="Expected callable"):
            timer.start(callback)
        assert not timer.active
        timer.start(print)
        with pytest.raises(TypeError, match="Expected callable"):
            timer.callback = 5
        timer.stop()

    def test_arguments_are_a_tuple(self, loop):
        timer = loop.timer(1)
        timer.args = (1,)
        with pytest.raises(TypeError, match="Expected tuple, got list"):
            timer.args = [1]
        assert timer.args == (1,)
        timer.args = None
        assert timer.args is None

    def test_priority_is_fixed_while_it_is_started(self, loop):
        timer = loop.timer(1, priority=1)
        assert timer.priority == 1
        timer.start(print)
        with pytest.raises(AttributeError, match="active"):
            timer.priority = 2
        timer.stop()
        timer.priority = 2
        assert timer.priority == 2

    def test_only_those_with_a_reference_keep_the_loop_running(self, loop):
        calls = []
        late = loop.timer(60, ref=False)
        late.start(calls.append, "late")
        loop.run()
        late.ref = True
        soon = loop.timer(0.001)
        soon.start(setattr, late, "ref", False)
        loop.run()
        assert calls == [] and late.active

    def test_a_started_one_lives_without_its_owner(self, loop):
        calls = []
        loop.timer(0.001).start(calls.append, 1)
        gc.collect()
        loop.run()
        assert calls == [1]

    @pytest.mark.parametrize("kind", ["idle", "prepare", "check", "fork", "async_"])
    def test_each_kind_is_held_while_it_is_started(self, loop, kind):
        getattr(loop, kind)().start(print)
        gc.collect()
        (held,) = loop.debug()
        assert loop.activecnt == 1
        held.close()
        assert (loop.activecnt, loop.debug()) == (0, [])

    def test_a_stopped_one_that_is_due_is_not_called(self, loop):
        calls = []
        first, second = loop.timer(0), loop.timer(0)
        first.start(second.stop)
        second.start(calls.append, 1)
        loop.run()
        assert calls == []

    def test_an_error_is_reported_and_the_rest_goes_on(self):
        reports, calls = [], []

        def fail():
            raise ValueError("planned")

        hub = verdigris.get_hub()
        hub.handle_error = lambda *report: reports.append(report)
        try:
            with hub.loop.timer(0) as failing, hub.loop.timer(0) as working:
                failing.start(fail)
                working.start(calls.append, 1)
                verdigris.sleep(0.001)
                assert [(context, type) for context, type, *_ in reports] == [(failing, ValueError)]
        finally:
            del hub.handle_error
        assert calls == [1]

    def test_feeding_calls_it_once(self, loop):
        calls = []
        timer = loop.timer(60)
        timer.feed(1, calls.append, "fed")
        assert timer.pending and not timer.active
        loop.run()
        assert calls == ["fed"]
        assert not timer.pending and timer.callback is None

    def test_a_with_block_stops_it(self, loop):
        with loop.timer(60) as timer:
            timer.start(print)
        assert not timer.active

    def test_cycles_through_it_are_collected(self, loop):
        class Owner:
            def called(self):
                """Never."""

        owner = Owner()
        owner.timer = loop.timer(60)
        owner.timer.callback = owner.called
        gone = weakref.ref(owner)
        del owner
        gc.collect()
        assert gone() is None

    def test_its_repr_says_what_it_does(self, loop):
        timer = loop.timer(1)
        assert repr(timer).startswith("<timer at 0x")
        timer.start(print, 1)
        assert repr(timer).endswith(" active callback=<built-in function print> args=(1,)>")
        timer.stop()


class TestTimer:
    @pytest.mark.parametrize("forever", [sys.maxsize, 2.0**64 - 2048, float("inf")])
    def test_a_time_longer_than_any_clock_runs(self, loop, forever):
        timer = loop.timer(forever, forever)
        timer.start(print)
        timer.again(print)
        assert 2**31 < timer.at < 2**33
        timer.stop()

    def test_it_repeats_until_it_is_stopped(self, loop):
        calls = []
        timer = loop.timer(0, 0.001)

        def tick():
            calls.append(timer.active)
            if len(calls) == 3:
                timer.stop()

        timer.start(tick)
        loop.run()
        assert calls == [True, True, True]

    def test_again_needs_something_to_repeat(self, loop):
        calls = []
        timer = loop.timer(60, 0.001)
        timer.again(lambda: (calls.append(1), timer.stop()))
        loop.run()
        assert calls == [1]
        once = loop.timer(60)
        once.again(print)
        assert not once.active

    def test_at_is_in_the_loops_time(self, loop):
        timer = loop.timer(60)
        assert timer.at == 60
        timer.start(print)
        assert loop.now() + 59 < timer.at <= loop.now() + 61
        timer.stop()

    @pytest.mark.parametrize("after", [0, -1, float("nan"), -float("inf")])
    def test_what_is_past_fires_at_once(self, loop, after):
        calls = []
        loop.timer(after).start(calls.append, 1)
        loop.run()
        assert calls == [1]

    def test_what_is_far_off_can_be_waited_for(self, loop):
        for after in (float("inf"), 1e30):
            with loop.timer(after) as timer:
                timer.start(print)
                loop.run(nowait=True)
                assert timer.active

    def test_bad_times_are_refused(self, loop):
        with pytest.raises(ValueError, match="repeat must be positive or zero: -1.0"):
            loop.timer(1, -1)
        with pytest.raises(TypeError):
            loop.timer("1")


class TestIo:
    def test_it_fires_as_long_as_there_is_something(self, loop, pipe):
        calls = []
        watcher = loop.io(pipe[0], 1)
        watcher.start(lambda *events: calls.append((events, os.read(pipe[0], 1))), pass_events=True)
        os.write(pipe[1], b"ab")
        loop.run(once=True)
        loop.run(once=True)
        loop.run(nowait=True)
        assert calls == [((1,), b"a"), ((1,), b"b")]
        watcher.close()

    def test_it_can_be_changed_while_it_is_stopped(self, loop, pipe):
        watcher = loop.io(pipe[0], 1)
        assert (watcher.fd, watcher.events, watcher.events_str) == (pipe[0], 1, "READ")
        watcher.fd, watcher.events = pipe[1], 2
        calls = []
        watcher.start(calls.append, 1)
        for name in ("fd", "events"):
            with pytest.raises(AttributeError, match="read-only while watcher is active"):
                setattr(watcher, name, 1)
        loop.run(once=True)
        watcher.close()
        assert calls == [1]
        assert watcher.events_str == "WRITE"

    def test_two_may_watch_one_fd(self, loop, pipe):
        calls = []
        os.write(pipe[1], b"x")
        with loop.io(pipe[0], 1) as first, loop.io(pipe[0], 1) as second:
            first.start(calls.append, 1)
            second.start(calls.append, 2)
            loop.run(once=True)
        assert calls == [1, 2]

    def test_a_fd_that_is_closed_wakes_it(self, loop, pipe):
        calls = []
        watcher = loop.io(pipe[0], 1)
        watcher.start(lambda: (calls.append(1), watcher.close()))
        assert loop.closing_fd(pipe[0])
        loop.run()
        assert calls == [1]
        assert not loop.closing_fd(pipe[0])

    @pytest.mark.parametrize(("fd", "events"), [(-1, 1), (0, 4)])
    def test_bad_arguments_are_refused(self, loop, fd, events):
        with pytest.raises(ValueError, match="non-negative|illegal event mask"):
            loop.io(fd, events)

    def test_a_closed_fd_is_refused(self, loop):
        with pytest.raises(OSError, match="Bad file descriptor"):
            loop.io(10**6, 1)


class TestSignal:
    def test_it_fires_in_the_loop_and_leaves_the_handler_as_it_was(self, loop):
        calls, handled = [], []
        before = signal.signal(signal.SIGUSR1, lambda *_: handled.append(1))
        try:
            watcher = loop.signal(signal.SIGUSR1)
            watcher.start(lambda: (calls.append(1), watcher.stop()))
            os.kill(os.getpid(), signal.SIGUSR1)
            assert calls == []
            loop.run()
            assert (calls, handled) == ([1], [])
            os.kill(os.getpid(), signal.SIGUSR1)
            assert (calls, handled) == ([1], [1])
        finally:
            signal.signal(signal.SIGUSR1, before)

    @pytest.mark.parametrize("number", [0, -1, 65, 1000])
    def test_what_is_no_signal_is_refused(self, loop, number):
        with pytest.raises(ValueError, match=f"illegal signal number: {number}"):
            loop.signal(number)


class TestStat:
    def test_it_fires_when_the_file_changes(self, loop, tmp_path):
        path = tmp_path / "watched"
        path.touch()
        calls = []
        watcher = loop.stat(str(path), interval=-1)
        assert (watcher.path, watcher.interval, watcher.attr) == (str(path), -1, None)
        watcher.start(lambda: (calls.append((watcher.prev.st_size, watcher.attr.st_size)), watcher.stop()))
        assert watcher.interval > 0
        path.write_text("four")
        loop.run()
        assert calls == [(0, 4)]


class TestMoments:
    def test_idle_is_when_there_is_nothing_else(self, loop):
        order = []
        idle = loop.idle()
        idle.start(lambda: (order.append("idle"), idle.stop()))
        loop.run_callback(order.append, "callback")
        loop.run()
        assert order == ["callback", "idle"]

    def test_prepare_and_check_are_around_the_wait(self, loop):
        order = []
        prepare, check, timer = loop.prepare(), loop.check(), loop.timer(0)
        prepare.start(lambda: (order.append("prepare"), prepare.stop()))
        check.start(lambda: (order.append("check"), check.stop()))
        timer.start(order.append, "timer")
        loop.run()
        assert order == ["prepare", "timer", "check"]

    def test_async_is_called_from_any_thread(self, loop):
        calls = []
        watcher = loop.async_()
        watcher.send()
        watcher.start(lambda: (calls.append(threading.get_ident()), watcher.stop()))
        thread = threading.Thread(target=watcher.send)
        thread.start()
        loop.run()
        thread.join()
        assert calls == [threading.get_ident()]
        assert hasattr(loop, "async")


class TestLoop:
    def test_it_runs_until_nothing_is_left(self, loop):
        loop.run()
        calls = []
        loop.run_callback(calls.append, 1)
        loop.run()
        assert calls == [1]

    def test_it_says_what_it_waits_for(self, loop, pipe):
        with loop.io(pipe[0], 1) as io, loop.timer(60) as timer, loop.idle() as idle:
            for watcher in (io, timer, idle):
                watcher.start(print)
            assert set(loop.debug()) == {io, timer, idle}
            assert loop.activecnt == 3
            assert " epoll pending=0 ref=3 fileno=" in repr(loop)

    def test_a_destroyed_one_does_not_run(self):
        loop = core.loop()
        assert loop.default and loop.ptr
        loop.destroy()
        assert not loop.default and not loop.ptr
        with pytest.raises(ValueError, match="operation on destroyed loop"):
            loop.run()
        assert repr(loop).endswith("destroyed>")


class TestRunCallback:
    def test_it_calls_with_the_arguments_in_order(self, loop):
        calls = []
        for args in [(), (1,), (1, 2)]:
            loop.run_callback(lambda *got: calls.append(got), *args)
        loop.run()
        assert calls == [(), (1,), (1, 2)]

    def test_it_takes_a_function_and_no_keywords(self, loop):
        with pytest.raises(TypeError):
            loop.run_callback()
        with pytest.raises(TypeError):
            loop.run_callback(print, end="")

    def test_what_it_returns_shows_the_call_until_it_is_made(self, loop):
        callback = loop.run_callback(print, 1, 2)
        assert callback and callback.pending
        assert (callback.callback, callback.args) == (print, (1, 2))
        assert loop.run_callback(len).args == ()
        assert repr(callback).endswith(f" pending {print!r} args=(1, 2)>")
        callback.stop()
        assert not callback and not callback.pending
        assert (callback.callback, callback.args) == (None, None)
        assert repr(callback).endswith(" stopped>")

    def test_it_is_not_called_once_stopped(self, loop):
        calls = []
        callback = loop.run_callback(calls.append, 1)
        loop.run_callback(callback.close)
        loop.run_callback(calls.append, 2)
        callback.stop()
        loop.run()
        assert calls == [2]

    def test_there_is_no_other_way_to_make_one(self):
        with pytest.raises(TypeError):
            core.callback()

    def test_a_loop_that_ends_lets_go_of_what_it_was_to_call(self):
        loop = core.loop(default=False)

        class Callable:
            def __call__(self):
                """Not called."""

        function = Callable()
        function.itself = loop.run_callback(function)
        gone = weakref.ref(function)
        loop.destroy()
        del function
        gc.collect()
        assert gone() is None
