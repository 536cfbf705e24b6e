"""C code that knows nothing of greenlets on their stacks: callbacks that switch, threads that end inside."""

import ctypes
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from programs import output_of, python
from raw import getcurrent, greenlet

COMPARATOR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def c_sorted(numbers: list[int], on_compare: Callable[[], object]) -> list[int]:
    """Sorted by the C library, which calls back for each comparison."""

    def compare(one: Any, two: Any) -> int:
        on_compare()
        return int(one[0] - two[0])

    array = (ctypes.c_int * len(numbers))(*numbers)
    ctypes.CDLL(None).qsort(array, len(numbers), ctypes.sizeof(ctypes.c_int), COMPARATOR(compare))
    return list(array)


def test_a_callback_that_switches() -> None:
    g = greenlet(lambda: c_sorted([3, 1, 2], up))
    steps = 0
    while not isinstance(result := g.switch(), list):
        steps += 1
    assert result == [1, 2, 3]
    assert steps >= 2


def test_callbacks_that_switch_in_turn() -> None:
    greenlets = {
        seed: greenlet(lambda s=seed: c_sorted([(n * s) % 101 for n in range(50)], up)) for seed in range(1, 9)
    }
    results = {}
    while greenlets:
        for seed, g in list(greenlets.items()):
            value = g.switch()
            if g.dead:
                results[seed] = value
                del greenlets[seed]
    assert results == {seed: sorted((n * seed) % 101 for n in range(50)) for seed in range(1, 9)}


def test_callbacks_within_callbacks() -> None:
    main = getcurrent()

    def run(depth: int) -> list[int]:
        if depth == 0:
            main.switch(getcurrent())
            return [0]
        return c_sorted([2, 1], lambda: greenlet(lambda: run(depth - 1)).switch())

    value = greenlet(lambda: run(5)).switch()
    stops = 0
    while not isinstance(value, list):
        stops += 1
        value = value.switch()
    assert value == [1, 2]
    assert stops >= 1


def test_a_greenlet_that_starts_in_a_callback_and_outlives_it() -> None:
    kept = []

    def compare() -> None:
        g = greenlet(lambda: up(up() + 1))
        g.switch()
        kept.append(g)

    assert greenlet(lambda: c_sorted([2, 1], compare)).switch() == [1, 2]
    assert kept.pop().switch(1) == 2


def test_dropped_while_c_swallows_the_exit() -> None:
    # ctypes has nowhere to raise in: it prints GreenletExit and lets qsort go on, and so does the greenlet.
    assert output_of("""
        import gc, sys, ctypes
        from raw import getcurrent, greenlet
        sys.unraisablehook = lambda hook: print(hook.exc_type.__name__)

        parent = getcurrent()
        COMPARATOR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        def compare(one, two):
            parent.switch()
            return 0
        def run():
            ctypes.CDLL(None).qsort((ctypes.c_int * 2)(2, 1), 2, 4, COMPARATOR(compare))
            print("after the sort")

        g = greenlet(run)
        g.switch()
        del g
        gc.collect()
        print("dropped")
    """).splitlines() == ["GreenletExit", "after the sort", "dropped"]


END = """
    import extensions, gc
    from raw import getcurrent, greenlet
    ends_thread = extensions.load("ends_thread.c")

    def up(*args):
        return getcurrent().parent.switch(*args)

    def parked_then(end):
        kept = [greenlet(up) for _ in range(5)]
        for g in kept:
            g.switch()
        end()

    def later():
        up()
        ends_thread.end_this_thread()

    def resumed():
        g = greenlet(later)
        g.switch()
        g.switch()

    def deep():
        sorted([1], key=lambda _: greenlet(lambda: sorted([1], key=lambda _: ends_thread.end_this_thread())).switch())
"""


@pytest.mark.parametrize(
    "end",
    ["ends_thread.end_this_thread", "greenlet(ends_thread.end_this_thread).switch", "resumed", "deep"],
    ids=["in the main greenlet", "in a new one", "in a resumed one", "in C frames of nested ones"],
)
def test_pthread_exit(end: str) -> None:
    program = textwrap.dedent(END) + textwrap.dedent(f"""
        for _ in range(30):
            ends_thread.in_thread(lambda: parked_then({end}))
        gc.collect()
        for _ in range(100):
            greenlet(lambda: greenlet(up).switch()).switch()
        print("end")
    """)
    result = python("-c", program)
    assert (result.stdout, result.returncode) == ("end\n", 0), result.stderr
