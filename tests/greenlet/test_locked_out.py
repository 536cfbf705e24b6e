"""Greenlets whose stack somebody else cannot leave: the garbage collector runs on it, in a finalizer that waits.

Whatever is to let them go on meanwhile does so when the collection is over.
"""

import pytest

from programs import output_of

PAIR = """
import gc, threading, time
import verdigris
from verdigris import Timeout, _core, getcurrent
from verdigris._core import greenlet
from verdigris.event import Event

gc.disable()
_core.set_share_above(0)
STACKS = 32
never, begun = Event(), Event()
state, until = "idle", 0


class Garbage:
    def __init__(self, finalize):
        self.itself, self.finalize = self, finalize

    def __del__(self):
        self.finalize()


def pause():
    "Many turns of the loop, so that whatever is due after few of them is so meanwhile, on a busy machine too."
    global state
    state = "finalizing"
    begun.set()
    turns = 30
    while turns or time.monotonic() < until:
        verdigris.sleep(0.001)
        turns = max(turns - 1, 0)
    state = "idle"


def time_out():
    "A timeout whose time is up while the other finalizes, not before."
    global until
    timeout = Timeout(0.3)
    until = time.monotonic() + 0.35
    return timeout


def collect(finalize=pause):
    Garbage(finalize)
    gc.collect()


def pair(first, second):
    "Two greenlets on one stack; each with what lets it begin."
    made = []
    for function in (first, *[never.wait] * (STACKS - 1), second):
        go = Event()
        made.append((verdigris.spawn(lambda go=go, function=function: (go.wait(), function())[1]), go))
        verdigris.sleep(0)
        verdigris.sleep(0.001)
    assert _core.count_evicted() == 1
    return made[0], made[-1]


def meet(first, then=lambda _: None):
    "The first waits; a collection begins on its stack; then something is done to the first. What that has come to."
    (one, go_one), (other, go_other) = pair(first, collect)
    go_one.set()
    verdigris.sleep(0.001)
    go_other.set()
    while state == "idle":
        verdigris.sleep(0)
    then(one)
    value = one.get(timeout=20)
    other.get()
    return value
"""


def outcome_of(program):
    return output_of(PAIR + program).strip()


@pytest.mark.parametrize(("end", "value"), [("return 'a value'", "a value"), ("raise KeyError", "KeyError()")])
def test_a_raw_child_ends(end, value):
    program = f"""
def child():
    begun.wait()
    assert state == "finalizing"
    {end}

def parent():
    try:
        return greenlet(child).switch(), state
    except KeyError as error:
        return repr(error), state

print(*meet(parent))
"""
    assert outcome_of(program) == f"{value} idle"


def test_the_time_of_a_timeout_is_up():
    program = """
def waits():
    with time_out() as timeout:
        try:
            never.wait()
        except Timeout as error:
            return error is timeout, state

print(*meet(waits))
"""
    assert outcome_of(program) == "True idle"


def test_a_timeout_comes_too_late_for_what_has_come_before():
    program = """
event = Event()

def waits():
    with time_out():
        event.wait()
    assert time.monotonic() > until
    return state

print(meet(waits, lambda _: event.set()))
"""
    assert outcome_of(program) == "idle"


def test_a_callback_of_the_loop_switches_there():
    program = """
hub = verdigris.get_hub()
timer = hub.loop.timer(0)

def waits():
    return hub.switch(), state

print(*meet(waits, lambda one: timer.start(one.switch, "a value")))
"""
    assert outcome_of(program) == "a value idle"


@pytest.mark.parametrize(("act", "value"), [("switch('a value')", "a value"), ("throw(KeyError)", "KeyError()")])
def test_another_greenlet_switches_there(act, value):
    program = f"""
main = getcurrent()

def waits():
    try:
        value = verdigris.get_hub().switch()
    except KeyError as error:
        value = repr(error)
    main.switch(value, state)

(one, go_one), (other, go_other) = pair(waits, collect)
go_one.set()
verdigris.sleep(0.001)
go_other.set()
while state == "idle":
    verdigris.sleep(0)
print(*one.{act})
"""
    assert outcome_of(program) == f"{value} idle"


def test_the_finalizer_itself_cannot_switch_there():
    program = """
def switches():
    try:
        one.switch()
    except greenlet.error as error:
        print(str(error).partition(": a ")[2])

(one, go_one), (other, go_other) = pair(lambda: "done", lambda: collect(switches))
go_other.set()
other.get()
go_one.set()
print(one.get())
"""
    words = "finalizer that the garbage collector runs waits on the stack which both were started on\ndone"
    assert outcome_of(program) == words


def test_the_finalizer_waits_elsewhere_than_in_the_hub():
    program = """
def joins():
    one.join()

def switches():
    try:
        greenlet(joins).switch()
    except greenlet.error as error:
        print(str(error).partition(" has ")[2])

(one, go_one), (other, go_other) = pair(lambda: "done", lambda: collect(switches))
go_other.set()
go_one.set()
print(one.get(timeout=20))
"""
    assert outcome_of(program) == "waited for five seconds on the stack of a greenlet that is to go on\ndone"


def test_a_finalizer_is_not_blamed_for_what_holds_up_the_thread():
    program = """
def holds_up():
    begun.wait()
    verdigris.sleep(0.005)
    time.sleep(5.1)
    for _ in range(1000):
        verdigris.spawn(int)

def finalize():
    go_one.set()
    begun.set()
    verdigris.sleep(0.05)
    print("finalized")

(one, go_one), (other, go_other) = pair(lambda: "done", lambda: collect(finalize))
verdigris.spawn(holds_up)
verdigris.sleep(0)
go_other.set()
print(one.get(timeout=20))
"""
    assert outcome_of(program) == "finalized\ndone"


def test_a_finalizer_is_not_blamed_for_another_one():
    program = """
again = Event()

def finalize():
    again.set()
    verdigris.sleep(0.03)
    print("finalized")

def collects_later():
    time.sleep(5.1)
    collect(finalize)

def collects():
    collect(lambda: verdigris.sleep(0.03))
    again.wait()

(one, go_one), (other, go_other) = pair(collects_later, collects)
go_other.set()
verdigris.sleep(0.001)
go_one.set()
verdigris.joinall([one, other])
"""
    assert outcome_of(program) == "finalized"


def test_nobody_says_that_the_collection_has_ended():
    program = """
def clears():
    gc.callbacks.clear()
    verdigris.sleep(0.001)

(one, go_one), (other, go_other) = pair(lambda: "done", lambda: (collect(clears), never.wait()))
go_other.set()
verdigris.sleep(0.01)
go_one.set()
print(one.get(timeout=20), other.ready())
"""
    assert outcome_of(program) == "done False"


def test_a_collection_in_a_thread_without_greenlets():
    program = """
pair(never.wait, never.wait)
thread = threading.Thread(target=lambda: (gc.collect(), print(_core.get_total_main_greenlets())))
thread.start()
thread.join()
"""
    assert outcome_of(program) == "1"
