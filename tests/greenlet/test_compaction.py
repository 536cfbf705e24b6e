"""The stacks of greenlets that wait for long are given back, and nobody can tell."""

import errno
import gc
import os
import sys

import pytest

import verdigris
from programs import output_of
from verdigris import _core, socket
from verdigris.event import AsyncResult, Event


def parked(count, body):
    """So many greenlets, each at a wait that `body(event)` has led it to; and the event."""
    event = Event()
    greenlets = [verdigris.spawn(body, event) for _ in range(count)]
    verdigris.sleep(0)
    return greenlets, event


def locals_and_calls(event):
    """Something on the C stack, in frames, and in the heap, that must all be there afterwards."""
    kept = {"numbers": list(range(10))}

    def key(number):
        if number == 5:
            event.wait()
        return -number

    return sorted(kept["numbers"], key=key), kept


def test_compacted_greenlets_go_on_as_if_nothing_had_been():
    greenlets, event = parked(50, locals_and_calls)
    assert _core.compact() >= 50
    assert _core.compact() == 0  # They are already.
    gc.collect()
    others = [verdigris.spawn(locals_and_calls, event) for _ in range(50)]
    verdigris.sleep(0)
    event.set()
    verdigris.joinall(greenlets + others, raise_error=True)
    expected = (list(range(9, -1, -1)), {"numbers": list(range(10))})
    assert [greenlet.value for greenlet in greenlets + others] == [expected] * 100


def test_again_and_again():
    turns = []

    def body():
        for turn in range(5):
            verdigris.sleep(0.001)
            turns.append(turn)

    greenlets = [verdigris.spawn(body) for _ in range(10)]
    while not all(greenlet.ready() for greenlet in greenlets):
        verdigris.sleep(0)
        _core.compact()
    assert sorted(turns) == sorted(list(range(5)) * 10)


def test_all_are_found_however_many_have_left_from_among_them():
    def wait(event):
        event.wait()

    greenlets, event = parked(400, wait)
    _core.compact()  # Whoever else waits, from now on only those who come count.
    stay = greenlets[::4]
    leave = [greenlet for greenlet in greenlets if greenlet not in stay]
    verdigris.killall(leave[::2] + leave[1::2][::-1])
    more = [verdigris.spawn(wait, event) for _ in range(200)]
    verdigris.sleep(0)
    assert _core.compact() == 200
    verdigris.killall(stay[1::2] + more[::2])
    more = more[1::2] + [verdigris.spawn(wait, event) for _ in range(50)]
    verdigris.sleep(0)
    assert _core.compact() == 50
    event.set()
    verdigris.joinall(stay + more, raise_error=True)
    assert all(greenlet.successful() for greenlet in stay[::2] + more)


def test_killed_and_timed_out():
    killed, event = parked(3, locals_and_calls)
    timed = verdigris.spawn(event.wait, 0.01)
    verdigris.sleep(0)
    assert _core.compact() >= 4
    verdigris.killall(killed)
    assert all(isinstance(greenlet.value, verdigris.GreenletExit) for greenlet in killed)
    assert timed.get() is False


def test_its_frames_can_be_asked_for():
    def outer(event):
        secret = 42
        event.wait()
        return secret

    (greenlet,), event = parked(1, outer)
    assert _core.compact() >= 1
    frame = greenlet.gr_frame
    while frame.f_code is not outer.__code__:
        frame = frame.f_back
    assert frame.f_locals["secret"] == 42
    # Somebody has its frames now: it stays as it is.
    assert _core.compact() == 0
    assert frame.f_locals["secret"] == 42
    event.set()
    assert greenlet.get() == 42


def with_traceback(event):
    try:
        raise KeyError
    except KeyError:
        event.wait()


def with_generator(event):
    def generator():
        yield event.wait()

    return list(generator())


def with_frame(event):
    kept = sys._getframe()
    event.wait()
    return kept


@pytest.mark.parametrize("body", [with_traceback, with_generator, with_frame])
def test_frames_that_others_may_read_stay(body):
    (greenlet,), event = parked(1, body)
    assert _core.compact() == 0
    event.set()
    greenlet.get()


def test_a_frame_object_that_nobody_has_does_no_harm():
    def body(event):
        sys._getframe()
        event.wait()
        return sys._getframe().f_lineno

    (greenlet,), event = parked(1, body)
    assert _core.compact() == 1
    gc.collect()
    event.set()
    assert greenlet.get() == body.__code__.co_firstlineno + 3


def test_one_that_switched_away_by_itself_stays():
    main = _core.getcurrent()
    raw = _core.greenlet(main.switch)
    raw.switch(1)
    assert _core.compact() == 0
    raw.switch()
    assert raw.dead


def test_one_that_switched_away_after_a_wait_that_could_not_begin_stays():
    """It is not taken for one that waits in the hub."""
    main = _core.getcurrent()
    near, far = socket.socketpair()

    def body():
        os.close(near.fileno())
        number = None
        try:
            near._wait_read()
        except OSError as error:
            number = error.errno
        near.detach()
        main.switch(number)

    raw = _core.greenlet(body)
    assert raw.switch() == errno.EBADF
    assert _core.compact() == 0
    raw.switch()
    assert raw.dead
    far.close()


COLLECTING = """
import gc, weakref, verdigris
from verdigris import _core
from verdigris.event import Event

event, found = Event(), []

class Circle:
    def __init__(self):
        self.itself = self

    def __del__(self):
        found.append(self)
        if len(found) == 2:
            event.wait()

def collect():
    gc.collect()
    for _ in range(50):
        Circle()
    gc.collect()

gc.disable()
collector = verdigris.spawn(collect)
verdigris.sleep(0)
print(_core.compact())
first = found.pop(0)
first.itself, gone = None, weakref.ref(first)
del first
print(gone())
event.set()
collector.get()
verdigris.spawn(event.clear).join()
waiting = verdigris.spawn(event.wait)
verdigris.sleep(0)
print(len(found), _core.compact())
"""


def test_nothing_is_compacted_in_the_middle_of_a_garbage_collection():
    assert output_of(COLLECTING) == "0\nNone\n49 1\n"


def test_deep_stacks():
    def nested(depth, result):
        return result.get() if depth == 0 else max([depth], key=lambda _: nested(depth - 1, result))

    result = AsyncResult()
    greenlets = [verdigris.spawn(nested, depth, result) for depth in range(40)]
    verdigris.sleep(0)
    assert _core.compact() >= 40
    result.set(0)
    verdigris.joinall(greenlets, raise_error=True)
    assert [greenlet.value for greenlet in greenlets] == list(range(40))


def test_the_setting():
    before = _core.get_compact_after()
    try:
        for given, read in ((None, None), (2, 2.0), (0.5, 0.5)):
            verdigris.config.compact_after = given
            assert _core.get_compact_after() == read
        for text, read in (("never", None), ("3", 3.0)):
            verdigris.config.compact_after = text
            assert verdigris.config.compact_after == read
        for wrong in (-1, "soon", float("nan")):
            with pytest.raises(ValueError, match="compact_after"):
                verdigris.config.compact_after = wrong
    finally:
        verdigris.config.compact_after = before


IDLE = """
import gc, sys, verdigris
from verdigris import _core
from verdigris.event import Event

_core.set_share_above(None)

def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

verdigris.config.compact_after = 0.05
event = Event()
count = 5000
verdigris.joinall([verdigris.spawn(event.wait, 0) for _ in range(200)])
gc.collect()
before = anonymous()
greenlets = [verdigris.spawn(lambda: event.wait()) for _ in range(count)]
verdigris.sleep(0)
parked = (anonymous() - before) / count
while (anonymous() - before) / count > 2500:
    verdigris.sleep(0.05)
event.set()
verdigris.joinall(greenlets, raise_error=True)
print(parked > 4000)
"""


def test_an_idle_greenlet_takes_two_and_a_half_kilobytes():
    assert output_of(IDLE) == "True\n"


PEAK = """
import gc, verdigris
from verdigris.event import Event

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

verdigris.config.compact_after = 0.05

def peak(count):
    event = Event()
    greenlets = [verdigris.spawn(event.wait) for _ in range(count)]
    verdigris.sleep(0)
    event.set()
    verdigris.joinall(greenlets, raise_error=True)

peak(1000)
verdigris.sleep(0.2)
before = resident()
peak(100_000)
gc.collect()
for _ in range(100):
    if resident() < 1.3 * before:
        break
    verdigris.sleep(0.1)
print(resident() < 1.3 * before or (before, resident()))
"""


def test_memory_comes_down_after_a_peak():
    assert output_of(PEAK) == "True\n"


LIMITED = """
import resource, sys, verdigris
from verdigris import _core
from verdigris.event import Event

_core.set_share_above(None)
sys.stderr = None  # For each that finds no room, the hub says so.
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
event = Event()
greenlets = [verdigris.spawn(event.wait) for _ in range(2000)]
verdigris.sleep(0)
event.set()
verdigris.joinall(greenlets)
failed = [greenlet for greenlet in greenlets if not greenlet.successful()]
print(0 < len(failed) < 1990, all(isinstance(greenlet.exception, MemoryError) for greenlet in failed))
"""


def test_out_of_address_space_is_an_error_of_those_that_find_none():
    assert output_of(LIMITED) == "True True\n"
