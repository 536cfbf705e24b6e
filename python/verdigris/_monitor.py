"""The monitoring thread: a native thread that looks, now and then, whether a hub still gets to run.

A greenlet that computes for long, or makes a blocking call that was not patched, keeps all others of its thread
waiting, and nothing in that thread can say so. So another thread does: it sleeps for `config.max_blocking_time`, and
if no greenlet switched meanwhile, and one other than the hub is running, it reports that one with its stack and sends
`events.EventLoopBlocked`. For the main thread's hub it also compares the process's memory with
`config.max_memory_usage`.

Between two looks the thread sleeps in the kernel, without the GIL. What is watched costs more: a trace function is
called at each switch. It is meant for finding what blocks, and off unless `config.monitor_thread` is set.
"""

import os
import sys
import warnings
import weakref
from time import perf_counter

from . import events
from ._memory import this_process
from ._settings import config
from ._tracer import GreenletTracer
from .monkey import get_original

__all__ = ["MonitorWarning", "PeriodicMonitoringThread"]

get_thread_ident = get_original("_thread", "get_ident")
start_new_thread = get_original("_thread", "start_new_thread")
thread_sleep = get_original("time", "sleep")


class MonitorWarning(RuntimeWarning):
    """Something that was to be monitored can't be."""


class _Function:
    """A monitoring function, how often it is to be called, and when it was. Times are in seconds."""

    __slots__ = ("function", "last_run_time", "period")

    def __init__(self, function, period):
        self.function = function
        self.period = period
        self.last_run_time = None

    def __repr__(self):
        return f"<{self.function!r} each {self.period} s, last at {self.last_run_time}>"

    def is_due(self, now):
        return bool(self.period) and (self.last_run_time is None or now - self.last_run_time >= self.period)


class PeriodicMonitoringThread:
    """Calls functions from time to time, in a native thread of its own, for as long as a hub lives.

    `hub.start_periodic_monitoring_thread()` makes it. The first of its functions is `monitor_blocking`.
    """

    #: How long to sleep, in seconds, while no function is to be called.
    inactive_sleep_time = 2.0
    #: The shortest time to sleep, however often functions are to be called.
    min_sleep_time = 0.005
    #: The shortest time between two looks at the memory, which take some milliseconds.
    min_memory_monitor_period = 2

    #: False when it has been killed.
    should_run = True

    def __init__(self, hub):
        """Begin at once. To be called in the hub's thread, whose switches are traced from now on."""
        self._hub = weakref.ref(hub, self._on_hub_gc)
        self.pid = os.getpid()
        self._memory_exceeded = 0
        self._process = None
        self._functions = [_Function(self.monitor_blocking, config.max_blocking_time)]
        self._calculated_sleep_time = None
        self._plan()
        self._greenlet_tracer = GreenletTracer()
        self.monitor_thread_ident = start_new_thread(self, ())

    def __repr__(self):
        thread = "no thread" if self.monitor_thread_ident is None else f"thread {self.monitor_thread_ident:#x}"
        return f"<{type(self).__name__} at 0x{id(self):x} in {thread} for {self.hub!r}>"

    @property
    def hub(self):
        """The hub that it monitors; None when that is gone."""
        return self._hub()

    # What is called, and when

    def monitoring_functions(self):
        """The functions, as objects with `function` and `period`; the period of the first is as configured."""
        blocking = self._functions[0]
        if blocking.period != config.max_blocking_time:
            blocking.period = config.max_blocking_time
            self._plan()
        return self._functions

    _monitoring_functions = property(monitoring_functions)

    def add_monitoring_function(self, function, period):
        """Have `function(hub)` called each `period` seconds, in the monitoring thread.

        It must be quick, and must not use greenlets nor anything of the hub that is not meant for other threads. If it
        is there already it gets the new period. None takes it out.

        Raises:
            ValueError: function can't be called, or period is not above zero.
        """
        if not callable(function):
            raise ValueError("function must be callable")
        others = [entry for entry in self._functions if entry.function != function]
        known = [entry for entry in self._functions if entry.function == function]
        if period is None:
            self._functions = others
        elif period <= 0:
            raise ValueError("period must be positive")
        elif known:
            known[0].period = period
        else:
            # A new list: the thread may be going through the old one.
            self._functions = [*self._functions, _Function(function, period)]
        self._plan()

    def _plan(self):
        periods = [entry.period for entry in self._functions if entry.period]
        self._calculated_sleep_time = min(periods, default=0)

    def calculate_sleep_time(self):
        """How long to sleep until the next look, in seconds."""
        if self._calculated_sleep_time <= 0:
            return self.inactive_sleep_time
        return max(self._calculated_sleep_time, self.min_sleep_time)

    # The thread

    def __call__(self):
        """The body of the thread; returns when the hub has gone, or after `kill()`."""
        try:
            while self.should_run:
                functions = self.monitoring_functions()
                thread_sleep(self.calculate_sleep_time())
                self._look(functions)
        except SystemExit:
            pass
        except BaseException:
            self.should_run = False
            hub = self.hub
            if hub is None:
                raise
            hub.handle_error(self, *sys.exc_info())

    def _look(self, functions):
        hub = self.hub
        if hub is None or hub.dead:
            self.kill()
            return
        for entry in functions:
            now = perf_counter()
            if self.should_run and entry.is_due(now):
                entry.last_run_time = now
                entry.function(hub)

    def kill(self):
        """End the thread, when it next wakes up, and the tracing. It can't be started again."""
        self.should_run = False
        self.monitor_thread_ident = None
        self._greenlet_tracer.kill()

    def _on_hub_gc(self, _reference):
        self.kill()

    def _on_fork(self):
        # Only the thread that forks goes on in the child.
        pid = os.getpid()
        if pid != self.pid:
            self.pid = pid
            self._process = None
            if self.should_run:
                self.monitor_thread_ident = start_new_thread(self, ())

    # Blocking

    def monitor_blocking(self, hub):
        """Report the greenlet that has blocked `hub` since the last look, if one has.

        Returns the greenlet and the report, a list of lines; None if none has.
        """
        blocking = self._greenlet_tracer.did_block_hub(hub)
        if blocking is None:
            return None
        details = {"greenlet_stacks": False, "current_thread_ident": self.monitor_thread_ident}
        report = self._greenlet_tracer.did_block_hub_report(hub, blocking, details)
        report.insert(3, f"    Monitored by {self!r}")
        events.notify(events.EventLoopBlocked(blocking, config.max_blocking_time, report, hub=hub))
        if config.print_blocking_reports and hub.exception_stream is not None:
            print("\n".join(report), file=hub.exception_stream)
        return blocking, report

    def ignore_current_greenlet_blocking(self):
        """Let the greenlet that is running block until it switches."""
        self._greenlet_tracer.ignore_current_greenlet_blocking()

    def monitor_current_greenlet_blocking(self):
        """Watch the greenlet that is running, again."""
        self._greenlet_tracer.monitor_current_greenlet_blocking()

    # Memory

    def _get_process(self):
        if self._process is None:
            self._process = this_process()
        return self._process

    def can_monitor_memory_usage(self):
        """Whether the process's use of memory can be found out."""
        return self._get_process() is not None

    def install_monitor_memory_usage(self):
        """Look at the memory, each `config.memory_monitor_period` seconds; a `MonitorWarning` if that can't be done."""
        if not self.can_monitor_memory_usage():
            warnings.warn("Unable to monitor memory usage: the system does not tell it", MonitorWarning, stacklevel=2)
            return
        period = max(config.memory_monitor_period or 0, self.min_memory_monitor_period)
        self.add_monitoring_function(self.monitor_memory_usage, period)

    def monitor_memory_usage(self, _hub):
        """Compare the memory that no other process shares to `config.max_memory_usage`.

        Returns the event that was sent: `MemoryUsageThresholdExceeded` when it is above, and higher than when that was
        last told; `MemoryUsageUnderThreshold` when it is no longer above. None if neither is so, -1 if nothing is
        configured.
        """
        limit = config.max_memory_usage
        if not limit:
            return -1
        info = self._get_process().memory_full_info()
        usage = getattr(info, "uss", info.rss)
        event = None
        if usage > max(limit, self._memory_exceeded):
            event = events.MemoryUsageThresholdExceeded(usage, limit, info)
            self._memory_exceeded = usage
        elif usage <= limit and self._memory_exceeded:
            event = events.MemoryUsageUnderThreshold(usage, limit, info, self._memory_exceeded)
            self._memory_exceeded = 0
        if event is not None:
            events.notify(event)
        return event
