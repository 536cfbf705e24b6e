"""The garbage collector and greenlets that are suspended, and finalizers in all the wrong places."""

import contextvars
import gc
import threading
import weakref
from typing import Any

import pytest

from programs import output_of
from raw import GreenletExit, getcurrent, greenlet


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


class Thing:
    pass


def exiting(log: list[Any]) -> greenlet:
    """A greenlet that is suspended, and notes how it ends."""

    def run() -> None:
        try:
            up()
        except GreenletExit:
            log.append(threading.get_ident())
            raise

    g = greenlet(run)
    g.switch()
    return g


def test_a_suspended_one_in_a_circle_of_attributes_is_made_to_exit() -> None:
    log: list[Any] = []
    g = exiting(log)
    g.itself = g
    gone = weakref.ref(g)
    del g
    assert not log
    gc.collect()
    assert log == [threading.get_ident()]
    assert gone() is None


def test_its_attributes_are_there_while_it_exits() -> None:
    seen = []

    def run() -> None:
        try:
            up()
        finally:
            seen.append(getcurrent().attribute)

    g = greenlet(run)
    g.switch()
    g.itself, g.attribute = g, "still there"
    del g
    gc.collect()
    assert seen == ["still there"]


def test_a_circle_through_parent_and_run() -> None:
    log: list[Any] = []
    parent = exiting(log)
    child = greenlet(up, parent)
    parent.child = child
    gone = weakref.ref(child)
    del parent, child
    gc.collect()
    assert len(log) == 1
    assert gone() is None


@pytest.mark.parametrize("kind", [tuple, list, dict], ids=lambda kind: kind.__name__)
def test_what_held_one_while_it_was_suspended_is_still_collected_later(kind: type) -> None:
    """The collector takes out of its books what cannot be in a circle; a greenlet always can."""
    g = greenlet(up)
    g.switch()
    g.holder = kind([(1, g)])
    gc.collect()
    g.switch()
    assert g.dead
    gone = weakref.ref(g)
    del g
    gc.collect()
    assert gone() is None


def test_its_context_is_whole_while_it_exits() -> None:
    variable: contextvars.ContextVar[Any] = contextvars.ContextVar("variable")
    seen = []

    def run() -> None:
        me = Thing()
        me.greenlet = getcurrent()  # type: ignore[attr-defined]
        variable.set(weakref.ref(me))
        del me
        try:
            up()
        finally:
            seen.append(variable.get())

    g = greenlet(run)
    g.switch()
    g.context = g.gr_context
    g.itself = g
    del g
    gc.collect()
    assert len(seen) == 1


def test_one_that_refuses_to_be_garbage_lives_on() -> None:
    kept: list[Any] = []

    def run() -> str:
        try:
            up()
        except GreenletExit:
            kept.append(getcurrent())
        up()
        return "released"

    g = greenlet(run)
    g.switch()
    g.itself = g
    del g
    gc.collect()
    gc.collect()
    assert kept[0].itself is kept[0]
    assert kept[0].switch() == "released"


def test_garbage_of_another_thread_exits_in_its_own() -> None:
    log: list[Any] = []
    parked, collected, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        log.append(threading.get_ident())
        g = exiting(log)
        g.itself = g
        del g
        parked.set()
        collected.wait(30)
        # A look at what others have left to it, and then the collector takes the rest.
        getcurrent()
        gc.collect()
        getcurrent()
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    parked.wait(30)
    gc.collect()
    assert len(log) == 1
    collected.set()
    assert done.wait(30)
    thread.join(30)
    assert log == [thread.ident, thread.ident]


def test_a_finalizer_among_the_garbage_may_switch_to_the_rest_of_it() -> None:
    log: list[str] = []

    class Switches:
        def __init__(self, *others: Any) -> None:
            self.others = others

        def __del__(self) -> None:
            for other in self.others:
                other.switch()
            log.append("finalized")

    def run() -> None:
        log.append("started")
        up()

    new, suspended = greenlet(run), greenlet(run)
    suspended.switch()
    thing = Switches(new, suspended)
    new.thing = suspended.thing = thing
    del new, suspended, thing
    for _ in range(3):
        gc.collect()
    # Which of the garbage is finalized first is the collector's affair.
    assert log == ["started", "started", "finalized"]
    assert not [g for g in gc.get_objects() if isinstance(g, greenlet) and "thing" in g.__dict__]


# On CPython 3.11 an allocation may collect garbage. These programs have it happen at each one in turn that a switch
# makes, with a finalizer that switches to that very greenlet first.
WHILE_SWITCHING = """
    import gc
    from verdigris.rawgreenlet import getcurrent, greenlet

    class First:
        def __init__(self, g):
            self.g, self.itself = g, self

        def __del__(self):
            if not self.g.dead and (self.g or START):
                self.g.switch("first")

    def run(*args, **kwargs):
        begun.append(args)
        return main.switch("started")

    main, begun = getcurrent(), []
    START = %(start)s
    for threshold in range(1, 9):
        begun.clear()
        g = greenlet(run)
        if not START:
            g.switch()
        # What is freed here is there for some of the allocations, which then do not count.
        spare = [({i: i}, [i]) for i in range(20)], tuple([(i,) for i in range(20)])
        taken = [(i, i) for i in range(3000)]
        del spare
        more = [(i, i) for i in range(100)]
        gc.collect(0)
        First(g)
        gc.set_threshold(threshold)
        try:
            %(switch)s
        finally:
            gc.set_threshold(700, 10, 10)
        gc.collect()
        assert len(begun) == 1, begun
        while not g.dead:
            g.switch()
    print("done")
"""


@pytest.mark.parametrize(
    ("start", "switch"),
    [
        (True, "g.switch(1, 2)"),
        (True, "g.switch(1, key=2)"),
        (True, "g.throw(KeyError) if g else g.switch(1, 2)"),
        (True, "greenlet(lambda: (1, 2), g).switch()"),
        (False, "g.switch(1, 2)"),
        (False, "g.switch(1, key=2)"),
    ],
)
def test_a_finalizer_that_is_called_in_the_middle_of_a_switch(start: bool, switch: str) -> None:
    assert output_of(WHILE_SWITCHING % {"start": start, "switch": switch}) == "done\n"


def test_a_finalizer_that_is_called_while_a_thread_gets_its_main_greenlet() -> None:
    output = output_of("""
        import gc, threading
        from verdigris.rawgreenlet import getcurrent

        class Asks:
            def __init__(self, mains):
                self.mains, self.itself = mains, self

            def __del__(self):
                self.mains.append(getcurrent())

        def work(threshold):
            Asks(mains)
            gc.set_threshold(threshold)
            mains.append(getcurrent())
            gc.set_threshold(700, 10, 10)
            gc.collect()

        for threshold in range(1, 7):
            mains = []
            thread = threading.Thread(target=work, args=(threshold,))
            thread.start()
            thread.join()
            assert len(mains) == 2 and mains[0] is mains[1], mains
        print("done")
    """)
    assert output == "done\n"


def test_a_subclass_that_comes_back_from_its_finalizer() -> None:
    back: list[Any] = []

    class Phoenix(greenlet):  # type: ignore[misc, valid-type]
        def __del__(self) -> None:
            back.append(self)

    g = Phoenix(up)
    g.switch()
    del g
    assert len(back) == 1
    assert back[0].switch("value") == "value"
    assert back[0].dead
    gone = weakref.ref(back[0])
    back.clear()
    gc.collect()
    assert gone() is None


def test_one_that_is_kept_by_its_own_finally_clause() -> None:
    back: list[Any] = []

    def run() -> None:
        try:
            up()
        finally:
            back.append(getcurrent())

    g = greenlet(run)
    g.switch()
    del g
    assert back[0].dead
    gone = weakref.ref(back.pop())
    assert gone() is None


def test_a_chain_of_containers_whose_end_switches_in_the_middle_of_their_deallocation() -> None:
    """CPython puts off what is nested too deep, and counts the depth for each thread."""
    log: list[int] = []

    def nest(bottom: Any, depth: int) -> Any:
        for _ in range(depth):
            bottom = (bottom,)
        return bottom

    class Switches:
        def __init__(self, other: Any) -> None:
            self.other = other

        def __del__(self) -> None:
            log.append(self.other.switch())

    def drop() -> int:
        while True:
            chain = nest(Thing(), 500)
            del chain
            up(len(log))

    other = greenlet(drop)
    for depth in (1, 49, 50, 51, 100, 1000, 100_000):
        chain = nest(Switches(other), depth)
        g = greenlet(lambda chain: None)
        g.switch(chain)
        del chain
    assert log == list(range(7))


def test_a_long_line_of_ancestors_goes_one_by_one() -> None:
    output = output_of("""
        import weakref
        from verdigris.rawgreenlet import greenlet

        def drop():
            line = greenlet(int)
            first = weakref.ref(line)
            for _ in range(20_000):
                line = greenlet(int, line)
            del line
            return first()

        print(greenlet(drop).switch())
    """)
    assert output == "None\n"


def test_callbacks_of_weak_references_may_switch() -> None:
    log: list[Any] = []
    other = greenlet(lambda: log.extend([up(), up(), up()]))
    other.switch()
    references = []
    for _ in range(3):
        g = greenlet(up)
        g.switch()
        references.append(weakref.ref(g, lambda _: other.switch("dropped")))
        del g
    assert log == ["dropped"] * 3
    assert other.dead


def test_an_exit_that_c_code_swallows_leaves_the_greenlet_alive() -> None:
    output = output_of("""
        import ctypes, gc, sys
        from verdigris.rawgreenlet import GreenletExit, getcurrent, greenlet

        sys.unraisablehook = lambda what: print(what.exc_type.__name__)
        Compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
        sort, kept, ended = ctypes.CDLL(None).qsort, [], []

        def compare(a, b):
            kept.append(getcurrent())
            kept[0].parent.switch()
            return a[0] - b[0]

        def run():
            numbers = (ctypes.c_int * 3)(3, 2, 1)
            sort(numbers, 3, ctypes.sizeof(ctypes.c_int), Compare(compare))
            ended.append(True)

        g = greenlet(run)
        g.switch()
        del g
        kept[0].throw()  # is printed by ctypes, and the sort goes on
        assert len(kept) == 2 and not kept[0].dead
        while not kept[0].dead:
            kept[0].switch()
        print(ended)
    """)
    assert output == "GreenletExit\n[True]\n"


def test_collections_in_many_greenlets_of_many_threads() -> None:
    def work() -> None:
        def run() -> None:
            while True:
                me = getcurrent()
                me.itself = [me, {1: me}, (me,)]
                gc.collect(0)
                me.parent.switch()

        for _ in range(20):
            greenlets = [greenlet(run) for _ in range(10)]
            for g in greenlets * 2:
                g.switch()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
