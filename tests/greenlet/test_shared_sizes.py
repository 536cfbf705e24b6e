"""The size of stacks is that which is set when a greenlet starts, whatever stacks there are to share."""

import sys

import pytest

from programs import output_of

DEPTHS = """
import sys
import verdigris
from verdigris import _core
from verdigris.event import Event

sys.setrecursionlimit(100_000)
_core.set_share_above(0)
never = Event()

def depth():
    reached = 0

    def further():
        nonlocal reached
        reached += 1
        return sorted([1], key=lambda _: further())

    try:
        further()
    except RecursionError:
        return reached

def crowd():
    for _ in range(40):
        verdigris.spawn(never.wait)
    verdigris.sleep(0.001)
    assert _core.count_evicted() > 0

crowd()
before = verdigris.spawn(depth).get()
crowd()
_core.set_stack_size(4 * _core.get_stack_size())
print(verdigris.spawn(depth).get() > 2 * before)
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="its RecursionError does not go by the size of the stack")
def test_a_larger_size_is_for_those_who_start_from_then_on():
    assert output_of(DEPTHS) == "True\n"
