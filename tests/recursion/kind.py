"""A kind of recursion, and the list of all of them."""

from collections.abc import Callable
from typing import NamedTuple

#: How deep data are nested in advance: deeper than any stack could follow without a check, and than any limit allows.
DEPTH = 100_000


class Kind(NamedTuple):
    """One kind of recursion."""

    name: str
    #: What recurses, in Markdown.
    title: str
    #: Recurses; if `uncounted`, as often as it is told to.
    recurse: Callable[..., object]
    #: Zero. Or, where CPython has no check, so that it runs off any stack: how many levels are too many for 8 MiB.
    uncounted: int


KINDS: dict[str, Kind] = {}


def kind(title, uncounted=0):
    """Make the decorated function a kind of recursion. It may return; what it makes is dropped where it runs."""

    def add(function):
        name = function.__name__.strip("_")
        assert name not in KINDS
        KINDS[name] = Kind(name, title, function, uncounted)
        return function

    return add
