"""Groups and pools."""

import pytest

import verdigris
from verdigris.event import Event
from verdigris.pool import Group, Pool, PoolFull


class Wave:
    """Greenlets that end when told to, and know how many there are at once."""

    def __init__(self):
        self.end = Event()
        self.inside = 0
        self.most = 0

    def __call__(self, value=None):
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            self.end.wait()
            return value
        finally:
            self.inside -= 1


def test_a_group_forgets_greenlets_that_ended():
    wave = Wave()
    group = Group()
    one, two = group.spawn(wave, 1), group.spawn(wave, 2)
    assert len(group) == 2 and one in group and set(group) == {one, two}
    wave.end.set()
    assert group.join() is True
    assert len(group) == 0 and one not in group
    assert (one.value, two.value) == (1, 2)


def test_an_empty_group_is_false():
    assert not Group() and not Pool(2)


def test_group_takes_in_and_lets_go():
    wave = Wave()
    greenlet = verdigris.spawn(wave)
    group = Group(greenlet)
    group.add(greenlet)
    assert len(group) == 1
    group.discard(greenlet)
    assert len(group) == 0 and group.join(timeout=0) is True
    group.discard(greenlet)
    wave.end.set()
    greenlet.join()


def test_join_tells_whether_time_ran_out():
    wave = Wave()
    group = Group()
    group.spawn(wave)
    assert group.join(timeout=0.001) is False
    wave.end.set()
    assert group.join(timeout=10) is True


def test_join_raises_the_error_of_a_member(capfd):
    group = Group()
    group.spawn(int, "x")
    with pytest.raises(ValueError):
        group.join(raise_error=True)


def test_kill_ends_all_even_those_that_have_not_begun():
    wave = Wave()
    group = Group()
    running = group.spawn(wave)
    verdigris.sleep(0)
    fresh = group.spawn(wave)
    group.kill()
    assert len(group) == 0
    assert isinstance(running.value, verdigris.GreenletExit)
    assert fresh.ready() and wave.most == 1


def test_kill_without_block_returns_at_once():
    wave = Wave()
    group = Group()
    group.spawn(wave)
    verdigris.sleep(0)
    group.kill(block=False)
    assert len(group) == 1
    group.join()


def test_kill_gives_up_after_its_timeout():
    def stubborn():
        while not released.is_set():
            try:
                released.wait()
            except verdigris.GreenletExit:
                pass

    released = Event()
    group = Group()
    group.spawn(stubborn)
    verdigris.sleep(0)
    group.kill(timeout=0.001)
    assert len(group) == 1
    released.set()
    group.join()


def test_killone_spares_the_others():
    wave = Wave()
    group = Group()
    victim, other = group.spawn(wave), group.spawn(wave)
    verdigris.sleep(0)
    group.killone(victim)
    assert victim.dead and set(group) == {other}
    group.killone(victim)
    wave.end.set()
    group.join()


def test_map_keeps_order_and_imap_unordered_does_not():
    gates = [Event() for _ in range(3)]

    def task(number):
        gates[number].wait()
        if number:
            gates[number - 1].set()
        return number

    gates[2].set()
    assert list(Group().imap_unordered(task, range(3))) == [2, 1, 0]
    for gate in gates[:2]:
        gate.clear()
    assert Group().map(task, range(3)) == [0, 1, 2]


def test_imap_takes_several_iterables():
    assert list(Group().imap(pow, [2, 3], [3, 2, 9])) == [8, 9]


def test_an_exception_comes_out_of_imap_in_its_turn(capfd):
    results = Pool(2).imap(lambda x: 10 // x, [5, 0, 2])
    assert next(results) == 2
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert next(results) == 5
    with pytest.raises(StopIteration):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_an_exception_of_the_iterable_comes_out_last(capfd):
    def items():
        yield 1
        raise KeyError("broken")

    results = Group().imap(str, items())
    assert next(results) == "1"
    with pytest.raises(KeyError):
        next(results)


@pytest.mark.parametrize("method", ["imap", "imap_unordered"])
def test_maxsize_bounds_what_is_not_taken(method):
    started = []
    results = getattr(Group(), method)(started.append, range(10), maxsize=3)
    for _ in range(10):
        verdigris.sleep(0)
    assert len(started) == 3
    next(results)
    for _ in range(10):
        verdigris.sleep(0)
    assert len(started) == 4
    assert len(list(results)) == 9


def test_imap_over_nothing():
    assert list(Pool(1).imap(str, [])) == []


def test_a_pool_is_never_over_its_size():
    wave = Wave()
    pool = Pool(2)
    mapped = pool.map_async(wave, range(5))
    while wave.inside < 2:
        verdigris.sleep(0)
    assert pool.full() and pool.free_count() == 0 and len(pool) == 2
    wave.end.set()
    assert mapped.get() == [0, 1, 2, 3, 4]
    assert wave.most == 2 and pool.free_count() == 2


def test_a_full_pool_refuses_those_who_will_not_wait():
    wave = Wave()
    pool = Pool(1)
    pool.spawn(wave)
    extra = verdigris.Greenlet(wave)
    with pytest.raises(PoolFull):
        pool.add(extra, blocking=False)
    with pytest.raises(PoolFull):
        pool.start(extra, timeout=0.001)
    assert pool.wait_available(timeout=0.001) == 0
    wave.end.set()
    assert pool.wait_available() == 1
    pool.start(extra)
    pool.join()


def test_a_place_comes_back_once(capfd):
    pool = Pool(1)
    greenlet = pool.spawn(int)
    pool.discard(greenlet)
    pool.discard(greenlet)
    greenlet.join()
    assert pool._semaphore.counter == 1


def test_a_pool_without_bound():
    pool = Pool()
    assert pool.free_count() == 1 and not pool.full()
    pool.spawn(int)
    pool.join()


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError):
        Pool(-1)


def test_apply_within_the_pool_does_not_wait_for_itself():
    pool = Pool(1)
    assert pool.apply(lambda: pool.apply(str, (1,))) == "1"


def test_apply_async_calls_back_with_the_value(capfd):
    values = []
    pool = Pool(1)
    wave = Wave()
    pool.apply_async(wave, ("a",), callback=values.append)
    waits_for_room = pool.apply_async(str, ("b",), callback=values.append)
    assert len(pool) == 1
    pool_error = pool.apply_async(int, ("x",), callback=values.append)
    wave.end.set()
    assert waits_for_room.get() == "b"
    pool_error.join()
    verdigris.sleep(0)
    assert sorted(values) == ["a", "b"]


def test_greenlet_class_makes_the_members():
    class Mine(verdigris.Greenlet):
        pass

    assert isinstance(Pool(1, greenlet_class=Mine).spawn(int), Mine)


def test_a_raw_greenlet_may_be_in_a_group():
    group = Group()
    raw = verdigris.spawn_raw(verdigris.sleep, 0)
    group.add(raw)
    assert raw in group
    group.discard(raw)
    assert len(group) == 0
    assert group.join(timeout=5)
