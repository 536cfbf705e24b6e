"""What goes across a switch, and where it lands."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from raw import getcurrent, greenlet


@pytest.mark.parametrize(
    ("args", "kwargs", "seen"),
    [
        ((), {}, ()),
        ((1,), {}, 1),
        ((None,), {}, None),
        (((),), {}, ()),
        ((1, 2), {}, (1, 2)),
        ((), {"a": 1}, {"a": 1}),
        ((1,), {"a": 1}, ((1,), {"a": 1})),
        ((1, 2), {"a": 1}, ((1, 2), {"a": 1})),
    ],
)
class TestValues:
    def test_into_a_suspended_greenlet(self, args: tuple[Any, ...], kwargs: dict[str, Any], seen: Any) -> None:
        g = greenlet(lambda: getcurrent().parent.switch("up"))
        assert g.switch() == "up"
        assert g.switch(*args, **kwargs) == seen

    def test_out_to_the_parent(self, args: tuple[Any, ...], kwargs: dict[str, Any], seen: Any) -> None:
        g = greenlet(lambda: getcurrent().parent.switch(*args, **kwargs))
        assert g.switch() == seen

    def test_into_a_dead_greenlet_comes_straight_back(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], seen: Any
    ) -> None:
        g = greenlet(lambda: None)
        g.switch()
        assert g.switch(*args, **kwargs) == seen

    def test_to_oneself(self, args: tuple[Any, ...], kwargs: dict[str, Any], seen: Any) -> None:
        assert getcurrent().switch(*args, **kwargs) == seen
        g = greenlet(lambda: getcurrent().switch(*args, **kwargs))
        assert g.switch() == seen


def test_the_first_switch_gives_run_its_arguments() -> None:
    def run(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    assert greenlet(run).switch() == ((), {})
    assert greenlet(run).switch(1, 2, a=3) == ((1, 2), {"a": 3})
    assert greenlet(run).switch((1, 2)) == (((1, 2),), {})


def test_wrong_arguments_for_run_are_the_childs_error() -> None:
    g = greenlet(lambda: None)
    with pytest.raises(TypeError):
        g.switch(1)
    assert g.dead


def test_the_value_of_run_goes_to_the_parent_as_it_is() -> None:
    for value in [None, (), (1,), {"a": 1}, [1]]:
        assert greenlet(lambda value=value: value).switch() == value


def test_an_error_in_run_goes_to_the_parent() -> None:
    def run() -> None:
        raise KeyError("inside")

    g = greenlet(run)
    with pytest.raises(KeyError, match="inside") as caught:
        g.switch()
    assert g.dead
    assert [entry.name for entry in caught.traceback][-1] == "run"


def test_ends_go_up_one_generation_at_a_time() -> None:
    outer = greenlet(lambda: ("outer", inner.switch()))
    inner = greenlet(lambda: ("inner", innermost.switch("down")), outer)
    innermost = greenlet(lambda word: ("innermost", word), inner)
    assert outer.switch() == ("outer", ("inner", ("innermost", "down")))
    assert outer.dead
    assert inner.dead
    assert innermost.dead


def test_greenlets_without_kinship_switch_to_one_another() -> None:
    log = []

    def player(name: str, other: Callable[[], Any]) -> None:
        for _ in range(3):
            log.append((name, other().switch(name)))

    one = greenlet(lambda *_: player("one", lambda: two))
    two = greenlet(lambda *_: player("two", lambda: one))
    one.switch()
    assert log == [("one", "two"), ("two", "one"), ("one", "two"), ("two", "one"), ("one", "two")]
    assert one.dead
    assert not two.dead


def test_a_switch_may_happen_under_c_code() -> None:
    def run() -> list[int]:
        return sorted([3, 1, 2], key=lambda n: getcurrent().parent.switch(n))

    g = greenlet(run)
    asked = [g.switch(), g.switch(30), g.switch(10)]
    assert asked == [3, 1, 2]
    assert g.switch(20) == [1, 2, 3]


def test_a_switch_may_happen_in_a_generator_and_in_special_methods() -> None:
    up = getcurrent().switch

    class Odd:
        def __eq__(self, other: object) -> bool:
            return bool(up("eq"))

        __hash__ = None  # type: ignore[assignment]

        def __getattr__(self, name: str) -> Any:
            return up(name)

    def numbers() -> Iterator[Any]:
        yield up("first")
        yield up("second")

    g = greenlet(lambda: ([Odd()].count(Odd()), Odd().name, list(numbers())))
    assert g.switch() == "eq"
    assert g.switch(True) == "name"
    assert g.switch(5) == "first"
    assert g.switch(6) == "second"
    assert g.switch(7) == (1, 5, [6, 7])


def test_one_generator_is_shared_by_greenlets() -> None:
    def numbers() -> Iterator[int]:
        for n in range(4):
            getcurrent().parent.switch("asked")
            yield n

    shared = numbers()
    first = greenlet(lambda: next(shared))
    assert first.switch() == "asked"
    with pytest.raises(ValueError, match="already executing"):
        next(shared)
    assert first.switch() == 0


def test_the_handled_exception_belongs_to_its_greenlet() -> None:
    def run(kind: type[Exception]) -> Any:
        try:
            raise kind
        except kind:
            getcurrent().parent.switch(sys.exc_info()[0])
            return sys.exc_info()[0]

    one, two = greenlet(run), greenlet(run)
    assert one.switch(KeyError) is KeyError
    assert sys.exc_info() == (None, None, None)
    assert two.switch(ValueError) is ValueError
    try:
        raise OSError
    except OSError:
        assert one.switch() is KeyError
        assert sys.exc_info()[0] is OSError
        assert two.switch() is ValueError


def test_a_bare_raise_finds_its_own_exception_after_switches() -> None:
    def run() -> None:
        try:
            raise KeyError("mine")
        except KeyError:
            getcurrent().parent.switch()
            raise

    g = greenlet(run)
    g.switch()
    try:
        raise OSError
    except OSError:
        with pytest.raises(KeyError, match="mine"):
            g.switch()


def test_recursion_depth_belongs_to_its_greenlet() -> None:
    def dive(levels: int) -> int:
        if not levels:
            getcurrent().parent.switch()
            return 0
        return dive(levels - 1) + 1

    greenlets = [greenlet(dive) for _ in range(30)]
    for g in greenlets:
        g.switch(100)
    assert [g.switch() for g in greenlets] == [100] * 30


def test_endless_recursion_in_a_greenlet_is_a_recursion_error() -> None:
    def forever() -> None:
        forever()

    for _ in range(3):
        with pytest.raises(RecursionError):
            greenlet(forever).switch()


def test_locals_outlive_many_switches() -> None:
    def run(n: int) -> int:
        total = n
        for _ in range(100):
            total += getcurrent().parent.switch(total)
        return total

    greenlets = [greenlet(run) for _ in range(20)]
    assert [g.switch(i) for i, g in enumerate(greenlets)] == list(range(20))
    for _ in range(99):
        for g in greenlets:
            g.switch(1)
    assert [g.switch(1) for g in greenlets] == [i + 100 for i in range(20)]
    assert all(g.dead for g in greenlets)


def test_what_is_given_is_not_kept() -> None:
    class Value:
        pass

    g = greenlet(lambda: getcurrent().parent.switch())
    value = Value()
    before = sys.getrefcount(value)
    g.switch()
    assert g.switch(value) is value
    del g
    assert sys.getrefcount(value) == before
