"""`timeout`: an exception that comes when time is up."""

import gc
import weakref
from fractions import Fraction

import pytest

import verdigris as gevent
from programs import output_of
from verdigris import Timeout
from verdigris.event import Event

SHORT = 0.001


class Late(Exception):
    """What a test has raised in place of a timeout."""


def wait_for_ever():
    gevent.sleep(3600)


class TestRaising:
    def test_it_is_raised_in_the_greenlet_that_started_it(self):
        timeout = Timeout(SHORT)
        timeout.start()
        with pytest.raises(Timeout) as raised:
            wait_for_ever()
        assert raised.value is timeout and not timeout.pending

    def test_it_may_be_started_again(self):
        timeout = Timeout(SHORT)
        for _ in range(2):
            timeout.start()
            with pytest.raises(Timeout):
                wait_for_ever()
        timeout.close()

    @pytest.mark.parametrize("exception", [Late, Late("instance")])
    def test_another_exception_is_raised(self, exception):
        with pytest.raises(Late), Timeout(SHORT, exception):
            wait_for_ever()

    def test_what_is_no_exception_is_a_type_error(self):
        with pytest.raises(TypeError, match="exceptions must"), Timeout(SHORT, object()):
            wait_for_ever()

    def test_false_is_swallowed_by_the_block(self):
        reached = False
        with Timeout(SHORT, False):
            wait_for_ever()
            reached = True
        assert not reached

    def test_only_its_own_is_swallowed(self):
        with pytest.raises(Timeout) as raised, Timeout(SHORT) as outer, Timeout(60, False):
            wait_for_ever()
        assert raised.value is outer

    def test_zero_comes_when_the_others_have_run(self):
        with pytest.raises(Timeout), Timeout(0):
            wait_for_ever()

    def test_it_is_no_ordinary_exception(self):
        assert issubclass(Timeout, BaseException) and not issubclass(Timeout, Exception)
        with pytest.raises(Timeout) as raised:
            raise Timeout
        assert not raised.value.pending and str(raised.value) == ""


class TestEnding:
    def test_a_block_ends_it(self):
        with Timeout(SHORT) as timeout:
            assert timeout.pending
        assert not timeout.pending
        gevent.sleep(2 * SHORT)

    def test_cancelled_it_may_start_again_closed_it_may_not(self):
        timeout = Timeout(60)
        timeout.start()
        timeout.cancel()
        assert not timeout.pending
        timeout.start()
        timeout.close()
        with pytest.raises(AssertionError):
            timeout.start()

    def test_it_can_not_be_started_twice(self):
        with Timeout(60) as timeout, pytest.raises(AssertionError, match="is already started"):
            timeout.start()

    def test_ended_and_started_anew_between_its_timer_and_its_turn(self):
        timeout = Timeout(2 * SHORT)

        def start_anew():
            gevent.sleep(SHORT)
            timeout.cancel()
            timeout.seconds = 60
            timeout.start()
            gevent.sleep(0)
            gevent.sleep(0)
            return timeout.pending

        greenlet = gevent.spawn(start_anew)
        gevent.sleep(0)
        timeout.start()
        # Nobody else runs until both timers are overdue, so they fire in one turn.
        loop = gevent.get_hub().loop
        deadline = loop.now() + 4 * SHORT
        while loop.now() < deadline:
            loop.update_now()
        assert greenlet.get() is True
        timeout.close()

    @pytest.mark.parametrize("seconds", [60, 60.0, 10**12, True, Fraction(60)])
    def test_any_number_is_a_number_of_seconds(self, seconds):
        with Timeout(seconds) as timeout:
            assert timeout.pending and timeout.seconds is seconds
        timeout = Timeout()
        timeout.seconds = seconds
        with timeout:
            assert timeout.pending

    @pytest.mark.parametrize("seconds", ["60", [], 10**400])
    def test_what_is_no_number_is_refused(self, seconds):
        with pytest.raises((TypeError, OverflowError)):
            Timeout(seconds)
        timeout = Timeout(1)
        timeout.seconds = seconds
        with pytest.raises((TypeError, OverflowError)):
            timeout.start()
        assert not timeout.pending

    def test_none_never_comes(self):
        with Timeout(None) as timeout:
            assert not timeout.pending
            gevent.sleep(0)
        assert Timeout().seconds is None

    def test_the_greenlet_of_an_ended_timeout_is_let_go(self):
        greenlet = gevent.spawn(lambda: Timeout.start_new(60).cancel())
        greenlet.join()
        gone = weakref.ref(greenlet)
        del greenlet
        gc.collect()
        assert gone() is None


class TestStartNew:
    def test_seconds(self):
        timeout = Timeout.start_new(60, Late)
        assert timeout.pending and timeout.seconds == 60 and timeout.exception is Late
        timeout.close()

    def test_a_timeout_is_started_unless_it_runs(self):
        timeout = Timeout(60)
        assert Timeout.start_new(timeout) is timeout and timeout.pending
        assert Timeout.start_new(timeout) is timeout
        timeout.close()

    def test_nothing(self):
        assert not Timeout.start_new().pending

    def test_of_a_subclass(self):
        class Mine(Timeout):
            pass

        timeout = Mine.start_new(60)
        assert type(timeout) is Mine
        timeout.close()


class TestSubclass:
    def test_what_happens_on_expiration_may_be_another_thing(self):
        seen, done = [], Event()

        class Mine(Timeout):
            def _on_expiration(self, prev_greenlet, ex):
                seen.append((prev_greenlet, ex))
                done.set()

        timeout = Mine(SHORT)
        timeout.start()
        done.wait()
        assert seen == [(gevent.getcurrent(), timeout)]

    def test_its_start_and_close_are_used(self):
        calls = []

        class Mine(Timeout):
            def start(self):
                calls.append("start")
                super().start()

            def close(self):
                calls.append("close")
                super().close()

        with Mine(60):
            pass
        assert calls == ["start", "close"]

    def test_a_constructor_of_its_own(self):
        class Mine(Timeout):
            def __init__(self, name):
                super().__init__(SHORT)
                self.name = name

        with pytest.raises(Mine) as raised, Mine("job"):
            wait_for_ever()
        assert raised.value.name == "job"


class TestWithTimeout:
    def test_the_result(self):
        assert gevent.with_timeout(60, lambda a, b: (a, b), 1, b=2) == (1, 2)

    def test_the_time_is_up(self):
        with pytest.raises(Timeout):
            gevent.with_timeout(SHORT, wait_for_ever)
        assert gevent.with_timeout(SHORT, wait_for_ever, timeout_value="late") == "late"

    def test_a_foreign_timeout_is_raised(self):
        with pytest.raises(Timeout) as raised, Timeout(SHORT) as outer:
            gevent.with_timeout(60, wait_for_ever, timeout_value="late")
        assert raised.value is outer


class TestText:
    @pytest.mark.parametrize(
        "arguments, text",
        [
            ((), ""),
            ((1,), "1 second"),
            ((0.5,), "0.5 seconds"),
            ((2, False), "2 seconds (silent)"),
            ((2, "too slow"), "2 seconds: too slow"),
            ((1, Late), f"1 second: {Late}"),
        ],
    )
    def test_str(self, arguments, text):
        assert str(Timeout(*arguments)) == text

    def test_repr(self):
        timeout = Timeout(5, Late)
        assert repr(timeout).startswith("<Timeout at 0x")
        assert repr(timeout).endswith(f" seconds=5 exception={Late}>")
        with timeout:
            assert repr(timeout).endswith(" pending>")


class TestMaking:
    """`Timeout(seconds)` is made without `__new__` and `__init__`, as if they had been called."""

    @pytest.mark.parametrize(
        "arguments, keywords",
        [((2,), {}), ((2, None), {}), ((), {"seconds": 2}), ((2, None, True), {}), ((2,), {"exception": None})],
    )
    def test_however_it_is_called_it_is_the_same(self, arguments, keywords):
        timeout = Timeout(*arguments, **keywords)
        assert type(timeout) is Timeout
        assert (timeout.seconds, timeout.exception, timeout.args, timeout.pending) == (2, None, (), False)

    @pytest.mark.parametrize("name", ["__init__", "__new__"])
    def test_one_that_was_assigned_to_the_class_is_called(self, name):
        printed = output_of(f"""
            from verdigris import Timeout
            Timeout.{name} = lambda *arguments: print(*arguments[1:])
            Timeout(1, False)
        """)
        assert printed == "1 False\n"

    def test_a_class_that_derives_from_it_is_called(self):
        class Own(Timeout):
            def __init__(self, seconds):
                super().__init__(seconds * 2, False)

        assert (Own(1).seconds, Own(1).exception) == (2, False)

    def test_it_lets_go_of_what_it_was_given(self):
        error, wrong = Late("its exception"), Late("no number")
        gone = weakref.ref(error), weakref.ref(wrong)
        Timeout(1, error)
        with pytest.raises(TypeError):
            Timeout(wrong)
        del error, wrong
        assert [ref() for ref in gone] == [None, None]


def test_they_compare_by_seconds():
    assert Timeout(0) < 1 and not Timeout(2) < 1 and Timeout(0) < Timeout(1)
    with pytest.raises(TypeError):
        Timeout(0) < "a"  # noqa: B015
    timeout = Timeout(1)
    assert timeout == timeout and timeout != Timeout(1) and len({timeout, timeout}) == 1


@pytest.mark.parametrize("arguments, keywords", [(("soon",), {}), ((1,), {"color": "red"})])
def test_wrong_arguments(arguments, keywords):
    with pytest.raises(TypeError):
        Timeout(*arguments, **keywords)


def test_a_timeout_that_is_not_referenced_does_not_keep_the_loop():
    timeout = Timeout.start_new(60, ref=False)
    with pytest.raises(gevent.exceptions.LoopExit):
        Event().wait()
    timeout.close()
