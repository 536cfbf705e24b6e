"""At the default recursion limit, recursion in a greenlet ends in RecursionError."""

import pytest

from raw import greenlet


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
