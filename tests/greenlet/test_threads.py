"""Greenlets and threads: each thread has its own main greenlet, and switches only among its own."""

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from raw import GreenletExit, error, getcurrent, greenlet


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def in_thread(function: Callable[[], Any]) -> Any:
    """Runs it in a thread of its own; returns what it returned or raises what it raised."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((True, function()))
        except BaseException as failure:
            outcome.append((False, failure))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    ((good, value),) = outcome
    if good:
        return value
    raise value


def test_each_thread_has_a_main_greenlet() -> None:
    main = getcurrent()
    other = in_thread(lambda: getcurrent())
    assert other is not main
    assert other.parent is None
    assert type(other) is greenlet


def test_threads_switch_at_the_same_time() -> None:
    def work() -> int:
        greenlets = [greenlet(lambda total: [total := total + up(total) for _ in range(50)][-1]) for _ in range(5)]
        totals = [g.switch(0) for g in greenlets]
        while not all(g.dead for g in greenlets):
            totals = [g.switch(1) for g in greenlets]
        return sum(totals)

    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [250] * 4


def test_no_switch_into_another_threads_greenlet() -> None:
    g = greenlet(up)
    g.switch()
    with pytest.raises(error, match="thread"):
        in_thread(g.switch)
    with pytest.raises(error, match="thread"):
        in_thread(g.throw)
    assert not g.dead
    assert g.switch(1) == 1


def test_no_start_under_another_threads_parent() -> None:
    """A greenlet belongs to its parent's thread until it starts."""
    g = greenlet(lambda: 1)
    with pytest.raises(error, match="thread"):
        in_thread(g.switch)
    assert g.switch() == 1


def test_one_that_is_not_started_may_be_given_to_another_thread() -> None:
    g = greenlet(lambda: getcurrent())

    def start() -> Any:
        g.parent = getcurrent()
        return g.switch()

    assert in_thread(start) is g


def test_a_started_one_may_not_change_threads() -> None:
    g = greenlet(up)
    g.switch()

    def adopt() -> None:
        g.parent = getcurrent()

    with pytest.raises(ValueError, match="thread"):
        in_thread(adopt)
    g.switch()


def test_a_dead_one_of_a_dead_thread_is_just_dead() -> None:
    def work() -> Any:
        g = greenlet(lambda: "value")
        g.switch()
        return g

    g = in_thread(work)
    assert g.dead
    assert repr(g)


def test_one_of_a_dead_thread_cannot_run() -> None:
    def work() -> Any:
        g = greenlet(up)
        g.switch()
        return g

    g = in_thread(work)
    with pytest.raises(error):
        g.switch()
    with pytest.raises(error):
        g.throw()


def test_a_threads_greenlets_go_with_it() -> None:
    class Thing:
        pass

    gone: list[Any] = []

    def work() -> None:
        def run(_: Thing) -> None:
            up()

        thing = Thing()
        gone.append(weakref.ref(thing))
        g = greenlet(run)
        g.switch(thing)

    in_thread(work)
    getcurrent().switch()
    gc.collect()
    assert gone[0]() is None


def test_one_dropped_by_another_thread_exits_in_its_own() -> None:
    exited: list[int] = []
    parked: list[Any] = []
    ready, dropped, done = threading.Event(), threading.Event(), threading.Event()

    def run() -> None:
        try:
            up()
        except GreenletExit:
            exited.append(threading.get_ident())
            raise

    def own() -> None:
        g = greenlet(run)
        g.switch()
        parked.append(g)
        del g
        ready.set()
        dropped.wait(30)
        # The next switch finds what others have dropped.
        greenlet(lambda: None).switch()
        done.set()

    thread = threading.Thread(target=own)
    thread.start()
    ready.wait(30)
    identity = thread.ident
    del parked[0]
    assert not exited
    dropped.set()
    assert done.wait(30)
    thread.join(30)
    assert exited == [identity]


def test_a_main_greenlet_outlives_its_thread() -> None:
    main = in_thread(lambda: getcurrent())
    assert repr(main)
    with pytest.raises(error):
        main.switch()


def test_thread_locals_are_the_threads() -> None:
    local = threading.local()
    local.value = "thread"
    assert greenlet(lambda: local.value).switch() == "thread"
    assert greenlet(threading.get_ident).switch() == threading.get_ident()
