"""`queue`: items handed from greenlet to greenlet."""

import collections
import gc
import inspect
import queue as standard
import threading
import weakref

import pytest

import verdigris as gevent
from verdigris.queue import (
    Channel,
    Empty,
    Full,
    JoinableQueue,
    LifoQueue,
    PriorityQueue,
    Queue,
    ShutDown,
    SimpleQueue,
)
from waiting import in_the_hub, started


def drained(queue):
    return [queue.get_nowait() for _ in range(queue.qsize())]


every_kind = pytest.mark.parametrize("kind", [SimpleQueue, Queue, LifoQueue, PriorityQueue])


class TestOrder:
    @pytest.mark.parametrize(
        "kind, order",
        [(SimpleQueue, [2, 3, 1]), (Queue, [2, 3, 1]), (LifoQueue, [1, 3, 2]), (PriorityQueue, [1, 2, 3])],
    )
    def test_items_come_out_in_the_order_of_the_kind(self, kind, order):
        put, given = kind(), kind(None, [2, 3, 1])
        for item in [2, 3, 1]:
            put.put(item)
        for queue in (put, given, given.copy()):
            assert queue.peek() == order[0]
            assert drained(queue) == order

    @pytest.mark.parametrize("kind, container", [(Queue, collections.deque), (LifoQueue, list), (PriorityQueue, list)])
    def test_the_items_can_be_seen_and_changed(self, kind, container):
        queue = kind()
        queue.put(2)
        items = queue.queue
        assert type(items) is container and list(items) == [2]
        queue.put(3)
        items.append(4)
        assert len(queue) == 3 and queue.queue is items
        queue.queue = container([5])
        assert queue.get() == 5

    def test_what_can_not_be_compared_is_refused(self):
        queue = PriorityQueue()
        queue.put("text")
        with pytest.raises(TypeError):
            queue.put(1)


class TestBounds:
    @every_kind
    def test_a_queue_is_full_and_empty(self, kind):
        queue = kind(1)
        assert (queue.empty(), queue.full(), len(queue), bool(queue)) == (True, False, 0, True)
        queue.put(1)
        assert (queue.empty(), queue.full(), len(queue)) == (False, True, 1)
        with pytest.raises(Full):
            queue.put_nowait(2)
        with pytest.raises(Full):
            queue.put(2, timeout=0.001)
        assert queue.get() == 1
        for get in (queue.get_nowait, queue.peek_nowait, lambda: queue.get(timeout=0.001)):
            with pytest.raises(Empty):
                get()

    def test_they_are_the_standard_exceptions(self):
        assert (Empty, Full) == (standard.Empty, standard.Full)
        assert ShutDown is getattr(standard, "ShutDown", ShutDown)

    @pytest.mark.parametrize("maxsize", [None, -1])
    def test_no_bound(self, maxsize):
        queue = Queue(maxsize)
        assert queue.maxsize is None and not queue.full()

    def test_a_bound_of_nothing_is_none_and_warns(self):
        with pytest.warns(DeprecationWarning, match="use Channel"):
            assert Queue(0).maxsize is None

    @pytest.mark.parametrize("arguments, error", [(("a",), TypeError), ((1.5,), TypeError), ((None, 5), TypeError)])
    def test_wrong_arguments(self, arguments, error):
        with pytest.raises(error):
            Queue(*arguments)

    def test_a_negative_timeout(self):
        for call in (lambda: Queue().get(timeout=-1), lambda: Queue().put(1, timeout=-1)):
            with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
                call()

    def test_raising_the_bound_wakes_those_who_put(self):
        queue = Queue(1)
        queue.put(1)
        putting = started(queue.put, 2)
        queue.maxsize = 2
        putting.get()
        assert drained(queue) == [1, 2]


class TestWaiting:
    def test_those_who_get_are_served_in_order(self):
        queue = Queue()
        getting = [gevent.spawn(queue.get) for _ in range(3)]
        gevent.sleep(0)
        for item in "abc":
            queue.put(item)
        assert [greenlet.get() for greenlet in getting] == ["a", "b", "c"]

    def test_those_who_put_are_served_in_order(self):
        queue = Queue(1)
        putting = [gevent.spawn(queue.put, item) for item in range(4)]
        gevent.sleep(0)
        assert [queue.get() for _ in range(4)] == [0, 1, 2, 3]
        gevent.joinall(putting)

    def test_an_item_is_not_taken_from_the_one_it_was_given_to(self):
        queue = Queue()
        getting = started(queue.get)
        queue.put(1)
        assert queue.empty()
        with pytest.raises(Empty):
            queue.get_nowait()
        assert getting.get() == 1

    def test_an_item_given_to_a_killed_greenlet_goes_to_the_next(self):
        queue = Queue()
        first, second = gevent.spawn(queue.get), gevent.spawn(queue.get)
        gevent.sleep(0)
        in_the_hub(lambda: queue.put(1), first.throw)
        assert second.get(timeout=30) == 1

    def test_an_item_given_to_a_killed_greenlet_alone_stays(self):
        queue = Queue()
        getting = started(queue.get)
        in_the_hub(lambda: queue.put(1), getting.throw)
        assert queue.get_nowait() == 1

    def test_a_slot_given_to_a_killed_greenlet_goes_to_the_next(self):
        queue = Queue(1)
        queue.put(0)
        first, second = gevent.spawn(queue.put, 1), gevent.spawn(queue.put, 2)
        gevent.sleep(0)
        in_the_hub(queue.get, first.throw)
        second.get(timeout=30)
        assert drained(queue) == [2]

    def test_peeking_leaves_the_item_to_the_next(self):
        queue = Queue()
        peeking, getting = gevent.spawn(queue.peek), gevent.spawn(queue.get)
        gevent.sleep(0)
        queue.put(1)
        assert peeking.get() == 1
        assert getting.get(timeout=30) == 1

    def test_a_foreign_timeout_is_raised(self):
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.001):
            Queue().get(timeout=60)

    def test_its_own_timeout_object_is_raised(self):
        timeout = gevent.Timeout(0.001)
        with pytest.raises(gevent.Timeout) as raised:
            Queue().get(timeout=timeout)
        assert raised.value is timeout

    def test_nobody_waits_in_the_hub(self):
        queue, seen = Queue(1), []

        def callback():
            with pytest.raises(Empty):
                queue.get()
            queue.put(1)
            with pytest.raises(Full):
                queue.put(2)
            seen.append(queue.get())

        gevent.get_hub().loop.run_callback(callback)
        gevent.sleep(0)
        assert seen == [1]

    def test_iteration_ends_with_a_stop_item(self):
        assert list(Queue(None, [1, 2, StopIteration, 3])) == [1, 2]

    def test_threads_lose_nothing(self):
        queue, got, count = Queue(2), [], 300
        ready = threading.Barrier(3)

        def put():
            ready.wait()
            for item in range(count):
                queue.put(item)

        threads = [threading.Thread(target=put) for _ in range(2)]
        for thread in threads:
            thread.start()
        ready.wait()
        for _ in range(2 * count):
            got.append(queue.get(timeout=30))
        for thread in threads:
            thread.join()
        assert sorted(got) == sorted(2 * list(range(count)))


class TestTasks:
    def test_join_waits_for_every_task(self):
        queue = Queue()
        assert queue.join() is True
        queue.put(1)
        queue.put(2)
        joining = started(queue.join)
        queue.task_done()
        assert queue.unfinished_tasks == 1 and queue.join(timeout=0.001) is False
        assert not joining.ready()
        queue.task_done()
        assert joining.get() is True

    def test_more_done_than_put(self):
        with pytest.raises(ValueError, match="task_done\\(\\) called too many times"):
            Queue().task_done()

    def test_items_given_are_tasks(self):
        assert Queue(None, [1, 2]).unfinished_tasks == 2
        assert Queue(None, [1], 5).unfinished_tasks == 5
        assert Queue(None, [1], 5).copy().unfinished_tasks == 5

    def test_a_joinable_queue_is_a_queue(self):
        assert JoinableQueue is Queue


class TestShutdown:
    def test_it_gives_out_what_it_has(self):
        queue = Queue(None, [1])
        queue.shutdown()
        assert queue.is_shutdown
        with pytest.raises(ShutDown):
            queue.put(2)
        assert queue.get() == 1
        with pytest.raises(ShutDown):
            queue.get()

    def test_at_once_it_forgets_what_it_has(self):
        queue = Queue(None, [1, 2])
        joining = started(queue.join)
        queue.shutdown(immediate=True)
        assert joining.get() is True
        with pytest.raises(ShutDown):
            queue.get()

    def test_all_that_wait_are_told(self):
        empty, full = Queue(), Queue(None, [0])
        full.maxsize = 1
        waiting = [gevent.spawn(shut_down, empty.get), gevent.spawn(shut_down, empty.peek)]
        waiting.append(gevent.spawn(shut_down, full.put, 1))
        gevent.sleep(0)
        empty.shutdown()
        full.shutdown()
        assert [greenlet.get(timeout=30) for greenlet in waiting] == [True, True, True]

    def test_an_item_promised_before_is_still_got(self):
        queue = Queue()
        getting = started(queue.get)
        queue.put(1)
        queue.shutdown()
        assert getting.get(timeout=30) == 1


def shut_down(call, *args):
    with pytest.raises(ShutDown):
        call(*args)
    return True


class TestHooks:
    class Unique(Queue):
        """As subclasses of the standard queue are written."""

        def _init(self, maxsize):
            self.items = {}

        def _qsize(self):
            return len(self.items)

        def _put(self, item):
            self.items[item] = None

        def _get(self):
            return self.items.popitem()[0]

    def test_a_subclass_keeps_its_items_itself(self):
        queue = self.Unique(2)
        for item in "aab":
            queue.put(item)
        assert queue.full() and len(queue) == 2
        assert [queue.get(), queue.get()] == ["b", "a"]

    def test_those_who_wait_for_it_are_woken(self):
        queue = self.Unique()
        getting = started(queue.get)
        queue.put("a")
        assert getting.get(timeout=30) == "a"

    def test_an_error_of_a_hook_is_raised(self):
        class Broken(Queue):
            def _put(self, item):
                raise KeyError(item)

        queue = Broken()
        with pytest.raises(KeyError):
            queue.put(1)
        assert queue.unfinished_tasks == 0

    def test_a_constructor_of_its_own(self):
        class Named(Queue):
            def __init__(self, name):
                super().__init__(1)
                self.name = name

        assert (Named("post").name, Named("post").maxsize) == ("post", 1)

    def test_iteration_uses_its_get(self):
        class Shouting(SimpleQueue):
            def get(self):
                item = super().get()
                return item if item is StopIteration else item.upper()

        assert list(Shouting(None, ["a", StopIteration])) == ["A"]


def test_queues_are_generic():
    assert Queue[int](3).maxsize == 3
    assert Channel[int].__origin__ is Channel


def test_their_text():
    queue = Queue(3, ["a"])
    assert "maxsize=3 queue=deque(['a'])" in repr(queue) and "tasks=1" in str(queue)


@every_kind
@pytest.mark.parametrize("text", [repr, str])
def test_a_queue_that_holds_itself_has_a_text(kind, text):
    queue = kind()
    queue.put(queue)
    assert text(queue).count("queue=") == 2 and "queue=[...]" in text(queue)


def test_an_item_without_a_text_does_not_spoil_the_next():
    class Mute:
        def __repr__(self):
            raise ZeroDivisionError

    queue = Queue(None, [Mute()])
    with pytest.raises(ZeroDivisionError):
        repr(queue)
    queue.get()
    queue.put(7)
    assert "queue=deque([7])" in repr(queue)


def test_a_cycle_through_an_item_is_collected():
    class Holder:
        """Something that a weak reference can point to."""

    holder = Holder()
    holder.queue = Queue(None, [holder])
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("kind", [SimpleQueue, Queue])
def test_put_and_get_are_methods_of_the_class_itself(kind):
    """Where CPython's specialised instructions call them, and only there."""
    assert {"put", "get"} <= set(vars(kind))
    assert kind.put.__objclass__ is kind.get.__objclass__ is kind


def test_put_and_get_say_what_they_take():
    assert str(inspect.signature(SimpleQueue.put)) == "(self, /, item, block=True, timeout=None)"
    assert str(inspect.signature(Queue.get)) == "(self, /, block=True, timeout=None)"
    for wrong in [((), {}), ((1, 2, 3, 4), {}), ((1,), {"item": 2}), ((1,), {"wait": 2})]:
        with pytest.raises(TypeError):
            SimpleQueue().put(*wrong[0], **wrong[1])
    for wrong in [((1, 2, 3), {}), ((), {"wait": 2})]:
        with pytest.raises(TypeError):
            SimpleQueue().get(*wrong[0], **wrong[1])
    with pytest.raises(TypeError):
        SimpleQueue.put([], 1)


def test_put_and_get_by_keyword():
    queue = SimpleQueue(1)
    queue.put(item=1, block=True, timeout=None)
    with pytest.raises(Full):
        queue.put(2, block=0)
    assert queue.get(block=False, timeout=5) == 1
    with pytest.raises(Empty):
        queue.get(timeout=0.001)


def test_what_goes_through_a_queue_is_let_go_of():
    class Item:
        """Can be referred to weakly."""

    queue, item = SimpleQueue(), Item()
    gone = weakref.ref(item)
    queue.put(item)
    del item
    assert queue.get() is gone()
    assert gone() is None


@pytest.mark.parametrize("kind", [SimpleQueue, Queue, Channel])
def test_the_hub_is_that_of_the_thread_that_asks(kind):
    queue = kind()
    assert queue.hub is gevent.get_hub()
