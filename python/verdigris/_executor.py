"""`ThreadPoolExecutor`: the interface of `concurrent.futures` to a pool of native threads."""

from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor as _NativeExecutor

from .event import Event
from .monkey import is_module_patched
from .threadpool import ThreadPool

__all__ = ["ThreadPoolExecutor"]


class ThreadPoolExecutor(_NativeExecutor):
    """Native threads whose futures are waited for without blocking the hub.

    The callbacks of a future run in the hub of the thread that has submitted the call: they must
    not wait.
    """

    def __init__(self, max_workers):
        """At most `max_workers` native threads.

        Raises:
            ValueError: max_workers is below 1.
        """
        # For those who ask what kind of executor it is; none of its threads is ever started.
        super().__init__(max_workers)
        self._pool = ThreadPool(max_workers)
        self._shut = False

    def submit(self, fn, *args, **kwargs):
        """Have a call made in a thread; returns a Future. Waits while all threads are busy and one call is queued.

        Raises:
            RuntimeError: the executor has been shut down.
        """
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = _Future()
        future.set_running_or_notify_cancel()
        self._pool._spawn(fn, args, kwargs, report=False).rawlink(future._take)
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Take no more calls; with `wait`, wait for those that were taken.

        `cancel_futures` does nothing: at most one call is waiting for a thread, and it is made.
        """
        self._shut = True
        if wait:
            self._pool.join()
        self._pool.kill()

    kill = shutdown


class _Future(Future):
    """A future that greenlets wait for, by its own methods or by those of verdigris."""

    def __init__(self):
        self._settling = False
        super().__init__()
        self._ready = Event()

    @property
    def _waiters(self):
        # `concurrent.futures.wait` and `as_completed` begin by looking here. Then they would
        # stop the thread, and with it the hub that brings the result, unless that is there.
        if not (self._settling or self.done() or is_module_patched("threading")):
            raise AttributeError("concurrent.futures can wait for this future only if threading is monkey-patched")
        return self._waiting

    @_waiters.setter
    def _waiters(self, waiters):
        self._waiting = waiters

    def _take(self, result):
        self._settling = True
        if result.exception is not None:
            self.set_exception(result.exception)
        else:
            self.set_result(result.value)
        self._settling = False
        self._ready.set()

    def rawlink(self, callback):
        """Call `callback(self)` when the call has ended: for `wait` and its like."""
        self.add_done_callback(callback)

    def unlink(self, callback):
        """Take a link back."""
        if callback in self._done_callbacks:
            self._done_callbacks.remove(callback)

    def ready(self):
        """Whether the call has ended."""
        return self.done()

    def result(self, timeout=None):
        """The result, or its exception is raised.

        Raises:
            TimeoutError: `timeout` seconds passed before.
        """
        self._ready.wait(timeout)
        return super().result(0)

    def exception(self, timeout=None):
        """The exception of the call, or None.

        Raises:
            TimeoutError: `timeout` seconds passed before.
        """
        self._ready.wait(timeout)
        return super().exception(0)
