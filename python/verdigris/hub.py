"""The hub: the greenlet of each thread that runs the event loop.

Whoever waits switches to the hub, and the hub switches to whoever may go on. It is made
when first needed, is never seen by most programs, and cannot itself wait.

The loop and the switching are Rust (`_core.loop`); this class is what a program may look
at and override: what is done with errors, and which resolver and thread pool are used.
"""

import os
import sys
from _thread import get_ident
from threading import main_thread

from ._core import (
    BlockingSwitchOutError,
    GreenletExit,
    HubDestroyed,
    InvalidSwitchError,
    ThreadExit,
    getcurrent,
    greenlet,
    hub_if_exists,
    iwait,
    kill,
    sleep,
    spawn_raw,
    switch_out,
    wait,
)
from ._core import set_hub as _set_hub
from ._core import take_back_wakeup_fd as _take_back_wakeup_fd
from ._ident import IdentRegistry
from ._loop_slot import LoopSlot
from ._report import print_exception
from ._signal_handler import signal_handler
from ._waiter import Waiter
from .exceptions import LoopExit

__all__ = [
    "BlockingSwitchOutError",
    "GreenletExit",
    "Hub",
    "HubDestroyed",
    "InvalidSwitchError",
    "LoopExit",
    "Waiter",
    "get_hub",
    "get_hub_class",
    "get_hub_if_exists",
    "get_loop",
    "getcurrent",
    "idle",
    "iwait",
    "kill",
    "reinit",
    "set_default_hub_class",
    "set_hub",
    "set_loop",
    "shutdown",
    "signal",
    "signal_handler",
    "sleep",
    "spawn_raw",
    "wait",
]

signal = signal_handler


class Hub(greenlet):
    """The greenlet that runs the event loop of a thread. See `get_hub`."""

    #: Errors that end a greenlet without a report.
    NOT_ERROR = (GreenletExit, SystemExit)
    #: Errors that are raised in the main greenlet, wherever they came up.
    SYSTEM_ERROR = (KeyboardInterrupt, SystemExit, SystemError)
    #: How many native threads the pool of the hub has.
    threadpool_size = 10
    name = ""
    #: The loop that it runs. An object that passes on to it may be put in its place, such as one that counts calls.
    loop = LoopSlot()
    #: The `_monitor.PeriodicMonitoringThread` that watches it, if there is one.
    periodic_monitoring_thread = None

    def __init__(self, loop=None, default=None):
        """Become the hub of this thread.

        `loop`: what it runs; None makes one, and so does a backend's name, of which there is one. `default`:
        whether that is the default loop, which outlives the hub; None says so in the main thread.
        """
        super().__init__(parent=_main_greenlet())
        if default is None:
            default = get_ident() == main_thread().ident
        if loop is None and default:
            loop = _take_kept_loop()
        if loop is None or isinstance(loop, (str, int, list, tuple)):
            loop = self.loop_class(self.backend if loop is None else loop, default)
        self.loop = loop
        self.thread_ident = get_ident()
        self._resolver = None
        self._threadpool = None
        self.ident_registry = IdentRegistry()
        self._exception_stream = _STDERR
        self._format_context = None
        _set_hub(self, loop)

    def __repr__(self):
        state = "destroyed" if self.loop is None else repr(self.loop)
        return f"<{type(self).__name__} {self.name!r} at 0x{id(self):x} {state} thread_ident={self.thread_ident:#x}>"

    @property
    def main_hub(self):
        """Whether it is the main thread's hub."""
        return self.thread_ident == main_thread().ident

    @property
    def minimal_ident(self):
        """A small number that no living greenlet of this hub has."""
        return self.ident_registry.get_ident(self)

    # Running and waiting

    def run(self):
        """The body of the greenlet; do not call it."""
        self.start_periodic_monitoring_thread()
        while True:
            self.loop.run()
            # Nothing is left that could ever wake anybody.
            self.parent.throw(LoopExit("This operation would block forever", self, self.loop.debug()))

    def switch(self):
        """Let others run, until somebody switches to the caller.

        Raises:
            BlockingSwitchOutError: called in the hub.
            LoopExit: in the main greenlet, when nothing can ever run again.
        """
        return switch_out()

    def switch_out(self):
        """What happens when the hub itself is about to wait: it is refused."""
        raise BlockingSwitchOutError("Impossible to call blocking function in the event loop callback")

    def wait(self, watcher):
        """Wait until `watcher`, one of the loop's that is not started, fires.

        Raises:
            InvalidSwitchError: something else switched to the caller.
        """
        waiter = Waiter(self)
        watcher.start(waiter.switch, waiter)
        try:
            result = waiter.get()
            if result is not waiter:
                raise InvalidSwitchError(
                    f"Invalid switch into {getcurrent()}: got {result!r} (expected {waiter!r}; "
                    f"waiting on {self!r} with {watcher!r})"
                )
        finally:
            watcher.stop()

    def cancel_wait(self, watcher, error, close_watcher=False):
        """Throw `error` into whoever is in `wait(watcher)`, in the next turn of the loop."""
        if watcher is None or self.loop is None:
            return
        if watcher.callback is not None:
            self.loop.run_callback(self._cancel_wait, watcher, error, close_watcher)
        elif close_watcher:
            watcher.close()

    def cancel_waits_close_and_then(self, watchers, exc_kind, then, *then_args):
        """`cancel_wait` of many, closing them, then call `then(*then_args)`; all in the loop."""
        self.loop.run_callback(self._cancel_waits_then, list(watchers), exc_kind, then, then_args)

    def _cancel_wait(self, watcher, error, close_watcher):
        callback = watcher.callback
        if close_watcher:
            watcher.close()
        else:
            watcher.stop()
        # `wait` started it with the bound method of a Waiter.
        waiter = getattr(callback, "__self__", None)
        if waiter is not None:
            waiter.throw(error)

    def _cancel_waits_then(self, watchers, exc_kind, then, then_args):
        for watcher in watchers:
            self._cancel_wait(watcher, exc_kind, True)
        then(*then_args)

    def join(self, timeout=None):
        """Let everything run; True when nothing is left, False after `timeout` seconds.

        Raises:
            AssertionError: not called in the main greenlet.
        """
        if getcurrent() is not self.parent:
            raise AssertionError("only possible from the MAIN greenlet")
        if self.dead:
            return True
        waiter = Waiter(self)
        timer = None
        if timeout is not None:
            timer = self.loop.timer(timeout, ref=False)
            timer.start(waiter.switch, None)
        try:
            waiter.get()
            return False
        except LoopExit:
            return True
        finally:
            if timer is not None:
                timer.stop()
                timer.close()

    def destroy(self, destroy_loop=None):
        """Take the hub out of its thread; the next `get_hub` makes another.

        `destroy_loop`: also free the loop; None does so unless it is the default loop, which the next hub
        of the main thread then runs.
        """
        if self.periodic_monitoring_thread is not None:
            self.periodic_monitoring_thread.kill()
            self.periodic_monitoring_thread = None
        if self._resolver is not None:
            self._resolver.close()
            self._resolver = None
        if self._threadpool is not None:
            self._threadpool.kill()
            self._threadpool = None
        if get_hub_if_exists() is self:
            _set_hub(None, None)
        # The end of the hub takes us to its parent: only from there is that where we are.
        if not self.dead and getcurrent() is self.parent:
            self.throw(HubDestroyed(destroy_loop))
        loop, self.loop = self.loop, None
        if loop is None:
            return
        if destroy_loop or (destroy_loop is None and not loop.default):
            loop.destroy()
        elif loop.default:
            _kept_loops.append(loop)

    def start_periodic_monitoring_thread(self):
        """Have a native thread watch whether this hub gets to run, if `config.monitor_thread` says so.

        Done by itself when the hub begins to run. Call it in the hub's thread. Returns the
        `_monitor.PeriodicMonitoringThread`, or None.
        """
        if self.periodic_monitoring_thread is None and _settings().monitor_thread:
            from . import events
            from ._monitor import PeriodicMonitoringThread

            monitor = self.periodic_monitoring_thread = PeriodicMonitoringThread(self)
            if self.main_hub:
                monitor.install_monitor_memory_usage()
            events.notify_and_call_entry_points(events.PeriodicMonitorThreadStartedEvent(monitor))
        return self.periodic_monitoring_thread

    # Errors

    @property
    def exception_stream(self):
        """Where `print_exception` writes: sys.stderr, unless assigned. None: nowhere."""
        return sys.stderr if self._exception_stream is _STDERR else self._exception_stream

    @exception_stream.setter
    def exception_stream(self, value):
        self._exception_stream = value

    @exception_stream.deleter
    def exception_stream(self):
        self._exception_stream = _STDERR

    @property
    def format_context(self):
        """The function that turns what has failed into words: what `config.format_context` says, unless assigned."""
        return self._format_context or _settings().format_context

    @format_context.setter
    def format_context(self, value):
        self._format_context = value

    def handle_error(self, context, type, value, tb):
        """Called with every error that nobody is waiting for.

        It prints the error, and hands it to `handle_system_error` if it is one that should
        end the program, or if `context` is None.

        Args:
            context: the greenlet, watcher or callback that failed.
            type, value, tb: as sys.exc_info().
        """
        if isinstance(value, ThreadExit):
            raise HubDestroyed(True)  # it is for a hub that was replaced, and whose thread ends
        if isinstance(value, HubDestroyed):
            raise value  # it is for the hub itself, which ends
        if not issubclass(type, self.NOT_ERROR):
            self.print_exception(context, type, value, tb)
        if context is None or issubclass(type, self.SYSTEM_ERROR):
            self.handle_system_error(type, value, tb)

    def _normalize_exception(self, t, v, tb):
        """The triple with an instance for `v`; subclasses that override `handle_error` call it."""
        if not isinstance(v, BaseException):
            v = t() if v is None else t(v)
        return type(v), v, tb if tb is not None else v.__traceback__

    def handle_system_error(self, type, value, tb=None):
        """Raise the error in the main greenlet."""
        current = getcurrent()
        if current is self or current is self.parent or self.loop is None:
            self.parent.throw(type, value, tb)
            return
        come_back = self.loop.run_callback(current.switch)
        try:
            self.parent.throw(type, value, tb)
        finally:
            come_back.stop()

    def print_exception(self, context, t, v, tb):
        """Print an error on `exception_stream`: the traceback, then when and where it was."""
        print_exception(self.exception_stream, context, t, v, tb, self.format_context)

    # What it lends out

    @property
    def loop_class(self):
        """The class that `loop` is made of: what `config.loop` says."""
        return _settings().loop

    @property
    def backend(self):
        """The kernel's interface that the loop waits with, if one was asked for."""
        return _settings().libev_backend

    @property
    def resolver_class(self):
        """The class that `resolver` is made of: what `config.resolver` says."""
        return _settings().resolver

    @property
    def resolver(self):
        """What looks up host names for the sockets of this thread. May be assigned."""
        if self._resolver is None:
            self._resolver = self.resolver_class(hub=self)
        return self._resolver

    @resolver.setter
    def resolver(self, value):
        self._resolver = value

    @resolver.deleter
    def resolver(self):
        self._resolver = None

    @property
    def threadpool_class(self):
        """The class that `threadpool` is made of: what `config.threadpool` says."""
        return _settings().threadpool

    @property
    def threadpool(self):
        """The native threads for calls that would block this thread. May be assigned."""
        if self._threadpool is None:
            self._threadpool = self.threadpool_class(
                self.threadpool_size, hub=self, idle_task_timeout=_settings().threadpool_idle_task_timeout
            )
        return self._threadpool

    @threadpool.setter
    def threadpool(self, value):
        self._threadpool = value

    @threadpool.deleter
    def threadpool(self):
        self._threadpool = None


def get_hub():
    """The hub of this thread; it is made if there is none."""
    hub = hub_if_exists()
    # Not by its truth: a greenlet that has not started is false.
    return _hub_class() if hub is None else hub


def get_hub_if_exists():
    """The hub of this thread, or None."""
    return hub_if_exists()


_get_hub = get_hub_if_exists


def set_hub(hub):
    """Make `hub` that of this thread; None: it has none, until the next `get_hub`."""
    _set_hub(hub, None if hub is None else hub.loop)


def get_hub_class():
    """The class that `get_hub` makes hubs of."""
    return _hub_class


def set_default_hub_class(hub_class):
    """Have `get_hub` make hubs of another class, in any thread."""
    global _hub_class
    _hub_class = hub_class


def idle(priority=0):
    """Wait until the loop has nothing else to do, of the same or a higher priority."""
    hub = get_hub()
    watcher = hub.loop.idle()
    if priority:
        watcher.priority = priority
    hub.wait(watcher)


def get_loop():
    """The loop of this thread's hub."""
    return get_hub().loop


def set_loop(loop):
    """Give this thread's hub another loop, which is not running."""
    hub = get_hub()
    hub.loop = loop
    _set_hub(hub, loop)


def reinit(hub=None):
    """Repair the hub in a forked child: the loop gets its own kernel objects, the thread pool forgets its threads,
    and a monitoring thread is started anew.

    It is done in every child that Python forks; to be called in one that C code forked.
    """
    hub = get_hub_if_exists() if hub is None else hub
    if hub is None or hub.loop is None:
        return
    hub.loop.reinit()
    for part in (hub._threadpool, hub._resolver, hub.periodic_monitoring_thread):
        if hasattr(part, "_on_fork"):
            part._on_fork()


def shutdown():
    """End the program as `sys.exit()` in the main greenlet would; the name is gevent 0.13's.

    It can be called anywhere, also as a signal handler: `signal_handler(SIGQUIT, shutdown)`.
    """
    get_hub().handle_system_error(SystemExit, SystemExit(0))


os.register_at_fork(after_in_child=_take_back_wakeup_fd)
os.register_at_fork(after_in_child=reinit)

_STDERR = object()
_hub_class = Hub


#: The default loop while it has no hub.
_kept_loops: list = []


def _take_kept_loop():
    while _kept_loops:
        loop = _kept_loops.pop()
        if loop.default:  # and so not destroyed meanwhile
            return loop
    return None


def _main_greenlet():
    current = getcurrent()
    while current.parent is not None:
        current = current.parent
    return current


def _settings():
    from ._settings import config

    return config
