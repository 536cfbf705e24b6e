"""What goes on in a native thread of a pool, and how the outcome comes to the hub.

Calls run in a greenlet of a class of its own, so that whoever looks at the running greenlets can tell them.
What belongs to the thread's main greenlet, such as a LoopExit when the call waits for what can never come, is
passed on to the call.
"""

import sys
from threading import getprofile, gettrace

from ._core import greenlet, hub_if_exists
from .monkey import get_original

__all__ = ["ThreadResult", "Worker", "work"]

_native_ident = get_original("_thread", "get_ident")


class ThreadResult:
    """Carries the outcome of one call from any thread to a hub, which then calls `receiver(result)`.

    Attributes:
        value, exc_info: the outcome; without an error, exc_info is ().
        context: what failed, for the report of an error; None is for none.
    """

    __slots__ = ("_call_when_ready", "_loop", "context", "exc_info", "hub", "receiver", "value")

    def __init__(self, receiver, hub, call_when_ready=None):
        """To be made in the thread of `hub`, which waits for it from now on.

        `call_when_ready()` is called in the hub before the receiver is.
        """
        self.receiver = receiver if receiver is not None else _nobody
        self.hub = hub
        self.context = self.value = None
        self.exc_info = ()
        self._call_when_ready = call_when_ready
        self._loop = hub.loop
        self._loop.ref()

    @property
    def exception(self):
        """The error that the call has ended with, or None."""
        return self.exc_info[1] if self.exc_info else None

    def successful(self):
        """Whether there is no error."""
        return not self.exc_info

    def set(self, value):
        """The call has returned `value`. May be called in any thread."""
        self.value = value
        self._loop.run_callback_threadsafe(self._deliver)

    def handle_error(self, context, exc_info):
        """The call has raised the error of `exc_info`. May be called in any thread."""
        self.context = context
        self.exc_info = exc_info
        self._loop.run_callback_threadsafe(self._deliver)

    def close(self):
        """Have the hub wait for it no more."""
        self._loop.unref()

    def _deliver(self):
        self._loop.unref()
        try:
            if self._call_when_ready is not None:
                self._call_when_ready()
            self.receiver(self)
            if self.context is not None:
                self.hub.handle_error(self.context, *self.exc_info)
        finally:
            self.value = self.context = self.hub = self._call_when_ready = None
            self.exc_info = ()


def _nobody(_result):
    """The receiver of a result that has none."""


class Worker(greenlet):
    """The greenlet that makes the calls of one thread of a pool. A subclass may override the two hooks."""

    greenlet_tree_is_root = True

    def __init__(self, threadpool):
        super().__init__()
        self._pool = threadpool
        self._tasks = threadpool._tasks
        self._thread_ident = _native_ident()

    def __repr__(self):
        where = f"0x{id(self):x} thread_ident={self._thread_ident:#x}"
        return f"<ThreadPoolWorker at {where} threadpool-hub={self._pool.hub!r}>"

    def run(self):
        """Make calls until told to end, or without work for too long."""
        while (task := self.wait_for_task()) is not None:
            *call, report, result = task
            try:
                value = self._run_task(*call, result)
            except BaseException as error:
                del task, call
                result.handle_error(self._pool if report else None, (type(error), error, error.__traceback__))
            else:
                # What the call was given goes before others can know that it has ended.
                del task, call
                result.set(value)
            value = result = None

    def wait_for_task(self):
        """The next task; None if there will be none."""
        limit = self._pool.idle_task_timeout
        return self._tasks.get(limit if limit >= 0 else None)

    def _run_task(self, func, args, kwargs, result):
        self._before_run_task(func, args, kwargs, result)
        try:
            return func(*args, **kwargs)
        finally:
            self._after_run_task(func, args, kwargs, result)

    def _before_run_task(
        self,
        func,
        args,
        kwargs,
        thread_result,
        _sys=sys,
        _get_thread_profile=getprofile,
        _get_thread_trace=gettrace,
    ):
        """Called before each call: a debugger that has asked for all threads gets this one."""
        if (profile := _get_thread_profile()) is not None:
            _sys.setprofile(profile)
        if (trace := _get_thread_trace()) is not None:
            _sys.settrace(trace)

    def _after_run_task(self, func, args, kwargs, thread_result, _sys=sys):
        """Called after each call, also after one that has failed."""
        hub = hub_if_exists()
        if hub is not None and hub.periodic_monitoring_thread is not None:
            # What comes is to wait for the next call, and to make one that blocks: that is what the thread is for.
            hub.periodic_monitoring_thread.ignore_current_greenlet_blocking()
        if _sys.getprofile() is not None:
            _sys.setprofile(None)
        if _sys.gettrace() is not None:
            _sys.settrace(None)


def work(pool):
    """The body of a native thread of `pool`."""
    try:
        worker = pool._WorkerGreenlet(pool)
        error = None
        while not worker.dead:
            try:
                worker.switch() if error is None else worker.throw(error)
            except BaseException as thrown:
                if worker.dead:
                    raise
                error = thrown
    finally:
        hub = hub_if_exists()
        if hub is not None:
            # A call has used a hub of this thread, which ends now.
            hub.destroy(destroy_loop=True)
        if not sys.is_finalizing():
            pool._thread_ended()
