"""`hub.loop`: whose turn is when, how a run ends early, what the loop says of itself, and where errors go."""

import os
import signal
import sys
import time

import pytest

import verdigris as gevent
from programs import output_of
from verdigris import core
from verdigris.exceptions import LoopExit
from verdigris.hub import get_hub


@pytest.fixture
def loop():
    made = core.loop(default=False)
    yield made
    made.destroy()


def all_due(loop, timers):
    """Turn the loop when all of the timers, of 1 ms, are due in the same look at the clock."""
    deadline = max(timer.at for timer in timers)
    while time.time() < deadline + 0.001:
        pass
    loop.run()


class TestPriorities:
    PRIORITIES = (0, -2, 2, 1, -1)

    def test_of_timers_that_are_due_the_higher_ones_are_first(self, loop):
        order = []
        timers = [loop.timer(0.001, priority=priority) for priority in self.PRIORITIES]
        for timer in timers:
            timer.start(order.append, timer.priority)
        all_due(loop, timers)
        assert order == [2, 1, 0, -1, -2]

    def test_among_equals_the_first_is_first(self, loop):
        order = []
        timers = [loop.timer(0.001, priority=priority) for priority in (1, 2, 1, 2)]
        for number, timer in enumerate(timers):
            timer.start(order.append, number)
        all_due(loop, timers)
        assert order == [1, 3, 0, 2]

    def test_of_fds_that_are_ready_the_higher_ones_are_first_and_a_high_timer_is_before_them(self, loop):
        order = []
        reader, writer = os.pipe()
        os.write(writer, b"x")
        watchers = [loop.io(reader, 1, priority=priority) for priority in self.PRIORITIES]
        for watcher in watchers:
            watcher.start(lambda watcher: (order.append(watcher.priority), watcher.stop()), watcher)
        high, usual = loop.timer(0.001, priority=1), loop.timer(0.001)
        high.start(order.append, "high timer")
        usual.start(order.append, "timer")
        all_due(loop, [high, usual])
        for watcher in watchers:
            watcher.close()
        os.close(reader)
        os.close(writer)
        assert order == [2, 1, "high timer", 0, -1, -2, "timer"]

    @pytest.mark.parametrize("moment", ["prepare", "check", "fork"])
    def test_so_it_is_with_those_of_one_moment(self, loop, moment):
        order = []
        watchers = [getattr(loop, moment)(priority=priority) for priority in self.PRIORITIES]
        for watcher in watchers:
            watcher.start(order.append, watcher.priority)
        if moment == "fork":
            loop.reinit()
        loop.run(nowait=True)
        for watcher in watchers:
            watcher.stop()
        assert order[:5] == [2, 1, 0, -1, -2]

    def test_only_the_highest_of_the_idle_are_called(self, loop):
        order = []
        low, high = loop.idle(), loop.idle(priority=1)
        low.start(lambda: (order.append("low"), low.stop()))
        high.start(lambda: (order.append("high"), len(order) == 3 and high.stop()))
        loop.run()
        assert order == ["high", "high", "high", "low"]

    def test_a_timeout_comes_after_what_is_due_at_the_same_time(self):
        with gevent.Timeout(0.0005):
            # Both are due when the loop looks at the clock again, the timeout for longer.
            get_hub().loop.run_callback(time.sleep, 0.003)
            gevent.sleep(0.001)

    def test_there_are_five(self, loop):
        assert [loop.timer(1, priority=priority).priority for priority in (-9, 9)] == [loop.MINPRI, loop.MAXPRI]
        assert (loop.MINPRI, loop.MAXPRI) == (-2, 2)


class TestBreak:
    def test_run_returns_when_the_callback_is_done(self, loop):
        order = []
        loop.run_callback(order.append, "before")
        loop.run_callback(loop.break_)
        loop.run_callback(order.append, "after")
        loop.run()
        assert order == ["before"]
        loop.run()
        assert order == ["before", "after"]

    @pytest.mark.parametrize(
        ("how", "expected"), [(0, ["left", "returned"]), (1, ["returned", "left"]), (2, ["returned"])]
    )
    def test_how_many_runs_return(self, loop, how, expected):
        order = []

        def inner():
            loop.run_callback(order.append, "left")
            loop.break_(1)
            loop.break_(how)

        def outer():
            loop.run_callback(inner)
            loop.run()
            order.append("returned")

        loop.run_callback(outer)
        loop.run()
        assert order == expected

    def test_without_a_run_it_does_nothing(self, loop):
        order = []
        loop.break_()
        loop.run_callback(order.append, 1)
        loop.run()
        assert order == [1]

    def test_a_hub_that_is_made_to_return_has_no_more_to_wait_for(self):
        get_hub().loop.run_callback(get_hub().loop.break_)
        with pytest.raises(LoopExit):
            gevent.sleep(60)


class TestWhatItSays:
    def test_depth_and_iteration(self, loop):
        seen = []
        assert loop.depth == 0
        before = loop.iteration
        loop.run_callback(lambda: (seen.append(loop.depth), loop.run(), seen.append(loop.depth)))
        loop.run_callback(lambda: seen.append(loop.depth))
        timer = loop.timer(0)
        timer.start(int)
        loop.run()
        assert seen == [1, 2, 1]
        assert loop.depth == 0 and loop.iteration > before

    def test_now_is_the_time_of_day_when_it_last_looked(self, loop):
        loop.update_now()
        assert abs(loop.now() - time.time()) < 60
        first = loop.now()
        while time.time() <= first + 0.001:
            pass
        assert loop.now() - first < 0.001
        loop.update_now()
        assert loop.now() - first >= 0.001

    def test_signals_that_have_arrived(self, loop):
        watcher = loop.signal(signal.SIGUSR1)
        watcher.start(watcher.stop)
        assert loop.sig_pending == 0
        os.kill(os.getpid(), signal.SIGUSR1)
        assert loop.sig_pending == 1
        loop.run()
        assert loop.sig_pending == 0


class TestUpdate:
    def test_a_timer_can_run_from_the_last_look_at_the_clock(self, loop):
        loop.update_now()
        looked = loop.now()
        while time.time() < looked + 0.002:
            pass
        stale, fresh = loop.timer(60), loop.timer(60)
        stale.start(print, update=False)
        fresh.start(print, update=True)
        assert stale.at - looked == pytest.approx(60, abs=0.0015)
        assert fresh.at - stale.at >= 0.001
        stale.stop()
        fresh.stop()


class TestSwitchInterval:
    @pytest.fixture(autouse=True)
    def put_back(self):
        before = sys.getswitchinterval()
        yield
        sys.setswitchinterval(before)

    def turns_of(self, interval):
        """How many looks at the reactor 80 jobs of 1 ms get."""
        gevent.setswitchinterval(interval)
        loop = get_hub().loop

        def busy():
            end = time.perf_counter() + 0.001
            while time.perf_counter() < end:
                pass

        gevent.sleep(0)
        for _ in range(80):
            loop.run_callback(busy)
        before = loop.iteration
        loop.run_callback(lambda: None)
        gevent.sleep(0)
        return loop.iteration - before

    def test_it_says_how_long_sockets_wait_for_others(self):
        assert gevent.getswitchinterval is sys.getswitchinterval
        assert self.turns_of(60) <= 2
        assert self.turns_of(0.001) >= 8


class TestErrors:
    def test_they_go_to_the_hub_unless_something_else_is_assigned(self, loop):
        class Handler:
            def handle_error(self, context, type, value, tb):
                reports.append((context, type))

        reports, seen = [], []
        hub_loop = get_hub().loop
        assert loop.error_handler is None
        hub_loop.run_callback(lambda: seen.append(hub_loop.error_handler))
        gevent.sleep(0)
        assert seen == [get_hub()]
        loop.error_handler = handler = Handler()
        assert loop.error_handler is handler
        callback = loop.run_callback(divmod, 1, 0)
        loop.run()
        assert reports == [(callback, ZeroDivisionError)]
        loop.handle_error(None, ValueError, ValueError(), None)
        assert reports[1:] == [(None, ValueError)]
        loop.error_handler = None
        assert loop.error_handler is None


class TestItsFdIsClosed:
    """As by programs that close all they have open to become a daemon."""

    def test_it_goes_on_with_another(self, loop):
        reader, writer = os.pipe()
        calls = []
        with loop.io(reader, 1) as watcher:
            watcher.start(lambda: (calls.append(1), watcher.stop()))
            os.close(loop.fileno())
            os.write(writer, b"x")
            loop.run()
        os.close(reader)
        os.close(writer)
        assert calls == [1]

    def test_other_threads_can_still_wake_it(self):
        assert (
            output_of(
                """
                import _thread, os, sys, verdigris
                loop = verdigris.get_hub().loop
                verdigris.sleep(0.001)
                os.closerange(3, 100)
                verdigris.sleep(0.001)
                watcher = loop.async_()
                watcher.start(watcher.stop)
                # So the other thread gets its first turn when this one waits.
                sys.setswitchinterval(60)
                _thread.start_new_thread(watcher.send, ())
                verdigris.get_hub().join()
                print("woken")
                """
            )
            == "woken\n"
        )


def test_the_memory_of_many_callbacks_is_given_back_by_a_hub_with_nothing_to_do():
    assert (
        output_of(
            """
            import sys, verdigris
            verdigris.config.compact_after = 0.02
            loop = verdigris.get_hub().loop
            verdigris.sleep(0)

            def burst():
                for _ in range(50_000):
                    loop.run_callback(int)
                verdigris.sleep(0)

            before = sys.getallocatedblocks()
            burst()
            with verdigris.Timeout(20):
                while sys.getallocatedblocks() > before + 5_000:
                    verdigris.sleep(0.01)
            burst()
            print("given back, and used again")
            """
        )
        == "given back, and used again\n"
    )
