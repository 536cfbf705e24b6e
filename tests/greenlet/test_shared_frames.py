"""What debuggers, profilers, tracebacks and the garbage collector see of greenlets whose stack another has now."""

import ctypes
import gc
import inspect
import sys
import threading
import traceback
import weakref

import verdigris
from raw import getcurrent, greenlet, settrace
from sharing import alone, displace, names, parked, results_of
from verdigris.event import Event

COUNT = 5


class Thing:
    pass


def outer(number, event, kept):
    here = [number]
    found = inner(here, event, kept)
    return found, here, number


def inner(passed, event, kept):
    written = "by nobody"
    kept.append(sys._getframe())
    event.wait()
    return written, passed


def without_a_look(number, event, kept):
    return outer(number, event, [])


def line_of(frame):
    """How far below its function's first line it is."""
    return frame.f_lineno - frame.f_code.co_firstlineno


def set_local(frame, name, value):
    """As debuggers do it."""
    variables = frame.f_locals
    variables[name] = value
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))


def look_at(frame, number):
    """That the innermost frame, and those behind it, show what they are to show."""
    assert names(frame)[:2] == ["inner", "outer"]
    assert frame.f_lineno == inner.__code__.co_firstlineno + 3
    assert line_of(frame.f_back) == 2
    assert frame.f_locals["passed"] == [number]
    assert frame.f_back.f_locals["here"] is frame.f_locals["passed"]
    assert frame.f_back.f_locals["number"] == number


def expected(number, written="by nobody"):
    return (written, [number]), [number], number


@alone
def test_a_frame_that_it_has_given_away_itself():
    event, kept = Event(), []
    greenlets = parked(COUNT, outer, event, kept)
    for _ in range(3):
        for number, frame in enumerate(kept):
            look_at(frame, number)
        displace()
    event.set()
    assert results_of(greenlets) == [expected(number) for number in range(COUNT)]
    displace()
    for number, frame in enumerate(kept):
        assert frame.f_locals["passed"] == [number]
        assert names(frame) == ["inner", "outer"]
        assert frame.f_back.f_locals["here"] == [number]
        frame.clear()
        assert "passed" not in frame.f_locals


@alone
def test_gr_frame_asked_by_anyone():
    event = Event()
    greenlets = parked(COUNT, without_a_look, event, [])
    found = []

    def ask():
        for number, asked in enumerate(greenlets):
            frame = asked.gr_frame
            assert names(frame) == ["inner", "outer", "without_a_look"]
            look_at(frame, number)
            found.append(frame)

    ask()
    displace()
    verdigris.spawn(ask).get()
    greenlet(ask).switch()
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    displace()
    verdigris.spawn(ask).get()
    assert len(found) == COUNT * 5
    assert found[:COUNT] == found[COUNT : COUNT * 2] == found[-COUNT:]
    event.set()
    assert results_of(greenlets) == [expected(number) for number in range(COUNT)]


@alone
def test_what_is_written_to_its_locals_is_what_it_finds():
    event, kept = Event(), []
    greenlets = parked(COUNT, outer, event, kept)
    for number, frame in enumerate(kept):
        set_local(frame, "written", [f"by main to {number}"])
        set_local(frame.f_back, "number", number + 100)
        assert frame.f_locals["written"] == [f"by main to {number}"]
        if number % 2:
            displace()
        assert frame.f_locals["written"] == [f"by main to {number}"]
    gc.collect()
    event.set()
    assert results_of(greenlets) == [
        (([f"by main to {number}"], [number]), [number], number + 100) for number in range(COUNT)
    ]
    assert [frame.f_locals["written"] for frame in kept] == [[f"by main to {number}"] for number in range(COUNT)]


@alone
def test_what_is_overwritten_is_let_go_of():
    event, gone = Event(), []

    def body(number):
        thing = Thing()
        gone.append(weakref.ref(thing))
        event.wait()
        return thing

    greenlets = parked(COUNT, body)
    for number, frame in enumerate([asked.gr_frame for asked in greenlets]):
        displace()
        assert gone[number]() is not None
        set_local(frame, "thing", number)
    # From CPython 3.14 on the frame's object keeps it.
    del frame
    event.set()
    assert results_of(greenlets) == list(range(COUNT))
    assert [thing() for thing in gone] == [None] * COUNT


@alone
def test_frames_that_are_let_go_of_meanwhile():
    event, kept = Event(), []
    greenlets = parked(COUNT, outer, event, kept)
    look_at(kept[0], 0)
    kept.clear()
    gc.collect()
    displace()
    event.set()
    assert results_of(greenlets) == [expected(number) for number in range(COUNT)]


@alone
def test_the_way_back_is_that_of_those_who_have_ended_and_of_those_who_have_not():
    first, second, kept = Event(), Event(), []

    def body(number):
        outer(number, first, kept)
        second.wait()
        return number

    greenlets = parked(COUNT, body)
    assert {line_of(frame) for frame in kept} == {3}
    first.set()
    verdigris.sleep(0)
    displace()
    # Two of them have ended meanwhile, and the last still waits.
    assert [names(frame) for frame in kept] == [["inner", "outer", "body"]] * COUNT
    assert [frame.f_back.f_back for frame in kept] == [asked.gr_frame for asked in greenlets]
    assert [line_of(asked.gr_frame) for asked in greenlets] == [2] * COUNT
    second.set()
    assert results_of(greenlets) == list(range(COUNT))


@alone
def test_a_frame_of_who_waits_cannot_be_cleared():
    event, kept, refused = Event(), [], []
    greenlets = parked(COUNT, outer, event, kept)
    for frame in kept:
        for each in (frame, frame.f_back):
            try:
                each.clear()
            except RuntimeError:
                refused.append(each)
    assert len(refused) == COUNT * 2
    event.set()
    assert results_of(greenlets) == [expected(number) for number in range(COUNT)]


@alone
def test_a_circle_of_locals_and_frames_is_no_garbage_while_it_waits():
    event, gone = Event(), []

    def body(number):
        thing = Thing()
        thing.frame, thing.number = sys._getframe(), number
        gone.append(weakref.ref(thing))
        event.wait()
        return thing.number

    greenlets = parked(COUNT, body)
    for _ in range(3):
        gc.collect()
        displace()
        assert [thing().number for thing in gone] == list(range(COUNT))
        assert all(thing().frame.f_locals["thing"] is thing() for thing in gone)
    event.set()
    assert results_of(greenlets) == list(range(COUNT))
    gc.collect()
    assert [thing() for thing in gone] == [None] * COUNT


def fail(number, event):
    try:
        raise KeyError(number)
    except KeyError as error:
        mine = error
        event.wait()
        assert sys.exception() is mine
        try:
            raise ValueError(number)
        except ValueError as inner_one:
            event.clear()
            event.wait(0.01)
            assert inner_one.__context__ is mine
            assert sys.exception() is inner_one
        assert sys.exception() is mine
        raise


def fails(number, event, kept):
    try:
        fail(number, event)
    except KeyError:
        kept.append(sys.exception())
    else:
        raise AssertionError("nothing came out of it")
    event.wait(0.001)
    assert sys.exception() is None
    return number


@alone
def test_it_waits_while_it_handles_an_exception():
    event, kept = Event(), []
    greenlets = parked(COUNT, fails, event, kept)
    things = [greenlet.gr_frame.f_locals["mine"] for greenlet in greenlets]
    displace()
    for number, error in enumerate(things):
        text = "".join(traceback.format_exception(error))
        assert "in fail\n    raise KeyError(number)\n" in text, text
        frame = error.__traceback__.tb_frame
        assert names(frame) == ["fail", "fails"]
        assert frame.f_locals["number"] == number
        assert frame.f_back.f_locals["kept"] is kept
        assert [entry.name for entry in traceback.extract_stack(frame)] == ["tenant", "fails", "fail"]
    event.set()
    assert results_of(greenlets) == list(range(COUNT))
    assert sorted(error.args for error in kept) == [(number,) for number in range(COUNT)]
    for error in kept:
        assert [entry.name for entry in traceback.extract_tb(error.__traceback__)] == ["fails", "fail"]
        assert error.__traceback__.tb_next.tb_frame.f_locals["number"] == error.args[0]


@alone
def test_what_an_exception_shows_that_ended_it():
    event = Event()

    def body(number):
        here = [number]
        event.wait()
        raise KeyError(*here)

    hub = verdigris.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, KeyError)
    greenlets = parked(COUNT, body)
    event.set()
    verdigris.joinall(greenlets)
    displace()
    for number, ended in enumerate(greenlets):
        kind, error, where = ended.exc_info
        assert (kind, error.args) == (KeyError, (number,))
        assert names(where.tb_next.tb_frame) == ["body"]
        assert where.tb_next.tb_frame.f_locals["here"] == [number]
        assert where.tb_next.tb_lineno == body.__code__.co_firstlineno + 3


@alone
def test_sys_current_frames_show_who_runs():
    event, done = Event(), threading.Event()
    greenlets = parked(COUNT, without_a_look, event, [])

    def body():
        assert names(sys._current_frames()[threading.get_ident()]) == ["body"]
        verdigris.sleep(0)
        return names(sys._current_frames()[threading.get_ident()])

    def look(ident):
        while not done.is_set():
            assert "inner" not in names(sys._current_frames().get(ident))
            for asked in greenlets:
                names(asked.gr_frame)

    thread = threading.Thread(target=look, args=[threading.get_ident()])
    thread.start()
    for _ in range(100):
        assert verdigris.spawn(body).get() == ["body"]
        displace()
    done.set()
    thread.join()
    event.set()
    assert results_of(greenlets) == [expected(number) for number in range(COUNT)]


@alone
def test_another_thread_looks_at_those_who_come_and_go():
    sys.setswitchinterval(0.00001)
    looked, done = [], threading.Event()

    def body(number):
        for turn in range(200):
            here = [number, turn]
            verdigris.sleep(0)
            assert here == [number, turn]
        return number

    def look():
        while not done.is_set():
            for asked in greenlets:
                frame = asked.gr_frame
                if frame is not None and "here" in (seen := frame.f_locals):
                    looked.append(seen["here"][0] == seen["number"])

    greenlets = parked(20, body)
    thread = threading.Thread(target=look)
    thread.start()
    while not looked:
        verdigris.sleep(0)
    found = results_of(greenlets)
    done.set()
    thread.join()
    assert found == list(range(20))
    assert all(looked)


@alone
def test_what_a_tracer_is_told_names_nobody_else():
    told, known = [], {getcurrent(), verdigris.get_hub()}

    def body(number):
        for _ in range(5):
            verdigris.sleep(0)
            known.add(raw := greenlet(lambda: verdigris.sleep(0)))
            raw.switch()
        return number

    ring = [verdigris.spawn(body, number) for number in range(COUNT)]
    known.update(ring)
    settrace(lambda event, args: told.append((event, *args)))
    try:
        found = results_of(ring)
    finally:
        settrace(None)
    assert found == list(range(COUNT))
    assert len(told) > COUNT * 15
    assert all(event == "switch" and {origin, target} <= known for event, origin, target in told)
    # Each leaves from where the one before has arrived.
    assert [origin for _, origin, _ in told[1:]] == [target for *_, target in told[:-1]]


@alone
def test_lines_are_traced_for_each_by_itself():
    lines = {}

    def body(number):
        total = 0
        for turn in range(3):
            verdigris.sleep(0)
            total += turn
        return total

    def local(frame, event, argument):
        lines.setdefault(frame.f_locals["number"], []).append((event, line_of(frame)))
        return local

    sys.settrace(lambda frame, event, _: local(frame, event, None) if frame.f_code is body.__code__ else None)
    try:
        found = results_of([verdigris.spawn(body, number) for number in range(COUNT)])
    finally:
        sys.settrace(None)
    assert found == [3] * COUNT
    expected = ["call", 1, *[2, 3, 4] * 3, 2, 5, "return"]
    for number in range(COUNT):
        assert [line if event == "line" else event for event, line in lines[number]] == expected


@alone
def test_calls_are_profiled_for_each_by_itself():
    depth, lowest = {}, []

    def called(levels):
        verdigris.sleep(0)
        return called(levels - 1) + 1 if levels else 0

    def profile(frame, event, _):
        if frame.f_code is called.__code__ and event in ("call", "return"):
            me = getcurrent()
            depth[me] = depth.get(me, 0) + (1 if event == "call" else -1)
            lowest.append(depth[me] >= 0 and len(names(frame)) >= depth[me])

    sys.setprofile(profile)
    try:
        found = results_of([verdigris.spawn(called, 10) for _ in range(COUNT)])
    finally:
        sys.setprofile(None)
    assert found == [10] * COUNT
    assert list(depth.values()) == [0] * COUNT
    assert all(lowest) and len(lowest) == COUNT * 22


@alone
def test_inspecting_all_that_the_collector_knows():
    """Nothing that is found by way of it leads to memory that is another's now."""
    event, kept = Event(), []
    greenlets = parked(COUNT, outer, event, kept)
    for _ in range(3):
        for found in gc.get_objects():
            if inspect.isframe(found):
                dict(found.f_locals)
                names(found)
            elif inspect.isgenerator(found):
                inspect.getgeneratorstate(found)
        gc.get_referrers(event)
        gc.get_referents(*kept)
        displace()
    event.set()
    assert results_of(greenlets) == [expected(number) for number in range(COUNT)]
