"""`ThreadPoolExecutor`: the interface of `concurrent.futures` to a pool of native threads."""

from concurrent.futures import Executor, Future

from .event import Event
from .threadpool import ThreadPool

__all__ = ["ThreadPoolExecutor"]


class ThreadPoolExecutor(Executor):
    """Native threads whose futures are waited for without blocking the hub.

    A future belongs to the thread that made the executor: its callbacks run there.
    """

    def __init__(self, max_workers):
        """At most `max_workers` native threads."""
        self._pool = ThreadPool(max_workers)
        self._shut = False

    def submit(self, fn, *args, **kwargs):
        """Have a call made in a thread; returns a Future.

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

        `cancel_futures` does nothing: every call that was taken has a thread already.
        """
        self._shut = True
        if wait:
            self._pool.join()
        self._pool.kill()

    kill = shutdown


class _Future(Future):
    """A future that greenlets wait for.

    `concurrent.futures.wait` and `as_completed` do so only under monkey patching.
    """

    def __init__(self):
        super().__init__()
        self._ready = Event()

    def _take(self, result):
        if result.exception is not None:
            self.set_exception(result.exception)
        else:
            self.set_result(result.value)
        self._ready.set()

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
