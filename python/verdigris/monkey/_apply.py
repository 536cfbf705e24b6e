"""Replacing names in modules, and remembering what they were."""

import warnings
from importlib import import_module

from ..events import (
    DoNotPatch,
    GeventDidPatchModuleEvent,
    GeventWillPatchModuleEvent,
    notify_and_call_entry_points,
)
from ._table import TABLE

__all__ = [
    "MonkeyPatchWarning",
    "apply",
    "get_original",
    "is_anything_patched",
    "is_module_patched",
    "is_object_patched",
    "patch_item",
    "patch_module",
    "remove_item",
    "saved",
    "warn",
]

#: What was replaced: {module name: {name: what it was}}. Empty: nothing was.
saved: dict[str, dict[str, object]] = {}


class MonkeyPatchWarning(RuntimeWarning):
    """Patching was asked for in a way that will not work well."""


def warn(message):
    """Warn whoever called the patching function."""
    warnings.warn(message, MonkeyPatchWarning, stacklevel=4)


def is_anything_patched():
    """Whether any module is patched."""
    return bool(saved)


def is_module_patched(mod_name):
    """Whether any name of this module was replaced."""
    return mod_name in saved


def is_object_patched(mod_name, item_name):
    """Whether this name of this module was replaced."""
    return item_name in saved.get(mod_name, ())


def get_original(mod_name, item_name):
    """What a name of a module was before it was replaced, if it was.

    Args:
        mod_name: the name of the module, which is imported if need be.
        item_name: a name; or a list of names, and then a list is returned.
    """
    if isinstance(item_name, str):
        return _original(mod_name, item_name)
    return [_original(mod_name, name) for name in item_name]


def _original(mod_name, name):
    originals = saved.get(mod_name, {})
    return originals[name] if name in originals else getattr(import_module(mod_name), name)


def patch_item(module, attr, newitem):
    """Replace one name of a module, and remember what it was."""
    _remember(module, attr)
    setattr(module, attr, newitem)


def remove_item(module, attr):
    """Take one name out of a module, if it is there, and remember what it was."""
    if hasattr(module, attr):
        _remember(module, attr)
        delattr(module, attr)


def _remember(module, attr):
    if hasattr(module, attr):
        saved.setdefault(module.__name__, {}).setdefault(attr, getattr(module, attr))


def patch_module(target_module, source_module, items=None):
    """Replace names of one module by those of another; for modules of your own.

    Args:
        target_module: whose names are replaced.
        source_module: where the new ones are. A function `_gevent_will_monkey_patch` in it
            is called before, and `_gevent_did_monkey_patch` after, each as
            `hook(source_module, target_module, items)`.
        items: the names; None is `source_module.__implements__`.

    Returns True; False if a subscriber to `events` raised DoNotPatch.

    Raises:
        AttributeError: there are no items, or a name is not in source_module.
    """
    if items is None:
        items = getattr(source_module, "__implements__", None)
        if items is None:
            raise AttributeError(f"{source_module!r} does not have __implements__")
    name = getattr(target_module, "__name__", "")
    try:
        _call_hook(source_module, "_gevent_will_monkey_patch", target_module, items)
        notify_and_call_entry_points(GeventWillPatchModuleEvent(name, source_module, target_module, items))
    except DoNotPatch:
        return False
    for item in items:
        patch_item(target_module, item, getattr(source_module, item))
    _call_hook(source_module, "_gevent_did_monkey_patch", target_module, items)
    notify_and_call_entry_points(GeventDidPatchModuleEvent(name, source_module, target_module))
    return True


def _call_hook(source_module, hook, target_module, items):
    function = getattr(source_module, hook, None)
    if function is not None:
        function(source_module, target_module, items)


def apply(key, aggressive=False):
    """Do what the table has under `key`; False if a subscriber forbade it."""
    done = True
    for target_name, source_name, names, removed in TABLE[key]:
        target, source = import_module(target_name), import_module(source_name)
        if patch_module(target, source, [name for name in names if hasattr(target, name)]):
            for name in removed if aggressive else ():
                remove_item(target, name)
        else:
            done = False
    return done
