"""Several hubs, each in a thread of its own: each runs what is its own, and wakes for the others."""

import os
import threading

import verdigris as gevent
from programs import output_of
from verdigris.event import AsyncResult
from verdigris.hub import get_hub, get_hub_if_exists

COUNT = 4


def in_threads(body):
    """Call `body(number)` in several threads at once, each of which ends with its hub destroyed: the results."""
    results = [None] * COUNT

    def run(number):
        try:
            results[number] = body(number)
        finally:
            hub = get_hub_if_exists()
            if hub is not None:
                hub.destroy(destroy_loop=True)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(COUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_each_has_its_own_hub_and_loop():
    hubs = in_threads(lambda number: (get_hub(), get_hub().loop))
    assert len({id(hub) for hub, _ in hubs} | {id(get_hub())}) == COUNT + 1
    assert len({id(loop) for _, loop in hubs}) == COUNT


def test_timers_fds_and_greenlets_of_one_do_not_disturb_the_others():
    def body(number):
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        received = []

        def receive():
            while len(received) < 100:
                received.append(gevent.os.nb_read(reader, 1))

        def send():
            for turn in range(100):
                os.write(writer, bytes([number]))
                gevent.sleep(0 if turn % 10 else 0.0001)

        gevent.joinall([gevent.spawn(receive), gevent.spawn(send)], raise_error=True)
        os.close(reader)
        os.close(writer)
        return b"".join(received)

    assert in_threads(body) == [bytes([number]) * 100 for number in range(COUNT)]


def test_results_travel_in_a_ring_of_threads():
    rounds = 200
    posts = [[AsyncResult() for _ in range(rounds)] for _ in range(COUNT)]

    def body(number):
        # The loop is kept running, since only other threads can end the wait.
        get_hub().loop.ref()
        for turn in range(rounds):
            if number or turn:
                before = posts[number - 1][turn if number else turn - 1].get(timeout=30)
                assert before == (turn if number else turn - 1)
            posts[number][turn].set(turn)
        get_hub().loop.unref()
        return rounds

    assert in_threads(body) == [rounds] * COUNT


def test_callbacks_from_other_threads_run_in_the_loops_own_thread():
    loop = get_hub().loop
    calls = []
    done = loop.async_()

    def body(number):
        for _ in range(50):
            loop.run_callback_threadsafe(lambda: calls.append((number, threading.get_ident())))

    def schedule():
        in_threads(body)
        loop.run_callback_threadsafe(done.send)

    waiter = gevent.hub.Waiter()
    done.start(waiter.switch, None)
    thread = threading.Thread(target=schedule)
    thread.start()
    waiter.get()
    done.close()
    thread.join()
    assert sorted(number for number, _ in calls) == sorted(list(range(COUNT)) * 50)
    assert {ident for _, ident in calls} == {threading.get_ident()}


def test_each_watches_its_own_children():
    def body(number):
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {number}"], {})
        with get_hub().loop.child(pid) as watcher:
            get_hub().wait(watcher)
            return os.waitstatus_to_exitcode(watcher.rstatus)

    assert in_threads(body) == list(range(COUNT))


def test_a_hub_that_always_finds_something_ready_lets_other_threads_run():
    assert (
        output_of(
            """
            import _thread, sys, verdigris
            from verdigris import socket

            # So the other thread gets its turn when the hub waits.
            sys.setswitchinterval(60)
            near, far = socket.socketpair()

            def echo():
                while message := far.recv(1):
                    far.sendall(message)

            def exchange():
                near.sendall(b"x")
                near.recv(1)

            verdigris.spawn(echo)
            for _ in range(10):
                exchange()
            turns = []
            _thread.start_new_thread(turns.append, (1,))
            # The kernel may be slow to begin the thread.
            for _ in range(1_000_000):
                exchange()
                if turns:
                    break
            print(turns)
            """
        )
        == "[1]\n"
    )


def test_a_thread_is_not_taken_for_one_that_has_ended():
    """Though that has left its hub in a dict that somebody holds, and its memory to the next."""
    program = """
import _thread, gc, threading, time
import verdigris
from verdigris.hub import get_hub_if_exists
held, seen, local = [], [], threading.local()
def run(call):
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(lambda: (call(), done.release()), ())
    done.acquire()
    time.sleep(0.01)  # Until it has ended.
def first():
    local.list = []
    verdigris.sleep(0)
    held.append(gc.get_objects())
def second():
    seen.append(get_hub_if_exists())
    verdigris.sleep(0)
run(first)
for _ in range(10):
    run(second)
print({*seen})
"""
    assert output_of(program) == "{None}\n"


def test_a_thread_that_makes_its_hub_while_the_program_ends_just_ends():
    output_of("""
        import _frozen_importlib, _thread, os, sys
        import verdigris, verdigris.hub

        # As if another thread were importing it: who asks for it waits for this lock.
        lock = _frozen_importlib._get_module_lock("verdigris.hub")
        lock.acquire()
        verdigris.hub.__spec__._initializing = True
        _thread.start_new_thread(verdigris.sleep, (0,))
        while not lock.waiters:
            pass

        class Late:
            # The interpreter is ending by now. Up to Python 3.13, who asks for the GIL then is ended.
            def __del__(self, release=lock.wakeup.release, threads=os.listdir, ends=sys.version_info < (3, 14)):
                release()
                while ends and len(threads("/proc/self/task")) > 1:
                    pass

        sys.late = Late()
    """)
