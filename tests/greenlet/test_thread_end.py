"""Greenlets that are suspended when their thread ends: nothing of theirs is lost, and nothing stays behind."""

import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

import verdigris
from programs import output_of
from raw import GreenletExit, error, getcurrent, greenlet
from verdigris.event import Event
from verdigris.server import StreamServer


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def in_thread(work: Callable[..., object], *args: Any) -> None:
    before = verdigris._core.get_total_main_greenlets()
    thread = threading.Thread(target=work, args=args)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    # It is joined before its thread state is cleared, up to CPython 3.12: wait for that, too.
    while verdigris._core.get_total_main_greenlets() > before:
        os.sched_yield()


class Thing:
    pass


def test_a_raw_one_is_unwound_in_its_thread_but_sees_no_greenlet_exit() -> None:
    log: list[Any] = []
    kept = []

    def run() -> None:
        try:
            up()
        except GreenletExit:
            log.append("GreenletExit")
        except BaseException as exit:
            log.append(type(exit).__name__)
            raise
        finally:
            log.append(threading.get_ident())

    def work() -> None:
        log.append(threading.get_ident())
        kept.append(greenlet(run))
        kept[0].switch()

    in_thread(work)
    assert log == [log[0], "ThreadExit", log[0]]
    (g,) = kept
    assert g.dead
    assert not g
    assert "(thread exited) dead" in repr(g)
    assert g.gr_frame is None
    for enter in (g.switch, g.throw):
        with pytest.raises(error, match="different thread"):
            enter()


def test_a_spawned_one_is_killed_and_those_who_join_it_go_on() -> None:
    made: list[Any] = []
    parked, joined = threading.Event(), []

    def work() -> None:
        made.append(verdigris.spawn(Event().wait))
        verdigris.sleep(0)
        parked.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    while not made:
        verdigris.sleep(0.001)
    joiner = verdigris.spawn(lambda: joined.append(made[0].get(timeout=30)))
    verdigris.sleep(0)
    parked.set()
    joiner.join()
    thread.join(30)
    assert isinstance(joined[0], GreenletExit)
    assert made[0].successful()
    assert made[0].dead


def test_their_locals_and_circles_go() -> None:
    gone: list[Any] = []
    kept = []

    def run(thing: Thing) -> None:
        thing.greenlet = getcurrent()  # type: ignore[attr-defined]
        main = getcurrent().parent
        main.switch()

    def work() -> None:
        for keep in (False, True):
            thing, g = Thing(), greenlet(run)
            gone.append(weakref.ref(thing))
            g.switch(thing)
            if keep:
                kept.append(g)

    in_thread(work)
    gc.collect()
    assert [thing() for thing in gone] == [None, None]


def test_the_context_of_its_main_greenlet_is_released_once() -> None:
    variable: ContextVar[int] = ContextVar("variable")
    contexts, mains, lone = [], [], [object()]

    def work() -> None:
        variable.set(1)
        greenlet(lambda: None).switch()
        contexts.append(getcurrent().gr_context)
        mains.append(getcurrent())

    in_thread(work)
    assert mains[0].gr_context is None
    mains.clear()
    gc.collect()
    assert sys.getrefcount(contexts[0]) == sys.getrefcount(lone[0])


def test_one_that_waits_while_it_exits_is_told_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(verdigris.hub.Hub, "handle_error", lambda _hub, *error: reported.append(error))

    def run() -> None:
        try:
            Event().wait()
        finally:
            verdigris.sleep(0.001)

    def work() -> None:
        verdigris.spawn(run)
        verdigris.sleep(0)

    in_thread(work)
    ((_, kind, _, _),) = reported
    assert kind is verdigris.hub.BlockingSwitchOutError


def test_what_a_raw_one_raises_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: reported.append(what.exc_type))
    kept = []

    def run() -> None:
        try:
            up()
        finally:
            raise KeyError

    def work() -> None:
        kept.append(greenlet(run))
        kept[0].switch()

    in_thread(work)
    assert reported == [KeyError]


def test_one_that_refuses_to_exit_is_left_alone() -> None:
    output = output_of("""
        import gc, threading
        from verdigris.rawgreenlet import getcurrent, greenlet

        refusals, kept = [], []

        def run():
            while True:
                try:
                    getcurrent().parent.switch()
                except BaseException:
                    refusals.append(1)

        def work():
            for _ in range(10):
                kept.append(greenlet(run))
                kept[-1].switch()

        for _ in range(20):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            assert all(g.dead for g in kept)
            [frame.f_back for g in kept if (frame := g.gr_frame)]
            del kept[::2]
            gc.collect()
        print(len(refusals) >= 200)
    """)
    assert output == "True\n"


def test_one_that_is_started_by_an_exit_exits_too() -> None:
    ended: list[int] = []

    def last() -> None:
        try:
            up()
        finally:
            ended.append(2)

    def first() -> None:
        try:
            up()
        finally:
            g = greenlet(last)
            getcurrent().last = g
            g.switch()
            ended.append(1)

    kept = []

    def work() -> None:
        kept.append(greenlet(first))
        kept[0].switch()

    in_thread(work)
    assert ended == [1, 2]


def test_exits_may_switch_among_themselves() -> None:
    ended: list[str] = []
    kept: list[Any] = []

    def first() -> None:
        try:
            up()
        finally:
            kept[1].switch()
            ended.append("first")

    def second() -> None:
        try:
            up()
            kept[0].switch()
        finally:
            ended.append("second")

    def work() -> None:
        for run in (first, second):
            kept.append(greenlet(run))
            kept[-1].switch()

    in_thread(work)
    assert ended == ["first", "second"]
    assert all(g.dead for g in kept)


def count(*kinds: type) -> int:
    gc.collect()
    return sum(isinstance(thing, kinds) for thing in gc.get_objects())


@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "kept for a while"])
def test_a_thread_with_a_hub_leaves_nothing_behind(keep: bool) -> None:
    kept: list[Any] = []

    def work() -> None:
        event = Event()
        tasks = [verdigris.spawn(event.wait) for _ in range(5)] + [verdigris.spawn(verdigris.sleep, 1000)]
        verdigris.sleep(0)
        if keep:
            kept.append(tasks)

    def several() -> tuple[int, int]:
        for _ in range(20):
            in_thread(work)
        kept.clear()
        return count(greenlet, verdigris.core.loop, Event), len(os.listdir("/proc/self/fd"))

    assert several() == several()


def serve() -> None:
    server = StreamServer(("127.0.0.1", 0), lambda _client, _address: None)
    server.start()
    verdigris.sleep(0)


def watch() -> None:
    loop = verdigris.get_hub().loop
    watchers = [loop.timer(1000), loop.async_(), loop.prepare(), loop.io(0, 1)]
    for watcher in watchers:
        watcher.start(lambda watchers=watchers: None)


def lend_a_thread() -> None:
    assert verdigris.get_hub().threadpool.apply(int) == 0


def link() -> None:
    task = verdigris.spawn_later(1000, int)
    task.link(task.kill)
    verdigris.Timeout.start_new(1000)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("use", [serve, watch, lend_a_thread, link], ids=lambda use: use.__name__)
def test_what_is_still_started_in_the_hub_of_a_thread_goes_with_it(use: Callable[[], None]) -> None:
    def tasks() -> int:
        return len(os.listdir("/proc/self/task"))

    def several() -> tuple[int, int]:
        before = tasks()
        for _ in range(10):
            in_thread(use)
        while tasks() > before:
            os.sched_yield()
        return count(greenlet, verdigris.core.loop, StreamServer), len(os.listdir("/proc/self/fd"))

    assert several() == several()


def test_a_hub_that_was_replaced_goes_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    def work() -> None:
        for make in (verdigris.get_hub, verdigris.hub.Hub):
            # Each is left in the middle of a callback, the first for good.
            hub = make()
            hub.wait(hub.loop.timer(0.001))

    in_thread(work)
    assert unraisable == []
    assert capfd.readouterr().err == ""


def test_the_memory_of_their_stacks_comes_back() -> None:
    output = output_of("""
        import threading
        from verdigris.rawgreenlet import getcurrent, greenlet

        kept = []

        def work():
            for _ in range(1000):
                kept.append(greenlet(lambda: getcurrent().parent.switch()))
                kept[-1].switch()

        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * 4096

        for turn in range(12):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            if turn == 1:
                before = resident()
        # Ten thousand stacks would take more than 40 MB; the greenlets themselves take some.
        print(resident() - before < 10_000_000)
    """)
    assert output == "True\n"


def test_in_a_forked_child_those_of_other_threads_are_not_touched() -> None:
    output = output_of("""
        import gc, os, threading, warnings
        import verdigris
        from verdigris.rawgreenlet import getcurrent, greenlet

        warnings.simplefilter("ignore")
        suspended, running = [], []
        finals, ready, done = [], threading.Event(), threading.Event()

        def park():
            try:
                getcurrent().parent.switch()
            finally:
                finals.append(os.getpid())

        def occupy():
            running.append(getcurrent())
            greenlet(lambda: None).switch()
            ready.set()
            done.wait()

        def work():
            suspended.append(greenlet(park))
            suspended[0].switch()
            greenlet(occupy).switch()

        thread = threading.Thread(target=work)
        thread.start()
        ready.wait()
        child = os.fork()
        if not child:
            assert running[0].dead and running[0].gr_frame is None
            assert suspended[0].dead and suspended[0].gr_frame.f_code.co_name == "park"
            suspended.clear(), running.clear()
            gc.collect()
            assert verdigris.spawn(lambda: greenlet(int).switch()).get() == 0
            os._exit(0 if not finals else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        assert running[0].gr_frame is None and not finals
        done.set()
        thread.join()
        print(finals == [os.getpid()])
    """)
    assert output == "0\nTrue\n"
