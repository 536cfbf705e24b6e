"""greenlet's C API: an extension compiled against the header that we ship, slot by slot."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import extensions
from programs import output_of
from raw import GreenletExit, error, getcurrent, greenlet, module


class Wrong(Exception):
    pass


@pytest.fixture(scope="module")
def c() -> ModuleType:
    return extensions.load("c_api.c")


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def test_the_types_are_those_of_the_module(c: ModuleType) -> None:
    assert (c.greenlet, c.error, c.GreenletExit) == (greenlet, error, GreenletExit)
    assert (c.slots, c.version) == (12, "1.0.0")


def test_check(c: ModuleType) -> None:
    class Sub(greenlet):  # type: ignore[misc, valid-type]
        pass

    assert [c.check(it) for it in (getcurrent(), greenlet(), Sub(), 1, greenlet, None)] == [True] * 3 + [False] * 3


def test_new(c: ModuleType) -> None:
    parent = greenlet(lambda value: ("parent", value))
    g = c.new(lambda value: ("own", value), parent)
    assert type(g) is greenlet
    assert g.parent is parent
    assert g.switch(1) == ("parent", ("own", 1))


def test_new_without_a_parent_or_a_function(c: ModuleType) -> None:
    g = c.new(None, None)
    assert g.parent is getcurrent()
    with pytest.raises(AttributeError, match="^run$"):
        g.switch()
    g.run = lambda: "set later"
    assert g.switch() == "set later"


def test_new_with_a_parent_that_is_none(c: ModuleType) -> None:
    with pytest.raises(TypeError):
        c.new(None, "parent")


def test_getcurrent(c: ModuleType) -> None:
    assert c.getcurrent() is getcurrent()
    g = greenlet(c.getcurrent)
    assert g.switch() is g


def test_getcurrent_while_the_interpreter_ends() -> None:
    assert (
        output_of("""
        import gc, os
        import extensions

        class Late:
            def __del__(self, current=extensions.load("c_api.c").getcurrent, write=os.write):
                try:
                    current()
                except RuntimeError as error:
                    write(1, str(error).encode())

        gc.disable()
        late = Late()
        late.itself = late
        del late
    """)
        == "greenlet is being finalized"
    )


@pytest.mark.parametrize(
    ("args", "kwargs", "received"),
    [
        (None, None, ()),
        ((), None, ()),
        ((1,), None, 1),
        ((1, 2), None, (1, 2)),
        (None, {"a": 1}, {"a": 1}),
        ((), {"a": 1}, {"a": 1}),
        ((1,), {"a": 1}, ((1,), {"a": 1})),
        ((1,), {}, 1),
        (None, {}, ()),
    ],
)
def test_switch_carries_what_switch_carries(c: ModuleType, args: Any, kwargs: Any, received: Any) -> None:
    g = greenlet(lambda: up(up()))
    g.switch()
    assert c.switch(g, args, kwargs) == received
    g.switch()


def test_switch_starts(c: ModuleType) -> None:
    g = greenlet(lambda *args, **kwargs: (args, kwargs))
    assert c.switch(g, (1, 2), {"three": 3}) == ((1, 2), {"three": 3})
    assert g.dead


def test_switch_to_the_dead_is_a_switch_to_the_parent(c: ModuleType) -> None:
    g = greenlet(lambda: None)
    g.switch()
    assert c.switch(g, ("value",), None) == "value"


def test_switch_raises_what_ends_the_target(c: ModuleType) -> None:
    def fail() -> None:
        raise Wrong("text")

    with pytest.raises(Wrong, match="text"):
        c.switch(greenlet(fail), None, None)


def test_switch_to_what_is_none(c: ModuleType) -> None:
    with pytest.raises(TypeError, match="bad argument type for built-in operation"):
        c.switch("no greenlet", None, None)


def test_switch_in_a_loop_of_c(c: ModuleType) -> None:
    def numbers() -> None:
        for number in range(1000):
            up(number)

    assert c.drain(greenlet(numbers)) == 499500


def test_switches_between_greenlets_that_c_frames_wait_in(c: ModuleType) -> None:
    def numbers(depth: int) -> int:
        if depth:
            up(c.drain(greenlet(lambda: numbers(depth - 1))) or 1)
        return depth

    assert c.drain(greenlet(lambda: numbers(20))) == 1


def test_throw(c: ModuleType) -> None:
    def run() -> Any:
        try:
            up()
        except Wrong as wrong:
            return wrong

    for arguments in [(Wrong, None, None), (Wrong, "text", None), (Wrong, Wrong("text"), None), (Wrong(), None, None)]:
        g = greenlet(run)
        g.switch()
        assert type(c.throw(g, *arguments)) is Wrong


def test_throw_brings_the_traceback(c: ModuleType) -> None:
    def fails() -> None:
        raise Wrong

    with pytest.raises(Wrong) as caught:
        fails()
    g = greenlet(up)
    g.switch()
    with pytest.raises(Wrong) as again:
        c.throw(g, Wrong, None, caught.value.__traceback__)
    assert [entry.name for entry in again.traceback][-2:] == ["test_throw_brings_the_traceback", "fails"]


def test_throw_into_the_unborn_and_the_dead(c: ModuleType) -> None:
    g = greenlet(lambda: None)
    with pytest.raises(Wrong):
        c.throw(g, Wrong, None, None)
    assert g.dead
    with pytest.raises(Wrong):
        c.throw(g, Wrong, None, None)
    exit = c.throw(g, GreenletExit, "value", None)
    assert type(exit) is GreenletExit
    assert exit.args == ("value",)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((Wrong, None, "no traceback"), "traceback object"),
        ((Wrong(), "value", None), "instance exception may not have a separate value"),
        ((7, None, None), "exceptions must be classes, or instances, not int"),
    ],
)
def test_throw_refuses(c: ModuleType, arguments: Any, text: str) -> None:
    g = greenlet(up)
    g.switch()
    with pytest.raises(TypeError, match=text):
        c.throw(g, *arguments)
    assert not g.dead
    g.switch()


def test_throw_into_what_is_none(c: ModuleType) -> None:
    with pytest.raises(TypeError, match="bad argument type for built-in operation"):
        c.throw("no greenlet", Wrong, None, None)


def test_parents(c: ModuleType) -> None:
    one, two = greenlet(), greenlet()
    assert c.get_parent(one) is getcurrent()
    c.set_parent(one, two)
    assert c.get_parent(one) is two
    assert c.GET_PARENT(one) is two
    assert c.get_parent(getcurrent()) is None


def test_parents_that_cannot_be(c: ModuleType) -> None:
    one, two = greenlet(), greenlet()
    two.parent = one
    with pytest.raises(ValueError, match="cyclic parent chain"):
        c.set_parent(one, two)
    with pytest.raises(AttributeError, match="cannot set the parent of a main greenlet"):
        c.set_parent(getcurrent(), one)
    with pytest.raises(TypeError, match="greenlet, not str"):
        c.set_parent(one, "parent")
    with pytest.raises(AttributeError, match="can't delete"):
        c.set_parent(one, None)
    with pytest.raises(TypeError):
        c.set_parent("no greenlet", one)
    with pytest.raises(TypeError):
        c.get_parent("no greenlet")
    assert one.parent is getcurrent()


def states(c: ModuleType, g: Any) -> tuple[bool, bool, bool]:
    return c.is_main(g), c.is_started(g), c.is_active(g)


def test_the_states_of_a_life(c: ModuleType) -> None:
    assert states(c, getcurrent()) == (True, True, True)
    g = greenlet(lambda: up(states(c, getcurrent())))
    assert states(c, g) == (False, False, False)
    assert g.switch() == (False, True, True)
    assert states(c, g) == (False, True, True)
    g.switch()
    assert states(c, g)[::2] == (False, False)


@pytest.mark.parametrize("name", ["is_main", "is_started", "is_active"])
def test_states_of_what_is_none(c: ModuleType, name: str) -> None:
    with pytest.raises(TypeError, match="bad argument type for built-in operation"):
        getattr(c, name)("no greenlet")


def test_the_members_that_c_sees(c: ModuleType) -> None:
    g = greenlet()
    assert c.members(g)[::2] == (None, True)
    g.name = "name"
    reference = weakref.ref(g)
    assert c.members(g) == (reference, {"name": "name"}, True)
    assert c.members(g)[1] is g.__dict__


def test_a_subtype_made_in_c(c: ModuleType) -> None:
    g = c.Numbered(lambda: up(getcurrent().number))
    g.number = 7
    assert g.switch() == 7
    g.number = 8
    assert isinstance(g, greenlet)
    assert c.check(g)
    g.switch()
    assert g.dead
    assert g.number == 8


def test_a_subtype_of_a_subtype_made_in_c(c: ModuleType) -> None:
    class Named(c.Numbered):  # type: ignore[misc, name-defined]
        name = "name"

        def run(self) -> Any:
            return up(self.name, self.number)

    g = Named()
    g.number = 3
    assert g.switch() == ("name", 3)
    del g
    gc.collect()


def test_a_static_subtype_outlives_its_instances(c: ModuleType) -> None:
    before = sys.getrefcount(c.Numbered)
    for _ in range(1000):
        c.Numbered(up).switch()
    assert abs(sys.getrefcount(c.Numbered) - before) < 10


def test_no_slot_keeps_or_loses_a_reference(c: ModuleType) -> None:
    main, value, error_value = getcurrent(), object(), Wrong()

    def run(received: Any) -> None:
        while True:
            received = up(received)

    def turn() -> None:
        g = c.new(run, main)
        args, kwargs = (value,), {"received": value}
        c.switch(g, None, kwargs)
        c.switch(g, args, None)
        c.getcurrent(), c.get_parent(g), c.set_parent(g, main), states(c, g)
        with pytest.raises(Wrong):
            c.throw(g, error_value, None, None)
        with pytest.raises(TypeError):
            c.throw(g, error_value, value, None)
        error_value.__traceback__ = None
        c.throw(g, GreenletExit, None, None)

    counted = [main, value, error_value, run, None, greenlet, GreenletExit, Wrong]
    turn()
    before = [sys.getrefcount(it) for it in counted]
    for _ in range(1000):
        turn()
    gc.collect()
    after = [sys.getrefcount(it) for it in counted]
    assert all(abs(now - then) < 50 for now, then in zip(after, before, strict=True)), (before, after)


def test_source_in_cpp_may_include_the_header(tmp_path: Path) -> None:
    assert extensions.build("exceptions.cpp", tmp_path).exists()


def test_an_extension_that_asks_first_gets_ours() -> None:
    assert (
        output_of(
            """
        import verdigris
        verdigris.install_as_gevent()
        import extensions
        c = extensions.load("c_api.c")
        import greenlet, gevent
        assert c.greenlet is greenlet.greenlet
        assert c.check(gevent.spawn(lambda: None))
        print(c.switch(greenlet.greenlet(lambda x: x + 1), (1,), None))
    """
        )
        == "2\n"
    )


def test_the_folder_of_the_header_is_told() -> None:
    folder = Path(module.get_include())
    assert (folder / "greenlet" / "greenlet.h").is_file()
    command = "import sys; from verdigris._cli import main; sys.exit(main(['include']))"
    told = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    assert told == f"{folder}\n"
