"""`put` and `get` of a queue where there was nothing to notice so far, and now there is.

As long as nobody waits, they look at one word, which says that there is nothing to look at; see `Flow`.
"""

import sys

import pytest

import verdigris as gevent
from verdigris.queue import LifoQueue, PriorityQueue, Queue, ShutDown, SimpleQueue
from waiting import started


def drained(queue):
    return [queue.get_nowait() for _ in range(queue.qsize())]


every_kind = pytest.mark.parametrize("kind", [SimpleQueue, Queue, LifoQueue, PriorityQueue])


@every_kind
def test_somebody_waits(kind):
    queue = kind()
    queue.put(1)
    queue.put(2)
    assert queue.get() + queue.get() == 3
    getting = [started(queue.get), started(queue.get)]
    queue.put(4)
    queue.put(4)
    assert [greenlet.get(timeout=30) for greenlet in getting] == [4, 4]


@every_kind
def test_a_bound_is_set(kind):
    queue = kind()
    queue.put(1)
    queue.put(2)
    queue.maxsize = 2
    putting = started(queue.put, 3)
    assert queue.qsize() == 2
    assert queue.get() + queue.get() + queue.get() == 6
    assert putting.get(timeout=30) is None


def test_a_bound_set_before_the_first_leaves_the_order():
    queue = PriorityQueue()
    queue.maxsize = 3
    for item in (2, 3, 1):
        queue.put(item)
    assert [queue.get() for _ in range(3)] == [1, 2, 3]


@every_kind
def test_a_bound_is_reached(kind):
    queue = kind(3)
    for item in (1, 2, 3):
        queue.put(item)
    putting = [started(queue.put, item) for item in (4, 5)]
    assert queue.qsize() == 3
    assert sum(queue.get() for _ in range(5)) == 15
    gevent.joinall(putting, raise_error=True)
    for item in (1, 2, 3):
        queue.put(item)
    assert queue.full()


@pytest.mark.parametrize("kind", [Queue, LifoQueue, PriorityQueue])
def test_it_is_shut_down(kind):
    queue = kind()
    queue.put(1)
    queue.put(2)
    queue.shutdown()
    with pytest.raises(ShutDown):
        queue.put(3)
    assert queue.get() + queue.get() == 3
    with pytest.raises(ShutDown):
        queue.get()


@every_kind
def test_its_items_are_replaced(kind):
    queue = kind()
    queue.put(1)
    queue.queue = type(kind().queue)([7])
    queue.put(8)
    assert sorted(drained(queue)) == [7, 8]


def test_it_is_made_again():
    class Squares(Queue):
        def _put(self, item):
            super()._put(item * item)

    queue = Squares.__new__(Squares)
    queue.put(2)
    assert queue.get() == 2
    queue.__init__()
    queue.put(2)
    assert queue.get() == 4


def test_a_queue_refers_to_what_it_holds_as_often_as_it_was_put():
    queue, item = SimpleQueue(), object()
    before = sys.getrefcount(item)
    for _ in range(100):
        queue.put(item)
    assert sys.getrefcount(item) == before + 100
    for _ in range(100):
        queue.get()
    assert sys.getrefcount(item) == before
