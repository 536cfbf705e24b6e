"""`event`: a flag, and a value or an error that comes later."""

import gc
import sys
import threading
import weakref

import pytest

import verdigris as gevent
from verdigris.event import AsyncResult, Event
from verdigris.exceptions import ConcurrentObjectUseError
from verdigris.greenlet import Greenlet
from verdigris.lock import Semaphore
from waiting import started


class Planned(Exception):
    """What a test raises on purpose."""


class TestEvent:
    def test_it_is_unset_at_first(self):
        event = Event()
        assert (event.is_set(), event.isSet(), event.ready()) == (False, False, False)

    def test_a_set_event_does_not_make_anyone_wait(self):
        event = Event()
        event.set()
        assert event.wait() is True

    def test_all_that_wait_go_on_in_the_order_in_which_they_came(self):
        event, order = Event(), []

        def wait(name):
            event.wait()
            order.append(name)

        waiting = [gevent.spawn(wait, name) for name in "abc"]
        gevent.sleep(0)
        assert event.linkcount() == 3
        event.set()
        gevent.joinall(waiting)
        assert order == ["a", "b", "c"]

    def test_who_waited_is_told_true_though_the_flag_is_unset_again(self):
        event = Event()
        waiting = started(event.wait)
        event.set()
        event.clear()
        late = gevent.spawn(event.wait, 0)
        assert waiting.get() is True
        assert late.get() is False

    def test_time_runs_out(self):
        assert Event().wait(0) is False
        assert Event().wait(timeout=0.001) is False

    def test_a_timeout_object_ends_the_wait(self):
        assert Event().wait(gevent.Timeout(0.001)) is False

    def test_a_foreign_timeout_is_raised(self):
        with pytest.raises(gevent.Timeout) as raised, gevent.Timeout(0.001) as timeout:
            Event().wait(60)
        assert raised.value is timeout

    def test_a_killed_greenlet_waits_no_more(self):
        event = Event()
        waiting = started(event.wait)
        waiting.kill()
        assert event.linkcount() == 0
        event.set()

    def test_a_callback_is_called_once_in_the_hub(self):
        event, seen = Event(), []
        event.rawlink(lambda source: seen.append((source, gevent.getcurrent())))
        event.set()
        event.set()
        assert seen == []
        gevent.sleep(0)
        gevent.sleep(0)
        assert seen == [(event, gevent.get_hub())]
        assert event.linkcount() == 0

    def test_a_callback_on_a_set_event_is_called_soon(self):
        event, seen = Event(), []
        event.set()
        event.rawlink(seen.append)
        gevent.sleep(0)
        assert seen == [event]

    def test_an_unlinked_callback_is_not_called(self):
        event, seen = Event(), []
        event.rawlink(seen.append)
        event.unlink(seen.append)
        event.unlink(seen.append)
        event.set()
        gevent.sleep(0)
        assert seen == []

    def test_a_callback_unlinked_after_the_event_was_set_is_not_called(self):
        event, seen = Event(), []
        event.rawlink(seen.append)
        event.set()
        assert event.linkcount() == 1
        event.unlink(seen.append)
        assert event.linkcount() == 0
        gevent.sleep(0)
        assert seen == []

    def test_callbacks_that_were_called_are_let_go(self):
        event, calls = Event(), []
        for _ in range(50):
            event.clear()
            event.rawlink(calls.append)
            event.set()
            gevent.sleep(0)
        assert len(calls) == 50 and event.linkcount() == 0
        assert len(gc.get_referents(event)) < 10

    def test_an_error_of_a_callback_names_the_callback(self, monkeypatch):
        event, contexts = Event(), []

        def fail(_):
            raise ZeroDivisionError

        monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda context, *_: contexts.append(context))
        event.rawlink(fail)
        event.set()
        gevent.sleep(0)
        assert contexts == [fail]

    def test_only_callables_can_be_linked(self):
        with pytest.raises(TypeError, match="Expected callable: 1"):
            Event().rawlink(1)

    def test_nobody_may_wait_in_the_hub(self):
        event, errors = Event(), []

        def callback():
            try:
                Event().wait()
            except BaseException as error:
                errors.append(error)
            event.set()

        gevent.get_hub().loop.run_callback(callback)
        event.wait()
        assert isinstance(errors[0], gevent.exceptions.BlockingSwitchOutError)

    def test_another_thread_wakes_the_greenlets_of_this_one(self):
        event = Event()
        waiting = started(event.wait)
        thread = threading.Thread(target=event.set)
        thread.start()
        assert waiting.get(timeout=30) is True
        thread.join()

    def test_a_callback_runs_in_the_thread_that_linked_it(self):
        event, called, where = Event(), Event(), []
        event.rawlink(lambda _: (where.append(threading.get_ident()), called.set()))
        thread = threading.Thread(target=event.set)
        thread.start()
        assert called.wait(30) is True
        assert where == [threading.get_ident()]
        thread.join()

    def test_waiting_for_nothing_that_can_come(self):
        with pytest.raises(gevent.exceptions.LoopExit):
            Event().wait()

    def test_a_wrong_timeout(self):
        with pytest.raises(TypeError):
            Event().wait("soon")

    def test_arguments_are_for_subclasses(self):
        class Named(Event):
            def __init__(self, name):
                super().__init__()
                self.name = name

        assert Named("door").name == "door"
        with pytest.raises(TypeError):
            Event("door")

    def test_its_text_says_whether_it_is_set(self):
        event = Event()
        assert "clear" in str(event)
        event.set()
        assert "set" in str(event) and "_links[0]" in str(event)


class TestAsyncResult:
    def test_nothing_yet(self):
        result = AsyncResult()
        assert (result.ready(), result.done(), result.successful()) == (False, False, False)
        assert (result.value, result.exception, result.exc_info) == (None, None, ())
        assert (result.cancel(), result.cancelled()) == (False, False)
        with pytest.raises(gevent.Timeout):
            result.get_nowait()

    def test_a_value_wakes_all(self):
        result = AsyncResult()
        waiting = [gevent.spawn(result.get), gevent.spawn(result.result), gevent.spawn(result.wait)]
        gevent.sleep(0)
        result.set(7)
        assert [greenlet.get() for greenlet in waiting] == [7, 7, 7]
        assert (result.value, result.ready(), result.successful()) == (7, True, True)

    def test_none_is_a_value(self):
        result = AsyncResult()
        result.set()
        assert result.ready() and result.get() is None

    def test_an_error_is_raised_in_all(self):
        result, error = AsyncResult(), Planned("no")
        waiting = started(result.wait)
        result.set_exception(error)
        for _ in range(2):
            with pytest.raises(Planned) as raised:
                result.get()
            assert raised.value is error
        assert waiting.get() is None
        assert (result.exception, result.exc_info[:2]) == (error, (Planned, error))
        assert result.ready() and not result.successful()

    def test_the_traceback_does_not_grow(self):
        result = AsyncResult()
        result.set_exception(Planned())
        lengths = []
        for _ in range(3):
            with pytest.raises(Planned) as raised:
                result.get()
            lengths.append(len(raised.traceback))
        assert lengths[0] == lengths[2]

    def test_it_takes_over_what_became_of_a_greenlet(self):
        good, bad = AsyncResult(), AsyncResult()

        def fail():
            raise Planned("in a greenlet")

        gevent.spawn(lambda: 5).link(good)
        failing = gevent.Greenlet(fail)
        failing.link(bad)
        failing.start()
        with pytest.raises(Planned) as raised:
            bad.get()
        assert good.get() == 5
        assert "fail" in [entry.name for entry in raised.traceback]

    def test_time_runs_out(self):
        with pytest.raises(gevent.Timeout, match="0.001 seconds"):
            AsyncResult().get(timeout=0.001)
        assert AsyncResult().wait(timeout=0.001) is None

    def test_its_own_timeout_object_is_raised(self):
        timeout = gevent.Timeout(0.001)
        with pytest.raises(gevent.Timeout) as raised:
            AsyncResult().get(timeout=timeout)
        assert raised.value is timeout and not timeout.pending

    def test_a_callback_gets_the_result(self):
        result, seen = AsyncResult(), []
        result.rawlink(seen.append)
        assert result.linkcount() == 1
        result.set(1)
        gevent.sleep(0)
        assert seen == [result]

    def test_a_cycle_through_the_value_is_collected(self):
        class Holder:
            """Something that a weak reference can point to."""

        holder = Holder()
        holder.result = AsyncResult()
        holder.result.set(holder)
        gone = weakref.ref(holder)
        del holder
        gc.collect()
        assert gone() is None

    def test_its_text(self):
        result = AsyncResult()
        assert "unset" in str(result)
        result.set(3)
        assert "value=3" in str(result)


def test_wait_and_iwait_take_both():
    event, result = Event(), AsyncResult()
    gevent.spawn(event.set)
    assert gevent.wait([event, result], count=1) == [event]
    result.set(1)
    assert set(gevent.iwait([event, result])) == {event, result}


class Linked:
    """What can be waited for, and is ready when the test says so."""

    def rawlink(self, link):
        self.link = link

    def unlink(self, link):
        assert link == self.link


class TestIwait:
    @pytest.mark.parametrize("forever", [sys.maxsize, float("inf"), 1e300])
    def test_a_timeout_may_be_longer_than_any_clock_runs(self, forever):
        event = Event()
        gevent.spawn(event.set)
        assert list(gevent.iwait([event], timeout=forever)) == [event]

    def test_another_greenlet_may_not_wait_for_the_next(self):
        event = Event()
        iterator = gevent.iwait([event])
        first = started(next, iterator)
        with pytest.raises(ConcurrentObjectUseError, match="another greenlet: <Greenlet"):
            next(iterator)
        event.set()
        assert first.get() is event

    def test_nor_take_what_the_one_that_waits_was_woken_for(self):
        source = Linked()
        iterator = gevent.iwait([source])
        first = started(next, iterator)
        source.link(source)
        with pytest.raises(ConcurrentObjectUseError):
            next(iterator)
        assert first.get() is source

    def test_one_that_was_killed_makes_room(self):
        iterator = gevent.iwait([Event()])
        started(next, iterator).kill()
        assert list(iterator) == []

    def test_one_whose_thread_ends_was_killed(self):
        iterator = gevent.iwait([Event()])
        thread = threading.Thread(target=started, args=(next, iterator))
        thread.start()
        thread.join()
        assert list(iterator) == []


def linkable(kind):
    """Something with `rawlink`, and what makes it ready."""
    if kind is Greenlet:
        greenlet = Greenlet(int)
        return greenlet, lambda: (greenlet.start(), greenlet.join())
    if kind is Semaphore:
        semaphore = Semaphore(0)
        return semaphore, semaphore.release
    source = kind()
    return source, source.set


@pytest.mark.parametrize("kind", [Event, AsyncResult, Semaphore, Greenlet])
def test_a_callback_may_unlink_the_next(kind):
    source, make_ready = linkable(kind)
    seen = []

    def second(_):
        seen.append("second")

    def first(_):
        source.unlink(second)
        seen.append("first")

    for link in (first, second, seen.append):
        source.rawlink(link)
    make_ready()
    gevent.sleep(0)
    assert seen == ["first", source]


def test_all_links_can_be_taken_back_until_they_run():
    greenlet, seen = gevent.spawn(int), []
    greenlet.rawlink(lambda _: greenlet.unlink_all())
    greenlet.rawlink(seen.append)
    greenlet.join()
    gevent.sleep(0)
    assert seen == [] and not greenlet.has_links()


@pytest.mark.parametrize("kind", [Event, AsyncResult])
def test_they_belong_to_no_hub(kind):
    assert kind().hub is None
