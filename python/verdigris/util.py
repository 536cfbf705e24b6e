"""Looking at greenlets: what runs, where each is waiting, who spawned whom."""

import sys
import threading
import traceback
from time import perf_counter

from ._core import settrace
from ._tracer import GreenletTracer, HubSwitchTracer, MaxSwitchTracer
from ._tree import GreenletTree
from .hub import get_hub

__all__ = ["GreenletTree", "assert_switches", "format_run_info", "print_run_info", "wrap_errors"]


class wrap_errors:
    """`wrap_errors(errors, func)`: calls like func, and returns errors instead of raising them.

    For greenlets whose errors are expected: they end well, with the exception as value.
    """

    def __init__(self, errors, func):
        """`errors`: an exception class, or a tuple of them."""
        self.__errors = errors
        self.__func = func

    def __call__(self, *args, **kwargs):
        try:
            return self.__func(*args, **kwargs)
        except self.__errors as error:
            return error

    def __str__(self):
        return str(self.__func)

    def __repr__(self):
        return repr(self.__func)

    def __getattr__(self, name):
        return getattr(self.__func, name)


def print_run_info(thread_stacks=True, greenlet_stacks=True, limit=None, file=None):
    """Print `format_run_info` to `file`, sys.stderr by default."""
    lines = format_run_info(thread_stacks, greenlet_stacks, limit)
    print("\n".join(lines), file=sys.stderr if file is None else file)


def format_run_info(thread_stacks=True, greenlet_stacks=True, limit=None, current_thread_ident=None):
    """What every thread and greenlet of the process is doing.

    Args:
        thread_stacks, greenlet_stacks: with the stack of each.
        limit: how many frames of a stack; None is all.
        current_thread_ident: the thread that asks; None is this one.

    Returns a list of lines.
    """
    lines = [RULE, "* Threads", RULE]
    lines += _format_threads(thread_stacks, limit, current_thread_ident)
    lines += [RULE, "* Greenlets", RULE]
    details = {"running_stacks": greenlet_stacks, "running_stack_limit": limit}
    for tree in GreenletTree.forest():
        lines += ["---- Thread boundary", *tree.format_lines(details=details)]
    return lines


dump_stacks = format_run_info


def _format_threads(with_stacks, limit, current):
    from .monkey import get_original

    lines = []
    current = current or get_original("_thread", "get_ident")()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        here = " (CURRENT)" * (ident == current)
        lines.append(f"Thread {ident:#x} ({names.get(ident, 'not of threading')}){here}")
        if is_idle_threadpool_worker(frame):
            lines.append("  waits for work in a thread pool")
        elif with_stacks:
            lines += "".join(traceback.format_stack(frame, limit)).splitlines()
        lines.append("")
    return lines


def is_idle_threadpool_worker(frame):
    """Whether `frame` is the innermost one of a thread that waits for work in a pool of verdigris."""
    from ._worker import Worker

    return frame.f_code is Worker.wait_for_task.__code__


def clear_stack_frames(frame):
    """Forget the local variables of `frame` and of those that called it, as far as they do not run."""
    while frame is not None:
        try:
            frame.clear()
        except RuntimeError:
            pass  # it is running, or is a generator's that waits
        frame = frame.f_back


class _FailedToSwitch(AssertionError):
    """The block of `assert_switches` did not let others run."""


class assert_switches:
    """`with assert_switches():` fails if the block does not let others run.

    Args:
        max_blocking_time: seconds that the block may go without a switch; None: one switch
            within the block is enough.
        hub_only: count only switches to the hub, of which there must be one. Needs `max_blocking_time`.

    Raises:
        AssertionError: at the end of the block, which has not raised anything. It tells which greenlet
            blocked and what runs.
    """

    #: The hub of the block.
    hub = None
    #: What watches the switches, while in the block.
    tracer = None

    def __init__(self, max_blocking_time=None, hub_only=False):
        self.max_blocking_time = max_blocking_time
        self.hub_only = hub_only

    def __enter__(self):
        self.hub = get_hub()
        self._entered = perf_counter()
        if self.max_blocking_time is None:
            self.tracer = GreenletTracer()
        else:
            kind = HubSwitchTracer if self.hub_only else MaxSwitchTracer
            self.tracer = kind(self.hub, self.max_blocking_time)
        self.tracer.monitor_current_greenlet_blocking()
        return self

    def __exit__(self, kind, value, tb):
        tracer, hub = self.tracer, self.hub
        self.tracer = self.hub = None
        settrace(tracer.previous_trace_function)
        if kind is not None:
            return
        blocker = tracer.did_block_hub(hub)
        if blocker is None:
            return
        target = "the hub" if self.hub_only else "any greenlet"
        message = f"To {target} in {perf_counter() - self._entered:.4f} seconds"
        if self.max_blocking_time is not None:
            message += f" (max allowed {self.max_blocking_time:.4f} seconds)"
        raise _FailedToSwitch("\n".join([message, *tracer.did_block_hub_report(hub, blocker, {})]))


RULE = "*" * 80
