"""Looking at greenlets."""

import io

import pytest

import verdigris
from verdigris import util
from verdigris.event import Event


def test_wrap_errors_returns_what_it_expects():
    wrapped = util.wrap_errors((ValueError, KeyError), int)
    assert wrapped("5") == 5
    assert isinstance(wrapped("x"), ValueError)
    with pytest.raises(TypeError):
        wrapped(None)
    assert repr(wrapped) == repr(int) and wrapped.__name__ == "int"


def test_run_info_shows_where_a_greenlet_waits():
    def waits_here_for_the_event():
        event.wait()

    event = Event()
    greenlet = verdigris.spawn(waits_here_for_the_event)
    verdigris.sleep(0)
    text = "\n".join(util.format_run_info())
    assert "waits_here_for_the_event" in text and "(CURRENT)" in text
    assert "event.wait()" in text
    assert "event.wait()" not in "\n".join(util.format_run_info(greenlet_stacks=False, thread_stacks=False))
    stream = io.StringIO()
    util.print_run_info(file=stream)
    assert "waits_here_for_the_event" in stream.getvalue()
    greenlet.kill()


def test_a_tree_has_the_spawned_below_the_spawner():
    inner = []

    def outer():
        inner.append(verdigris.spawn(event.wait))
        event.wait()

    event = Event()
    greenlet = verdigris.spawn(outer)
    verdigris.sleep(0)
    trees = [tree for root in util.GreenletTree.forest() for tree in root._all()]
    (found,) = [tree for tree in trees if tree.greenlet is greenlet]
    assert [child.greenlet for child in found.child_trees] == inner
    assert not found.is_current_tree and util.GreenletTree.current_tree().is_current_tree
    assert len(found.format(details=False).splitlines()) == 2
    event.set()
    verdigris.joinall([greenlet, *inner])


def test_assert_switches():
    with util.assert_switches() as guard:
        verdigris.sleep(0)
    assert guard.switches
    with pytest.raises(AssertionError):
        with util.assert_switches():
            pass
    with pytest.raises(AssertionError):
        with util.assert_switches(max_blocking_time=-1):
            verdigris.sleep(0)
    with util.assert_switches(max_blocking_time=60, hub_only=True):
        pass
    with pytest.raises(KeyError):
        with util.assert_switches():
            raise KeyError
