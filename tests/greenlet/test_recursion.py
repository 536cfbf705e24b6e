"""At the default recursion limit, recursion in a greenlet ends in RecursionError; so does nesting greenlets.

`docs/recursion.md` has many more kinds, which `tests/test_recursion_kinds.py` tries.
"""

import pytest

from raw import getcurrent, greenlet


def in_sorted(depth):
    return sorted([1, 2], key=lambda _: in_sorted(depth + 1))


def in_map(depth):
    return list(map(in_map, [depth + 1]))


class Attribute:
    def __getattr__(self, name):
        return getattr(self, name + "x")


class Represented:
    def __repr__(self):
        return repr([self])


@pytest.mark.parametrize(
    "recurse",
    [lambda: in_sorted(0), lambda: in_map(0), lambda: Attribute().x, lambda: repr(Represented())],
    ids=["sorted", "map", "getattr", "repr"],
)
def test_recursion_through_c_is_a_recursion_error(recurse):
    with pytest.raises(RecursionError):
        greenlet(recurse).switch()


def calls_left():
    """How deep calls can go from here."""

    def deeper(depth):
        try:
            return deeper(depth + 1)
        except RecursionError:
            return depth

    return deeper(0)


def at_depth(depth, function):
    """Call a function below so many others."""
    return function() if depth == 0 else at_depth(depth - 1, function)


def test_greenlets_that_start_one_another_without_end_are_a_recursion_error():
    started = []

    def nest():
        started.append(getcurrent())
        return greenlet(nest).switch()

    with pytest.raises(RecursionError):
        nest()
    assert len(started) > 100


def test_a_greenlet_goes_on_from_the_depth_that_it_was_started_at():
    def start():
        return greenlet(calls_left).switch()

    assert at_depth(300, start) == pytest.approx(start() - 300, abs=10)


def test_a_greenlet_keeps_its_depth_wherever_it_is_resumed():
    def body():
        getcurrent().parent.switch()
        return calls_left()

    shallow, deep, same = greenlet(body), greenlet(body), greenlet(calls_left)
    shallow.switch()
    at_depth(300, deep.switch)
    left = same.switch()
    assert at_depth(300, shallow.switch) == pytest.approx(left, abs=10)
    assert deep.switch() == pytest.approx(left - 300, abs=10)
