"""Exceptions sent into greenlets."""

from typing import Any

import pytest

from raw import GreenletExit, getcurrent, greenlet


class Wrong(Exception):
    pass


def listener() -> greenlet:
    """A greenlet that waits, and says what it got."""

    def run() -> Any:
        try:
            return getcurrent().parent.switch("ready")
        except BaseException as got:
            return got

    g = greenlet(run)
    assert g.switch() == "ready"
    return g


def test_a_class_is_made_an_instance() -> None:
    got = listener().throw(Wrong)
    assert type(got) is Wrong
    assert got.args == ()


def test_a_class_and_its_argument() -> None:
    assert listener().throw(Wrong, "why").args == ("why",)
    assert listener().throw(Wrong, ("two", "arguments")).args == ("two", "arguments")


def test_a_class_and_an_instance_of_it() -> None:
    mine = Wrong("mine")
    assert listener().throw(Wrong, mine) is mine


def test_an_instance() -> None:
    mine = Wrong("mine")
    assert listener().throw(mine) is mine
    assert listener().throw(mine, None, None) is mine


def test_an_instance_takes_no_argument() -> None:
    g = listener()
    with pytest.raises(TypeError):
        g.throw(Wrong(), "argument")
    assert g.switch("still there") == "still there"


def test_a_traceback_is_kept() -> None:
    try:
        raise Wrong
    except Wrong as error:
        traceback = error.__traceback__
    got = listener().throw(Wrong, None, traceback)
    walk, found = got.__traceback__, []
    while walk:
        found.append(walk.tb_frame.f_code.co_name)
        walk = walk.tb_next
    assert found[-1] == "test_a_traceback_is_kept"


@pytest.mark.parametrize("what", ["a string", 5, object(), int])
def test_only_exceptions_are_thrown(what: Any) -> None:
    g = listener()
    with pytest.raises(TypeError):
        g.throw(what)
    assert g.switch(1) == 1


def test_the_traceback_must_be_one() -> None:
    with pytest.raises(TypeError):
        listener().throw(Wrong, None, "not a traceback")


def test_nothing_means_exit() -> None:
    assert type(listener().throw()) is GreenletExit


def test_an_exit_that_ends_a_greenlet_is_its_value() -> None:
    g = greenlet(lambda: getcurrent().parent.switch())
    g.switch()
    got = g.throw(GreenletExit, "bye")
    assert type(got) is GreenletExit
    assert got.args == ("bye",)
    assert g.dead


def test_another_exception_that_ends_it_goes_on_to_the_parent() -> None:
    g = greenlet(lambda: getcurrent().parent.switch())
    g.switch()
    with pytest.raises(Wrong):
        g.throw(Wrong)
    assert g.dead


def test_a_greenlet_may_survive() -> None:
    def run() -> str:
        try:
            getcurrent().parent.switch()
        except Wrong:
            getcurrent().parent.switch("survived")
        return "end"

    g = greenlet(run)
    g.switch()
    assert g.throw(Wrong) == "survived"
    assert g.switch() == "end"


def test_one_never_started_dies_without_running() -> None:
    ran = []
    g = greenlet(lambda: ran.append(1))
    with pytest.raises(Wrong):
        g.throw(Wrong)
    assert g.dead
    assert not ran

    g = greenlet(lambda: ran.append(1))
    assert type(g.throw()) is GreenletExit
    assert g.dead
    assert not ran


def test_into_a_dead_greenlet_it_comes_straight_back() -> None:
    g = greenlet(lambda: None)
    g.switch()
    with pytest.raises(Wrong):
        g.throw(Wrong)
    assert type(g.throw()) is GreenletExit


def test_into_oneself_it_is_raised() -> None:
    with pytest.raises(Wrong):
        getcurrent().throw(Wrong)
    with pytest.raises(GreenletExit):
        getcurrent().throw()


def test_it_takes_the_parent_of_the_moment() -> None:
    """Into one that never ran it goes to the parent, who need not be who threw."""
    caught = []

    def catcher() -> str:
        try:
            getcurrent().parent.switch()
        except Wrong as error:
            caught.append(error)
        return "caught"

    parent = greenlet(catcher)
    parent.switch()
    child = greenlet(lambda: None, parent)
    assert child.throw(Wrong) == "caught"
    assert len(caught) == 1


def test_the_exception_in_hand_becomes_its_context_only_where_it_lands() -> None:
    g = listener()
    try:
        raise KeyError
    except KeyError:
        got = g.throw(Wrong)
    assert got.__cause__ is None


def test_bad_argument_counts() -> None:
    with pytest.raises(TypeError):
        listener().throw(Wrong, None, None, None)
    with pytest.raises(TypeError):
        listener().throw(type=Wrong)
