"""Telling subscribers what happens."""

import pytest

from programs import output_of
from verdigris import events


@pytest.fixture
def heard():
    seen = []
    events.subscribers.append(seen.append)
    yield seen
    events.subscribers.remove(seen.append)


def test_subscribers_hear_every_event(heard):
    event = events.MemoryUsageThresholdExceeded(3, 2, "info")
    events.notify(event)
    assert heard == [event] and event.mem_usage == 3
    assert "mem_usage=3" in repr(event)


def test_an_event_needs_its_values():
    with pytest.raises(ValueError):
        events.GeventPatchEvent("source")


def test_patch_all_tells_what_it_does():
    assert output_of("""
        from verdigris import events, monkey
        names = []
        def subscriber(event):
            names.append(type(event).__name__)
            if isinstance(event, events.GeventWillPatchAllEvent):
                print(event.will_patch_module('time'), event.will_patch_module('socket'), event.patch_all_kwargs)
            if isinstance(event, events.GeventDidPatchModuleEvent):
                print(event.module_name)
        events.subscribers.append(subscriber)
        monkey.patch_all(socket=False, dns=False, thread=False, os=False, signal=False, queue=False, select=False,
                         mine=5)
        print(*names, sep=chr(10))
    """).splitlines() == [
        "True False {'mine': 5}",
        "time",
        "GeventWillPatchAllEvent",
        "GeventWillPatchModuleEvent",
        "GeventDidPatchModuleEvent",
        "GeventDidPatchBuiltinModulesEvent",
        "GeventDidPatchAllEvent",
    ]


def test_a_subscriber_may_forbid_patching():
    assert (
        output_of("""
        import time
        from verdigris import events, monkey
        native = time.sleep
        def forbid(event):
            if isinstance(event, events.GeventWillPatchModuleEvent) and event.module_name == 'time':
                raise events.DoNotPatch
        events.subscribers.append(forbid)
        monkey.patch_all()
        print(time.sleep is native, monkey.is_module_patched('time'), monkey.is_module_patched('queue'))
    """)
        == "True False True\n"
    )


def test_the_list_of_zope_event_is_used_if_it_is_there(tmp_path):
    (tmp_path / "zope").mkdir()
    (tmp_path / "zope" / "event.py").write_text("subscribers = []\n")
    assert (
        output_of(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import zope.event
        from verdigris import events
        print(events.subscribers is zope.event.subscribers)
    """)
        == "True\n"
    )
