"""gevent's zope interfaces of the events of `events`, made when one is asked for.

Programs ask them `IEventLoopBlocked.providedBy(event)`. Where zope.interface is installed they are
interfaces of it, so that adapters and `verifyObject` work too; it takes long to import, so nobody
else pays for it. Where it is not, they are plain objects that answer `providedBy` and `implementedBy`.
"""

from . import events

__all__ = ["interface", "names"]

# name: the one it extends, what it says, its attributes, and its methods with their parameters.
_TABLE = {
    "IEventLoopBlocked": (None, ("greenlet", "blocking_time", "info", "hub"), {}),
    "IMemoryUsageThresholdExceeded": (None, ("mem_usage", "max_allowed", "memory_info"), {}),
    "IMemoryUsageUnderThreshold": (None, ("mem_usage", "max_allowed", "max_memory_usage", "memory_info"), {}),
    "IPeriodicMonitorThread": (None, (), {"add_monitoring_function": ("function", "period")}),
    "IPeriodicMonitorThreadStartedEvent": (None, ("monitor",), {}),
    "IGeventPatchEvent": (None, ("source", "target"), {}),
    "IGeventWillPatchEvent": ("IGeventPatchEvent", (), {}),
    "IGeventDidPatchEvent": ("IGeventPatchEvent", (), {}),
    "IGeventWillPatchModuleEvent": ("IGeventWillPatchEvent", ("module_name", "target_item_names"), {}),
    "IGeventDidPatchModuleEvent": ("IGeventDidPatchEvent", ("module_name",), {}),
    "IGeventWillPatchAllEvent": (
        "IGeventWillPatchEvent",
        ("patch_all_arguments", "patch_all_kwargs"),
        {"will_patch_module": ("module_name",)},
    ),
    "IGeventDidPatchBuiltinModulesEvent": (
        "IGeventDidPatchEvent",
        ("patch_all_arguments", "patch_all_kwargs"),
        {},
    ),
    "IGeventDidPatchAllEvent": ("IGeventDidPatchEvent", (), {}),
}

#: What the interfaces are called.
names = tuple(_TABLE)

_made: dict[str, object] = {}


def interface(name):
    """The interface of this name. All are made together, lest one class has only some of its own."""
    if not _made:
        _made.update(_make_all())
    return _made[name]


def _make_all():
    try:
        from zope.interface import classImplements
    except ImportError:
        return {name: _Plain(name, _class_of(name)) for name in _TABLE}
    made = {}
    for name, (base, attributes, methods) in _TABLE.items():
        made[name] = _zope_interface(name, made.get(base), attributes, methods)
        if _class_of(name) is not None:
            classImplements(_class_of(name), made[name])
    return made


def _zope_interface(name, base, attributes, methods):
    from zope.interface import Attribute, Interface
    from zope.interface.interface import InterfaceClass, Method

    members = {attribute: Attribute(f"See `{name[1:]}`.") for attribute in attributes}
    for method, parameters in methods.items():
        members[method] = Method(method, f"See `{name[1:]}`.")
        members[method].positional = members[method].required = parameters
    return InterfaceClass(name, (Interface if base is None else base,), members, __module__=events.__name__)


def _class_of(name):
    """The class whose instances provide the interface, if it is one of `events`."""
    return getattr(events, name[1:], None)


class _Plain:
    """What stands for an interface without zope.interface."""

    def __init__(self, name, cls):
        self.__name__ = name
        self._class = cls if cls is not None else ()

    def providedBy(self, obj):
        """Whether `obj` is an event of this kind."""
        return isinstance(obj, self._class)

    def implementedBy(self, cls):
        """Whether the instances of `cls` are events of this kind."""
        return issubclass(cls, self._class)

    def __repr__(self):
        return f"<{events.__name__}.{self.__name__}>"
