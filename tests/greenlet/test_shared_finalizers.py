"""Finalizers that wait in the middle of a garbage collection, on a stack that others are to run on, too.

The collector's lists lie on that stack: its owner keeps it until the collection is over.
"""

import gc
import threading
import weakref

import verdigris
from raw import GreenletExit, error, greenlet
from sharing import alone, displace, parked, results_of
from verdigris import _core
from verdigris.event import Event
from verdigris.exceptions import BlockingSwitchOutError
from verdigris.lock import RLock

COUNT = 5

#: Among so many there are some on every stack that is shared.
MANY = 200


class Garbage:
    """In a circle with itself."""

    def __init__(self, finalize):
        self.itself, self.finalize = self, finalize

    def __del__(self):
        self.finalize()


def litter(count, finalize):
    for _ in range(count):
        Garbage(finalize)


def collects(number, go, finalize):
    """Waits, so that others come to share its stack; then collects. While one does, the others cannot."""
    here = [number]
    go.wait()
    litter(2, finalize)
    gc.collect()
    assert here == [number]
    verdigris.sleep(0)
    return number


def collected_by_several(finalize, others=()):
    """Has them begin at once, and then collects what they could not."""
    go = Event()
    greenlets = parked(COUNT, collects, go, finalize)
    go.set()
    assert results_of(greenlets) == list(range(COUNT))
    verdigris.spawn(gc.collect).join()
    results_of(others)


@alone
def test_they_sleep():
    gc.disable()
    log = []

    def sleeps():
        verdigris.sleep(0.001)
        log.append(1)

    collected_by_several(sleeps, parked(COUNT, lambda _: [verdigris.sleep(0.0005) for _ in range(20)]))
    assert len(log) == COUNT * 2


@alone
def test_one_waits_for_an_event_that_any_of_the_others_sets():
    gc.disable()
    event, log = Event(), []

    def waits():
        event.wait()
        log.append(1)

    collected_by_several(waits, parked(MANY, lambda _: (verdigris.sleep(0.01), event.set())))
    assert len(log) == COUNT * 2


@alone
def test_one_that_waits_for_all_of_the_others_is_told_that_it_cannot():
    """Of so many, some share its stack, and could not go on before the collection has ended."""
    gc.disable()
    go, event, log = Event(), Event(), []

    def joins():
        event.set()
        try:
            verdigris.joinall(others)
        except error:
            log.append("error")
        else:
            log.append("joined")

    others = parked(MANY, lambda _: event.wait())
    collector = verdigris.spawn(collects, 1, go, joins)
    verdigris.sleep(0)
    displace()
    go.set()
    assert results_of(others) == [True] * MANY
    assert collector.get() == 1
    assert log == ["error", "error"]


@alone
def test_one_waits_for_a_lock_that_another_holds():
    gc.disable()
    lock, log = RLock(), []

    def locks():
        with lock:
            log.append(1)

    def holds(_):
        with lock:
            for _ in range(5):
                verdigris.sleep(0.001)

    collected_by_several(locks, parked(COUNT, holds))
    assert len(log) == COUNT * 2


@alone
def test_one_switches_directly_to_the_others():
    """To those that are not on its own stack."""
    gc.disable()
    hub, log = verdigris.get_hub(), []

    def body(number):
        here = [number]
        found = hub.switch()
        assert here == [number]
        return found

    def switches():
        for number, each in enumerate(waiting):
            callback = hub.loop.run_callback(verdigris.getcurrent().switch, "back")
            try:
                assert each.switch(number) == "back"
            except error:
                log.append(number)
                callback.stop()
        waiting.clear()

    waiting = parked(MANY, body)
    greenlets = list(waiting)
    collected_by_several(switches)
    assert 0 < len(log) < MANY
    assert [each.ready() for each in greenlets] == [number not in log for number in range(MANY)]
    for number in log:
        hub.loop.run_callback(greenlets[number].switch, number)
    assert results_of(greenlets) == list(range(MANY))


@alone
def test_raw_greenlets_end_whose_parents_cannot_go_on_yet():
    gc.disable()
    go, event, ended, late = Event(), Event(), Event(), []

    def run(number):
        event.wait()
        if number // 7 % 2:
            raise KeyError(number)
        return number

    def body(number):
        here = [number]
        try:
            found = greenlet(run).switch(number)
        except KeyError as failed:
            (found,) = failed.args
        assert here == [number]
        late.append(ended.is_set())
        return found

    def sleeps():
        event.set()
        verdigris.sleep(0.02)
        ended.set()

    greenlets = parked(MANY, body)
    collector = verdigris.spawn(collects, 1, go, sleeps)
    verdigris.sleep(0)
    displace()
    go.set()
    assert results_of(greenlets) == list(range(MANY))
    assert collector.get() == 1
    # Those on the collector's stack, and no others.
    assert 0 < sum(late) < MANY / 2


@alone
def test_many_that_each_wait_for_a_short_time():
    """Together for longer than one of them might."""
    gc.disable()
    go, log = Event(), []

    def sleeps():
        verdigris.sleep(0.02)
        log.append(1)

    litter(60, sleeps)
    others = parked(MANY, lambda _: (go.wait(), [verdigris.sleep(0.01) for _ in range(50)]))
    collector = verdigris.spawn(collects, 1, go, sleeps)
    verdigris.sleep(0)
    displace()
    go.set()
    results_of([collector, *others])
    assert len(log) == 62


@alone
def test_their_thread_ends():
    log = []

    def waits():
        try:
            Event().wait()
        except (GreenletExit, BlockingSwitchOutError) as failure:
            log.append(type(failure).__name__)

    def collecting(go):
        go.wait()
        litter(2, waits)
        gc.collect()

    def body(number):
        try:
            Event().wait()
        finally:
            log.append(number)

    def work():
        go = Event()
        parked(MANY, body)
        verdigris.spawn(collecting, go)
        verdigris.sleep(0)
        displace()
        go.set()
        verdigris.sleep(0)

    gc.disable()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    verdigris.sleep(0.001)
    assert log[:2] == ["GreenletExit", "BlockingSwitchOutError"]
    assert sorted(log[2:]) == list(range(MANY))


@alone
def test_those_who_cannot_go_on_yet_are_killed():
    gc.disable()
    go, event, log = Event(), Event(), []

    def body(number):
        here = [number]
        try:
            return event.wait()
        finally:
            assert here == [number]
            log.append(number)

    def sleeps():
        verdigris.killall(greenlets[::2], block=False)
        event.set()
        verdigris.sleep(0.03)

    greenlets = parked(MANY, body)
    collector = verdigris.spawn(collects, 1, go, sleeps)
    verdigris.sleep(0)
    displace()
    go.set()
    found = results_of(greenlets)
    assert collector.get() == 1
    assert all(isinstance(value, GreenletExit) for value in found[::2])
    assert found[1::2] == [True] * (MANY // 2)
    assert sorted(log) == list(range(MANY))


@alone
def test_a_collection_at_any_allocation():
    gc.set_threshold(5, 2, 2)
    finished = []

    def finalize():
        if isinstance(verdigris.getcurrent(), verdigris.Greenlet):
            verdigris.sleep(0)
        finished.append(1)

    def body(number):
        for turn in range(20):
            here = [number, turn]
            litter(2, finalize)
            verdigris.sleep(0)
            assert here == [number, turn]
        return number

    assert results_of(parked(30, body)) == list(range(30))
    gc.set_threshold(700, 10, 10)
    gc.collect()
    assert len(finished) == 30 * 20 * 2


@alone
def test_they_are_killed_in_the_middle_of_it():
    gc.disable()
    go, log = Event(), []

    def finalize():
        try:
            go.is_set() and Event().wait()
        except GreenletExit:
            log.append(1)

    greenlets = parked(COUNT, collects, go, finalize)
    go.set()
    while not all(each.ready() for each in greenlets):
        verdigris.sleep(0)
        displace()
        verdigris.killall(greenlets, block=False)
    assert all(value == number or isinstance(value, GreenletExit) for number, value in enumerate(results_of(greenlets)))
    assert log
    go.clear()


@alone
def test_garbage_that_waits_is_made_to_exit():
    """The garbage is raw, and the parent to which it would return is displaced."""
    log, gone, go = [], [], Event()

    def run():
        try:
            verdigris.getcurrent().parent.switch()
        finally:
            log.append(1)

    def body(number):
        here = [number]
        circle = greenlet(run)
        circle.itself = circle
        gone.append(weakref.ref(circle))
        circle.switch()
        del circle
        go.wait()
        return here

    greenlets = parked(COUNT, body)
    verdigris.spawn(gc.collect).get()
    assert [circle() for circle in gone] == [None] * COUNT
    assert log == [1] * COUNT
    go.set()
    assert results_of(greenlets) == [[number] for number in range(COUNT)]


@alone
def test_compaction_in_the_middle_of_it():
    gc.disable()
    log = []

    def finalize():
        verdigris.sleep(0)
        log.append(_core.compact())

    collected_by_several(finalize)
    assert log == [0] * COUNT * 2
    displace()
    assert _core.compact() >= 0
