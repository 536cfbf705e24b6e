"""Birth, parents, death, and what a greenlet says of itself."""

import copy
import pickle
from typing import Any

import pytest

from raw import GreenletExit, error, getcurrent, greenlet, module


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def test_the_stages_of_life() -> None:
    g = greenlet(up)
    assert (bool(g), g.dead) == (False, False)
    g.switch()
    assert (bool(g), g.dead) == (True, False)
    g.switch()
    assert (bool(g), g.dead) == (False, True)


def test_the_main_greenlet() -> None:
    main = getcurrent()
    assert main
    assert not main.dead
    assert main.parent is None
    assert type(main) is greenlet
    assert getcurrent() is main
    with pytest.raises(AttributeError, match="parent"):
        main.parent = greenlet(up)


def test_getcurrent_inside() -> None:
    g = greenlet(lambda: getcurrent())
    assert g.switch() is g


def test_the_repr_tells_the_stage() -> None:
    g = greenlet(up)
    assert "pending" in repr(g)
    g.switch()
    assert "suspended" in repr(g)
    assert "active" in repr(g)
    g.switch()
    assert "dead" in repr(g)
    assert "current" in repr(getcurrent())
    assert "main" in repr(getcurrent())
    assert repr(g).startswith("<greenlet.greenlet object at 0x")


class TestRun:
    def test_it_is_there_until_the_start(self) -> None:
        g = greenlet(up)
        assert g.run is up
        g.switch()
        with pytest.raises(AttributeError):
            _ = g.run
        with pytest.raises(AttributeError):
            g.run = up
        g.switch()
        with pytest.raises(AttributeError):
            _ = g.run

    def test_it_may_be_given_later_and_changed(self) -> None:
        g = greenlet()
        g.run = lambda: 1
        g.run = lambda: 2
        assert g.switch() == 2

    def test_it_may_be_deleted(self) -> None:
        g = greenlet(up)
        del g.run
        with pytest.raises(AttributeError, match="run"):
            g.switch()

    def test_without_it_nothing_starts(self) -> None:
        g = greenlet()
        with pytest.raises(AttributeError, match="run"):
            g.switch()
        assert not g.dead
        g.run = lambda: 3
        assert g.switch() == 3

    def test_it_must_be_callable_at_the_latest_when_called(self) -> None:
        g = greenlet(5)
        with pytest.raises(TypeError):
            g.switch()
        assert g.dead


class TestParent:
    def test_it_is_whoever_made_the_greenlet(self) -> None:
        child = greenlet(lambda: greenlet(up)).switch()
        assert isinstance(child, greenlet)
        assert greenlet(up).parent is getcurrent()

    def test_it_may_be_given(self) -> None:
        parent = greenlet(up)
        assert greenlet(up, parent).parent is parent
        assert greenlet(up, parent=parent).parent is parent
        assert greenlet(run=up, parent=parent).parent is parent
        assert greenlet(up, None).parent is getcurrent()

    def test_it_gets_the_end_of_its_children(self) -> None:
        parent = greenlet(lambda: ("parent got", up()))
        parent.switch()
        child = greenlet(lambda: "the end", parent)
        assert child.switch() == ("parent got", "the end")

    def test_it_gets_the_errors_of_its_children(self) -> None:
        def run() -> str:
            with pytest.raises(KeyError):
                up()
            return "caught"

        parent = greenlet(run)
        parent.switch()

        def fail() -> None:
            raise KeyError

        assert greenlet(fail, parent).switch() == "caught"

    def test_one_never_started_is_started_by_its_childs_end(self) -> None:
        parent = greenlet(lambda *args: ("started with", args))
        assert greenlet(lambda: "value", parent).switch() == ("started with", ("value",))

    def test_a_dead_ones_parent_takes_its_place(self) -> None:
        parent = greenlet(lambda: None)
        child = greenlet(lambda: "value", parent)
        parent.switch()
        assert child.switch() == "value"

    def test_it_may_change_in_midlife(self) -> None:
        parent = greenlet(lambda: ("new parent got", up()))
        parent.switch()
        child = greenlet(lambda: up())
        child.switch()
        child.parent = parent
        assert child.parent is parent
        assert child.switch("value") == ("new parent got", "value")

    def test_no_circles(self) -> None:
        one = greenlet(up)
        two = greenlet(up, one)
        with pytest.raises(ValueError, match="cycl"):
            one.parent = two
        with pytest.raises(ValueError, match="cycl"):
            one.parent = one
        assert one.parent is getcurrent()

    @pytest.mark.parametrize("what", [None, 5, "greenlet"])
    def test_it_must_be_a_greenlet(self, what: Any) -> None:
        g = greenlet(up)
        with pytest.raises(TypeError):
            g.parent = what

    def test_it_cannot_be_deleted(self) -> None:
        g = greenlet(up)
        with pytest.raises(AttributeError):
            del g.parent

    def test_wrong_arguments_make_nothing(self) -> None:
        for wrong in [lambda: greenlet(up, 5), lambda: greenlet(up, None, 1), lambda: greenlet(what=1)]:
            with pytest.raises(TypeError):
                wrong()


class TestSubclasses:
    def test_run_as_a_method(self) -> None:
        class Doubler(greenlet):  # type: ignore[misc, valid-type]
            def run(self, value: int) -> int:
                return value * 2

        g = Doubler()
        assert g.switch(4) == 8
        assert g.dead

    def test_attributes_and_slots(self) -> None:
        class Slotted(greenlet):  # type: ignore[misc, valid-type]
            __slots__ = ("mine",)

        g = Slotted(up)
        g.mine = 1
        plain = greenlet(up)
        plain.anything = 2
        assert (g.mine, plain.anything, plain.__dict__) == (1, 2, {"anything": 2})

    def test_a_run_that_is_looked_up_may_fail(self) -> None:
        class Picky(greenlet):  # type: ignore[misc, valid-type]
            def __getattribute__(self, name: str) -> Any:
                if name == "run":
                    raise KeyError("no run today")
                return super().__getattribute__(name)

        g = Picky()
        with pytest.raises(KeyError, match="no run today"):
            g.switch()
        assert not g.dead

    def test_looking_up_run_may_switch(self) -> None:
        class Lazy(greenlet):  # type: ignore[misc, valid-type]
            @property
            def run(self) -> Any:
                helper.switch()
                return lambda: "ran"

        helper = greenlet(up)
        assert Lazy().switch() == "ran"

    def test_looking_up_run_may_start_it(self) -> None:
        class Recursive(greenlet):  # type: ignore[misc, valid-type]
            asked = 0

            @property
            def run(self) -> Any:
                self.asked += 1
                if self.asked == 1:
                    self.switch("inner")
                return lambda value: self.parent.switch(value)

        g = Recursive()
        assert g.switch("outer") in ("outer", ("outer",))
        assert g.asked == 2

    def test_an_init_that_asks_for_nothing(self) -> None:
        class Bare(greenlet):  # type: ignore[misc, valid-type]
            def __init__(self, value: int) -> None:
                self.value = value

            def run(self) -> int:
                return self.value

        assert Bare(3).switch() == 3

    def test_switch_and_throw_may_be_overridden(self) -> None:
        class Loud(greenlet):  # type: ignore[misc, valid-type]
            def switch(self, *args: Any) -> Any:
                return "loud", super().switch(*args)

        assert Loud(lambda: 1).switch() == ("loud", 1)


def test_the_class_has_the_modules_names() -> None:
    assert greenlet.GreenletExit is GreenletExit
    assert greenlet.error is error
    assert greenlet.getcurrent() is getcurrent()
    assert greenlet.settrace is not None
    assert greenlet.gettrace() is None
    assert module.__version__
    assert issubclass(GreenletExit, BaseException)
    assert not issubclass(GreenletExit, Exception)
    assert issubclass(error, Exception)


def test_greenlets_are_neither_copied_nor_pickled() -> None:
    for spoil in [copy.copy, copy.deepcopy, pickle.dumps]:
        with pytest.raises(TypeError):
            spoil(greenlet(up))


def test_all_names_are_there() -> None:
    for name in ["greenlet", "getcurrent", "error", "GreenletExit", "settrace", "gettrace"]:
        assert name in module.__all__
    assert module.GREENLET_USE_GC
    assert module.GREENLET_USE_TRACING
    assert module.GREENLET_USE_CONTEXT_VARS
