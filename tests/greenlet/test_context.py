"""Context variables: each greenlet has its own."""

import contextvars
import sys
import threading
from contextvars import Context, ContextVar
from typing import Any

import pytest

from raw import getcurrent, greenlet

VAR: ContextVar[str] = ContextVar("VAR", default="unset")


@pytest.fixture(autouse=True)
def in_a_context_of_its_own() -> Any:
    token = VAR.set("main")
    yield
    VAR.reset(token)


def up(value: Any = None) -> Any:
    return getcurrent().parent.switch(value)


def test_a_new_greenlet_starts_empty() -> None:
    assert greenlet(VAR.get).switch() == "unset"


def test_what_it_sets_stays_its_own() -> None:
    def run(name: str) -> list[str]:
        VAR.set(name)
        up()
        first = VAR.get()
        VAR.set(name + "!")
        up()
        return [first, VAR.get()]

    one, two = greenlet(run), greenlet(run)
    one.switch("one")
    two.switch("two")
    assert VAR.get() == "main"
    one.switch()
    two.switch()
    assert VAR.get() == "main"
    assert one.switch() == ["one", "one!"]
    assert two.switch() == ["two", "two!"]


def test_it_can_run_in_a_given_context() -> None:
    g = greenlet(VAR.get)
    g.gr_context = contextvars.copy_context()
    assert g.switch() == "main"


def test_changes_in_a_given_context_are_seen_in_it() -> None:
    context = contextvars.copy_context()
    g = greenlet(lambda: (VAR.set("changed"), up())[1])
    g.gr_context = context
    g.switch()
    assert g.gr_context is context
    assert context[VAR] == "changed"
    assert VAR.get() == "main"


def test_the_context_is_made_at_the_first_need() -> None:
    g = greenlet(lambda: (up(), VAR.set("x"), up()))
    assert g.gr_context is None
    g.switch()
    assert g.gr_context is None
    g.switch()
    assert isinstance(g.gr_context, Context)
    assert g.gr_context[VAR] == "x"
    g.switch()
    assert g.dead
    assert g.gr_context[VAR] == "x"


def test_the_running_greenlets_context_may_be_changed() -> None:
    def run() -> list[str]:
        before = VAR.get()
        getcurrent().gr_context = context
        during = VAR.get()
        getcurrent().gr_context = None
        return [before, during, VAR.get()]

    context = contextvars.copy_context()
    assert greenlet(run).switch() == ["unset", "main", "unset"]


def test_a_suspended_greenlets_context_may_be_changed() -> None:
    def run() -> str:
        up()
        return VAR.get()

    g = greenlet(run)
    g.switch()
    g.gr_context = contextvars.copy_context()
    assert g.switch() == "main"


def test_inside_context_run_a_switch_leaves_the_context() -> None:
    context = contextvars.copy_context()
    g = greenlet(lambda: context.run(lambda: (up(VAR.get()), VAR.get())))
    assert g.switch() == "main"
    VAR.set("outside")
    assert g.switch("back") == ("back", "main")


def test_a_context_that_is_entered_is_not_entered_twice() -> None:
    context = contextvars.copy_context()
    g = greenlet(lambda: context.run(up))
    g.switch()
    with pytest.raises(RuntimeError, match="already entered"):
        context.run(lambda: None)
    g.switch()
    context.run(lambda: None)


@pytest.mark.parametrize("what", [5, "context", {}])
def test_only_contexts_are_taken(what: Any) -> None:
    g = greenlet(up)
    with pytest.raises(TypeError, match="[Cc]ontext"):
        g.gr_context = what


def test_it_cannot_be_deleted() -> None:
    with pytest.raises(AttributeError):
        del greenlet(up).gr_context


def test_a_context_running_in_another_thread_is_not_to_be_had() -> None:
    running, go_on = threading.Event(), threading.Event()
    greenlets = []

    def thread() -> None:
        greenlets.append(getcurrent())
        running.set()
        go_on.wait(30)

    worker = threading.Thread(target=thread)
    worker.start()
    running.wait(30)
    try:
        with pytest.raises(ValueError, match="different thread"):
            _ = greenlets[0].gr_context
        with pytest.raises(ValueError, match="different thread"):
            greenlets[0].gr_context = contextvars.copy_context()
    finally:
        go_on.set()
        worker.join()


def test_a_thread_that_ends_keeps_its_hands_off_the_context_that_it_ran_in() -> None:
    context = Context()
    before = sys.getrefcount(context)
    worker = threading.Thread(target=context.run, args=(lambda: greenlet(lambda: None).switch(),))
    worker.start()
    worker.join()
    del worker
    assert sys.getrefcount(context) == before
