"""No wake-up is lost: not to finalizers that wait, nor to greenlets that can never run again."""

import gc
import threading
import weakref

import pytest

import verdigris
from verdigris.event import Event
from verdigris.lock import RLock, Semaphore
from verdigris.queue import Queue, SimpleQueue
from waiting import started


class WaitsWhenFreed:
    """Its finalizer lets others run."""

    def __del__(self):
        verdigris.sleep(0)


def leave_an_idle_stack():
    for _ in range(3):
        verdigris.spawn(int).join()


# It runs in the hub, where it cannot wait, which is reported.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_finalizer_that_waits_cannot_take_the_place_of_the_wait_it_runs_in():
    event, woken = Event(), []

    def waiter():
        leave_an_idle_stack()
        doomed = verdigris.spawn(int)
        doomed.attribute = WaitsWhenFreed()
        doomed.kill(block=False)
        del doomed
        woken.append(event.wait(timeout=5))

    greenlet = started(waiter)
    for _ in range(10):
        verdigris.sleep(0)
    event.set()
    greenlet.join()
    assert woken == [True]


def test_a_parked_greenlet_does_not_keep_what_it_handed_over_to():
    event = Event()
    leave_an_idle_stack()
    parked = verdigris.spawn(event.wait)
    finished = weakref.ref(verdigris.spawn(int))
    for _ in range(3):
        verdigris.sleep(0)
    gc.collect()
    assert not parked.ready()
    assert finished() is None
    event.set()
    parked.join()


def in_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_what_is_given_to_a_greenlet_of_an_ended_thread_goes_to_the_next():
    semaphore, queue = Semaphore(0), SimpleQueue()

    def park_and_end():
        started(semaphore.acquire)
        started(queue.get)

    in_a_thread(park_and_end)
    semaphore.release()
    queue.put("item")
    assert semaphore.acquire(timeout=5)
    assert queue.get(timeout=5) == "item"


def test_what_was_given_to_a_greenlet_that_had_no_turn_before_its_thread_ended_goes_to_the_next():
    """It was handed over, and its new owner queued to run: it has it no more."""
    semaphore, lock, queue, simple = Semaphore(0), RLock(), Queue(), SimpleQueue()
    lock.acquire()
    parked, handed = threading.Event(), threading.Event()

    def park_and_end():
        for wait in (semaphore.acquire, lock.acquire, queue.get, simple.get):
            started(wait)
        parked.set()
        handed.wait(5)

    thread = threading.Thread(target=park_and_end)
    thread.start()
    parked.wait(5)
    semaphore.release()
    lock.release()
    queue.put("item")
    simple.put("item")
    handed.set()
    thread.join()
    assert semaphore.acquire(timeout=5)
    assert lock.acquire(timeout=5)
    assert queue.get(timeout=5) == "item"
    assert simple.get(timeout=5) == "item"


def test_a_greenlet_is_killed_from_another_thread():
    victim = started(verdigris.sleep, 1000)
    in_a_thread(lambda: victim.kill(block=False))
    victim.join(timeout=5)
    assert victim.dead


def test_calling_off_a_delayed_start_leaves_the_timers_of_other_loops_alone():
    # Two fresh loops, whose first timers are alike.
    delayed, is_made, is_killed, slept = [], threading.Event(), threading.Event(), []

    def owner():
        delayed.append(verdigris.spawn_later(1000, int))
        is_made.set()
        is_killed.wait(5)

    def killer():
        sleeper = verdigris.spawn(verdigris.sleep, 0.01)
        verdigris.sleep(0)
        delayed[0].kill(block=False)
        sleeper.join(timeout=5)
        slept.append(sleeper.ready())

    thread = threading.Thread(target=owner)
    thread.start()
    is_made.wait(5)
    in_a_thread(killer)
    is_killed.set()
    thread.join()
    assert slept == [True]
    assert delayed[0].dead


def test_a_greenlet_that_another_thread_starts_runs_in_its_own():
    made = verdigris.Greenlet(threading.get_ident)
    in_a_thread(made.start)
    assert made.get(timeout=5) == threading.get_ident()
