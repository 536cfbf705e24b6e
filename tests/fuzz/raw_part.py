"""Raw greenlets of one thread, switching at random; every landing is checked.

One thread runs one greenlet at a time, so there is at most one value (or exception) under way
in it. Whoever switches notes down what goes where; whoever lands compares. A greenlet that is
dropped while suspended is made to exit on the side, and doesn't touch the note.
"""

import gc
import random
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import raw_events

from greenlet import GreenletExit, getcurrent, greenlet, settrace

VAR: ContextVar[Any] = ContextVar("VAR")


class Inconsistency(Exception):
    """Something is not as it must be."""


class Planned(Exception):
    """Thrown on purpose."""


def check(truth: object, what: str) -> None:
    if not truth:
        raise Inconsistency(what)


class Shared:
    """What the threads of a run have in common."""

    def __init__(self, threads: int, real: bool = False) -> None:
        self.real = real
        self.given_away: list[Any] = []  # suspended: whoever takes one out drops it
        self.unstarted: list[Any] = []  # whoever takes one out adopts and starts it
        self.barrier = threading.Barrier(threads)


class Raw:
    """The greenlets of one thread, and the note of what is under way between them."""

    here = threading.local()

    def __init__(self, seed: int, shared: Shared) -> None:
        self.random = random.Random(seed)
        self.shared = shared
        self.counts: Counter[str] = Counter()
        self.alive: list[Any] = []
        # Every one that lives, also those that hold one another in circles: a greenlet suspended in
        # other.switch() holds the other, and no collector can see it.
        self.all: weakref.WeakSet[Any] = weakref.WeakSet()
        self.note: tuple[Any, Any] | None = None
        self.relics = raw_events.Relics()
        self.thread = threading.get_ident()
        self.deadline = 0.0
        self.main = getcurrent()
        self.actions: list[Callable[[Any], Any]] = [
            *[self.switch] * 12,
            *[self.throw] * 2,
            *[self.create] * 4,
            *[self.drop] * 2,
            *[self.kill] * 2,
            self.give_away,
            self.drop_anothers,
            self.offer,
            self.adopt,
            self.reparent,
            self.look_at_a_frame,
            self.trace,
            lambda _: raw_events.look_at_anothers_frames(self),
            lambda current: raw_events.tie_a_knot(self, current),
        ]
        # What takes long, and so is done seldom.
        self.incidents: list[Callable[[Raw], None]] = [
            raw_events.collect,
            raw_events.look_at_old_frames,
            raw_events.end_a_thread,
            raw_events.fork,
        ]

    def run(self, seconds: float) -> None:
        Raw.here.fuzz = self
        self.deadline = time.monotonic() + seconds
        while time.monotonic() < self.deadline:
            for _ in range(100):
                self.act()
            if len(self.all) > 400:
                self.kill_all()
        settrace(None)
        self.finish()

    def finish(self) -> None:
        """Lets everything go, and counts that it has gone."""
        self.alive.clear()
        self.relics.greenlets.clear()
        self.relics.frames.clear()
        self.shared.barrier.wait()
        self.shared.given_away.clear()
        self.shared.unstarted.clear()
        self.shared.barrier.wait()
        self.kill_all()
        deadline = time.monotonic() + 30
        # A collection does nothing while another thread is at one.
        while self.all and time.monotonic() < deadline:
            gc.collect()
            greenlet(lambda: None).switch()
        check(not self.all, f"{len(self.all)} greenlets are left")
        lost = self.counts["started"] - self.counts["ended"]
        check(lost == 0, f"{lost} greenlets have neither ended nor exited")
        check(self.shared.real or self.relics.have_all_ended(), "a greenlet of an ended thread has not exited in it")

    # What a greenlet does.

    def act(self) -> Any:
        """One thing at random; what a landing brought, if it was one."""
        if self.random.random() < 0.002:
            self.random.choice(self.incidents)(self)
        return self.random.choice(self.actions)(getcurrent())

    def life(self, *args: Any) -> Any:
        """The body of each greenlet."""
        Raw.here.fuzz.counts["started"] += 1
        fuzz: Raw = Raw.here.fuzz
        mine = object()
        try:
            fuzz.landed(args)
            VAR.set(mine)
            for _ in range(fuzz.random.randrange(1, 30)):
                fuzz.random.choice(SITUATIONS)(fuzz)
                check(VAR.get() is mine, "another greenlet's context")
                check(sys.exc_info()[0] is None, "another greenlet's exception")
            if fuzz.random.random() < 0.1:
                raise Planned
            value = object()
            fuzz.expect(fuzz.heir(getcurrent(), error=False), value)
            return value
        except Planned as error:
            fuzz.expect(fuzz.heir(getcurrent(), error=True), error)
            raise
        finally:
            check(threading.get_ident() == fuzz.thread, "exits in a foreign thread")
            fuzz.counts["ended"] += 1

    def expect(self, target: Any, what: Any) -> None:
        self.note = (target, what)

    def landed(self, what: Any) -> None:
        """Compares what came with what was sent."""
        check(threading.get_ident() == self.thread, "landed in a foreign thread")
        note, self.note = self.note, None
        check(note is not None, "landed although nobody had switched")
        assert note is not None
        target, sent = note
        check(target is getcurrent(), "landed in the wrong greenlet")
        if isinstance(what, tuple):
            check(len(what) == 1, f"{len(what)} values have come")
            (what,) = what
        check(sent is what or sent is type(what), f"{sent!r} was sent and {what!r} came")
        self.counts["landings"] += 1

    def heir(self, of: Any, error: bool) -> Any:
        """Who goes on when that greenlet ends. A value starts an ancestor who hasn't started; an error ends it."""
        ancestor = of.parent
        while ancestor.dead or (error and not ancestor):
            ancestor = ancestor.parent
        return ancestor

    def away(self, leave: Callable[[], Any]) -> None:
        """Leaves for another greenlet, and checks what brings this one back."""
        try:
            came = leave()
        except Planned as error:
            self.landed(error)
            self.counts["exceptions caught"] += 1
        else:
            self.landed(came)

    def any(self) -> Any:
        """A greenlet that isn't dead: any of this thread's, the main one included."""
        while self.alive:
            place = self.random.randrange(len(self.alive) + 1)
            if place == len(self.alive):
                break
            if not self.alive[place].dead:
                return self.alive[place]
            self.remove(place)
        return self.main

    def remove(self, place: int) -> Any:
        self.alive[place], self.alive[-1] = self.alive[-1], self.alive[place]
        return self.alive.pop()

    def take_suspended(self) -> Any:
        """One that is suspended, out of the list; None when chance finds none."""
        if not self.alive:
            return None
        place = self.random.randrange(len(self.alive))
        found = self.alive[place]
        return self.remove(place) if found and found is not getcurrent() else None

    # The actions.

    def switch(self, _: Any) -> None:
        target, value = self.any(), object()
        self.counts["switches"] += 1
        self.expect(target, value)
        self.away(lambda: target.switch(value))

    def throw(self, _: Any) -> None:
        target = self.any()
        self.counts["throws"] += 1
        # One that never started dies of it.
        landing = target if target else self.heir(target, error=True)
        self.expect(landing, Planned)
        self.away(lambda: target.throw(Planned))

    def create(self, current: Any) -> None:
        if len(self.alive) < 200:
            parent = self.any() if self.random.random() < 0.5 else current
            self.alive.append(greenlet(self.life, parent))
            self.all.add(self.alive[-1])
            self.counts["created"] += 1

    def drop(self, _: Any) -> None:
        self.counts["dropped"] += self.take_suspended() is not None

    def kill(self, current: Any) -> None:
        self.exit(self.any(), current)

    def kill_all(self) -> None:
        for g in list(self.all):
            self.exit(g, getcurrent())

    def exit(self, target: Any, current: Any) -> None:
        """Makes it exit, and come back here rather than to its parent."""
        if target is self.main or target is current or target.dead:
            return
        try:
            target.parent = current
        except ValueError:  # an ancestor of ours
            return
        check(type(target.throw()) is GreenletExit, "an exit that came to nothing")
        check(target.dead, "an exit survived")
        self.counts["killed"] += 1

    def give_away(self, _: Any) -> None:
        found = self.take_suspended()
        if found is not None and len(self.shared.given_away) < 50:
            self.shared.given_away.append(found)

    def drop_anothers(self, _: Any) -> None:
        try:
            self.shared.given_away.pop()
        except IndexError:
            return
        self.counts["dropped for other threads"] += 1

    def offer(self, _: Any) -> None:
        if len(self.shared.unstarted) < 10:
            self.shared.unstarted.append(greenlet(self.life))

    def adopt(self, current: Any) -> None:
        try:
            found = self.shared.unstarted.pop()
        except IndexError:
            return
        found.parent = current
        self.alive.append(found)
        self.all.add(found)
        self.counts["adopted"] += 1

    def reparent(self, _: Any) -> None:
        child, parent = self.any(), self.any()
        if child is not self.main:
            try:
                child.parent = parent
            except ValueError:
                self.counts["circles refused"] += 1
            else:
                self.counts["reparented"] += 1

    def look_at_a_frame(self, current: Any) -> None:
        target = self.any()
        frame = target.gr_frame
        check((frame is not None) == (bool(target) and target is not current), "a frame too many or too few")
        if frame is not None and target is not self.main:
            names = []
            while frame:
                names.append(frame.f_code.co_name)
                frame = frame.f_back
            check(names[-1] == "life", f"a stack that ends with {names[-1]}")
            self.counts["stacks walked"] += 1

    def trace(self, _: Any) -> None:
        settrace(self.heard if self.random.random() < 0.3 else None)

    def heard(self, event: str, args: tuple[Any, Any]) -> None:
        check(event in ("switch", "throw"), f"an event {event!r}")
        check(args[1] is getcurrent(), "a tracer that runs in the wrong greenlet")
        self.counts["events traced"] += 1


# Where a greenlet may be while it is away: each must find itself there again.


def plainly(fuzz: Raw) -> None:
    fuzz.act()


def handling_an_exception(fuzz: Raw) -> None:
    mine = KeyError()
    try:
        raise mine
    except KeyError:
        fuzz.act()
        check(sys.exc_info()[1] is mine, "another greenlet's exception is being handled")
        fuzz.act()
        check(sys.exc_info()[1] is mine, "another greenlet's exception is being handled")


def under_c_code(fuzz: Raw) -> None:
    def key(number: int) -> int:
        if not number % 3:
            fuzz.act()
        return -number

    check(sorted(range(7), key=key) == [6, 5, 4, 3, 2, 1, 0], "a sort that lost its place")


def deep_down(fuzz: Raw) -> None:
    def dive(levels: int) -> int:
        if not levels:
            fuzz.act()
            return 0
        return dive(levels - 1) + 1

    levels = fuzz.random.choice((10, 50, 200))
    check(dive(levels) == levels, "a recursion that lost its count")


def in_a_generator(fuzz: Raw) -> None:
    def numbers() -> Any:
        for number in range(3):
            fuzz.act()
            yield number

    check(list(numbers()) == [0, 1, 2], "a generator that lost its place")


SITUATIONS = [plainly, plainly, plainly, handling_an_exception, under_c_code, deep_down, in_a_generator]

__all__ = ["GreenletExit", "Inconsistency", "Planned", "Raw", "Shared", "check"]
