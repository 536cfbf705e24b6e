"""Groups and pools."""

import gc
import weakref

import pytest

import verdigris
from verdigris import Greenlet
from verdigris.event import Event
from verdigris.pool import Group, Pool, PoolFull
from verdigris.threadpool import ThreadPool


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


class Told(Group):
    """Notes each step that it has overridden."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def start(self, greenlet):
        self.steps.append("start")
        super().start(greenlet)

    def add(self, greenlet):
        self.steps.append("add")
        super().add(greenlet)

    def _discard(self, greenlet):
        self.steps.append("_discard")
        return super()._discard(greenlet)


def test_what_a_subclass_overrides_is_called():
    group = Told()
    group.spawn(int)
    assert group.steps == ["start", "add"]
    assert group.join(timeout=5)
    assert group.steps == ["start", "add", "_discard"]
    greenlet = group.spawn(int)
    group.discard(greenlet)
    assert not greenlet.has_links()
    greenlet.join()
    assert group.steps[3:] == ["start", "add", "_discard"]


def test_what_is_assigned_to_a_group_is_called():
    group, started = Group(), []
    group.start = started.append
    greenlet = group.spawn(int)
    assert started == [greenlet] and not greenlet.started
    del group.start
    group.add = started.append
    group.start(greenlet)
    assert started == [greenlet] * 2 and greenlet.started and not group
    greenlet.join()


def test_greenlet_class_may_be_a_function():
    group = Group()
    group.greenlet_class = lambda function, *args: Greenlet(function, *args, base=2)
    assert group.spawn(int, "11").get() == 3


def test_who_has_joined_a_member_finds_it_gone():
    pool = Pool(1)
    greenlet = pool.spawn(int)
    greenlet.join()
    assert greenlet not in pool and pool.free_count() == 1
    assert pool._semaphore.counter == 1


def test_a_greenlet_that_has_ended_leaves_by_itself_as_well():
    greenlet = verdigris.spawn(int)
    greenlet.join()
    group = Group(greenlet)
    assert group.join(timeout=5) and greenlet not in group


def test_a_member_is_let_go_once_however_often_it_was_added():
    pool = Pool(2)
    greenlet = Greenlet(int)
    pool.add(greenlet)
    pool.add(greenlet, blocking=False)
    assert pool.free_count() == 1 and len(pool) == 1
    pool.discard(greenlet)
    pool.discard(greenlet)
    assert pool._semaphore.counter == 2 and not greenlet.has_links()


def test_add_and_start_ask_for_a_greenlet():
    for call in (Group().add, Group().start, Group()._discard, Pool(1).add):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError):
        Group().add(Greenlet(int), whatever=1)


def test_a_group_of_greenlets_that_never_start_is_collected():
    group = Group()
    greenlet = Greenlet(int)
    greenlet.group = group
    group.add(greenlet)
    gone = weakref.ref(greenlet)
    del group, greenlet
    gc.collect()
    assert gone() is None


def test_several_may_take_from_one_imap(capfd):
    gate = Event()
    found = Pool(5).imap_unordered(lambda number: (gate.wait(), number)[1], range(4))
    takers = [verdigris.spawn(lambda: list(found)) for _ in range(3)]
    verdigris.sleep(0)
    takers[0].kill(block=False)
    gate.set()
    verdigris.joinall(takers, timeout=5)
    assert sorted(takers[1].value + takers[2].value) == [0, 1, 2, 3]


def test_an_imap_tells_how_much_has_piled_up():
    gates = [Event() for _ in range(3)]
    found = Pool(5).imap(Event.wait, gates)
    found.join()
    assert len(found.queue) == 0
    for gate in gates[1:]:
        gate.set()
    verdigris.idle()
    assert len(found.queue) == 2
    gates[0].set()
    assert next(found) is True
    assert list(found) == [True, True]


def test_imap_by_threads():
    pool = ThreadPool(2)
    assert pool.map(str, range(20)) == [str(number) for number in range(20)]
    assert sorted(pool.imap_unordered(lambda a, b: a + b, [1, 2], [3, 4], maxsize=1)) == [4, 6]
    pool.kill()


def test_the_exception_of_a_map_is_that_of_the_call(capfd):
    def fail(number):
        raise LookupError(number)

    found = Pool(2).imap(fail, range(2))
    for number in range(2):
        with pytest.raises(LookupError, match=str(number)):
            next(found)
    assert list(found) == []


@pytest.mark.parametrize("make", [Group, lambda: Pool(5)])
def test_members_may_be_killed_one_by_one_while_going_through_them(make):
    group = make()
    for _ in range(3):
        group.spawn(verdigris.sleep, 10)
    for member in group:
        member.kill(block=False)
    assert len(group) == 3
    verdigris.sleep(0)
    assert len(group) == 0 and (not isinstance(group, Pool) or group.free_count() == 5)
