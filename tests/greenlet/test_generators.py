"""Generators, async generators and coroutines that are resumed in another greenlet than the one they stopped in."""

import asyncio
import contextvars
import gc
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from raw import GreenletExit, getcurrent, greenlet

VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def names(frame: FrameType | None) -> list[str]:
    found = []
    while frame and frame.f_code.co_name != "pytest_pyfunc_call":
        found.append(frame.f_code.co_name)
        frame = frame.f_back
    return found


def where() -> Iterator[Any]:
    """Yields the greenlet that resumes it, each time."""
    while True:
        yield getcurrent()


def test_a_generator_is_resumed_in_another_greenlet() -> None:
    generator = where()
    assert next(generator) is getcurrent()
    greenlets = [greenlet(lambda: next(generator)) for _ in range(5)]
    assert [g.switch() for g in greenlets] == greenlets
    assert next(generator) is getcurrent()


def test_a_generator_that_switches_while_it_runs() -> None:
    def numbers() -> Iterator[int]:
        for number in range(5):
            up(("switched", number))
            yield number

    g = greenlet(lambda: list(numbers()))
    assert [g.switch() for _ in range(6)] == [("switched", n) for n in range(5)] + [[0, 1, 2, 3, 4]]


def test_a_generator_that_is_running_elsewhere_cannot_be_resumed() -> None:
    def stops() -> Iterator[Any]:
        yield up()

    generator = stops()
    g = greenlet(lambda: next(generator))
    g.switch()
    with pytest.raises(ValueError, match="generator already executing"):
        next(generator)
    with pytest.raises(ValueError, match="generator already executing"):
        generator.close()  # type: ignore[attr-defined]
    assert g.switch("value") == "value"


def test_generators_within_generators_over_many_greenlets() -> None:
    def tree(depth: int) -> Iterator[int]:
        if depth:
            yield from greenlet(lambda: tree(depth - 1)).switch()
            yield depth
            yield from tree(depth - 1)

    def in_turn(steps: Iterator[int]) -> Iterator[int]:
        while (step := greenlet(lambda: next(steps, None)).switch()) is not None:
            yield step

    assert list(in_turn(tree(6))) == list(tree(6))


def test_throw_and_close_from_another_greenlet() -> None:
    ends = []

    def holds() -> Iterator[Any]:
        try:
            yield 1
        except KeyError:
            yield "caught"
        finally:
            ends.append(getcurrent())

    generator = holds()
    next(generator)
    assert greenlet(lambda: generator.throw(KeyError)).switch() == "caught"  # type: ignore[attr-defined]
    g = greenlet(generator.close)  # type: ignore[attr-defined]
    g.switch()
    assert ends == [g]


def test_a_generator_dropped_in_another_greenlet_ends_there() -> None:
    ends = []

    def holds() -> Iterator[Any]:
        try:
            yield
        finally:
            ends.append(getcurrent())

    kept = [holds()]
    next(kept[0])
    g = greenlet(kept.clear)
    g.switch()
    assert ends == [g]


def test_a_generator_on_the_stack_of_a_greenlet_that_is_killed() -> None:
    ends = []

    def holds() -> Iterator[Any]:
        try:
            yield up()
        except GreenletExit:
            ends.append("killed")
            raise
        finally:
            ends.append("closed")

    g = greenlet(lambda: list(holds()))
    g.switch()
    del g
    gc.collect()
    assert ends == ["killed", "closed"]


def test_the_frame_behind_a_generators_is_whoever_resumes_it() -> None:
    def looks() -> Iterator[Any]:
        while True:
            yield names(sys._getframe())

    def resumes(generator: Iterator[Any]) -> Any:
        return next(generator)

    generator = looks()
    assert resumes(generator)[:3] == [
        "looks",
        "resumes",
        "test_the_frame_behind_a_generators_is_whoever_resumes_it",
    ]
    assert greenlet(resumes).switch(generator) == ["looks", "resumes"]
    assert generator.gi_frame.f_back is None  # type: ignore[attr-defined]


def test_the_frame_behind_a_generator_that_waits_in_a_switch() -> None:
    def stops() -> Iterator[Any]:
        yield up()

    def resumes(generator: Iterator[Any]) -> Any:
        return next(generator)

    generator = stops()
    g = greenlet(resumes)
    g.switch(generator)
    assert names(generator.gi_frame) == ["stops", "resumes"]  # type: ignore[attr-defined]
    assert names(g.gr_frame) == ["up", "stops", "resumes"]
    g.switch()


def test_a_context_manager_made_of_a_generator() -> None:
    steps = []

    @contextmanager
    def manager(name: str) -> Iterator[None]:
        steps.append(f"+{name}")
        up()
        try:
            yield
        finally:
            up()
            steps.append(f"-{name}")

    def run(name: str) -> None:
        with manager(name):
            up()

    greenlets = [greenlet(run) for _ in range(2)]
    for g, name in zip(greenlets, "ab", strict=True):
        g.switch(name)
    for _ in range(3):
        for g in greenlets:
            g.switch()
    assert steps == ["+a", "+b", "-a", "-b"]


class Await:
    """Hands a value to whoever drives the coroutine."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self.value)


def test_a_coroutine_driven_by_several_greenlets() -> None:
    async def work() -> list[Any]:
        return [(await Await(number), getcurrent()) for number in range(3)]

    coroutine = work()
    drivers = [greenlet(coroutine.send) for _ in range(4)]
    assert [g.switch(value) for g, value in zip(drivers[:3], [None, "a", "b"], strict=True)] == [0, 1, 2]
    with pytest.raises(StopIteration) as stop:
        drivers[3].switch("c")
    assert stop.value.value == list(zip("abc", drivers[1:], strict=True))


def test_a_coroutine_that_switches_out_of_its_loop() -> None:
    async def inner() -> Any:
        await asyncio.sleep(0)
        return up("from inside")

    g = greenlet(lambda: asyncio.run(inner()))
    assert g.switch() == "from inside"
    assert g.switch("result") == "result"


def test_awaiting_from_a_synchronous_function_as_sqlalchemy_does() -> None:
    def await_(awaitable: Any) -> Any:
        return up(awaitable)

    async def spawn(function: Any) -> Any:
        g = greenlet(function)
        g.gr_context = contextvars.copy_context()
        value = g.switch()
        while not g.dead:
            try:
                sent = await value
            except Exception as error:
                value = g.throw(error)
            else:
                value = g.switch(sent)
        return value

    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError("async")

    async def gives(value: Any) -> Any:
        await asyncio.sleep(0)
        return value

    def synchronous(name: str) -> list[Any]:
        got = [VAR.get(), await_(gives(1))]
        with pytest.raises(KeyError, match="async"):
            await_(fails())
        VAR.set(f"{name}, changed")
        return [*got, await_(gives(VAR.get()))]

    async def task(name: str) -> list[Any]:
        VAR.set(name)
        return [*await spawn(lambda: synchronous(name)), VAR.get()]

    async def main() -> list[Any]:
        return await asyncio.gather(*(task(f"task {n}") for n in range(20)))

    assert asyncio.run(main()) == [[f"task {n}", 1, f"task {n}, changed", f"task {n}"] for n in range(20)]


def test_an_async_generator_across_greenlets() -> None:
    async def numbers() -> AsyncIterator[Any]:
        for number in range(3):
            await Await(("waits", number))
            yield number, getcurrent()

    def step(awaitable: Any, value: Any) -> Any:
        try:
            return awaitable.send(value)
        except StopIteration as stop:
            return stop.value

    generator = numbers()
    for number in range(3):
        awaitable = generator.__anext__()
        assert greenlet(step).switch(awaitable, None) == ("waits", number)
        last = greenlet(step)
        assert last.switch(awaitable, None) == (number, last)


def test_the_hooks_of_async_generators_are_the_threads() -> None:
    seen = []

    async def numbers() -> AsyncIterator[int]:
        yield 1

    def begin(generator: Any) -> Any:
        with pytest.raises(StopIteration):
            generator.__anext__().send(None)

    old = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=lambda _: seen.append("first"), finalizer=lambda _: seen.append("final"))
    try:
        kept = [numbers()]
        greenlet(begin).switch(kept[0])
        assert greenlet(sys.get_asyncgen_hooks).switch() == sys.get_asyncgen_hooks()
        greenlet(kept.clear).switch()
        gc.collect()
    finally:
        sys.set_asyncgen_hooks(*old)
    assert seen == ["first", "final"]


def test_a_loop_closes_an_async_generator_begun_in_a_greenlet() -> None:
    ends = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            ends.append("closed")

    async def main() -> None:
        kept.append(numbers())
        with pytest.raises(StopIteration):
            greenlet(lambda: kept[0].__anext__().send(None)).switch()

    kept: list[Any] = []
    greenlet(lambda: asyncio.run(main())).switch()
    assert ends == ["closed"]
