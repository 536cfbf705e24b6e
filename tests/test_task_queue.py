"""How the tasks of a thread pool reach its threads, and the outcomes the hub."""

import _thread
import gc
import weakref

from programs import output_of
from verdigris._core import TaskQueue


def test_tasks_are_taken_in_their_order():
    queue = TaskQueue()
    assert queue.empty() and queue.get(0) is None
    for number in range(3):
        queue.put(number)
    assert not queue.empty()
    assert [queue.get() for _ in range(3)] == [0, 1, 2]
    assert queue.get(timeout=0.001) is None


def test_each_task_is_taken_once_by_threads_that_come_and_go():
    tasks, threads = 3000, 4
    queue, taken, ended = TaskQueue(), [], TaskQueue()

    def take(limit):
        while (task := queue.get(limit)) != "end":
            if task is not None:
                taken.append(task)
        ended.put(True)

    for number in range(threads):
        _thread.start_new_thread(take, ((None, 0.00001)[number % 2],))
    for number in range(tasks):
        queue.put(number)
    for _ in range(threads):
        queue.put("end")
    assert [ended.get(10) for _ in range(threads)] == [True] * threads
    assert sorted(taken) == list(range(tasks))


def test_the_collector_sees_what_is_queued():
    class Holder:
        pass

    holder = Holder()
    holder.queue = TaskQueue()
    holder.queue.put(holder)
    alive = weakref.ref(holder)
    del holder
    gc.collect()
    assert alive() is None


def test_a_signal_is_handled_while_the_hub_waits_awake():
    # The call ends when the handler has run: nothing else would wake the hub.
    assert (
        output_of("""
        import _thread, os, signal
        from verdigris.threadpool import ThreadPool
        gate = _thread.allocate_lock()
        gate.acquire()
        signal.signal(signal.SIGUSR1, lambda *_: gate.release())
        pool = ThreadPool(1)

        def call():
            os.kill(os.getpid(), signal.SIGUSR1)
            gate.acquire()

        for _ in range(20):
            for _ in range(20):
                pool.apply(int)
            pool.apply(call)
        print("handled")
        """)
        == "handled\n"
    )
