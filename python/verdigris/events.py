"""What verdigris tells a program about itself: events, for whoever has subscribed.

`subscribers` is a list of functions; each is called with every event, in order. Where the
program has imported `zope.event`, it is that package's list, as with gevent.

Only the events about patching are sent in this version: there is no monitoring thread. Unlike
gevent's, subscribers from entry points (`gevent.plugins.*`) are not loaded. The zope interfaces
of gevent's events are not here: test for the class instead.
"""

import sys

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
    "MemoryUsageThresholdExceeded",
    "MemoryUsageUnderThreshold",
    "PeriodicMonitorThreadStartedEvent",
    "notify",
    "subscribers",
]

_zope_event = sys.modules.get("zope.event")
subscribers = [] if _zope_event is None else _zope_event.subscribers


def notify(event):
    """Call every subscriber with `event`; what one raises passes through."""
    for subscriber in list(subscribers):
        subscriber(event)


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
    """The process uses less memory again."""

    _fields = ("mem_usage", "max_allowed", "memory_info", "max_usage")


class PeriodicMonitorThreadStartedEvent(_Event):
    """A thread has begun to watch a hub."""

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

    _fields = ("module_name", "source", "target", "target_item_names")


class GeventDidPatchModuleEvent(GeventDidPatchEvent):
    """After one module was patched."""

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

    _fields = _PATCH_ALL_FIELDS


class GeventDidPatchBuiltinModulesEvent(_PatchAll, GeventDidPatchEvent):
    """After `patch_all` has patched the standard library."""

    _fields = _PATCH_ALL_FIELDS


class GeventDidPatchAllEvent(_PatchAll, GeventDidPatchEvent):
    """At the end of `patch_all`."""

    _fields = _PATCH_ALL_FIELDS
