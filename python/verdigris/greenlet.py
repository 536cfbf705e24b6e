"""Greenlets with a scheduler: `Greenlet`, and waiting for or killing many of them.

A `Greenlet` is started with `start()` or `Greenlet.spawn()`, runs when the hub comes to it,
and keeps its result or its error. Override `_run()` in a subclass.
"""

import sys
from os import environ

from . import _core
from ._core import getcurrent, joinall, killall
from ._core import greenlet as _raw_greenlet

__all__ = ["FailureSpawnedLink", "Greenlet", "SpawnedLink", "SuccessSpawnedLink", "getcurrent", "joinall", "killall"]

_spawn_callbacks: list = []


if environ.get("GEVENT_TRACK_GREENLET_TREE"):
    # The Rust side tracks unless it is told not to; reading the setting tells it.
    from ._settings import config

    _ = config.track_greenlet_tree


class SpawnedLink:
    """A link whose callback runs in a new raw greenlet, so that it may block."""

    __slots__ = ("callback",)

    def __init__(self, callback):
        if not callable(callback):
            raise TypeError(f"Expected callable: {callback!r}")
        self.callback = callback

    def __call__(self, source):
        """Run the callback with the greenlet that has ended. Called in the hub, its parent."""
        _raw_greenlet(self.callback).switch(source)

    def __eq__(self, other):
        return self.callback == getattr(other, "callback", other)

    def __hash__(self):
        return hash(self.callback)

    def __repr__(self):
        return repr(self.callback)

    def __getattr__(self, name):
        if name == "callback":
            raise AttributeError(name)
        return getattr(self.callback, name)


class SuccessSpawnedLink(SpawnedLink):
    """A link that is called only if the greenlet ended without an error."""

    __slots__ = ()

    def __call__(self, source):
        if source.successful():
            super().__call__(source)


class FailureSpawnedLink(SpawnedLink):
    """A link that is called only if the greenlet ended with an error."""

    __slots__ = ()

    def __call__(self, source):
        if not source.successful():
            super().__call__(source)


class SpawningFrame:
    """A frame that a greenlet was made from, of which the code and the line are left."""

    __slots__ = ("f_back", "f_code", "f_lineno")

    def __init__(self, f_code, f_lineno, f_back):
        self.f_code = f_code
        self.f_lineno = f_lineno
        self.f_back = f_back

    @property
    def f_globals(self):
        """Empty: the frame's own are not kept alive for this."""
        return {}

    @property
    def f_locals(self):
        """Empty: the frame's own are not kept alive for this."""
        return {}


class Greenlet(_core.Greenlet):
    """A greenlet that the hub runs, and that keeps what comes of it.

    `Greenlet(run=None, *args, **kwargs)`: `run(*args, **kwargs)` is called when it has been
    started and its turn has come. A subclass may define `_run` instead.
    """

    __slots__ = ()

    #: How many frames of the spawner `spawning_stack` keeps.
    spawning_stack_limit = 10

    def link(self, callback, SpawnedLink=SpawnedLink):
        """Call `callback(self)` in a new greenlet when this one has ended."""
        self.rawlink(SpawnedLink(callback))

    def link_value(self, callback, SpawnedLink=SuccessSpawnedLink):
        """`link`, but only if this greenlet ends without an error."""
        self.link(callback, SpawnedLink=SpawnedLink)

    def link_exception(self, callback, SpawnedLink=FailureSpawnedLink):
        """`link`, but only if this greenlet ends with an error."""
        self.link(callback, SpawnedLink=SpawnedLink)

    @property
    def name(self):
        """A name for people: `Greenlet-N`, N being `minimal_ident`, unless one is assigned."""
        given = self.__dict__.get("_name")
        if given is None:
            given = self.__dict__["_name"] = f"{type(self).__name__}-{self.minimal_ident}"
        return given

    @name.setter
    def name(self, value):
        self.__dict__["_name"] = value

    @property
    def minimal_ident(self):
        """The smallest number that no other living greenlet of this hub has been given."""
        given = self.__dict__.get("_minimal_ident")
        if given is None:
            given = self.__dict__["_minimal_ident"] = self.parent.ident_registry.get_ident(self)
        return given

    @property
    def spawning_stack(self):
        """The stack that it was made from: a frame-like object, or None if it is not known.

        It has `f_code`, `f_lineno` and `f_back`; traceback.print_stack() can print it.
        """
        frame = None
        for code, line in reversed(self._spawning_lines):
            frame = SpawningFrame(code, line, frame)
        return frame

    @staticmethod
    def add_spawn_callback(callback):
        """Have `callback(greenlet)` called for each greenlet that is about to run."""
        if callback not in _spawn_callbacks:
            _spawn_callbacks.append(callback)
        _core.set_spawn_callbacks(_spawn_callbacks)

    @staticmethod
    def remove_spawn_callback(callback):
        """Take back `add_spawn_callback`; without effect if it was not added."""
        if callback in _spawn_callbacks:
            _spawn_callbacks.remove(callback)
        _core.set_spawn_callbacks(_spawn_callbacks)

    def _formatinfo(self):
        """What the repr says beside the address; kept, since arguments go when it has ended."""
        kept = self.__dict__.get("_formatted_info")
        if kept is not None:
            return kept
        info = _function_name(self)
        args = [repr(arg)[:50] for arg in self.args]
        args += [f"{name}={value!r}"[:50] for name, value in self.kwargs.items()]
        if args:
            info += f"({', '.join(args)})"
        self.__dict__["_formatted_info"] = info
        return info

    def __repr__(self):
        known = "_name" in self.__dict__ or "_minimal_ident" in self.__dict__
        named = f' "{self.name}"' if known else ""
        return f"<{type(self).__name__}{named} at {hex(id(self))}: {self._formatinfo()}>"

    def __enter__(self):
        return self

    def __exit__(self, t, v, tb):
        """Join, and see to it that it is dead; after an error in the block, kill it with that."""
        if t is not None:
            self.kill(v if isinstance(v, t) else t)
            return
        try:
            self.join()
        finally:
            self.kill()


def _function_name(green):
    try:
        function = green._run
    except AttributeError:
        return "_run"
    bound_to = getattr(function, "__self__", None)
    if bound_to is green:
        return "_run"
    name = getattr(function, "__name__", None)
    if bound_to is not None and not isinstance(bound_to, type(sys)):
        return repr(function)
    return name if name is not None else repr(function)
