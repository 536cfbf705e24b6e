"""Frames of suspended greenlets, as debuggers and profilers see them."""

import gc
import inspect
import sys
import traceback
from types import FrameType
from typing import Any

from programs import output_of
from raw import getcurrent, greenlet


def outer() -> Any:
    here = "outer"
    return inner(here)


def inner(_: str) -> Any:
    return getcurrent().parent.switch("suspended")


def names(frame: FrameType | None) -> list[str]:
    found = []
    while frame:
        found.append(frame.f_code.co_name)
        frame = frame.f_back
    return found


def test_only_a_suspended_greenlet_has_a_frame() -> None:
    g = greenlet(outer)
    assert g.gr_frame is None
    g.switch()
    assert g.gr_frame.f_code.co_name == "inner"
    g.switch()
    assert g.gr_frame is None


def test_the_running_greenlets_frame_is_not_shown() -> None:
    assert greenlet(lambda: getcurrent().gr_frame).switch() is None
    assert getcurrent().gr_frame is None


def test_the_mains_frame_is_seen_from_below() -> None:
    main = getcurrent()
    frame = greenlet(lambda: main.gr_frame).switch()
    assert frame is sys._getframe()


def test_a_stack_ends_with_its_own_greenlet() -> None:
    g = greenlet(outer)
    g.switch()
    assert names(g.gr_frame) == ["inner", "outer"]
    # Asked from inside another greenlet, and again after it ran.
    assert greenlet(lambda: names(g.gr_frame)).switch() == ["inner", "outer"]


def test_a_running_stack_does_not_reach_into_the_parents() -> None:
    g = greenlet(lambda: names(sys._getframe()))
    assert g.switch() == ["names" for _ in ()] + ["<lambda>"]


def test_frames_show_locals_and_lines() -> None:
    g = greenlet(outer)
    g.switch()
    assert g.gr_frame.f_back.f_locals == {"here": "outer"}
    summary = traceback.extract_stack(g.gr_frame)
    assert [(line.name, line.line) for line in summary] == [
        ("outer", "return inner(here)"),
        ("inner", 'return getcurrent().parent.switch("suspended")'),
    ]


def test_a_frame_kept_outlives_its_greenlet() -> None:
    g = greenlet(outer)
    g.switch()
    frame = g.gr_frame
    g.switch()
    assert g.dead
    del g
    gc.collect()
    assert frame.f_code.co_name == "inner"
    assert inspect.getframeinfo(frame).function == "inner"


def test_a_frame_kept_is_the_same_frame_when_it_runs_again() -> None:
    def run() -> bool:
        frame = getcurrent().parent.switch()
        return frame is sys._getframe()

    g = greenlet(run)
    g.switch()
    assert g.switch(g.gr_frame) is True


def test_frames_may_be_asked_for_while_others_run() -> None:
    greenlets = [greenlet(outer) for _ in range(10)]
    for g in greenlets:
        g.switch()
    for _ in range(3):
        frames = [g.gr_frame for g in greenlets]
        gc.collect()
        assert [names(frame) for frame in frames] == [["inner", "outer"]] * 10
    for g in greenlets:
        g.switch()


def test_an_error_in_a_greenlet_shows_its_own_frames_then_the_switch() -> None:
    def fail() -> None:
        raise KeyError

    try:
        greenlet(fail).switch()
    except KeyError as error:
        shown = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert shown == ["test_an_error_in_a_greenlet_shows_its_own_frames_then_the_switch", "fail"]


def test_a_generator_of_another_greenlet_has_no_frame_behind_it() -> None:
    def numbers() -> Any:
        yield names(sys._getframe())

    assert greenlet(lambda: next(numbers())).switch()[:2] == ["numbers", "<lambda>"]


def test_a_collection_on_the_way_to_a_caller_may_end_the_greenlet() -> None:
    output = output_of("""
        import gc
        from verdigris.rawgreenlet import getcurrent, greenlet

        def deep(levels):
            if levels:
                deep(levels - 1)
            else:
                getcurrent().parent.switch()

        class Ends:
            def __del__(self):
                suspended.throw()
                kept.append(greenlet(overwrite))
                kept[0].switch(40)

        def overwrite(levels, *rest):
            same = (levels, rest)
            if levels:
                overwrite(levels - 1, same, same, same)
            else:
                getcurrent().parent.switch()

        gc.disable()
        kept, suspended = [], greenlet(deep)
        suspended.switch(30)
        thing = Ends()
        thing.itself = thing
        del thing
        gc.set_threshold(1)
        frame = suspended.gr_frame
        gc.enable()
        frame = frame.f_back
        gc.collect()
        assert kept and suspended.dead
        levels = 0
        while frame:
            assert frame.f_code is deep.__code__
            frame, levels = frame.f_back, levels + 1
        print(levels)
    """)
    assert output == "30\n"
