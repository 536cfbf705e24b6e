"""`lock`: permits, and a lock that its owner can take again."""

import threading

import pytest

import verdigris as gevent
from verdigris.event import Event
from verdigris.lock import BoundedSemaphore, DummySemaphore, RLock, Semaphore
from verdigris.thread import LockType
from waiting import in_the_hub, started


@pytest.fixture(params=[Semaphore, BoundedSemaphore])
def semaphore(request):
    return request.param()


class TestSemaphore:
    def test_it_counts(self, semaphore):
        assert (semaphore.counter, semaphore.ready(), semaphore.locked()) == (1, True, False)
        assert semaphore.acquire() is True
        assert (semaphore.counter, semaphore.ready(), semaphore.locked()) == (0, False, True)
        assert semaphore.acquire(blocking=False) is False
        assert semaphore.release() == 1

    def test_a_with_block_holds_a_permit(self, semaphore):
        with semaphore as nothing:
            assert nothing is None and semaphore.counter == 0
        assert semaphore.counter == 1

    def test_an_error_in_the_block_gives_it_back(self, semaphore):
        with pytest.raises(KeyError), semaphore:
            raise KeyError
        assert semaphore.counter == 1

    def test_permits_go_to_those_who_wait_in_order(self, semaphore):
        order = []

        def take(name):
            with semaphore:
                order.append(name)
                gevent.sleep(0)

        gevent.joinall([gevent.spawn(take, name) for name in "abcd"])
        assert order == ["a", "b", "c", "d"]

    def test_nobody_overtakes_who_has_been_handed_a_permit(self, semaphore):
        semaphore.acquire()
        waiting = started(semaphore.acquire)
        semaphore.release()
        assert semaphore.acquire(blocking=False) is False
        assert waiting.get() is True

    def test_a_permit_handed_to_a_killed_greenlet_goes_on(self, semaphore):
        semaphore.acquire()
        first, second = gevent.spawn(semaphore.acquire), gevent.spawn(semaphore.acquire)
        gevent.sleep(0)
        in_the_hub(semaphore.release, first.throw)
        assert second.get(timeout=30) is True
        semaphore.release()
        assert semaphore.counter == 1

    def test_a_permit_handed_to_the_only_one_and_killed_is_free(self, semaphore):
        semaphore.acquire()
        waiting = started(semaphore.acquire)
        in_the_hub(semaphore.release, waiting.throw)
        assert semaphore.counter == 1

    def test_time_runs_out(self, semaphore):
        semaphore.acquire()
        assert semaphore.acquire(timeout=0.001) is False
        assert semaphore.acquire(timeout=-1) is False
        assert semaphore.acquire(timeout=gevent.Timeout(0.001)) is False
        assert semaphore.linkcount() == 0

    def test_waiting_takes_nothing(self, semaphore):
        assert semaphore.wait() == 1
        semaphore.acquire()
        assert semaphore.wait(timeout=0.001) == 0
        waiting, taking = started(semaphore.wait), started(semaphore.acquire)
        semaphore.release()
        assert taking.get() is True
        waiting.join()
        assert semaphore.counter == 0

    def test_raising_the_counter_wakes(self, semaphore):
        semaphore.acquire()
        waiting = [gevent.spawn(semaphore.acquire) for _ in range(2)]
        gevent.sleep(0)
        semaphore.counter = 3
        assert [greenlet.get() for greenlet in waiting] == [True, True]
        assert semaphore.counter == 1

    def test_a_callback_is_called_when_a_permit_is_free(self, semaphore):
        seen = []
        semaphore.acquire()
        semaphore.rawlink(seen.append)
        gevent.sleep(0)
        assert seen == []
        semaphore.release()
        gevent.sleep(0)
        assert seen == [semaphore] and semaphore.linkcount() == 0
        semaphore.rawlink(seen.append)
        gevent.sleep(0)
        assert seen == [semaphore, semaphore]

    def test_a_subclass_has_its_own_acquire_and_release_used(self, semaphore):
        calls = []

        class Logged(type(semaphore)):
            def acquire(self, *args):
                calls.append("acquire")
                return super().acquire(*args)

            def release(self):
                calls.append("release")
                return super().release()

        with Logged():
            pass
        assert calls == ["acquire", "release"]

    @pytest.mark.parametrize("value, error", [(-1, ValueError), ("a", TypeError), (None, TypeError)])
    def test_wrong_values(self, semaphore, value, error):
        with pytest.raises(error):
            type(semaphore)(value)

    def test_a_wrong_timeout(self, semaphore):
        semaphore.acquire()
        with pytest.raises(TypeError):
            semaphore.acquire(timeout="soon")

    def test_its_text(self, semaphore):
        assert "counter=1 _links[0]" in str(semaphore)


def test_threads_take_turns():
    semaphore, total, rounds = Semaphore(), 0, 200
    ready = threading.Barrier(3)

    def count():
        nonlocal total
        ready.wait()
        for _ in range(rounds):
            with semaphore:
                seen = total
                gevent.sleep(0)
                total = seen + 1

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    count()
    for thread in threads:
        thread.join()
    assert total == 3 * rounds


def test_a_plain_semaphore_may_be_released_more_often_than_taken():
    semaphore = Semaphore(0)
    assert [semaphore.release(), semaphore.release()] == [1, 2]


def test_a_bounded_semaphore_may_not():
    with pytest.raises(ValueError, match="Semaphore released too many times"):
        BoundedSemaphore().release()


def test_the_error_of_a_bounded_semaphore_can_be_another():
    class Lock(BoundedSemaphore):
        _OVER_RELEASE_ERROR = RuntimeError

    with pytest.raises(RuntimeError):
        Lock().release()


def test_a_dummy_semaphore_never_blocks():
    dummy = DummySemaphore()
    with dummy, dummy:
        assert dummy.acquire(blocking=True, timeout=1) and dummy.ready() and not dummy.locked()
    dummy.release()
    assert dummy.wait() == 1


class TestRLock:
    def test_its_owner_takes_it_again(self):
        lock = RLock()
        with lock, lock:
            assert lock.acquire() and lock._is_owned()
            lock.release()
        assert not lock.locked() and not lock._is_owned()

    def test_others_wait_until_it_has_been_released_as_often(self):
        lock, got = RLock(), Event()

        def take():
            with lock:
                got.set()

        lock.acquire()
        lock.acquire()
        other = started(take)
        lock.release()
        gevent.sleep(0)
        assert not got.is_set()
        lock.release()
        other.get()
        assert got.is_set()

    def test_others_can_not_release_it(self):
        lock = RLock()
        lock.acquire()

        def release():
            with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
                lock.release()

        gevent.spawn(release).get()
        lock.release()
        with pytest.raises(RuntimeError):
            lock.release()

    def test_those_that_wait_get_it_in_order(self):
        lock, order = RLock(), []

        def take(name):
            with lock:
                order.append(name)
                gevent.sleep(0)

        gevent.joinall([gevent.spawn(take, name) for name in "abc"])
        assert order == ["a", "b", "c"]

    def test_one_killed_on_the_way_to_it_hands_it_on(self):
        lock = RLock()
        taken, go_on = Event(), Event()

        def hold():
            lock.acquire()
            taken.set()
            go_on.wait()
            # Struck down before it runs: the hub does it when this has been released.
            gevent.get_hub().loop.run_callback(first.throw)
            lock.release()

        holding = gevent.spawn(hold)
        taken.wait()
        first, second = gevent.spawn(lock.acquire), gevent.spawn(lock.acquire)
        gevent.sleep(0)
        go_on.set()
        assert second.get(timeout=30)
        holding.join()

    def test_time_runs_out(self):
        lock = RLock()
        lock.acquire()
        assert not gevent.spawn(lock.acquire, timeout=0.001).get()
        assert not gevent.spawn(lock.acquire, blocking=False).get()

    def test_a_condition_can_stand_on_it(self):
        condition = threading.Condition(RLock())
        state = []

        def wait():
            with condition, condition:
                state.append("waiting")
                saved = condition._release_save()
                gevent.sleep(0)
                condition._acquire_restore(saved)
                state.append("back")

        other = started(wait)
        with condition:
            assert state == ["waiting"]
        other.get()
        assert state == ["waiting", "back"]

    def test_its_text(self):
        assert "_count=0 _owner=None" in repr(RLock())


class TestThreadLock:
    """`thread.LockType`, which monkey patching gives to `threading`."""

    def test_it_is_taken_and_given_back(self):
        lock = LockType()
        with lock as taken:
            assert taken is True and lock.locked()
            assert repr(lock).startswith("<locked verdigris.thread.LockType object at 0x")
        assert not lock.locked() and repr(lock).startswith("<unlocked")

    def test_nobody_has_it(self):
        with pytest.raises(RuntimeError, match="release unlocked lock"):
            LockType().release()

    def test_who_keeps_trying_gets_it(self):
        lock, tries = LockType(), []
        lock.acquire()

        def spin():
            while not lock.acquire(blocking=False):
                tries.append(None)

        spinning = started(spin)
        lock.release()
        spinning.get(timeout=30)
        assert lock.locked() and tries

    @pytest.mark.parametrize(
        "arguments, error",
        [((False, 1), ValueError), ((True, -2), ValueError), ((True, 1e10), OverflowError), ((True, "a"), TypeError)],
    )
    def test_wrong_arguments(self, arguments, error):
        with pytest.raises(error):
            LockType().acquire(*arguments)

    def test_minus_one_is_for_ever(self):
        lock = LockType()
        lock.acquire()
        waiting = started(lock.acquire, True, -1)
        lock.release()
        assert waiting.get(timeout=30) is True

    def test_time_runs_out(self):
        lock = LockType()
        lock.acquire()
        assert lock.acquire(timeout=0.001) is False

    def test_it_has_no_subclasses(self):
        with pytest.raises(TypeError):
            type("Mine", (LockType,), {})
