"""verdigris: gevent and greenlet, re-made with a Rust core.

The names are gevent's, one for one, so `import verdigris as gevent` is a port.

Where things are: `_core` is the extension module, one flat table of everything written in
Rust (greenlets, the hub, events, locks, queues, sockets). The public modules, such as
`verdigris.event`, name parts of it or hold Python code. Modules are loaded when they are
first used: `verdigris.pool` works without importing it, and a program that only spawns
greenlets starts fast.
"""

from importlib import import_module as _import_module
from os import environ as _variables
from sys import getswitchinterval, setswitchinterval

from .alias import claim_greenlet as _claim_greenlet
from .alias import install_as_gevent as install_as_gevent
from .alias import serves_as_gevent as _serves_as_gevent

_claim_greenlet()

from ._core import (  # noqa: E402 - after the claim, or two greenlets could meet
    GreenletExit,
    Timeout,
    getcurrent,
    iwait,
    joinall,
    kill,
    killall,
    sleep,
    spawn_raw,
    wait,
)
from .greenlet import Greenlet  # noqa: E402

__all__ = [
    "Greenlet",
    "GreenletExit",
    "Timeout",
    "config",
    "fork",
    "get_hub",
    "getcurrent",
    "getswitchinterval",
    "idle",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "reinit",
    "setswitchinterval",
    "signal_handler",
    "sleep",
    "spawn",
    "spawn_later",
    "spawn_raw",
    "wait",
    "with_timeout",
]

#: Versions are year.month.patch.
__version__ = "26.11.0"

spawn = Greenlet.spawn
spawn_later = Greenlet.spawn_later

# Names that live in a module of ours which not every program needs.
_LAZY = {
    "config": "_settings",
    "fork": "os",
    "get_hub": "hub",
    "idle": "hub",
    "reinit": "hub",
    "shutdown": "hub",
    "signal_handler": "hub",
    "version_info": "_version",
    "with_timeout": "timeout",
}


for _name in ("stack_size", "compact_after", "share_above"):
    if _variables.get(f"VERDIGRIS_{_name.upper()}"):
        # Counts whether or not the program ever looks at `config`. Reading it applies it.
        getattr(_import_module(f"{__name__}._settings").config, _name)


def __getattr__(name):
    """Find a lazy name, or a submodule that has not been imported yet."""
    if name in _LAZY:
        value = getattr(_import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    modules = [] if name.startswith("_") else [f"{__name__}.{name}"]
    if _serves_as_gevent():
        # `from gevent import X` is to find what `import gevent.X` does: there may be other finders.
        modules.append(f"gevent.{name}")
    for module in modules:
        try:
            return _import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY})
