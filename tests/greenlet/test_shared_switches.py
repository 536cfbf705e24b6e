"""Direct switches between greenlets that share a stack, and what ends them: throws, kills, drops, threads, forks."""

import contextvars
import ctypes
import decimal
import gc
import os
import shutil
import sys
import threading
import weakref

import pytest

import verdigris
from raw import GreenletExit, getcurrent, greenlet
from sharing import alone, displace, parked, results_of
from verdigris.event import Event
from verdigris.lock import RLock

COUNT = 5


class Passed(Exception):
    pass


def in_thread(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join()


def laps(ring, number, turns, pass_on):
    """One of a ring that pass a number on and on, by direct switches."""
    mine, hub = [number], verdigris.get_hub()
    leave = hub.switch
    while True:
        try:
            got = leave()
        except Passed as passed:
            (got,) = passed.args
        assert mine == [number]
        assert got % len(ring) == number
        after = ring[(number + 1) % len(ring)]
        if got >= turns:
            # All the others still wait for somebody to switch to them.
            if got < turns + len(ring) - 1:
                hub.loop.run_callback(after.switch, got + 1)
            return got
        leave = pass_on(after, got + 1)


def ring_of(count, turns, pass_on):
    ring = []
    ring += parked(count, lambda number: laps(ring, number, turns, pass_on))
    verdigris.get_hub().loop.run_callback(ring[0].switch, 0)
    displace()
    assert results_of(ring) == [turns + number for number in range(count)]


@alone
def test_one_switches_to_the_next():
    for count in (2, 3, 7):
        ring_of(count, count * 300, lambda after, number: lambda: after.switch(number))


@alone
def test_one_throws_into_the_next():
    ring_of(5, 1000, lambda after, number: lambda: after.throw(Passed(number)))


@alone
def test_a_raw_greenlet_stands_between_each_two():
    ring_of(5, 1000, lambda after, number: lambda: greenlet(lambda: after.switch(number)).switch())


@alone
def test_main_switches_to_one_that_is_displaced():
    hub, main = verdigris.get_hub(), getcurrent()
    greenlets = parked(COUNT, lambda number: (number, hub.switch(), hub.switch()))
    for value in "ab":
        for asked in greenlets:
            hub.loop.run_callback(main.switch, "back")
            assert asked.switch(value) == "back"
            displace()
    assert results_of(greenlets) == [(number, "a", "b") for number in range(COUNT)]


@alone
def test_a_raw_greenlet_that_ends_while_its_parent_is_displaced():
    event = Event()

    def body(number):
        here = [number]
        found = [greenlet(lambda value: event.wait() and value).switch(number + turn) for turn in range(3)]
        assert here == [number]
        return found

    greenlets = parked(COUNT, body)
    event.set()
    assert results_of(greenlets) == [[number, number + 1, number + 2] for number in range(COUNT)]


@alone
def test_a_raw_greenlet_that_fails_while_its_parent_is_displaced():
    event = Event()

    def fail(number):
        event.wait()
        raise KeyError(number)

    def body(number):
        try:
            greenlet(fail).switch(number)
        except KeyError as error:
            verdigris.sleep(0)
            return error.args

    greenlets = parked(COUNT, body)
    event.set()
    assert results_of(greenlets) == [(number,) for number in range(COUNT)]


@alone
def test_raw_greenlets_and_spawned_ones_alternate():
    def body(number):
        def run(given):
            while True:
                verdigris.sleep(0)
                given = me.switch(given + 1)

        me, raw, value = getcurrent(), greenlet(run), number
        for _ in range(20):
            value = raw.switch(value)
            verdigris.sleep(0)
        return value

    assert results_of(parked(30, body)) == [number + 20 for number in range(30)]


@alone
def test_killed_while_displaced():
    log = []

    def body(number):
        here = [number]
        try:
            Event().wait()
        finally:
            verdigris.sleep(0.001)
            log.append(here)

    greenlets = parked(COUNT * 4, body)
    verdigris.killall(greenlets[:COUNT])
    for kill in (greenlets[COUNT].kill, lambda: verdigris.killall(greenlets[COUNT + 1 : COUNT * 2])):
        verdigris.spawn(kill).get()
        displace()
    for each in greenlets[COUNT * 2 :]:
        each.kill(block=False)
    displace()
    assert all(isinstance(value, GreenletExit) for value in results_of(greenlets))
    assert sorted(log) == [[number] for number in range(COUNT * 4)]


@alone
def test_one_ends_another_by_an_exception_of_its_choice():
    def body(number):
        here = [number]
        try:
            Event().wait()
        except Passed as passed:
            verdigris.sleep(0)
            return here, passed.args

    greenlets = parked(COUNT, body)
    for number, each in enumerate(greenlets):
        verdigris.spawn(each.kill, Passed(number)).get()
        displace()
    assert results_of(greenlets) == [([number], (number,)) for number in range(COUNT)]


@alone
def test_timeouts_of_those_who_are_displaced():
    def body(number):
        found = []
        for _ in range(20):
            with verdigris.Timeout(0.001 * (number % 3)) as timeout:
                try:
                    Event().wait()
                except verdigris.Timeout as raised:
                    found.append(raised is timeout)
        return found

    assert results_of([verdigris.spawn(body, number) for number in range(60)]) == [[True] * 20] * 60


@alone
def test_raw_greenlets_are_dropped_whose_parents_are_displaced():
    log, main = [], threading.get_ident()

    def run(number):
        here = [number]
        try:
            getcurrent().parent.switch()
        finally:
            log.append((here, threading.get_ident()))

    def body(number, kept, event):
        raw = greenlet(run)
        raw.switch(number)
        kept.append(raw)
        del raw
        event.wait()
        return number

    for drop in (
        lambda kept: kept.clear(),
        lambda kept: verdigris.spawn(kept.clear).get(),
        lambda kept: greenlet(kept.clear).switch(),
        lambda kept: in_thread(kept.clear),
    ):
        kept, event = [], Event()
        greenlets = parked(COUNT, body, kept, event)
        drop(kept)
        while len(log) < COUNT:
            verdigris.sleep(0.001)
        assert sorted(log) == [([number], main) for number in range(COUNT)]
        log.clear()
        event.set()
        assert results_of(greenlets) == list(range(COUNT))


@alone
def test_their_thread_ends():
    log, gone = [], []

    class Thing:
        pass

    def body(number):
        thing, here = Thing(), [number]
        gone.append(weakref.ref(thing))
        try:
            if number % 2:
                Event().wait()
            else:
                greenlet(Event().wait).switch()
        finally:
            log.append((here, threading.get_ident()))

    idents = []
    for keep in (False, True):
        kept = []

        def work(keep=keep, kept=kept):
            idents.append(threading.get_ident())
            greenlets = parked(COUNT * 2, body)
            if keep:
                kept.extend(greenlets)

        in_thread(work)
        verdigris.sleep(0)
        assert sorted(log) == [([number], idents[-1]) for number in range(COUNT * 2)]
        assert all(each.dead for each in kept)
        kept.clear()
        gc.collect()
        assert [thing() for thing in gone] == [None] * COUNT * 2
        log.clear()
        gone.clear()


def fork(check):
    """Has a child check, and end with 7 if that holds."""
    child = os.fork()
    if not child:
        try:
            check()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@alone
def test_both_go_on_after_a_fork():
    event = Event()

    def body(number):
        here = [number]
        event.wait()
        verdigris.sleep(0.001)
        return here

    def go_on():
        event.set()
        assert results_of(greenlets) == [[number] for number in range(COUNT)]
        displace()

    greenlets = parked(COUNT, body)
    fork(go_on)
    fork(lambda: (verdigris.killall(greenlets), displace()))
    verdigris.spawn(fork, go_on).get()
    greenlet(fork).switch(go_on)
    displace()
    go_on()


@alone
def test_in_a_child_of_another_thread_they_are_never_run():
    greenlets = parked(COUNT, lambda number: Event().wait())

    def in_child():
        greenlets.clear()
        gc.collect()
        assert results_of([verdigris.spawn(int) for _ in range(COUNT)]) == [0] * COUNT
        displace()

    in_thread(fork, in_child)
    verdigris.killall(greenlets)


@alone
def test_contexts_are_each_ones_own():
    variable = contextvars.ContextVar("variable")

    def body(number):
        variable.set(number)
        for _ in range(10):
            with decimal.localcontext(decimal.Context(prec=number + 1)):
                verdigris.sleep(0)
                assert len(str(decimal.Decimal(1) / 3)) == number + 3
            assert variable.get() == number
            contextvars.copy_context().run(lambda: (variable.set(None), verdigris.sleep(0)))
            assert variable.get() == number
        return number

    assert results_of(parked(30, body)) == list(range(30))


Compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))


@alone
def test_a_sort_of_the_c_library_keeps_its_place():
    """It holds pointers into the stack that it runs on."""

    def body(number):
        lock = RLock()

        def compare(a, b):
            with lock:
                verdigris.sleep(0)
            return a[0] - b[0]

        numbers = (ctypes.c_int * 12)(*[(n * 7 + number) % 12 for n in range(12)])
        ctypes.CDLL(None).qsort(numbers, 12, ctypes.sizeof(ctypes.c_int), Compare(compare))
        return list(numbers)

    assert results_of(parked(20, body)) == [list(range(12))] * 20


@pytest.mark.skipif(shutil.which("c++") is None, reason="no c++ here")
@alone
def test_cpp_exceptions():
    import extensions

    cpp, event = extensions.load("exceptions.cpp"), Event()

    def body(_):
        found = []
        for _ in range(3):
            found.append(cpp.throw_after_switch(greenlet(event.wait)))
            verdigris.sleep(0)
            found.append(cpp.catching(cpp.throw_here))
        return found

    greenlets = parked(20, body)
    event.set()
    assert results_of(greenlets) == [[("after the switch", True), "nobody below catches"] * 3] * 20
