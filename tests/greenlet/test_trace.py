"""settrace: a callback that hears of each switch."""

from collections.abc import Iterator
from typing import Any

import pytest

from raw import getcurrent, gettrace, greenlet, settrace


class Wrong(Exception):
    pass


@pytest.fixture(autouse=True)
def no_tracer_is_left() -> Iterator[None]:
    yield
    settrace(None)


@pytest.fixture
def events() -> list[Any]:
    """What a tracer heard since the test began; each with the greenlet that it ran in."""
    heard: list[Any] = []
    settrace(lambda event, args: heard.append((event, *args, getcurrent())))
    return heard


def test_none_is_set_at_first() -> None:
    assert gettrace() is None


def test_the_previous_one_is_returned() -> None:
    def tracer(*_: Any) -> None:
        pass

    assert settrace(tracer) is None
    assert gettrace() is tracer
    assert settrace(None) is tracer
    assert gettrace() is None


def test_a_switch_is_heard_where_it_lands(events: list[Any]) -> None:
    main = getcurrent()
    g = greenlet(lambda: main.switch())
    g.switch()
    g.switch()
    settrace(None)
    assert events == [
        ("switch", main, g, g),
        ("switch", g, main, main),
        ("switch", main, g, g),
        ("switch", g, main, main),
    ]


def test_a_throw_is_heard_as_one(events: list[Any]) -> None:
    main = getcurrent()

    def run() -> None:
        with pytest.raises(Wrong):
            main.switch()

    g = greenlet(run)
    g.switch()
    g.throw(Wrong)
    settrace(None)
    assert [event[0] for event in events] == ["switch", "switch", "throw", "switch"]


def test_an_end_by_an_exception_is_a_throw_to_the_parent(events: list[Any]) -> None:
    def run() -> None:
        raise Wrong

    with pytest.raises(Wrong):
        greenlet(run).switch()
    settrace(None)
    assert [event[0] for event in events] == ["switch", "throw"]


def test_a_throw_into_the_unborn_is_heard_there(events: list[Any]) -> None:
    main = getcurrent()
    one, two = greenlet(lambda: None), greenlet(lambda: None)
    one.throw()
    with pytest.raises(Wrong):
        two.throw(Wrong)
    settrace(None)
    assert events == [
        ("throw", main, one, one),
        ("switch", one, main, main),
        ("throw", main, two, two),
        ("throw", two, main, main),
    ]
    assert one.dead
    assert two.dead


def test_its_error_replaces_the_value_and_removes_it() -> None:
    def tracer(*_: Any) -> None:
        raise Wrong

    g = greenlet(lambda: getcurrent().parent.switch())
    g.switch()
    settrace(tracer)
    with pytest.raises(Wrong):
        g.switch("value")
    assert g.dead
    assert gettrace() is None


def test_its_error_before_the_first_instruction_ends_a_greenlet() -> None:
    ran = []

    def tracer(*_: Any) -> None:
        raise Wrong

    g = greenlet(lambda: ran.append(1))
    settrace(tracer)
    with pytest.raises(Wrong):
        g.switch()
    assert g.dead
    assert not ran


def test_it_belongs_to_its_thread(events: list[Any]) -> None:
    import threading

    inside: list[Any] = []
    thread = threading.Thread(target=lambda: (inside.append(gettrace()), greenlet(lambda: None).switch()))
    thread.start()
    thread.join()
    settrace(None)
    assert inside == [None]
    assert not events


def test_it_may_be_removed_by_itself() -> None:
    heard = []

    def tracer(event: str, _: Any) -> None:
        heard.append(event)
        settrace(None)

    settrace(tracer)
    greenlet(lambda: None).switch()
    assert heard == ["switch"]


def test_it_is_not_heard_of_switches_to_oneself(events: list[Any]) -> None:
    getcurrent().switch()
    settrace(None)
    assert [event[1] is event[2] for event in events] == [True] * len(events)
