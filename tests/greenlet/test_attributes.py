"""What a greenlet says of itself, what may be set, and what the module has besides: to the letter what greenlet has."""

import contextvars
import copy
import pickle
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from raw import GreenletExit, error, getcurrent, gettrace, greenlet, module, settrace


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def shown(g: Any) -> str:
    return re.sub("0x[0-9a-f]+", "0x", repr(g))


@contextmanager
def suspended_elsewhere() -> Iterator[Any]:
    """A thread that waits in its main greenlet, and a greenlet suspended there."""
    kept: list[Any] = []
    ready, done = threading.Event(), threading.Event()

    def run() -> None:
        g = greenlet(up)
        g.switch()
        kept.extend([getcurrent(), g])
        ready.set()
        done.wait()
        g.switch()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield kept
    finally:
        done.set()
        thread.join()


class Named(greenlet):  # type: ignore[misc, valid-type]
    pass


def test_repr() -> None:
    g = greenlet(up)
    assert shown(g) == "<greenlet.greenlet object at 0x (otid=0x(nil)) pending>"
    g.switch()
    assert shown(g) == "<greenlet.greenlet object at 0x (otid=0x) suspended active started>"
    g.switch()
    assert shown(g) == "<greenlet.greenlet object at 0x (otid=0x) dead>"
    main = getcurrent()
    assert shown(main) == "<greenlet.greenlet object at 0x (otid=0x) current active started main>"
    assert greenlet(lambda: shown(main)).switch().endswith("suspended active started main>")
    assert greenlet(lambda: shown(getcurrent())).switch().endswith("current active started>")


def test_repr_of_a_subclass_says_its_name_alone() -> None:
    assert shown(Named()) == "<Named object at 0x (otid=0x(nil)) pending>"


def test_repr_after_the_thread() -> None:
    with suspended_elsewhere() as (main, _):
        assert shown(main).endswith("suspended active started main>")
    assert shown(main) == "<greenlet.greenlet object at 0x (otid=0x(nil)) (thread exited) dead>"


@pytest.mark.parametrize("name", ["dead", "gr_frame", "_stack_saved"])
def test_what_cannot_be_set(name: str) -> None:
    with pytest.raises(AttributeError, match=f"attribute '{name}' of 'greenlet.greenlet' objects is not writable"):
        setattr(greenlet(), name, 1)
    with pytest.raises(AttributeError):
        delattr(greenlet(), name)


def test_the_class_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="immutable type 'greenlet.greenlet'"):
        greenlet.name = 1
    with pytest.raises(TypeError, match="immutable type 'greenlet.greenlet'"):
        del greenlet.switch


def test_run_may_be_deleted_and_set_again_until_the_start() -> None:
    g = greenlet(lambda: 1)
    del g.run
    del g.run
    with pytest.raises(AttributeError, match="^run$"):
        _ = g.run
    with pytest.raises(AttributeError, match="^run$"):
        g.switch()
    g.run = up
    g.switch()
    with pytest.raises(AttributeError, match="run cannot be set after the start of the greenlet"):
        g.run = up
    with pytest.raises(AttributeError):
        del g.run
    g.switch()


def test_the_dict_may_be_replaced() -> None:
    g = greenlet()
    g.__dict__ = {"name": "new"}
    assert g.name == "new"
    with pytest.raises(TypeError):
        g.__dict__ = 1


def test_what_a_context_cannot_be() -> None:
    g = greenlet(up)
    for wrong in (1, {}, contextvars.ContextVar("var")):
        with pytest.raises(TypeError, match="greenlet context must be a contextvars.Context or None"):
            g.gr_context = wrong
    with pytest.raises(AttributeError, match="can't delete context attribute"):
        del g.gr_context


def test_a_context_is_kept_through_a_life() -> None:
    g, context = greenlet(up), contextvars.copy_context()
    assert g.gr_context is None
    for _ in ("new", "suspended", "dead"):
        g.gr_context = context
        assert g.gr_context is context
        g.gr_context = None
        assert g.gr_context is None
        g.switch()
    assert g.dead


def test_the_context_of_one_that_runs_in_another_thread() -> None:
    with suspended_elsewhere() as (main, g):
        with pytest.raises(ValueError, match="cannot get context of a greenlet that is running in a different thread"):
            _ = main.gr_context
        with pytest.raises(ValueError, match="cannot set context of a greenlet that is running in a different thread"):
            main.gr_context = None
        g.gr_context = context = contextvars.copy_context()
        assert g.gr_context is context


@pytest.mark.parametrize("refused", [copy.copy, copy.deepcopy, pickle.dumps])
def test_no_copies(refused: Any) -> None:
    for g, name in ((greenlet(), "greenlet.greenlet"), (getcurrent(), "greenlet.greenlet"), (Named(), "Named")):
        with pytest.raises(TypeError, match=f"cannot serialize '{name}' object"):
            refused(g)


def test_classes_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps([greenlet, error, GreenletExit])) == [greenlet, error, GreenletExit]
    assert pickle.loads(pickle.dumps(GreenletExit("value"))).args == ("value",)


def test_the_class_has_what_the_module_has() -> None:
    assert (greenlet.error, greenlet.GreenletExit) == (error, GreenletExit)
    assert greenlet.getcurrent is getcurrent
    assert greenlet.settrace is settrace
    assert greenlet.gettrace is gettrace
    assert greenlet().getcurrent() is getcurrent()


def test_names_of_the_module() -> None:
    inner = module._greenlet
    assert int(module.__version__.split(".")[0]) == 3
    assert module.GREENLET_USE_CONTEXT_VARS and module.GREENLET_USE_GC and module.GREENLET_USE_TRACING
    assert module.CLOCKS_PER_SEC == inner.CLOCKS_PER_SEC == 1_000_000
    assert inner.greenlet is greenlet
    assert inner.get_pending_cleanup_count() == 0
    assert module.enable_optional_cleanup(False) is None
    assert module.get_clocks_used_doing_optional_cleanup() is None
    module.enable_optional_cleanup(True)
    assert module.get_clocks_used_doing_optional_cleanup() >= 0


def test_main_greenlets_are_counted() -> None:
    before = module._greenlet.get_total_main_greenlets()
    with suspended_elsewhere():
        assert module._greenlet.get_total_main_greenlets() == before + 1


def test_subclasses() -> None:
    class Slotted(greenlet):  # type: ignore[misc, valid-type]
        __slots__ = ("value",)

    class Meta(type):
        pass

    class Made(Named, metaclass=Meta):
        def __new__(cls, value: Any) -> Any:
            return super().__new__(cls)

        def __init__(self, value: Any) -> None:
            super().__init__(lambda: value)

    slotted = Slotted(lambda: 1)
    slotted.value = 5
    assert (slotted.value, slotted.switch()) == (5, 1)
    assert Made(7).switch() == 7
    for other in (int, Exception):
        with pytest.raises(TypeError, match="conflict"):
            type("Both", (greenlet, other), {})


def test_the_class_of_a_greenlet_may_change_among_subclasses() -> None:
    class Other(greenlet):  # type: ignore[misc, valid-type]
        pass

    g = Named(up)
    g.switch()
    g.__class__ = Other
    assert type(g) is Other
    g.switch()
    with pytest.raises(TypeError):
        g.__class__ = greenlet


def test_run_of_a_subclass_comes_after_that_of_the_instance() -> None:
    class Runs(greenlet):  # type: ignore[misc, valid-type]
        def run(self) -> str:
            return "class"

    class Property(greenlet):  # type: ignore[misc, valid-type]
        @property
        def run(self) -> Any:
            return lambda: "property"

    assert Runs().switch() == "class"
    assert Property().switch() == "property"


def test_an_error_in_looking_up_run_leaves_it_unstarted() -> None:
    class Refuses(greenlet):  # type: ignore[misc, valid-type]
        def __getattribute__(self, name: str) -> Any:
            if name == "run":
                raise KeyError("not now")
            return super().__getattribute__(name)

    g = Refuses(lambda: 1)
    with pytest.raises(KeyError, match="not now"):
        g.switch()
    assert "pending" in repr(g)
