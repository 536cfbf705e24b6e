"""Greenlets that take turns on one stack: each goes on from its wait as if it had the stack to itself."""

import functools
import re
import sys
import threading
from random import Random

import pytest

import verdigris
from raw import getcurrent, greenlet
from sharing import alone, displace, parked, results_of
from verdigris import _core, select, socket, subprocess
from verdigris.event import AsyncResult, Event
from verdigris.lock import BoundedSemaphore, RLock
from verdigris.pool import Pool
from verdigris.queue import Queue


def life(number, wait, turns=4):
    """Waits some times, and finds each time what it had before: in locals, and in C code below and above."""
    random, kept, total, text = Random(number), [], 0, ""

    def key(place):
        if place == 2:
            wait(random)
        return -place

    for turn in range(turns):
        value = random.randrange(10**9)
        kept.append(value)
        total, text = total + value, f"{text}{value},"
        before = total, text, turn
        wait(random)
        assert before == (sum(kept), "".join(f"{value}," for value in kept), turn)
        assert sorted(range(5), key=key) == [4, 3, 2, 1, 0]
        assert kept[-1] is value
    return number


def test_the_setting():
    before = _core.get_share_above()
    try:
        for value in (0, 7, None, 10**9):
            _core.set_share_above(value)
            assert _core.get_share_above() == value
        for wrong in (-1, "many", 0.5):
            with pytest.raises((TypeError, ValueError, OverflowError)):
                _core.set_share_above(wrong)
        assert _core.get_share_above() == 10**9
    finally:
        _core.set_share_above(before)
    assert before == 512
    assert _core.count_evicted() == 0


@alone
def test_thousands_that_wait_for_timers():
    greenlets = [
        verdigris.spawn(life, number, lambda random: verdigris.sleep(random.random() / 50)) for number in range(2000)
    ]
    assert results_of(greenlets) == list(range(2000))


@alone
def test_they_may_go_on_in_any_order():
    events = []

    def wait(_):
        events.append(Event())
        events[-1].wait()

    greenlets = parked(300, life, wait)
    orders = [lambda due: None, list.reverse, Random(1).shuffle]
    for turn in range(8):
        due, events[:] = events[:], []
        orders[turn % 3](due)
        for event in due:
            event.set()
        verdigris.sleep(0)
        verdigris.sleep(0)
    assert results_of(greenlets) == list(range(300))


@alone
def test_control_that_is_handed_from_one_to_the_next():
    count, laps = 100, 20
    queues = [Queue() for _ in range(count)]

    def body(number):
        seen = []
        for _ in range(laps):
            seen.append(queues[number].get())
            queues[(number + 1) % count].put(seen[-1] + 1)
        return seen

    greenlets = parked(count, body)
    queues[0].put(0)
    assert results_of(greenlets) == [list(range(number, count * laps, count)) for number in range(count)]


@alone
def test_the_setting_may_change_while_they_wait():
    random, greenlets = Random(1), []
    for turn in range(40):
        _core.set_share_above((0, None, 5, 1, 1000)[turn % 5])
        greenlets += [
            verdigris.spawn(life, turn * 10 + number, lambda random: verdigris.sleep(random.random() / 100))
            for number in range(10)
        ]
        verdigris.sleep(random.random() / 500)
    assert results_of(greenlets) == list(range(400))


@alone
def test_sizes_of_stacks_may_change_while_they_wait():
    greenlets = []
    for turn, size in enumerate([1 << 20, 256 << 10, 4 << 20, 512 << 10] * 3):
        _core.set_stack_size(size)
        greenlets += parked(5, lambda number, turn: life(turn, lambda _: verdigris.sleep(0.02)), turn)
    assert results_of(greenlets) == [turn for turn in range(12) for _ in range(5)]


@alone
def test_together_with_compaction():
    greenlets = [
        verdigris.spawn(life, number, lambda random: verdigris.sleep(random.random() / 100)) for number in range(200)
    ]
    while not all(greenlet.ready() for greenlet in greenlets):
        verdigris.sleep(0.001)
        _core.compact()
    assert results_of(greenlets) == list(range(200))


@alone
def test_together_with_compaction_by_the_hub():
    _core.set_compact_after(0)
    event = Event()
    greenlets = parked(200, lambda number: life(number, lambda _: event.wait()))
    verdigris.sleep(0.1)
    displace()
    verdigris.sleep(0.1)
    event.set()
    assert results_of(greenlets) == list(range(200))


def by_event(go):
    return go.wait()


def by_a_timeout(go):
    with verdigris.Timeout(0.01, False):
        Event().wait()
        return False
    return go.wait()


def by_result(go):
    result = AsyncResult()
    verdigris.spawn(go.wait).link(result)
    return result.get()


def by_queue(go):
    queue = Queue(1)
    verdigris.spawn(lambda: (go.wait(), queue.put(1), queue.put(2)))
    return [queue.get(), queue.get()] == [1, 2]


def by_lock(go):
    for lock in (BoundedSemaphore(1), RLock()):
        holder = verdigris.spawn(lambda lock=lock: (lock.acquire(), go.wait(), lock.release()))
        verdigris.sleep(0)
        with lock:
            holder.join()
    return True


def by_socket(go):
    left, right = socket.socketpair()
    verdigris.spawn(lambda: (go.wait(), right.sendall(b"x" * 1000_000), right.close()))
    buffer = bytearray(10)
    received = left.recv_into(buffer)
    while part := left.recv(65536):
        received += len(part)
    return received == 1000_000 and buffer == b"x" * 10


def by_select(go):
    left, right = socket.socketpair()
    verdigris.spawn(lambda: (go.wait(), right.send(b"x")))
    found = select.select([left], [], [left], 30)
    poll = select.poll()
    poll.register(left, select.POLLIN)
    return found == ([left], [], []) and poll.poll() == [(left.fileno(), select.POLLIN)]


def by_join(go):
    others = [verdigris.spawn(go.wait) for _ in range(3)]
    return {other.get() for other in verdigris.iwait(others)} == {True} and len(verdigris.joinall(others)) == 3


def by_pool(go):
    return Pool(2).map(lambda number: go.wait() and number, range(5)) == list(range(5))


def by_native_thread(go):
    return verdigris.get_hub().threadpool.apply(lambda: 6 * 7) == 42 and go.wait()


def by_child(go):
    return subprocess.call([sys.executable, "-S", "-c", ""]) == 0 and go.wait()


@alone
def test_all_kinds_of_waits():
    kinds = [value for name, value in globals().items() if name.startswith("by_")]
    go = Event()
    greenlets = parked(len(kinds) * 3, lambda number: kinds[number % len(kinds)](go))
    verdigris.sleep(0.05)
    displace()
    go.set()
    assert results_of(greenlets) == [True] * len(greenlets)


@alone
def test_deep_in_python():
    sys.setrecursionlimit(20_000)
    event = Event()

    def dive(levels):
        here = [levels]
        if levels:
            below = dive(levels - 1)
        else:
            below = event.wait() and 0
        if levels % 100 == 0:
            verdigris.sleep(0)
        assert here == [levels]
        return below + 1

    depths = [10, 100, 1000, 5000, 3, 700, 50]
    greenlets = parked(len(depths) * 3, lambda number: dive(depths[number % len(depths)]))
    event.set()
    assert results_of(greenlets) == [depth + 1 for depth in depths] * 3


@alone
def test_deep_in_c():
    event = Event()

    def under(depth):
        if depth == 0:
            return event.wait()
        here = object(), depth
        found = list(map(lambda _: under(depth - 1), (0,)))
        if depth % 20 == 0:
            verdigris.sleep(0)
        assert here[1] == depth
        return found[0]

    greenlets = parked(60, lambda number: under(number % 10 * 10))
    event.set()
    assert results_of(greenlets) == [True] * 60


class Waits:
    """Has to wait to know who it is equal to, and what its hash is."""

    def __init__(self, number):
        self.number = number

    def __hash__(self):
        verdigris.sleep(0)
        return 1

    def __eq__(self, other):
        verdigris.sleep(0)
        return self.number == other.number

    def __lt__(self, other):
        verdigris.sleep(0)
        return self.number < other.number


@alone
def test_in_callbacks_of_c_code():
    def body(number):
        verdigris.sleep(0)
        found = {Waits(n): n for n in range(5)}
        assert found[Waits(3)] == 3
        assert [waits.number for waits in sorted(Waits(n * number % 7) for n in range(7))] in (list(range(7)), [0] * 7)
        text = re.sub("[a-z]", lambda match: verdigris.sleep(0) or match[0].upper(), f"text {number}")
        total = functools.reduce(lambda a, b: verdigris.sleep(0) or a + b, range(10))
        joined = ",".join(verdigris.sleep(0) or str(n) for n in range(5))
        return text, total, joined

    greenlets = parked(30, body)
    assert results_of(greenlets) == [(f"TEXT {number}", 45, "0,1,2,3,4") for number in range(30)]


@alone
def test_recursion_ends_as_ever():
    event = Event()

    def without_end():
        return sorted([0], key=lambda _: without_end())

    def body(_):
        for _ in range(3):
            event.wait(0.001)
            with pytest.raises(RecursionError):
                without_end()
        return event.wait()

    greenlets = [verdigris.spawn(body, number) for number in range(5)]
    verdigris.sleep(0.05)
    displace()
    event.set()
    assert results_of(greenlets) == [True] * 5


@alone
def test_a_spawned_one_spawns_and_joins_the_next():
    def body(depth):
        here = [depth]
        if depth:
            child = verdigris.spawn(body, depth - 1)
            found = child.get()
        else:
            displace()
            found = []
        assert here == [depth]
        return [*found, depth]

    assert verdigris.spawn(body, 300).get() == list(range(301))


@alone
def test_threads_share_each_their_own_stacks():
    sys.setswitchinterval(0.0001)
    done = []

    def work():
        greenlets = [
            verdigris.spawn(life, number, lambda random: verdigris.sleep(random.random() / 100))
            for number in range(200)
        ]
        greenlets += parked(100, life, lambda _: verdigris.sleep(0))
        done.append(results_of(greenlets) == [*range(200), *range(100)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 4


@alone
def test_who_runs_is_never_without_a_stack():
    def body(_):
        for _ in range(10):
            verdigris.sleep(0)
            assert getcurrent()._stack_saved == 0
            assert greenlet(lambda: getcurrent()._stack_saved).switch() == 0

    greenlets = parked(20, body)
    assert all(greenlet._stack_saved >= 0 for greenlet in greenlets)
    results_of(greenlets)
