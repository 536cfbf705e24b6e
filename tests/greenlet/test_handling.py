"""What a greenlet handles is its own: in `except`, `finally` and `with`, on both sides of a switch."""

import sys
from typing import Any

import pytest

from raw import getcurrent, greenlet


class One(Exception):
    pass


class Two(Exception):
    pass


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def test_a_new_greenlet_handles_nothing() -> None:
    try:
        raise One
    except One:
        assert greenlet(sys.exc_info).switch() == (None, None, None)
        assert sys.exc_info()[0] is One


def test_each_keeps_what_it_handles() -> None:
    def run(kind: type[Exception]) -> Any:
        try:
            raise kind
        except kind:
            up()
            return sys.exc_info()[0]

    one, two = greenlet(run), greenlet(run)
    one.switch(One)
    two.switch(Two)
    assert sys.exc_info() == (None, None, None)
    assert one.switch() is One
    assert two.switch() is Two


def test_a_bare_raise_after_a_switch() -> None:
    def run() -> None:
        try:
            raise One("own")
        except One:
            up()
            raise

    g = greenlet(run)
    g.switch()
    try:
        raise Two
    except Two:
        with pytest.raises(One, match="own") as caught:
            g.switch()
        assert caught.value.__context__ is None
        assert sys.exc_info()[0] is Two


def test_a_bare_raise_where_nothing_is_handled() -> None:
    def run() -> None:
        raise

    try:
        raise One
    except One:
        with pytest.raises(RuntimeError, match="No active exception"):
            greenlet(run).switch()


def test_what_is_raised_in_a_greenlet_has_its_own_context() -> None:
    def run() -> None:
        try:
            raise One
        except One:
            up()
            raise Two from None

    g = greenlet(run)
    g.switch()
    with pytest.raises(Two) as caught:
        try:
            raise KeyError
        except KeyError:
            g.switch()
    assert type(caught.value.__context__) is One


def test_what_is_thrown_gets_no_context_from_either_side() -> None:
    def run() -> Any:
        try:
            raise One
        except One:
            try:
                up()
            except Two as two:
                return two.__context__

    g = greenlet(run)
    g.switch()
    try:
        raise KeyError
    except KeyError:
        assert g.throw(Two) is None


def test_finally_blocks_that_switch() -> None:
    def run() -> None:
        try:
            try:
                raise One
            finally:
                up("in finally")
        finally:
            up("in the outer one")

    g = greenlet(run)
    assert [g.switch(), g.switch()] == ["in finally", "in the outer one"]
    with pytest.raises(One):
        g.switch()


def test_with_blocks_that_switch_on_both_ends() -> None:
    class Manager:
        def __enter__(self) -> None:
            up("entering")

        def __exit__(self, kind: Any, value: Any, traceback: Any) -> bool:
            up("leaving")
            return kind is One and sys.exc_info()[0] is One

    def run(kind: type[Exception]) -> str:
        with Manager():
            raise kind
        return "swallowed"

    greenlets = [greenlet(run), greenlet(run)]
    for step in ("entering", "leaving"):
        assert [g.switch(kind) for g, kind in zip(greenlets, (One, Two), strict=True)] == [step, step]
    assert greenlets[0].switch() == "swallowed"
    with pytest.raises(Two):
        greenlets[1].switch()


def test_groups_that_are_handled_in_parts() -> None:
    def run() -> list[Any]:
        seen = []
        try:
            raise ExceptionGroup("both", [One(), Two()])
        except* One as ones:
            up()
            seen.append((type(sys.exception()), type(ones.exceptions[0])))
        except* Two as twos:
            up()
            seen.append((type(sys.exception()), type(twos.exceptions[0])))
        return seen

    g = greenlet(run)
    g.switch()
    g.switch()
    assert g.switch() == [(ExceptionGroup, One), (ExceptionGroup, Two)]


def test_a_generator_that_handles_in_turn_with_its_callers() -> None:
    def handles() -> Any:
        try:
            raise One
        except One:
            while True:
                yield type(sys.exception())

    generator = handles()
    assert next(generator) is One

    def run() -> list[Any]:
        try:
            raise Two
        except Two:
            first = next(generator)
            up()
            return [first, type(sys.exception()), next(generator), type(sys.exception())]

    g = greenlet(run)
    g.switch()
    assert sys.exception() is None
    assert next(generator) is One
    assert g.switch() == [One, Two, One, Two]


def test_deep_chains_of_handlers_over_greenlets() -> None:
    def nest(depth: int) -> Any:
        try:
            raise KeyError(depth)
        except KeyError:
            if depth:
                greenlet(nest).switch(depth - 1)
            assert sys.exception().args == (depth,)
            raise

    with pytest.raises(KeyError) as caught:
        nest(20)
    # The innermost one's went through all of them, and picked up nothing on the way.
    assert caught.value.args == (0,)
    assert caught.value.__context__ is None
