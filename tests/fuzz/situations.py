"""What a spawned greenlet is in the middle of when it waits, and what others do to it meanwhile.

Whoever waits must find itself where it was, with all that it had, and with what others have written to its locals.
"""

import ctypes
import gc
import sys
from typing import TYPE_CHECKING, Any

import gevent
import raw_part
from raw_events import look_at_old_frames, walk
from raw_part import check

from greenlet import error, getcurrent, greenlet

if TYPE_CHECKING:
    from spawned_part import Spawned


class Mark:
    """In a frame: what one of its locals is to be."""

    def __init__(self) -> None:
        self.expected = object()


def where_others_write(fuzz: "Spawned") -> None:
    mark = Mark()
    written, kept = mark.expected, [mark]
    for _ in range(2):
        fuzz.act()
        check(kept == [mark], "locals of somebody else")
        check(written is mark.expected, "a local that is not what was written to it")


def in_a_generator_of_all(fuzz: "Spawned") -> None:
    """Each time it waits in whatever greenlet has resumed it."""
    if len(fuzz.generators) < 10:
        fuzz.generators.append((numbers(fuzz), []))
    generator, came = fuzz.random.choice(fuzz.generators)
    if generator.gi_running:
        walk(generator.gi_frame)
        check("here" in generator.gi_frame.f_locals, "a generator without its locals")
        fuzz.counts["running generators"] += 1
        return
    try:
        came.append(next(generator))
        check(came == list(range(len(came))), "a generator that lost its place")
    except StopIteration:
        check(len(came) == 5, "a generator that ended too early")
    finally:
        fuzz.generators[:] = [pair for pair in fuzz.generators if pair[0].gi_frame is not None]


def numbers(fuzz: "Spawned") -> Any:
    for number in range(5):
        here = [number]
        fuzz.act()
        check(here == [number], "a generator that lost its locals")
        yield number


def in_a_coroutine(fuzz: "Spawned") -> None:
    levels = fuzz.random.randrange(20)
    try:
        deeper(fuzz, levels).send(None)
    except StopIteration as stop:
        check(stop.value == levels, "a coroutine that lost its count")


async def deeper(fuzz: "Spawned", levels: int) -> int:
    here = [levels]
    below = await deeper(fuzz, levels - 1) + 1 if levels else 0
    fuzz.act()
    check(here == [levels], "a coroutine that lost its locals")
    return below


def very_deep_down(fuzz: "Spawned") -> None:
    def dive(levels: int) -> int:
        here = [levels]
        below = dive(levels - 1) + 1 if levels else 0
        if levels % 1000 == 0:
            fuzz.act()
        check(here == [levels], "a deep recursion that lost its locals")
        return below

    if fuzz.random.random() < 0.1:
        check(dive(3000) == 3000, "a deep recursion that lost its count")


def under_a_raw_greenlet(fuzz: "Spawned") -> None:
    """Waits for one that waits in the hub, and outlives it even if it is killed."""

    def run(given: object) -> object:
        fuzz.act()
        return given

    raw, sent = greenlet(run), object()
    try:
        check(raw.switch(sent) is sent, "another value than a raw greenlet was given")
    finally:
        if raw:
            raw.throw()


class Waits:
    """In a circle with itself. Its finalizer waits, where that may be."""

    def __init__(self, fuzz: "Spawned") -> None:
        self.fuzz, self.itself = fuzz, self

    def __del__(self) -> None:
        fuzz, me = self.fuzz, getcurrent()
        if fuzz.over or me not in fuzz.tasks or not me.patient:
            return
        here = [me]
        try:
            fuzz.random.choice((fuzz.pause, fuzz.wait_for_event, fuzz.hold_semaphore, fuzz.join))()
            fuzz.counts["finalizers that waited"] += 1
        except (gevent.GreenletExit, gevent.Timeout):
            fuzz.counts["finalizers that were interrupted"] += 1
        check(here == [me] and getcurrent() is me, "a finalizer that lost its locals")


def in_a_finalizer(fuzz: "Spawned") -> None:
    me, here = getcurrent(), [fuzz]
    for _ in range(3):
        Waits(fuzz)
    me.patient = True
    try:
        if fuzz.random.random() < 0.5:
            gc.collect()
        else:
            check(len([[number] for number in range(1000)]) == 1000, "an allocation that lost its place")
    finally:
        me.patient = False
    check(here == [fuzz], "locals that a collection lost")


# Who else is about.


def look_at_anothers_frames(fuzz: "Spawned") -> None:
    task = fuzz.other()
    frame = task.gr_frame if task else None
    if frame is not None:
        walk(frame)
        if len(fuzz.relics.frames) < 50:
            fuzz.relics.frames.append(frame)
        fuzz.counts["stacks walked"] += 1
    look_at_old_frames(fuzz)


def write_to_anothers_locals(fuzz: "Spawned") -> None:
    task = fuzz.other()
    frame = task.gr_frame if task else None
    while frame is not None:
        if frame.f_code is where_others_write.__code__:
            variables = frame.f_locals
            variables["mark"].expected = variables["written"] = object()
            if sys.version_info < (3, 13):
                ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
            fuzz.counts["locals written"] += 1
        frame = frame.f_back


def wait_to_be_met(fuzz: "Spawned") -> None:
    """Waits for nothing but a direct switch."""
    me = getcurrent()
    fuzz.meeting.append(me)
    try:
        with gevent.Timeout(0.001, False):
            got = gevent.get_hub().switch()
            check(got is me.given, "another value than a greenlet was given")
            fuzz.counts["met"] += 1
    finally:
        if me in fuzz.meeting:
            fuzz.meeting.remove(me)


def meet(fuzz: "Spawned") -> None:
    """Switches directly to one that waits for it; unless a collection is under way on the stack that it needs."""
    if not fuzz.meeting:
        return
    other = fuzz.meeting.pop(fuzz.random.randrange(len(fuzz.meeting)))
    other.given, back = object(), object()
    callback = gevent.get_hub().loop.run_callback(getcurrent().switch, back)
    try:
        check(other.switch(other.given) is back, "back from another place than one has left for")
    except error:
        fuzz.counts["locked out"] += 1
    finally:
        callback.stop()


SITUATIONS = [
    *raw_part.SITUATIONS,
    where_others_write,
    where_others_write,
    in_a_generator_of_all,
    in_a_coroutine,
    very_deep_down,
    under_a_raw_greenlet,
    in_a_finalizer,
]

ENCOUNTERS = [look_at_anothers_frames, write_to_anothers_locals, wait_to_be_met, wait_to_be_met, meet]

__all__ = ["ENCOUNTERS", "SITUATIONS"]
