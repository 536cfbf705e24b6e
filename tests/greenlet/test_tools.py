"""Debuggers, profilers and dumps that look at a program of greenlets from the outside."""

import cProfile
import inspect
import pstats
import re
import sys
import threading
import traceback
import tracemalloc
from collections import Counter
from types import FrameType
from typing import Any

import pytest

from builds import traces_from_outside
from programs import output_of, python
from raw import getcurrent, greenlet


def up(*args: Any) -> Any:
    return getcurrent().parent.switch(*args)


def outer() -> Any:
    return inner()


def inner() -> Any:
    one = up("first")
    two = up("second")
    return one, two


def lines_of(function: Any, *offsets: int) -> list[int]:
    return [function.__code__.co_firstlineno + offset for offset in offsets]


class Heard:
    """A trace or profile function that notes what it hears of the functions above, and where."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code in (inner.__code__, outer.__code__):
            self.events.append((event, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))
        return self


def test_settrace_follows_every_line_across_switches() -> None:
    heard = Heard()
    g = greenlet(outer)
    sys.settrace(heard)
    try:
        g.switch()
        g.switch(1)
        g.switch(2)
    finally:
        sys.settrace(None)
    assert heard.events == [
        ("call", "outer", 0),
        ("line", "outer", 1),
        ("call", "inner", 0),
        ("line", "inner", 1),
        ("line", "inner", 2),
        ("line", "inner", 3),
        ("return", "inner", 3),
        ("return", "outer", 1),
    ]


@traces_from_outside
def test_settrace_set_while_it_is_suspended_hears_what_is_called_from_then_on() -> None:
    def later() -> Any:
        up()
        return inner()

    g = greenlet(later)
    g.switch()
    heard = Heard()
    sys.settrace(heard)
    try:
        g.switch()
    finally:
        sys.settrace(None)
    assert heard.events == [("call", "inner", 0), ("line", "inner", 1)]
    g.switch()
    g.switch()
    assert len(heard.events) == 2


@traces_from_outside
def test_settrace_set_in_a_greenlet_is_the_threads() -> None:
    heard = Heard()
    try:
        greenlet(lambda: sys.settrace(heard)).switch()
        assert sys.gettrace() is heard
        assert greenlet(sys.gettrace).switch() is heard
        g = greenlet(outer)
        g.switch()
    finally:
        sys.settrace(None)
    assert heard.events
    g.switch()
    g.switch()


def test_a_trace_function_that_switches_away() -> None:
    main, seen = getcurrent(), []

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code is outer.__code__ and event == "call":
            seen.append(main.switch("from the tracer") if getcurrent() is not main else None)

    g = greenlet(outer)
    sys.settrace(trace)
    try:
        assert g.switch() == "from the tracer"
        assert g.switch("back") == "first"
        assert g.switch(1) == "second"
        assert g.switch(2) == (1, 2)
    finally:
        sys.settrace(None)
    assert seen == ["back"]


def test_setprofile_pairs_calls_and_returns_in_each() -> None:
    heard = Heard()
    greenlets = [greenlet(outer) for _ in range(3)]
    sys.setprofile(heard)
    try:
        for _ in range(3):
            for g in greenlets:
                g.switch()
    finally:
        sys.setprofile(None)
    counted = Counter((event, name) for event, name, _ in heard.events if not event.startswith("c_"))
    assert counted == {(event, name): 3 for event in ("call", "return") for name in ("inner", "outer")}


def test_threading_settrace_reaches_the_greenlets_of_new_threads() -> None:
    heard = Heard()

    def run() -> None:
        g = greenlet(outer)
        while not g.dead:
            g.switch()

    threading.settrace(heard)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.settrace(None)  # type: ignore[arg-type]
    assert [event for event in heard.events if event[0] == "line"] == [
        ("line", "outer", 1),
        ("line", "inner", 1),
        ("line", "inner", 2),
        ("line", "inner", 3),
    ]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
def test_monitoring_hears_lines_starts_and_returns() -> None:
    monitoring, tool, heard = sys.monitoring, 4, []
    events = monitoring.events

    def note(kind: str) -> Any:
        return lambda code, place, *_: heard.append(
            (kind, code.co_name, place - code.co_firstlineno * (kind == "line"))
        )

    monitoring.use_tool_id(tool, "test")
    try:
        for event, kind in ((events.LINE, "line"), (events.PY_RETURN, "return")):
            monitoring.register_callback(tool, event, note(kind))
        for function in (inner, outer):
            monitoring.set_local_events(tool, function.__code__, events.LINE | events.PY_RETURN)
        g = greenlet(outer)
        while not g.dead:
            g.switch()
    finally:
        monitoring.set_local_events(tool, inner.__code__, 0)
        monitoring.set_local_events(tool, outer.__code__, 0)
        monitoring.free_tool_id(tool)
    assert [(kind, name, place if kind == "line" else None) for kind, name, place in heard] == [
        ("line", "outer", 1),
        ("line", "inner", 1),
        ("line", "inner", 2),
        ("line", "inner", 3),
        ("return", "inner", None),
        ("return", "outer", None),
    ]


def test_the_frames_of_all_threads_are_those_that_run() -> None:
    def run() -> list[str]:
        frame = sys._current_frames()[threading.get_ident()]
        return [frame.f_code.co_name for frame, _ in traceback.walk_stack(frame)]

    kept = greenlet(outer)
    kept.switch()
    assert greenlet(run).switch() == ["run"]
    assert run()[:2] == ["run", "test_the_frames_of_all_threads_are_those_that_run"]
    kept.switch()
    kept.switch()


def test_the_stack_of_another_greenlet() -> None:
    g = greenlet(outer)
    g.switch()
    assert [frame.f_code.co_name for frame, _ in traceback.walk_stack(g.gr_frame)] == ["up", "inner", "outer"]
    assert [info.function for info in inspect.getouterframes(g.gr_frame)] == ["up", "inner", "outer"]
    assert inspect.getframeinfo(g.gr_frame.f_back).lineno == inner.__code__.co_firstlineno + 1
    g.switch()
    assert inspect.getframeinfo(g.gr_frame.f_back).lineno == inner.__code__.co_firstlineno + 2
    g.switch()


def test_getframe_ends_with_the_greenlet() -> None:
    def run() -> Any:
        assert sys._getframe(1).f_code.co_name == "<lambda>"
        with pytest.raises(ValueError, match="call stack is not deep enough"):
            sys._getframe(50)

    greenlet(lambda: run()).switch()


def test_the_recursion_limit_is_the_threads() -> None:
    def depth() -> int:
        try:
            return 1 + depth()
        except RecursionError:
            return 1

    old = sys.getrecursionlimit()
    g = greenlet(lambda: (up(), depth())[1])
    g.switch()
    try:
        greenlet(lambda: sys.setrecursionlimit(old + 500)).switch()
        assert sys.getrecursionlimit() == old + 500
        assert old + 300 < g.switch() <= old + 500
    finally:
        sys.setrecursionlimit(old)
    assert depth() < old


def test_cprofile_counts_calls_in_all() -> None:
    profile = cProfile.Profile()
    greenlets = [greenlet(outer) for _ in range(4)]
    profile.enable()
    for _ in range(3):
        for g in greenlets:
            g.switch()
    profile.disable()
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    calls = {key[2]: value[1] for key, value in stats.items() if key[0] == __file__}
    assert {name: calls[name] for name in ("outer", "inner", "up")} == {"outer": 4, "inner": 4, "up": 8}


def test_tracemalloc_names_the_greenlets_own_lines() -> None:
    def allocate() -> Any:
        kept = bytearray(123_456)
        up()
        return kept

    tracemalloc.start(10)
    try:
        g = greenlet(allocate)
        g.switch()
        (found,) = [s for s in tracemalloc.take_snapshot().traces if s.size >= 123_456]
        assert [frame.lineno for frame in found.traceback] == lines_of(allocate, 1)
        tracemalloc.stop()
        g.switch()
        tracemalloc.start()
        assert g.dead
        del g
    finally:
        tracemalloc.stop()


FAULT = """
    import faulthandler, sys, threading, time
    from raw import getcurrent, greenlet

    def suspended():
        getcurrent().parent.switch()

    def running():
        nested()

    def nested():
        dump()

    kept = [greenlet(suspended) for _ in range(10)]
    for g in kept:
        g.switch()
"""


def functions_in(dump: str) -> list[str]:
    return re.findall(r'File ".*", line \d+ in (\S+)', dump)


def test_faulthandler_shows_what_runs() -> None:
    program = (
        FAULT
        + """
    def dump():
        faulthandler.dump_traceback(sys.stdout, all_threads=True)
        sys.stdout.flush()
    ready, done = threading.Event(), threading.Event()
    def other():
        ready.set()
        done.wait()
    thread = threading.Thread(target=lambda: greenlet(other).switch())
    thread.start()
    ready.wait()
    greenlet(running).switch()
    done.set()
    thread.join()
    """
    )
    output = output_of(program)
    current = output[output.index("Current thread") :]
    assert functions_in(current) == ["dump", "nested", "running"]
    assert "other" in functions_in(output)
    assert "suspended" not in functions_in(output)


def test_faulthandler_dumps_later() -> None:
    # It looks from a native thread of its own, which does not have the GIL: what it looks at had better stay as it is.
    program = (
        FAULT
        + """
    import select, tempfile
    def dump():
        faulthandler.dump_traceback_later(0.01, file=file)
        while "in running" not in open(file.name).read():
            select.select([], [], [], 0.1)
        faulthandler.cancel_dump_traceback_later()
    with tempfile.NamedTemporaryFile("w+") as file:
        greenlet(running).switch()
        print("end")
    """
    )
    assert output_of(program) == "end\n"


def test_dev_mode() -> None:
    program = """if True:
        import gc
        from raw import getcurrent, greenlet
        def up(): return getcurrent().parent.switch()
        def work(depth):
            up()
            if depth:
                greenlet(work).switch(depth - 1)
            return [0] * 100
        for _ in range(20):
            kept = [greenlet(work) for _ in range(50)]
            for _ in range(2):
                for g in kept:
                    g.switch(3)
            del kept[::2]
            gc.collect()
        print("end")
    """
    result = python("-X", "dev", "-c", program)
    assert (result.returncode, result.stdout, result.stderr) == (0, "end\n", "")


PDB = """
from raw import getcurrent, greenlet

def child():
    number = getcurrent().parent.switch("from the child")
    return number + 1

g = greenlet(child)
first = g.switch()
second = g.switch(41)
print("the answer is", second)
"""


def pdb(tmp_path: Any, *commands: str) -> str:
    """What pdb says when it debugs the program above under these commands."""
    script = tmp_path / "script.py"
    script.write_text(PDB)
    program = f"""if True:
        import io, pdb, sys
        debugger = pdb.Pdb(stdin=io.StringIO({chr(10).join(commands)!r}), nosigint=True, readrc=False)
        debugger.use_rawinput = False
        debugger.run(compile(open({str(script)!r}).read(), {str(script)!r}, "exec"), {{"__name__": "script"}})
    """
    return output_of(program)


def test_pdb_steps_over_a_switch(tmp_path: Any) -> None:
    said = pdb(tmp_path, *["n"] * 3, "n", "p first", "n", "p second", "c")
    assert "'from the child'" in said
    assert "\n(Pdb) 42\n" in said
    assert "the answer is 42" in said


def test_pdb_stops_in_a_greenlet_and_sees_its_stack_alone(tmp_path: Any) -> None:
    said = pdb(tmp_path, "b 5", "c", "w", "p getcurrent().dead", "u", "c")
    assert "script.py(5)child()" in said
    where = said[said.index("script.py(5)child()") :]
    assert "False" in where
    assert "script.py(8)<module>" not in where[where.index("script.py(5)child()") :].split("the answer")[0]
    assert "Oldest frame" in said
    assert "the answer is 42" in said


def test_pdb_steps_through_a_switch(tmp_path: Any) -> None:
    said = pdb(tmp_path, "b 9", "c", "s", "s", "s", "s", "c")
    assert "the answer is 42" in said
    assert "script.py(6)child()" in said
