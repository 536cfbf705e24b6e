"""Telling subscribers what happens."""

import pytest
from zope.interface import verify

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
                         subprocess=False, mine=5)
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


FAKE_ZOPE = """
def notify(event):
    for subscriber in subscribers:
        subscriber(event)
subscribers = []
"""
WITHOUT_ZOPE = """
import sys
sys.modules["zope.event"] = sys.modules["zope.interface"] = None
from verdigris import events
"""


def test_the_list_of_zope_event_is_used_if_it_is_installed(tmp_path):
    (tmp_path / "zope").mkdir()
    (tmp_path / "zope" / "__init__.py").write_text("")
    (tmp_path / "zope" / "event.py").write_text(FAKE_ZOPE)
    assert (
        output_of(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from verdigris import events
        import zope.event
        print(events.subscribers is zope.event.subscribers, events.notify is zope.event.notify)
    """)
        == "True True\n"
    )


def test_without_zope_the_interfaces_answer_for_the_classes():
    assert output_of(
        WITHOUT_ZOPE
        + """
heard = []
events.subscribers.append(heard.append)
events.notify(events.EventLoopBlocked(1, 2, 3))
event, = heard
print(events.IEventLoopBlocked, events.IEventLoopBlocked.providedBy(event))
print(events.IGeventPatchEvent.providedBy(event), events.IPeriodicMonitorThread.providedBy(event))
print(events.IGeventPatchEvent.implementedBy(events.GeventDidPatchAllEvent))
"""
    ).splitlines() == ["<verdigris.events.IEventLoopBlocked> True", "False False", "True"]


def test_with_zope_the_events_provide_its_interfaces():
    for name in events.__all__:
        cls = getattr(events, name[1:], None) if name.startswith("I") else None
        if cls is not None:
            assert verify.verifyClass(getattr(events, name), cls)
    assert verify.verifyObject(events.IMemoryUsageUnderThreshold, events.MemoryUsageUnderThreshold(1, 2, 3, 4))
    assert events.IGeventPatchEvent.implementedBy(events.GeventDidPatchAllEvent)
    assert not events.IGeventPatchEvent.implementedBy(events.EventLoopBlocked)


def test_the_names_of_the_interfaces_are_those_of_the_module():
    from verdigris._event_interfaces import names

    assert sorted(names) == [name for name in sorted(events.__all__) if name.startswith("I")]
    with pytest.raises(AttributeError):
        _ = events.INothing


@pytest.fixture
def plugin(tmp_path):
    info = tmp_path / "heard-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        "[console_scripts]\nheard = heard:main\n\n[gevent.plugins.monkey.will_patch_all]\nany = heard:Heard.tell\n"
        "[gevent.plugins.monkey.did_patch_module]\nmore = heard:module\n"
    )
    (tmp_path / "heard.py").write_text(
        "class Heard:\n    @staticmethod\n    def tell(event):\n        print(type(event).__name__)\n"
        "def module(event):\n    print(event.module_name)\n"
    )
    return f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import verdigris"


PATCH_TWO = "from verdigris import monkey; monkey.patch_time(); monkey.patch_queue(); monkey.patch_all(socket=False, \
dns=False, select=False, thread=False, os=False, signal=False, ssl=False, subprocess=False)"


def test_installed_packages_hear_through_entry_points(plugin):
    assert output_of(f"{plugin}; verdigris.install_as_gevent(); {PATCH_TWO}").splitlines() == [
        "time",
        "queue",
        "GeventWillPatchAllEvent",
        "time",
        "queue",
    ]


def test_entry_points_for_gevent_are_not_called_where_gevent_is_not_asked_for(plugin):
    assert output_of(f"{plugin}; {PATCH_TWO}") == ""
