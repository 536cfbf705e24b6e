"""The monitoring thread: a greenlet that keeps the hub from running is named, with its stack, by another thread."""

import io
import os
import threading
import time

import pytest

import verdigris as gevent
from programs import output_of
from verdigris import _core, _memory, _monitor, config, events
from verdigris.hub import Hub, get_hub
from verdigris.threadpool import ThreadPool


@pytest.fixture
def told():
    """The events that are sent during a test."""
    seen = []
    events.subscribers.append(seen.append)
    yield seen
    events.subscribers.remove(seen.append)


@pytest.fixture
def monitor(monkeypatch):
    """One of this thread's hub, which reports at once."""
    for name, value in {"monitor_thread": True, "max_blocking_time": 0.005}.items():
        monkeypatch.setattr(config, name, value)
    hub = get_hub()
    hub.exception_stream = io.StringIO()
    yield hub.start_periodic_monitoring_thread()
    if hub.periodic_monitoring_thread is not None:
        hub.periodic_monitoring_thread.kill()
        hub.periodic_monitoring_thread = None
    del hub.exception_stream


@pytest.fixture
def quiet_monitor(monitor, monkeypatch):
    """One that does not look by itself whether somebody blocks."""
    monkeypatch.setattr(config, "max_blocking_time", 0)
    return monitor


@pytest.fixture
def pool():
    """Of one native thread."""
    made = ThreadPool(1)
    yield made
    made.kill()


def block_until(condition):
    """Keep the thread, as a greenlet that computes does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline


def blocked(seen):
    return [event for event in seen if isinstance(event, events.EventLoopBlocked)]


class TestBlocking:
    def test_a_greenlet_that_blocks_is_reported_with_its_stack(self, monitor, told):
        def culprit():
            block_until(lambda: blocked(told))

        greenlet = gevent.spawn(culprit)
        greenlet.join()
        event = blocked(told)[0]
        assert (event.greenlet, event.hub, event.blocking_time) == (greenlet, get_hub(), 0.005)
        report = "\n".join(event.info)
        assert f"Greenlet {greenlet!r} appears to be blocked" in report
        assert "Blocked Stack" in report and ", in culprit" in report and repr(monitor) in report
        block_until(lambda: "appears to be blocked" in get_hub().exception_stream.getvalue())

    def test_nothing_is_printed_where_nothing_is_to_be(self, monitor, told, monkeypatch):
        monkeypatch.setattr(config, "print_blocking_reports", False)
        gevent.sleep(0)
        block_until(lambda: len(blocked(told)) > 2)
        assert get_hub().exception_stream.getvalue() == ""

    def test_an_idle_hub_is_not_blocked(self, quiet_monitor):
        seen = []

        def look(hub):
            seen.append(quiet_monitor.monitor_blocking(hub))
            if len(seen) == 5:
                enough.send()

        enough = get_hub().loop.async_()
        gevent.sleep(0)
        quiet_monitor.add_monitoring_function(look, 0.001)
        get_hub().wait(enough)
        # The first look may have been before the wait.
        assert seen[1:5] == [None] * 4

    def test_nor_is_one_whose_greenlets_take_turns(self, quiet_monitor):
        for _ in range(3):
            assert quiet_monitor.monitor_blocking(get_hub()) is None
            gevent.sleep(0)

    def test_a_greenlet_can_ask_to_be_let_alone(self, quiet_monitor):
        gevent.sleep(0)
        quiet_monitor.monitor_blocking(get_hub())
        assert quiet_monitor.monitor_blocking(get_hub())[0] is gevent.getcurrent()
        quiet_monitor.ignore_current_greenlet_blocking()
        assert quiet_monitor.monitor_blocking(get_hub()) is None
        quiet_monitor.monitor_current_greenlet_blocking()
        assert quiet_monitor.monitor_blocking(get_hub())[0] is gevent.getcurrent()

    def test_a_pools_thread_may_block_but_not_its_greenlets(self, monitor, told, pool):

        def greenlets():
            gevent.spawn(block_until, lambda: [e for e in blocked(told) if e.hub is get_hub()]).join()
            return get_hub()

        hub = pool.apply(greenlets)
        assert not hub.main_hub and hub is not get_hub()
        looks = looks_of(hub.periodic_monitoring_thread)
        pool.apply(block_until, (lambda: looks,))
        before = len([event for event in blocked(told) if event.hub is hub])
        looks.clear()
        pool.apply(block_until, (lambda: len(looks) >= 5,))
        assert len([event for event in blocked(told) if event.hub is hub]) == before


def looks_of(monitor):
    """A list that grows whenever the thread has looked at everything."""
    looks = []
    monitor.add_monitoring_function(looks.append, 0.001)
    return looks


class TestFunctions:
    def test_they_are_called_in_the_thread_with_the_hub(self, monitor):
        calls = []
        monitor.add_monitoring_function(lambda hub: calls.append((hub, threading.get_ident())), 0.001)
        block_until(lambda: calls)
        assert calls[0] == (get_hub(), monitor.monitor_thread_ident)

    def test_each_is_there_once_and_can_be_taken_out(self, monitor):
        before = len(monitor.monitoring_functions())
        for period in (10, 20):
            monitor.add_monitoring_function(print, period)
            assert [(entry.function, entry.period) for entry in monitor.monitoring_functions()[before:]] == [
                (print, period)
            ]
        monitor.add_monitoring_function(print, None)
        assert len(monitor.monitoring_functions()) == before

    @pytest.mark.parametrize(("function", "period"), [(None, 1), (print, 0), (print, -1)])
    def test_bad_ones_are_refused(self, monitor, function, period):
        with pytest.raises(ValueError, match="function must be callable|period must be positive"):
            monitor.add_monitoring_function(function, period)

    def test_an_error_in_one_is_reported(self, monitor):
        reports = []
        hub = get_hub()
        hub.handle_error = lambda *report: reports.append(report[:2])
        try:
            monitor.add_monitoring_function(lambda hub: 1 / 0, 0.001)
            block_until(lambda: reports)
        finally:
            del hub.handle_error
        assert reports == [(monitor, ZeroDivisionError)]

    def test_how_long_it_sleeps(self, monitor, monkeypatch):
        monkeypatch.setattr(config, "max_blocking_time", 0.5)
        monitor.monitoring_functions()
        assert monitor.calculate_sleep_time() == 0.5
        monitor.add_monitoring_function(print, 0.0001)
        assert monitor.calculate_sleep_time() == monitor.min_sleep_time
        monitor.add_monitoring_function(print, None)
        monitor.add_monitoring_function(monitor.monitor_memory_usage, None)
        monkeypatch.setattr(config, "max_blocking_time", 0)
        monitor.monitoring_functions()
        assert monitor.calculate_sleep_time() == monitor.inactive_sleep_time


class TestLife:
    def test_there_is_none_unless_it_is_configured(self):
        assert get_hub().start_periodic_monitoring_thread() is None

    def test_there_is_one_for_a_hub_and_it_tells(self, monitor, told):
        assert get_hub().start_periodic_monitoring_thread() is monitor is get_hub().periodic_monitoring_thread
        assert isinstance(_core.gettrace(), type(monitor._greenlet_tracer))

    def test_the_setting_has_a_variable_and_the_start_is_an_event(self):
        code = """
            import verdigris
            from verdigris import events
            events.subscribers.append(lambda event: print(type(event).__name__))
            verdigris.sleep(0)
            """
        assert output_of(code, env={"GEVENT_MONITOR_THREAD_ENABLE": "1"}) == "PeriodicMonitorThreadStartedEvent\n"
        assert output_of(code) == ""

    def test_killing_it_ends_the_thread_and_the_tracing(self, monitor):
        ended = threading.Event()
        monitor.add_monitoring_function(lambda hub: (monitor.kill(), ended.set()), 0.001)
        ended.wait(30)
        assert not monitor.should_run and "no thread" in repr(monitor)
        gevent.sleep(0)
        assert _core.gettrace() is None

    def test_it_goes_with_its_hub(self, pool):
        def thread():
            hub = Hub()
            monitor = _monitor.PeriodicMonitoringThread(hub)
            hub.periodic_monitoring_thread = monitor
            gevent.sleep(0)
            hub.destroy()
            del hub
            return monitor.should_run, _core.gettrace()

        assert pool.apply(thread) == (False, None)

    def test_a_forked_child_has_one_of_its_own(self):
        assert output_of(
            """
            import os, threading, verdigris
            verdigris.config.monitor_thread = True
            hub = verdigris.get_hub()
            monitor = hub.start_periodic_monitoring_thread()
            before = monitor.monitor_thread_ident
            pid = os.fork()
            if pid == 0:
                ran = threading.Event()
                monitor.add_monitoring_function(lambda hub: ran.set(), 0.001)
                print(ran.wait(30), monitor.pid == os.getpid(), flush=True)
                os._exit(0)
            os.waitpid(pid, 0)
            """,
            env={"PYTHONWARNINGS": "ignore"},
        ).split() == ["True", "True"]


class TestMemory:
    class Process:
        def __init__(self, rss):
            self.rss = rss

        def memory_full_info(self):
            return self

    @pytest.fixture
    def usage(self, monitor, monkeypatch):
        """A function that says what event a use of so much memory leads to, of 10 bytes that are allowed."""
        monkeypatch.setattr(config, "max_memory_usage", 10)

        def look(rss):
            monitor._process = self.Process(rss)
            return monitor.monitor_memory_usage(None)

        monitor.add_monitoring_function(monitor.monitor_memory_usage, None)
        return look

    def test_crossing_the_threshold_is_told_and_so_is_growing_beyond(self, usage, told):
        assert usage(10) is None
        first = usage(11)
        assert isinstance(first, events.MemoryUsageThresholdExceeded)
        assert (first.mem_usage, first.max_allowed) == (11, 10)
        assert usage(11) is None
        assert isinstance(usage(13), events.MemoryUsageThresholdExceeded)
        assert usage(12) is None
        under = usage(9)
        assert isinstance(under, events.MemoryUsageUnderThreshold)
        assert (under.mem_usage, under.max_memory_usage) == (9, 13)
        assert usage(9) is None
        assert len([event for event in told if event in (first, under)]) == 2

    def test_without_a_threshold_nothing_is_looked_at(self, monitor):
        assert monitor.monitor_memory_usage(None) == -1

    def test_where_nobody_tells_there_is_a_warning(self, monitor, monkeypatch):
        monkeypatch.setattr(monitor, "_get_process", lambda: None)
        with pytest.warns(_monitor.MonitorWarning):
            monitor.install_monitor_memory_usage()

    def test_the_kernel_tells_as_well_as_psutil(self):
        info = _memory._Process().memory_full_info()
        with open("/proc/self/statm") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert 0 < info.uss <= info.rss
        assert abs(info.rss - resident) < resident
