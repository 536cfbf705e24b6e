"""A `Timeout` whose `start()` itself waits: what happens meanwhile is not missed by the wait that it is started for."""

import pytest

import verdigris
from verdigris import Timeout
from verdigris.event import AsyncResult, Event
from verdigris.lock import RLock, Semaphore
from verdigris.queue import Channel, JoinableQueue, Queue, ShutDown


class Slow(Timeout):
    """Lets the others run as it starts; so long that it never expires here."""

    fails = False

    def start(self):
        super().start()
        verdigris.sleep(0)
        verdigris.sleep(0)

    def cancel(self):
        super().cancel()
        if self.fails:
            raise KeyError


def event():
    event = Event()
    return event.wait, event.set, True


def async_result():
    result = AsyncResult()
    return result.get, lambda: result.set("value"), "value"


def semaphore():
    semaphore = Semaphore(0)
    return semaphore.acquire, semaphore.release, True


def rlock():
    lock, free = RLock(), Event()

    def hold():
        with lock:
            free.wait()

    verdigris.spawn(hold)
    verdigris.sleep(0)
    return lock.acquire, free.set, True


def queue_get():
    queue = Queue()
    return queue.get, lambda: queue.put("item"), "item"


def queue_peek():
    queue = Queue()
    return queue.peek, lambda: queue.put("item"), "item"


def queue_put():
    queue = Queue(1, ["first"])
    return lambda timeout: queue.put("second", timeout=timeout), queue.get, None


def queue_join():
    queue = JoinableQueue(items=["first"])
    queue.get()
    return queue.join, queue.task_done, True


def channel_get():
    channel = Channel()
    return channel.get, lambda: channel.put("item"), "item"


def channel_put():
    channel = Channel()
    return lambda timeout: channel.put("item", timeout=timeout), channel.get, None


def greenlet_get():
    greenlet = verdigris.spawn(lambda: "value")
    return greenlet.get, lambda: None, "value"


def wait_for_greenlets():
    greenlet = verdigris.spawn(lambda: None)
    return lambda timeout: verdigris.wait([greenlet], timeout), lambda: None, [greenlet]


KINDS = [
    event,
    async_result,
    semaphore,
    rlock,
    queue_get,
    queue_peek,
    queue_put,
    queue_join,
    channel_get,
    channel_put,
    greenlet_get,
    wait_for_greenlets,
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_as_it_starts_is_not_missed(kind):
    wait, come, expected = kind()
    verdigris.spawn(come)
    timeout, expired = Slow(10), []
    timeout._on_expiration = lambda *args: expired.append(args)
    with verdigris.Timeout(5):
        assert wait(timeout=timeout) == expected
    assert not timeout.pending and not expired


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_cancelled_only_by_who_has_started_it(kind):
    wait, come, expected = kind()
    verdigris.spawn(come)
    with Slow(10) as timeout:
        assert wait(timeout=timeout) == expected
        assert timeout.pending


def test_what_comes_later_is_waited_for():
    event = Event()
    verdigris.spawn_later(0.01, event.set)
    timeout = Slow(10)
    assert event.wait(timeout) is True
    assert not timeout.pending


def test_its_expiration_is_that_of_the_wait():
    for timeout in (Slow(0.01), Timeout(0.01)):
        assert Event().wait(timeout) is False
        with pytest.raises(type(timeout)) as raised:
            AsyncResult().get(timeout=timeout)
        assert raised.value is timeout


def test_one_that_cannot_be_started_or_cancelled():
    class Broken(Timeout):
        def start(self):
            raise KeyError

    event = Event()
    with pytest.raises(KeyError):
        event.wait(Broken(10))
    verdigris.spawn_later(0.01, event.set)
    timeout = Slow(10)
    timeout.fails = True
    with pytest.raises(KeyError):
        event.wait(timeout)
    assert event.linkcount() == 0 and not timeout.pending


def test_a_queue_that_is_shut_down_as_it_starts():
    queue = Queue()
    verdigris.spawn(queue.shutdown)
    with pytest.raises(ShutDown):
        queue.get(timeout=Slow(10))
    queue = Queue(1, ["first"])
    verdigris.spawn(queue.shutdown)
    with pytest.raises(ShutDown):
        queue.put("second", timeout=Slow(10))
