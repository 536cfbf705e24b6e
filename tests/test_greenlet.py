"""`Greenlet` above the raw one: links, names, where it comes from."""

import gc
import sys
import weakref
from threading import Thread

import pytest

import verdigris
from programs import output_of
from verdigris.greenlet import Greenlet


def spawn_here(function):
    return verdigris.spawn(function)


def test_the_spawning_stack_names_the_lines_that_it_was_made_from():
    frame = spawn_here(int).spawning_stack
    names = []
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    assert names[:2] == ["spawn_here", "test_the_spawning_stack_names_the_lines_that_it_was_made_from"]
    assert len(names) <= Greenlet.spawning_stack_limit


def test_spawning_stacks_that_differ_in_one_line_are_told_apart():
    class Short(Greenlet):
        spawning_stack_limit = 1

    made = []
    for number in range(6):
        if number % 2:
            made.append(Greenlet.spawn(int))
        else:
            made.append(Greenlet.spawn(int))
        made.append(Short.spawn(int))
        made.append(spawn_here(int))
    lines = [(greenlet.spawning_stack.f_code.co_name, greenlet.spawning_stack.f_lineno) for greenlet in made]
    assert len(set(lines[0::3])) == 2 and len(set(lines[1::3])) == len(set(lines[2::3])) == 1
    assert lines[0::3] == lines[0:6:3] * 3
    assert [greenlet.spawning_stack.f_back is None for greenlet in made] == [False, True, False] * 6
    verdigris.joinall(made)


def test_the_tree_is_not_tracked_when_the_setting_says_so():
    verdigris.config.track_greenlet_tree = False
    try:
        greenlet = spawn_here(int)
        assert greenlet.spawning_stack is None
        assert greenlet.spawning_greenlet is None
    finally:
        verdigris.config.track_greenlet_tree = True


def test_a_tree_shares_its_locals_and_two_trees_do_not():
    seen = []

    def child():
        seen.append(verdigris.getcurrent().spawn_tree_locals)

    def root():
        seen.append(verdigris.getcurrent().spawn_tree_locals)
        verdigris.spawn(child).join()

    verdigris.joinall([verdigris.spawn(root), verdigris.spawn(root)])
    first, second, first_child, second_child = seen
    assert first is first_child
    assert second is second_child
    assert first is not second


def test_links_run_when_it_ends_and_may_block():
    told = []

    def link(greenlet):
        verdigris.sleep(0)
        told.append(greenlet.value)

    greenlet = verdigris.spawn(lambda: 7)
    greenlet.link(link)
    greenlet.link_exception(told.append)
    greenlet.join()
    verdigris.wait(timeout=1)
    assert told == [7]


def test_a_killed_greenlet_that_was_not_started_never_runs():
    ran = []
    greenlet = verdigris.spawn(ran.append, 1)
    greenlet.kill()
    assert greenlet.dead
    assert greenlet.successful()
    verdigris.sleep(0)
    assert ran == []


def test_leaving_a_with_block_by_an_error_kills_with_that_error():
    with pytest.raises(KeyError), verdigris.spawn(verdigris.sleep, 100) as greenlet:
        verdigris.sleep(0)
        raise KeyError("block")
    assert isinstance(greenlet.exception, KeyError)


def test_a_finished_greenlet_holds_nothing_of_its_call():
    class Argument:
        pass

    argument = Argument()
    alive = weakref.ref(argument)
    greenlet = verdigris.spawn(lambda _: None, argument)
    greenlet.join()
    del argument
    gc.collect()
    assert alive() is None


def test_minimal_idents_are_reused():
    greenlet = verdigris.spawn(int)
    number = greenlet.minimal_ident
    assert greenlet.name == f"Greenlet-{number}"
    assert f' "Greenlet-{number}" at ' in repr(greenlet)
    greenlet.join()
    del greenlet
    gc.collect()
    assert verdigris.spawn(int).minimal_ident == number


def test_what_cannot_be_called_cannot_be_spawned():
    for spawn in (verdigris.spawn, verdigris.spawn_raw):
        with pytest.raises(TypeError):
            spawn(3)
    with pytest.raises(TypeError):
        verdigris.spawn_later(0, 3)


def test_a_spawned_greenlet_may_call_as_deep_as_any_whoever_hands_over_to_it():
    left = []

    def calls_left(depth=0):
        try:
            return calls_left(depth + 1)
        except RecursionError:
            return depth

    def at_depth(depth):
        if depth:
            return at_depth(depth - 1)
        # In a thread of its own, so that its hub starts from down here as well.
        left.append(verdigris.spawn(calls_left).get())
        return left.append(verdigris.spawn_later(0.001, calls_left).get())

    for depth in (0, 300):
        thread = Thread(target=at_depth, args=(depth,))
        thread.start()
        thread.join()
    assert len(set(left)) == 1


def test_spawn_later_refuses_to_start_nothing():
    class Own(Greenlet):
        def _run(self):
            return "own"

    with pytest.raises(TypeError):
        verdigris.spawn_later(0)
    with pytest.raises(TypeError):
        verdigris.spawn_later(0, 1)
    assert Own.spawn_later(0).get() == "own"


def test_what_a_subclass_overrides_is_called():
    class Told(Greenlet):
        def start(self):
            calls.append("start")
            super().start()

        def join(self, timeout=None):
            calls.append(("join", timeout))
            return super().join(timeout)

    calls = []
    greenlet = Told.spawn(verdigris.sleep, 10)
    verdigris.sleep(0)
    greenlet.kill(timeout=5)
    assert calls == ["start", ("join", 5)]
    Told(int).kill()  # never ran: there is nothing to wait for
    assert len(calls) == 2


def test_a_raw_greenlet_knows_who_spawned_it():
    def spawn_more():
        child = verdigris.Greenlet()
        grandchild = verdigris.spawn_raw(int)
        seen.append((child.spawn_tree_locals, grandchild.spawn_tree_locals, verdigris.getcurrent().spawn_tree_locals))
        seen.append((child.spawning_greenlet(), grandchild.spawning_greenlet(), verdigris.getcurrent()))

    seen = []
    raw = verdigris.spawn_raw(spawn_more)
    assert raw.spawning_greenlet() is verdigris.getcurrent()
    raw.spawn_tree_locals["mine"] = 1
    other = verdigris.spawn_raw(int)
    assert other.spawn_tree_locals == {}
    verdigris.sleep(0)
    assert [all(one is things[0] for one in things) for things in seen] == [True, True]
    assert seen[0][0] == {"mine": 1}
    assert not hasattr(verdigris.getcurrent(), "spawn_tree_locals")


def test_a_tree_of_raw_greenlets_is_collected():
    def hold():
        verdigris.getcurrent().spawn_tree_locals["me"] = verdigris.getcurrent()

    raw = verdigris.spawn_raw(hold)
    alive = weakref.ref(raw)
    verdigris.sleep(0)
    del raw
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("kind", ["greenlet", "TrackedRawGreenlet", "Greenlet"])
def test_an_instance_lets_go_of_its_class(kind):
    class Mine(getattr(verdigris._core, kind)):
        pass

    before = sys.getrefcount(Mine)
    for _ in range(5):
        Mine(int)
        suspended = Mine(lambda: verdigris.getcurrent().parent.switch())
        if kind != "Greenlet":
            suspended.switch()
    del suspended
    gc.collect()
    assert sys.getrefcount(Mine) == before
    gone = weakref.ref(Mine)
    del Mine
    gc.collect()
    assert gone() is None


def test_what_only_says_that_it_is_a_greenlet_is_none():
    assert (
        output_of("""
        import verdigris

        class Proxy:
            __class__ = verdigris.Greenlet

        for call in (verdigris.kill, verdigris.killall):
            try:
                call([Proxy()] if call is verdigris.killall else Proxy())
            except TypeError as error:
                print(error)
    """)
        == "a greenlet is needed, not Proxy\n" * 2
    )
