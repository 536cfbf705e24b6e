"""C++ exceptions thrown and caught in frames above and below a switch."""

import signal
from types import ModuleType
from typing import Any

import pytest

import extensions
from programs import python
from raw import getcurrent, greenlet


@pytest.fixture(scope="module")
def cpp() -> ModuleType:
    return extensions.load("exceptions.cpp")


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def test_thrown_after_a_switch(cpp: ModuleType) -> None:
    g = greenlet(lambda: up(up()))
    assert cpp.throw_after_switch(g) == ("after the switch", True)


def test_thrown_in_a_greenlet_and_caught_in_it(cpp: ModuleType) -> None:
    g = greenlet(lambda: up(cpp.throw_after_switch(getcurrent().parent)))
    g.switch()
    assert g.switch() == ("after the switch", True)


def test_thrown_in_two_greenlets_in_turn(cpp: ModuleType) -> None:
    main = getcurrent()

    def run() -> Any:
        return [cpp.throw_after_switch(main) for _ in range(10)]

    one, two = greenlet(run), greenlet(run)
    for _ in range(10):
        one.switch()
        two.switch()
    assert one.switch() == two.switch() == [("after the switch", True)] * 10


def test_a_switch_while_one_is_handled(cpp: ModuleType) -> None:
    assert cpp.switch_while_handling("first", greenlet(lambda: None)) == "first"


def test_a_switch_while_one_is_handled_to_one_that_throws(cpp: ModuleType) -> None:
    inner = greenlet(lambda: cpp.throw_after_switch(greenlet(lambda: None)))
    assert cpp.switch_while_handling("first", inner) == "first"


def test_through_the_frames_of_the_interpreter(cpp: ModuleType) -> None:
    assert greenlet(lambda: cpp.catching(cpp.throw_here)).switch() == "nobody below catches"


def test_a_python_exception_while_switched_away(cpp: ModuleType) -> None:
    def fail() -> None:
        raise KeyError("python")

    with pytest.raises(KeyError, match="python"):
        cpp.throw_after_switch(greenlet(fail))
    with pytest.raises(KeyError, match="python"):
        cpp.switch_while_handling("text", greenlet(fail))


def test_one_that_nobody_catches_ends_the_process() -> None:
    result = python(
        "-c",
        """if True:
        import extensions
        from raw import greenlet
        cpp = extensions.load("exceptions.cpp")
        cpp.catching(lambda: greenlet(cpp.throw_here).switch())
    """,
    )
    assert result.returncode == -signal.SIGABRT, result.stderr
