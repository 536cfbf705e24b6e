"""What verdigris tells a program about itself: events, for whoever has subscribed.

`subscribers` is a list of functions; each is called with every event, in order. Where `zope.event` is
installed, it is that package's list, as with gevent, and the interfaces `IEventLoopBlocked` and so on are
of `zope.interface` where that is installed. Neither is needed: see `_event_interfaces`.

An event with an `ENTRY_POINT_NAME` goes to the entry points of that group as well, in processes where
verdigris answers for gevent: see `_plugins`.
"""

# ruff: noqa: F822 - the interfaces are made when they are asked for
__all__ = [
    "DoNotPatch",
    "EventLoopBlocked",
    "GeventDidPatchAllEvent",
    "GeventDidPatchBuiltinModulesEvent",
    "GeventDidPatchEvent",
    "GeventDidPatchModuleEvent",
    "GeventPatchEvent",
    "GeventWillPatchAllEvent",
    "GeventWillPatchEvent",
    "GeventWillPatchModuleEvent",
    "IEventLoopBlocked",
    "IGeventDidPatchAllEvent",
    "IGeventDidPatchBuiltinModulesEvent",
    "IGeventDidPatchEvent",
    "IGeventDidPatchModuleEvent",
    "IGeventPatchEvent",
    "IGeventWillPatchAllEvent",
    "IGeventWillPatchEvent",
    "IGeventWillPatchModuleEvent",
    "IMemoryUsageThresholdExceeded",
    "IMemoryUsageUnderThreshold",
    "IPeriodicMonitorThread",
    "IPeriodicMonitorThreadStartedEvent",
    "MemoryUsageThresholdExceeded",
    "MemoryUsageUnderThreshold",
    "PeriodicMonitorThreadStartedEvent",
    "notify",
    "notify_and_call_entry_points",
    "subscribers",
]

try:
    from zope.event import notify, subscribers
except ImportError:
    subscribers = []

    def notify(event):
        """Call every subscriber with `event`; what one raises passes through."""
        for subscriber in list(subscribers):
            subscriber(event)


def notify_and_call_entry_points(event):
    """`notify`, then call what installed packages have in the entry point group of the event.

    What one of them raises passes through, and so does an ImportError of one that cannot be loaded.
    """
    from ._plugins import plugins

    notify(event)
    for plugin in plugins(event.ENTRY_POINT_NAME):
        plugin(event)


def __getattr__(name):
    if name.startswith("I"):
        from . import _event_interfaces

        if name in _event_interfaces.names:
            return _event_interfaces.interface(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class DoNotPatch(BaseException):
    """Raise it in a subscriber to a "will patch" event: then nothing is patched."""


class _Event:
    """An event with the attributes that `_fields` names."""

    _fields: tuple[str, ...] = ()

    def __init__(self, *values):
        for name, value in zip(self._fields, values, strict=True):
            setattr(self, name, value)

    def __repr__(self):
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"<{type(self).__name__} {values}>"


class EventLoopBlocked(_Event):
    """The hub has not switched for longer than `config.max_blocking_time`."""

    _fields = ("greenlet", "blocking_time", "info", "hub")

    def __init__(self, greenlet, blocking_time, info, *, hub=None):
        super().__init__(greenlet, blocking_time, info, hub)


class MemoryUsageThresholdExceeded(_Event):
    """The process uses more memory than `config.max_memory_usage`."""

    _fields = ("mem_usage", "max_allowed", "memory_info")


class MemoryUsageUnderThreshold(_Event):
    """The process uses less memory again; `max_memory_usage` is the most that it has used."""

    _fields = ("mem_usage", "max_allowed", "memory_info", "max_memory_usage")

    def __init__(self, mem_usage, max_allowed, memory_info, max_usage):
        super().__init__(mem_usage, max_allowed, memory_info, max_usage)


class PeriodicMonitorThreadStartedEvent(_Event):
    """A thread has begun to watch a hub."""

    ENTRY_POINT_NAME = "gevent.plugins.hub.periodic_monitor_thread_started"
    _fields = ("monitor",)


class GeventPatchEvent(_Event):
    """Something of `target` is about to be, or was, replaced from `source`."""

    _fields: tuple[str, ...] = ("source", "target")


class GeventWillPatchEvent(GeventPatchEvent):
    """Before patching. A subscriber may raise `DoNotPatch`."""


class GeventDidPatchEvent(GeventPatchEvent):
    """After patching."""


class GeventWillPatchModuleEvent(GeventWillPatchEvent):
    """Before one module is patched; `target_item_names` are its names."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.will_patch_module"
    _fields = ("module_name", "source", "target", "target_item_names")


class GeventDidPatchModuleEvent(GeventDidPatchEvent):
    """After one module was patched."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_module"
    _fields = ("module_name", "source", "target")


_PATCH_ALL_FIELDS = ("patch_all_arguments", "patch_all_kwargs")


class _PatchAll:
    """What `patch_all` was asked for."""

    patch_all_arguments: dict[str, bool]
    source = target = None  # there is not one module, but all

    def will_patch_module(self, module_name):
        """Whether `patch_all` was asked to patch this module."""
        return self.patch_all_arguments.get(module_name)


class GeventWillPatchAllEvent(_PatchAll, GeventWillPatchEvent):
    """Before `patch_all` does anything."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.will_patch_all"
    _fields = _PATCH_ALL_FIELDS


class GeventDidPatchBuiltinModulesEvent(_PatchAll, GeventDidPatchEvent):
    """After `patch_all` has patched the standard library."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_builtins"
    _fields = _PATCH_ALL_FIELDS


class GeventDidPatchAllEvent(_PatchAll, GeventDidPatchEvent):
    """At the end of `patch_all`."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_all"
    _fields = _PATCH_ALL_FIELDS
