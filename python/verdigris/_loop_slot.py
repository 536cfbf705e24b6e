"""`Hub.loop` as an attribute that may be assigned: also an object that passes on to the loop, and does more."""

from ._core import loop as _Loop

__all__ = ["LoopSlot"]


class LoopSlot:
    """Tells a hub's loop when something is put in its place, and when it is put back.

    It has no `__get__`, so reading the attribute costs what reading any other does.
    """

    def __set__(self, hub, value):
        state = hub.__dict__
        if value is None or isinstance(value, _Loop):
            state["_own_loop"] = value
            if value is not None:
                value._set_stand_in(None)
        elif state.get("_own_loop") is not None:
            state["_own_loop"]._set_stand_in(value)
        state["loop"] = value
