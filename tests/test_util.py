"""Looking at greenlets."""

import io

import pytest

import verdigris
from greenlet import gettrace, greenlet
from verdigris import util
from verdigris.event import Event
from verdigris.local import local
from verdigris.monkey import get_original
from waiting import run_until_parked


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


def test_run_info_tells_idle_workers_from_busy_ones():
    def work():
        started.send()
        release.acquire()

    pool = verdigris.get_hub().threadpool
    release = get_original("_thread", "allocate_lock")()
    release.acquire()
    started = verdigris.get_hub().loop.async_()
    call = pool.spawn(work)
    verdigris.get_hub().wait(started)
    assert "release.acquire()" in "\n".join(util.format_run_info(greenlet_stacks=False))
    release.release()
    call.get()
    while "  waits for work in a thread pool" not in util.format_run_info(greenlet_stacks=False):
        verdigris.sleep(0)
    pool.kill()


def trees():
    def below(tree):
        yield tree
        for child in tree.child_trees:
            yield from below(child)

    return [tree for root in util.GreenletTree.forest() for tree in below(root)]


def tree_of(greenlet):
    (found,) = [tree for tree in trees() if tree.greenlet is greenlet]
    return found


def test_a_tree_has_the_spawned_below_the_spawner():
    inner = []

    def outer():
        inner.append(verdigris.spawn(event.wait))
        inner.append(verdigris.spawn_raw(event.wait))
        event.wait()

    event = Event()
    greenlet = verdigris.spawn(outer)
    verdigris.sleep(0)
    found = tree_of(greenlet)
    assert {child.greenlet for child in found.child_trees} == set(inner)
    assert not found.root and not found.is_current_tree
    current = util.GreenletTree.current_tree()
    assert current.root and current.is_current_tree and current.greenlet is verdigris.getcurrent()
    assert len(found.format(details=False).splitlines()) == 3 and str(found) == found.format(False)
    event.set()
    verdigris.joinall([greenlet, inner[0]])


def test_a_tree_tells_how_things_ended(monkeypatch):
    def fails():
        raise KeyError("key")

    well = verdigris.spawn(list, range(100))
    badly = verdigris.spawn(fails)
    monkeypatch.setattr(verdigris.get_hub(), "print_exception", lambda *_: None)
    verdigris.joinall([well, badly])
    never = verdigris.Greenlet(fails)
    assert str(tree_of(well)).endswith("; finished with value " + repr(well.value)[:30])
    assert str(tree_of(badly)).endswith("; finished with exception KeyError('key')")
    assert str(tree_of(never)).endswith("; not running")


def test_a_tree_shows_what_it_is_asked_for():
    def outer():
        verdigris.getcurrent().spawn_tree_locals["shared"] = "seen"
        mine.attribute = "mine"
        children.append(verdigris.spawn(event.wait))
        event.wait()

    children = []
    mine, event = local(), Event()
    greenlet = verdigris.spawn(outer)
    verdigris.sleep(0)
    run_until_parked(*children)
    tree = tree_of(greenlet)
    lines = tree.format_lines()
    assert lines[1] == f" :    Parent: {greenlet.parent!r}"
    assert lines[2] == " :    Running:" and " :        event.wait()" in lines
    assert " :      {'shared': 'seen'}".replace("  {", "{") in lines
    assert f" :      Local {local} at {id(mine):#x}" in lines and " :        {'attribute': 'mine'}" in lines
    assert sum("Spawn Tree Locals" in line for line in lines) == 1
    assert sum("Spawned at:" in line for line in lines) == 2
    few = {"running_stacks": False, "spawning_stacks": False, "locals": False}
    hub = greenlet.parent
    assert tree.format_lines(few) == [
        repr(greenlet),
        f" :    Parent: {hub!r}",
        f" +--- {children[0]!r}",
        f"            Parent: {hub!r}",
    ]
    event.set()
    verdigris.joinall([greenlet, *children])


def test_the_lines_of_a_tree_of_three_levels():
    def outer(depth):
        if depth:
            made.append(verdigris.spawn(outer, depth - 1))
            made.append(verdigris.spawn(event.wait))
        event.wait()

    made, event = [], Event()
    top = verdigris.spawn(outer, 2)
    verdigris.sleep(0)
    verdigris.sleep(0)
    starts = [line.partition("<")[0] for line in str(tree_of(top)).splitlines()]
    assert sorted(starts) == sorted(["", " +--- ", " |    +--- ", " |    +--- ", " +--- "]) or starts == [
        "",
        " +--- ",
        " +--- ",
        "      +--- ",
        "      +--- ",
    ]
    event.set()
    verdigris.joinall([top, *made])


def test_looking_at_trees_does_not_touch_locals():
    class Counted(local):
        def __init__(self):
            made.append(verdigris.getcurrent())

    made = []
    counted = Counted()
    looker = verdigris.spawn(util.GreenletTree.forest)
    looker.join()
    assert looker not in made and counted


def test_a_greenlet_may_leave_the_tree_or_begin_one():
    def hidden():
        child = greenlet(util.GreenletTree.current_tree)
        verdigris.getcurrent().greenlet_tree_is_ignored = True
        child.greenlet_tree_is_root = True
        return child.switch()

    tree = greenlet(hidden).switch()
    assert tree.root and not tree.child_trees
    assert tree.format({"running_stacks": False}).splitlines()[0].endswith("; not running")


def test_assert_switches():
    with util.assert_switches() as guard:
        assert gettrace() is guard.tracer
        verdigris.sleep(0)
        assert guard.tracer.greenlet_switch_counter
    with pytest.raises(AssertionError, match="To any greenlet in") as caught:
        with util.assert_switches():
            pass
    assert "appears to be blocked" in str(caught.value)
    with pytest.raises(AssertionError, match=r"\(max allowed -1.0000 seconds\)"):
        with util.assert_switches(max_blocking_time=-1):
            verdigris.sleep(0)
    with util.assert_switches(max_blocking_time=60):
        pass
    with pytest.raises(KeyError):
        with util.assert_switches():
            raise KeyError
    assert gettrace() is None


def test_assert_switches_to_the_hub():
    with util.assert_switches(max_blocking_time=60, hub_only=True):
        verdigris.sleep(0.001)
    with pytest.raises(AssertionError, match="To the hub in"):
        with util.assert_switches(max_blocking_time=60, hub_only=True):
            greenlet(lambda: None).switch()


def test_assert_switches_within_another():
    with util.assert_switches() as outer:
        with util.assert_switches() as inner:
            assert inner.tracer.previous_trace_function is outer.tracer
            assert inner.tracer.active_greenlet is verdigris.getcurrent()
            verdigris.sleep(0)
        assert gettrace() is outer.tracer and outer.tracer.greenlet_switch_counter


def test_clear_stack_frames_takes_what_does_not_run():
    def fails():
        held = object()
        raise ValueError(held)

    try:
        fails()
    except ValueError as error:
        frame = error.__traceback__.tb_next.tb_frame
    assert frame.f_locals
    util.clear_stack_frames(frame)
    assert not frame.f_locals
