"""Greenlets that take turns on a stack, and the garbage collector, which runs on that of one of them."""

from programs import output_of

#: 64 greenlets, two on each stack: FIRST and PARTNER lie on one, APART and ITS_PARTNER on another.
SHARING = """
import gc
import sys
import verdigris
from verdigris import _core
from verdigris._core import greenlet
from verdigris.event import Event

_core.set_share_above(0)
gc.disable()
FIRST, PARTNER, APART, ITS_PARTNER = 0, 32, 1, 33
gates = [Event() for _ in range(64)]
told = []


class Waits:
    def __init__(self, event):
        self.event, self.circle = event, self

    def __del__(self):
        told.append("finalizer waits")
        self.event.wait()
        told.append("finalizer ends")


def collect(event):
    garbage = [[] for _ in range(50)]
    for each in garbage:
        each.append(each)
    Waits(event)
    del each, garbage
    gc.collect()
    told.append("collected")


def start(bodies):
    def body(number):
        gates[number].wait()
        return bodies.get(number, lambda: None)()

    greenlets = [verdigris.spawn(body, number) for number in range(64)]
    verdigris.sleep(0)
    assert _core.count_evicted() == 32
    return greenlets


def open_gate(number):
    gates[number].set()
    verdigris.sleep(0)


def end(greenlets):
    for gate in gates:
        gate.set()
    verdigris.joinall(greenlets, raise_error=True)
    print(*told, sep=", ")
"""


def told(code):
    return output_of(SHARING + code).strip().split(", ")


def test_who_ends_does_not_go_on_in_a_parent_whose_stack_the_collector_has():
    assert told("""
child_may_end, finalizer_may_end = Event(), Event()

def first():
    def child():
        child_may_end.wait()
        return "child's value"
    told.append(greenlet(child).switch())

greenlets = start({FIRST: first, PARTNER: lambda: collect(finalizer_may_end)})
open_gate(FIRST)
open_gate(PARTNER)
child_may_end.set()
verdigris.sleep(0)
verdigris.sleep(0)
told.append("main")
finalizer_may_end.set()
verdigris.sleep(0)
end(greenlets)
""") == ["finalizer waits", "main", "finalizer ends", "collected", "child's value"]


def test_an_error_waits_for_the_collector_likewise():
    assert told("""
child_may_end, finalizer_may_end = Event(), Event()

def first():
    def child():
        child_may_end.wait()
        raise KeyError("child's error")
    try:
        greenlet(child).switch()
    except KeyError as error:
        told.append(error.args[0])

greenlets = start({FIRST: first, PARTNER: lambda: collect(finalizer_may_end)})
open_gate(FIRST)
open_gate(PARTNER)
child_may_end.set()
verdigris.sleep(0)
verdigris.sleep(0)
told.append("main")
finalizer_may_end.set()
verdigris.sleep(0)
end(greenlets)
""") == ["finalizer waits", "main", "finalizer ends", "collected", "child's error"]


def test_callbacks_of_the_collector_that_are_taken_away_in_a_collection():
    assert told("""
class Clears:
    def __init__(self):
        self.circle = self
    def __del__(self):
        gc.callbacks.clear()

def clear():
    Clears()
    gc.collect()

finalizer_may_end = Event()
greenlets = start({
    FIRST: clear,
    ITS_PARTNER: lambda: collect(finalizer_may_end),
    APART: lambda: told.append("its partner"),
})
open_gate(FIRST)
assert not gc.callbacks
open_gate(ITS_PARTNER)
open_gate(APART)
told.append("main")
finalizer_may_end.set()
verdigris.sleep(0)
end(greenlets)
""") == ["finalizer waits", "main", "finalizer ends", "collected", "its partner"]


def test_a_callback_that_takes_itself_away_hides_the_end_of_a_collection():
    # The list is gone through by numbers: who comes next is not called.
    assert told("""
pause = Event()

def first():
    gc.callbacks.insert(0, once)
    gc.collect()
    pause.wait()

def once(phase, info):
    if phase == "stop":
        gc.callbacks.remove(once)

greenlets = start({FIRST: first, PARTNER: lambda: told.append("partner")})
open_gate(FIRST)
open_gate(PARTNER)
told.append("main")
pause.set()
end(greenlets)
""") == ["partner", "main"]
