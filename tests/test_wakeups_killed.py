"""Waiters that are killed just as they are woken: nobody is stranded, and nobody is told what is not so.

Two kinds of test: the known bad moments one by one, and many random ones, after which must be true what is true
of any.
"""

import random

import pytest

import verdigris
from verdigris.event import AsyncResult, Event
from verdigris.lock import BoundedSemaphore, Semaphore
from verdigris.queue import Channel, LifoQueue, PriorityQueue, Queue, SimpleQueue
from verdigris.thread import LockType
from waiting import started


def taken(kind):
    lock = kind()
    lock.acquire()
    return lock


def full(kind):
    queue = kind(1)
    queue.put("first")
    return queue


def acquire(semaphore, timeout):
    return semaphore.acquire(timeout=timeout)


def acquire_lock(lock, timeout):
    return lock.acquire(True, -1 if timeout is None else timeout)


def get(source, timeout):
    return source.get(timeout=timeout) is not None


def put(queue, timeout):
    queue.put("more", timeout=timeout)
    return True


def meet(channel):
    verdigris.spawn(channel.put, "item")


# What is waited for, how it is waited for, and how one who waits is woken.
KINDS = {
    "Event.wait": (Event, Event.wait, Event.set),
    "AsyncResult.get": (AsyncResult, get, lambda result: result.set("value")),
    "Semaphore": (lambda: taken(Semaphore), acquire, Semaphore.release),
    "BoundedSemaphore": (lambda: taken(BoundedSemaphore), acquire, BoundedSemaphore.release),
    "LockType": (lambda: taken(LockType), acquire_lock, LockType.release),
    "SimpleQueue.get": (SimpleQueue, get, lambda queue: queue.put("item")),
    "Queue.get": (Queue, get, lambda queue: queue.put("item")),
    "LifoQueue.get": (LifoQueue, get, lambda queue: queue.put("item")),
    "PriorityQueue.get": (PriorityQueue, get, lambda queue: queue.put("item")),
    "SimpleQueue.put": (lambda: full(SimpleQueue), put, SimpleQueue.get),
    "Queue.put": (lambda: full(Queue), put, Queue.get),
    "Channel.get": (Channel, get, meet),
}


@pytest.mark.parametrize("timeout", [None, 5], ids=["for ever", "for a time"])
@pytest.mark.parametrize("killed_first", [True, False], ids=["killed and woken", "woken and killed"])
@pytest.mark.parametrize("place", [0, 1, 2], ids=["newcomer before", "newcomer between", "newcomer after"])
@pytest.mark.parametrize("kind", KINDS)
def test_who_begins_to_wait_when_the_only_waiter_is_killed_is_woken(kind, place, killed_first, timeout):
    make, wait, wake = KINDS[kind]
    thing = make()
    doomed = started(wait, thing, timeout)
    newcomer = verdigris.Greenlet(wait, thing, timeout)
    in_the_hub = verdigris.get_hub().loop.run_callback
    steps = [lambda: in_the_hub(doomed.throw), lambda: in_the_hub(wake, thing)]
    if not killed_first:
        steps.reverse()
    steps.insert(place, newcomer.start)
    for step in steps:  # they happen in this order, with nothing in between
        step()
    with verdigris.Timeout(10):
        assert newcomer.get() is True
    assert isinstance(doomed.value, verdigris.GreenletExit)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("killed", [True, False])
def test_nobody_who_begins_to_wait_after_clear_is_told_of_the_set(killed, place):
    event = Event()
    waiter = started(event.wait, 5)
    newcomer = verdigris.Greenlet(lambda: (event.is_set(), event.wait(0.001)))
    in_the_hub = verdigris.get_hub().loop.run_callback
    steps = [
        lambda: in_the_hub(event.set),
        lambda: in_the_hub(waiter.throw if killed else event.is_set),
        lambda: in_the_hub(event.clear),
    ]
    steps.insert(place, newcomer.start)
    for step in steps:
        step()
    waited_before_clear = place < 3
    assert newcomer.get() == (place in (1, 2), waited_before_clear)
    assert isinstance(waiter.get(), verdigris.GreenletExit) if killed else waiter.get() is True


class Model:
    """Greenlets that wait for one thing, of which any may be killed at any moment."""

    def __init__(self, seed, wait, *others):
        self.random = random.Random(seed)
        self.wait = wait
        self.steps = [self.begin, self.begin, self.kill, self.let_run, *others, *others]
        self.waiters = []
        self.got = 0

    def begin(self):
        self.waiters.append(verdigris.spawn(self.run))

    def run(self):
        if self.wait():
            self.got += 1

    def kill(self):
        if self.waiters:
            doomed = self.random.choice(self.waiters)
            if self.random.random() < 0.5:
                doomed.kill(block=False)
            else:  # before it can run, should it have been woken
                verdigris.get_hub().loop.run_callback(doomed.throw)

    def let_run(self):
        verdigris.sleep(0)

    def play(self):
        for _ in range(40):
            self.random.choice(self.steps)()
        for _ in range(10):
            verdigris.sleep(0)

    def waiting(self):
        return sum(not waiter.dead for waiter in self.waiters)

    def end(self):
        verdigris.killall(self.waiters)


@pytest.mark.parametrize("timeout", [None, 60])
def test_a_semaphore_loses_no_permit(timeout):
    for seed in range(150):
        semaphore, released = Semaphore(1), []

        def release(semaphore=semaphore, released=released):
            released.append(semaphore.release())

        model = Model(seed, lambda s=semaphore: s.acquire(timeout=timeout), release)
        model.play()
        assert model.got + semaphore.counter == 1 + len(released), seed
        assert not (semaphore.counter and model.waiting()), seed
        model.end()


@pytest.mark.parametrize("kind", [SimpleQueue, Queue])
def test_a_queue_loses_no_item(kind):
    for seed in range(150):
        queue, put_in = kind(), []

        def give(queue=queue, put_in=put_in):
            put_in.append(len(put_in))
            queue.put(put_in[-1])

        taken_out = []
        model = Model(seed, lambda q=queue, t=taken_out: t.append(q.get()), give)
        model.play()
        assert taken_out == put_in[: len(taken_out)] and len(taken_out) + len(queue) == len(put_in), seed
        assert not (len(queue) and model.waiting()), seed
        model.end()


@pytest.mark.parametrize("kind", [SimpleQueue, Queue])
def test_a_full_queue_loses_no_room(kind):
    for seed in range(150):
        queue, taken_out = kind(2), []

        def take(queue=queue, taken_out=taken_out):
            if len(queue):
                taken_out.append(queue.get())

        model = Model(seed, lambda q=queue: q.put("item") is None, take)
        model.play()
        assert model.got == len(taken_out) + len(queue), seed
        assert not (len(queue) < 2 and model.waiting()), seed
        model.end()


@pytest.mark.parametrize("timeout", [None, 60])
def test_an_event_tells_all_and_only_those_who_waited(timeout):
    for seed in range(150):
        event, sets = Event(), []

        def set_it(event=event, sets=sets):
            sets.append("set")
            event.set()

        def wait(event=event, sets=sets):
            was_set, before = event.is_set(), len(sets)
            told = event.wait(timeout)
            assert told is (was_set or len(sets) > before)
            return told

        model = Model(seed, wait, set_it, event.clear)
        model.play()
        assert not (event.is_set() and model.waiting()), seed
        assert all(waiter.exception is None for waiter in model.waiters), seed
        model.end()
