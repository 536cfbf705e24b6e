"""Greenlets that nobody refers to any more."""

import gc
import sys
import weakref
from typing import Any

import pytest

from raw import GreenletExit, getcurrent, greenlet


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


class Thing:
    pass


def test_a_dead_one_goes_at_once() -> None:
    g = greenlet(lambda: None)
    g.switch()
    gone = weakref.ref(g)
    del g
    assert gone() is None


def test_one_never_started_goes_at_once() -> None:
    g = greenlet(up)
    gone = weakref.ref(g)
    del g
    assert gone() is None


def test_a_suspended_one_is_made_to_exit() -> None:
    ended = []

    def run() -> None:
        try:
            up()
        except GreenletExit:
            ended.append("exit")
            raise
        finally:
            ended.append("finally")

    g = greenlet(run)
    g.switch()
    gone = weakref.ref(g)
    del g
    assert gone() is None
    assert ended == ["exit", "finally"]


def test_its_exit_comes_back_to_whoever_dropped_it() -> None:
    """Not to its parent, who waits for something else."""
    log = []

    def child() -> None:
        try:
            up()
        finally:
            log.append("exited")

    def dropper() -> None:
        g = greenlet(child)
        g.switch()
        del g
        log.append("dropped")

    parent = greenlet(dropper)
    parent.switch()
    assert log == ["exited", "dropped"]


def test_what_its_exit_raises_is_reported_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: reported.append(what.exc_type))

    def run() -> None:
        try:
            up()
        finally:
            raise KeyError

    g = greenlet(run)
    g.switch()
    del g
    assert reported == [KeyError]


def test_its_locals_go_with_it() -> None:
    thing = Thing()
    gone = weakref.ref(thing)

    def run(_: Thing) -> None:
        up()

    g = greenlet(run)
    g.switch(thing)
    del thing
    assert gone() is not None
    del g
    assert gone() is None


def test_one_that_refuses_to_die_lives_on() -> None:
    kept = []

    def run() -> str:
        while True:
            try:
                up()
                return "released"
            except GreenletExit:
                kept.append(getcurrent())

    g = greenlet(run)
    g.switch()
    del g
    assert len(kept) == 1
    assert not kept[0].dead
    assert kept[0].switch() == "released"


def test_a_circle_through_its_locals_lasts_until_it_ends() -> None:
    ended = []

    def run() -> None:
        me = getcurrent()
        try:
            me.parent.switch()
        finally:
            ended.append(1)

    g = greenlet(run)
    g.switch()
    gone = weakref.ref(g)
    del g
    gc.collect()
    # Locals of a suspended greenlet are roots for the collector, as they are for the real one:
    # what lies on a C stack can't be looked into.
    assert gone() is not None
    gone().switch()
    assert ended == [1]
    gc.collect()
    assert gone() is None


def test_a_circle_through_attributes_is_found() -> None:
    for start in (False, True):
        g = greenlet(lambda: None)
        if start:
            g.switch()
        g.itself = g
        gone = weakref.ref(g)
        del g
        gc.collect()
        assert gone() is None


def test_a_circle_through_run_and_parent_is_found() -> None:
    parent = greenlet(up)
    child = greenlet(parent.switch, parent)
    parent.child = child
    gone = weakref.ref(child)
    del parent, child
    gc.collect()
    assert gone() is None


def test_a_parent_lives_as_long_as_its_children() -> None:
    parent = greenlet(lambda: None)
    gone = weakref.ref(parent)
    child = greenlet(up, parent)
    del parent
    assert gone() is not None
    del child
    assert gone() is None


def test_weak_references_and_their_callbacks() -> None:
    called = []
    g = greenlet(up)
    reference = weakref.ref(g, called.append)
    assert reference() is g
    del g
    assert called == [reference]
    mapping = weakref.WeakKeyDictionary[Any, int]()
    kept = greenlet(up)
    mapping[kept] = 1
    del kept
    assert not mapping


def test_a_finaliser_may_switch() -> None:
    log = []
    other = greenlet(lambda: (log.append("other"), up()))

    class Switches:
        def __del__(self) -> None:
            other.switch()
            log.append("finalised")

    g = greenlet(lambda _: None)
    g.switch(Switches())
    assert log == ["other", "finalised"]


def test_a_finaliser_may_drop_another_greenlet() -> None:
    log = []

    class Drops:
        def __init__(self, g: greenlet) -> None:
            self.g = g

        def __del__(self) -> None:
            del self.g
            log.append("finalised")

    def run(_: Any = None) -> None:
        try:
            up()
        finally:
            log.append("exit")

    inner = greenlet(run)
    inner.switch()
    thing = Drops(inner)
    outer = greenlet(run)
    outer.switch(thing)
    del inner, thing
    assert log == []
    del outer
    assert log == ["exit", "exit", "finalised"]


def test_collecting_while_many_are_suspended() -> None:
    greenlets = [greenlet(up) for _ in range(500)]
    for g in greenlets:
        g.switch()
    gc.collect()
    for g in greenlets[::2]:
        g.switch()
    del greenlets[::2]
    gc.collect()
    assert all(greenlets)


def test_a_subclass_instance_goes_too() -> None:
    class Mine(greenlet):  # type: ignore[misc, valid-type]
        def __del__(self) -> None:
            finalised.append(1)

    finalised: list[int] = []
    g = Mine(up)
    g.switch()
    g.attribute = Thing()
    gone = weakref.ref(g.attribute)
    del g
    gc.collect()
    assert gone() is None
    assert finalised == [1]


def test_nothing_leaks_over_many_lives() -> None:
    def life() -> None:
        g = greenlet(lambda a, *, b: (up(a), up(b)))
        g.switch(Thing(), b=Thing())
        g.switch(Thing())

    def count() -> int:
        gc.collect()
        return sum(isinstance(thing, (Thing, greenlet)) for thing in gc.get_objects())

    life()
    before = count()
    for _ in range(200):
        life()
    assert count() == before


def test_one_that_catches_its_exit_and_waits_again_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = []

    def run() -> None:
        try:
            getcurrent().parent.switch()
        except GreenletExit as exit:
            reasons.append(str(exit))
            getcurrent().parent.switch()

    g = greenlet(run)
    g.switch()
    del g
    assert reasons == ["Killing the greenlet because all references have vanished."]
    assert capsys.readouterr().err.startswith("GreenletExit did not kill <greenlet.greenlet object at 0x")
