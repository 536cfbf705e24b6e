"""Subscribers from entry points: installed packages that want to hear of `events`.

Their groups are `gevent.plugins.…`, so what they name expects to be run by a process in which
verdigris answers for gevent; in others nothing is looked for. The files are read here because
importlib.metadata takes longer to import than the rest of patching: of a package in a zip file
nothing is found, unlike with gevent.
"""

import os
import sys
from functools import cache
from importlib import import_module

from .alias import serves_as_gevent

__all__ = ["plugins"]


def plugins(group):
    """What the installed packages offer in the entry point group `group`: a list of callables.

    Raises:
        ImportError, AttributeError: a package names something that it does not have.
    """
    if not serves_as_gevent():
        return []
    return [_load(place) for found, place in _entry_points(tuple(sys.path)) if found == group]


@cache
def _entry_points(path):
    found = []
    for folder in path:
        try:
            entries = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        for entry in entries:
            # gevent's own plugin is a part of `monkey.patch_all` here.
            if entry.endswith((".dist-info", ".egg-info")) and not entry.startswith("gevent-"):
                found += _read(os.path.join(folder, entry, "entry_points.txt"))
    return found


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return
    if "gevent.plugins." not in text:
        return
    group = None
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip("[] ")
        elif "=" in line and not line.startswith(("#", ";")):
            yield group, line.partition("=")[2].partition("[")[0].strip()


def _load(place):
    module, _, attributes = place.partition(":")
    target = import_module(module)
    for attribute in attributes.split("."):
        target = getattr(target, attribute)
    return target
