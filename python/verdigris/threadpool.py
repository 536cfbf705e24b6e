"""Native threads for what would block the hub: name lookups, C libraries, big computations.

`ThreadPool.spawn` hands a call to a thread and returns an AsyncResult. The pool stays
native under monkey patching: all it takes from the standard library are C functions that
patching replaces only by name, and they are taken at import from the originals.
"""

from threading import getprofile, gettrace

from ._core import AsyncResult, TaskQueue, hub_if_exists, sleep
from ._worker import ThreadResult, Worker, work
from .event import Event
from .hub import get_hub
from .lock import Semaphore
from .monkey import get_original
from .pool import Mapping

__all__ = ["ThreadPool", "ThreadPoolExecutor", "ThreadResult"]  # noqa: F822 - one is lazy

# gevent's names, for what looks at the threads or derives a class from theirs.
_WorkerGreenlet = Worker
_get_thread_profile = getprofile
_get_thread_trace = gettrace

_native_lock, _start_native_thread = get_original("_thread", ["allocate_lock", "start_new_thread"])


class ThreadPool(Mapping):
    """At most `maxsize` native threads, started when needed.

    `spawn` waits while all of them are busy and one more call is queued; `len()` is the number
    of calls not finished. Unlike gevent's it may be used from any thread.
    """

    #: The class of the greenlets that make the calls, one in each thread.
    _WorkerGreenlet = Worker

    def __init__(self, maxsize, hub=None, idle_task_timeout=-1):
        """
        Args:
            maxsize: how many threads at most; with 0, calls wait until it is raised.
            hub: whose greenlets wait for the results; None is this thread's.
            idle_task_timeout: seconds after which a thread without work ends; -1 is never.

        Raises:
            ValueError: maxsize is negative.
        """
        self.hub = get_hub() if hub is None else hub
        self.idle_task_timeout = idle_task_timeout
        self._tasks = TaskQueue()
        # Of the two numbers, which other threads change too. Nothing waits while holding it.
        self._lock = _native_lock()
        self._size = 0
        self._unfinished = 0
        self._finished = Event()
        self._finished.set()
        self._maxsize = _checked(maxsize)
        self._places = Semaphore(maxsize + QUEUED)

    def __repr__(self):
        return (
            f"<{type(self).__name__} at 0x{id(self):x} tasks={len(self)} size={self.size} "
            f"maxsize={self.maxsize} hub={self.hub!r}>"
        )

    def __len__(self):
        return self._unfinished

    def __bool__(self):
        return True

    @property
    def size(self):
        """How many threads there are. May be assigned: then that many are started, or too many are ended, which
        is waited for. Calls that come later may change it again."""
        return self._size

    @size.setter
    def size(self, value):
        if not 0 <= value <= self._maxsize:
            raise ValueError(f"size must be within 0 and {self._maxsize}: {value!r}")
        while self._start_thread_below(value):
            pass
        for _ in range(self._size - value):
            self._tasks.put(None)
        while self._size > value:
            # Nothing that another thread does at its end would keep our hub from thinking that nothing can come.
            sleep(POLL_SECONDS)

    @property
    def maxsize(self):
        """How many threads there may be; may be assigned. Threads too many end when idle."""
        return self._maxsize

    @maxsize.setter
    def maxsize(self, value):
        change = _checked(value) - self._maxsize
        self._maxsize = value
        self._places.counter += change
        self.adjust()

    def adjust(self):
        """End threads that are more than `maxsize`, when they are idle; start those that are lacking."""
        for _ in range(self._size - self._maxsize):
            self._tasks.put(None)
        for _ in range(min(self._unfinished, self._maxsize) - self._size):
            self._start_thread_if_needed()

    def spawn(self, func, *args, **kwargs):
        """Have `func(*args, **kwargs)` called in a thread; returns an AsyncResult at once, or
        when a thread is free. An error is reported, and raised in `get`."""
        return self._spawn(func, args, kwargs, report=True)

    def spawn_quietly(self, func, *args, **kwargs):
        """`spawn`, for calls whose errors are an ordinary answer: they are not reported."""
        return self._spawn(func, args, kwargs, report=False)

    def _spawn(self, func, args, kwargs, report):
        self._places.acquire()
        outcome = AsyncResult()
        try:
            # The caller may be of another thread than the pool: its own hub waits.
            result = ThreadResult(outcome, hub_if_exists() or get_hub(), self._task_ended)
        except BaseException:
            self._places.release()
            raise
        with self._lock:
            self._unfinished += 1
            self._finished.clear()
            threads_suffice = self._size >= self._unfinished or self._size >= self._maxsize
        try:
            if not threads_suffice:
                self._start_thread_if_needed()
        except BaseException:
            result.close()
            self._task_ended()
            raise
        self._tasks.put((func, args, kwargs, report, result))
        return outcome

    def apply_quietly(self, func, args=(), kwargs=None):
        """`spawn_quietly`, and wait for the result."""
        return self.spawn_quietly(func, *args, **(kwargs or {})).get()

    def _start_thread_if_needed(self):
        self._start_thread_below(min(self._unfinished, self._maxsize))

    def _start_thread_below(self, limit):
        """Start a thread if there are fewer than `limit`; whether there were."""
        with self._lock:
            if self._size >= limit:
                return False
            self._size += 1
        try:
            _start_native_thread(work, (self,))
        except BaseException:
            with self._lock:
                self._size -= 1
            raise
        return True

    def _thread_ended(self):
        # Called in the ending thread, into whose hands a task may have come too late.
        with self._lock:
            self._size -= 1
        if not self._tasks.empty():
            self._start_thread_if_needed()

    def _task_ended(self):
        with self._lock:
            self._unfinished -= 1
            if not self._unfinished:
                self._finished.set()
        self._places.release()

    def join(self, timeout=None):
        """Wait until every call has finished; False if `timeout` seconds passed before."""
        return self._finished.wait(timeout=timeout)

    def kill(self):
        """End the threads, each after what it is doing. The pool may be used again.

        Unlike gevent's it does not wait for them.
        """
        for _ in range(self._size):
            self._tasks.put(None)

    def _on_fork(self):
        # The child has none of the threads, and nobody will finish their calls.
        self._tasks = TaskQueue()
        self._size = self._unfinished = 0
        self._places = Semaphore(self._maxsize + QUEUED)
        self._finished.set()

    def _is_blocked(self):
        return not self._places.ready()

    def _link(self, call, callback):
        call.rawlink(callback)


def _checked(maxsize):
    if not isinstance(maxsize, int):
        raise TypeError(f"maxsize must be an integer: {maxsize!r}")
    if maxsize < 0:
        raise ValueError(f"maxsize must not be negative: {maxsize!r}")
    return maxsize


POLL_SECONDS = 0.001
# A call that is ready to be taken keeps a thread from going idle.
QUEUED = 1


def __getattr__(name):
    if name == "ThreadPoolExecutor":
        # Few use it, and its base class imports much.
        from ._executor import ThreadPoolExecutor

        globals()[name] = ThreadPoolExecutor
        return ThreadPoolExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
