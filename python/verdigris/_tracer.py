"""Watching the switches of a thread, to find out whether it lets others run.

A tracer is the thread's trace function (`greenlet.settrace`) from when it is made until `kill()`, and
calls the one that was there before. It is asked from time to time, by `util.assert_switches` or a
monitoring thread, whether the hub was kept waiting.
"""

import sys
import time
import traceback
from time import perf_counter

from ._core import getcurrent, gettrace, settrace

__all__ = ["GreenletTracer", "HubSwitchTracer", "MaxSwitchTracer"]


class GreenletTracer:
    """Finds that there was no switch at all since it was last asked."""

    #: The greenlet that was switched to last; None before the first switch.
    active_greenlet = None
    #: How many switches there were.
    greenlet_switch_counter = 0

    _asked_at = 0
    _killed = False

    def __init__(self):
        self.previous_trace_function = settrace(self)

    def __call__(self, event, args):
        """As a trace function: note the switch, and tell whoever traced before."""
        if self._killed and gettrace() is self:
            settrace(self.previous_trace_function)
        self.greenlet_switch_counter += 1
        self.active_greenlet = args[1] if event in ("switch", "throw") else None
        self._note(self.active_greenlet)
        if self.previous_trace_function is not None:
            self.previous_trace_function(event, args)

    def _note(self, target):
        """Something was switched to."""

    def kill(self):
        """Stop watching; called in another thread, at the next switch.

        A tracer that was made later stays, and calls this one, which no longer counts.
        """
        self._killed = True
        if gettrace() is self:
            settrace(self.previous_trace_function)

    def did_block_hub(self, hub):
        """The greenlet that kept `hub` from running, or None if none did."""
        was, self._asked_at = self._asked_at, self.greenlet_switch_counter
        return self.active_greenlet if was == self._asked_at and self.active_greenlet is not hub else None

    def ignore_current_greenlet_blocking(self):
        """Let the greenlet that is running block, until it switches."""
        self.active_greenlet = None

    def monitor_current_greenlet_blocking(self):
        """Watch the greenlet that is running, as if it had just been switched to."""
        self.active_greenlet = getcurrent()

    def did_block_hub_report(self, hub, greenlet, format_kwargs):
        """What to print about `greenlet`, which has blocked `hub`.

        `format_kwargs` are arguments for `util.format_run_info`. Returns a list of lines.
        """
        from .util import format_run_info

        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        lines = [
            "=" * 80,
            f"{now} : Greenlet {greenlet!r} appears to be blocked",
            f"    Reported by {self!r}",
            f"Blocked Stack (for thread id {hub.thread_ident:#x}):",
        ]
        frame = sys._current_frames().get(hub.thread_ident)
        lines += "".join(traceback.format_stack(frame) if frame else ["    (none)"]).splitlines()
        return [*lines, "Info:", *format_run_info(**format_kwargs)]


class _LimitTracer(GreenletTracer):
    """Allows a while without switching."""

    def __init__(self, hub, max_blocking_time):
        self.hub = hub
        self.max_blocking_time = max_blocking_time
        super().__init__()


class HubSwitchTracer(_LimitTracer):
    """Finds that nobody switched to the hub for longer than `max_blocking_time` seconds, or ever."""

    _last_entered_hub = float("-inf")

    def _note(self, target):
        if target is self.hub:
            self._last_entered_hub = perf_counter()

    def did_block_hub(self, hub):
        """The greenlet that kept `hub` from running, or None if none did."""
        in_time = perf_counter() - self._last_entered_hub <= self.max_blocking_time
        return None if in_time or self.active_greenlet is hub else self.active_greenlet


class MaxSwitchTracer(_LimitTracer):
    """Finds that some greenlet ran for longer than `max_blocking_time` seconds at a stretch."""

    #: The longest that there was, in seconds.
    max_blocking = 0.0

    def __init__(self, hub, max_blocking_time):
        self._last_switch = perf_counter()
        super().__init__(hub, max_blocking_time)

    def _note(self, target):
        now = perf_counter()
        self.max_blocking = max(self.max_blocking, now - self._last_switch)
        self._last_switch = now

    def did_block_hub(self, hub):
        """The greenlet that ran for too long, or that is running if it was one before; None if none did."""
        self._note(self.active_greenlet)
        return self.active_greenlet if self.max_blocking > self.max_blocking_time else None
