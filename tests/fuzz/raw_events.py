"""What befalls raw greenlets from outside: their thread ends, their process forks, frames outlive them.

Each is an action of `raw_part.Raw`, and runs in whatever greenlet is at it.
"""

import gc
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from raw_part import Raw


class Relics:
    """What a thread of the fuzz keeps of others that have ended."""

    def __init__(self) -> None:
        self.greenlets: list[Any] = []
        self.frames: list[Any] = []
        self.expected = 0
        self.ended: list[int] = []

    def have_all_ended(self) -> bool:
        """Whether all greenlets of ended threads have exited; waits for those whose thread is about to end."""
        deadline = time.monotonic() + 30
        while len(self.ended) < self.expected and time.monotonic() < deadline:
            os.sched_yield()
        return len(self.ended) == self.expected


def collect(fuzz: "Raw") -> None:
    gc.collect(fuzz.random.randrange(3))
    fuzz.counts["collections"] += 1


def end_a_thread(fuzz: "Raw") -> None:
    """Starts a thread that leaves greenlets behind: some that others refer to, some in circles."""
    relics, number = fuzz.relics, fuzz.random.randrange(1, 6)
    keep = fuzz.random.random() < 0.5

    def run(identity: int) -> None:
        me = getcurrent()
        try:
            me.parent.switch()
        finally:
            if threading.get_ident() == identity:
                relics.ended.append(1)

    def work() -> None:
        for _ in range(number):
            g = greenlet(run)
            g.itself = g
            g.switch(threading.get_ident())
            if keep:
                relics.greenlets.append(g)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    relics.expected += number
    del relics.greenlets[: max(0, len(relics.greenlets) - 50)]
    fuzz.counts["threads ended"] += 1


def fork(fuzz: "Raw") -> None:
    """Forks, in whatever greenlet this is, and has the child use its greenlets and drop those of others."""
    child = os.fork()
    if not child:
        os._exit(use_what_is_left(fuzz))
    _, status = os.waitpid(child, 0)
    if status:
        raise AssertionError(f"a child ended with {os.waitstatus_to_exitcode(status)}")
    fuzz.counts["forks"] += 1


def use_what_is_left(fuzz: "Raw") -> int:
    """In a child: switches, collects, and lets everything go. The exit status."""
    failures: list[object] = []
    sys.unraisablehook = lambda what: failures.append((what.exc_value, sys.__unraisablehook__(what)))
    try:
        new = [greenlet(lambda: getcurrent().parent.switch(1)) for _ in range(5)]
        assert [g.switch() for g in new] == [1] * 5
        fuzz.shared.given_away.clear()
        fuzz.shared.unstarted.clear()
        fuzz.relics.greenlets.clear()
        look_at_old_frames(fuzz)
        del new[::2]
        gc.collect()
        assert all(g.switch() == () and g.dead for g in new)
        fuzz.kill_all()
        gc.collect()
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 1 if failures else 0


def look_at_anothers_frames(fuzz: "Raw") -> None:
    """Walks the stack of a greenlet that is suspended in another thread, or in one that has ended."""
    for among in (fuzz.shared.given_away, fuzz.relics.greenlets):
        try:
            target = fuzz.random.choice(among)
        except IndexError:
            continue
        frame = target.gr_frame
        walk(frame)
        if frame is not None and len(fuzz.relics.frames) < 50:
            fuzz.relics.frames.append(frame)
        fuzz.counts["stacks of others walked"] += 1


def look_at_old_frames(fuzz: "Raw") -> None:
    """Walks from frames that have been kept, whatever has become of their greenlets."""
    frames = fuzz.relics.frames
    for frame in frames:
        walk(frame)
    del frames[: len(frames) // 2]


def walk(frame: Any) -> None:
    while frame is not None:
        assert frame.f_lineno is None or frame.f_lineno >= frame.f_code.co_firstlineno
        frame = frame.f_back


def tie_a_knot(fuzz: "Raw", current: Any) -> None:
    """Makes greenlets that refer to one another, and forgets them: garbage, as long as neither has started."""
    if len(fuzz.all) > 300 or fuzz.shared.real:
        return  # the real one never frees a circle in which one was suspended when the collector saw it
    first, second = greenlet(fuzz.life, current), greenlet(fuzz.life, current)
    first.other, second.other = second, first
    second.run = first.switch
    fuzz.all.update((first, second))
    if fuzz.random.random() < 0.5:
        fuzz.alive.append(first)
    fuzz.counts["created"] += 2
