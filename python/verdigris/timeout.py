"""Deadlines: an exception that arrives in a greenlet when its time is up."""

from ._core import Timeout

__all__ = ["Timeout", "with_timeout"]

_NOT_GIVEN = object()


def with_timeout(seconds, function, *args, timeout_value=_NOT_GIVEN, **kwargs):
    """Call `function(*args, **kwargs)`, but no longer than `seconds`.

    Returns its result; or `timeout_value`, if that was given and the time ran out. A
    `Timeout` of somebody else's that comes up meanwhile is always raised.

    Raises:
        Timeout: the time ran out and no `timeout_value` was given.
    """
    timeout = Timeout.start_new(seconds)
    try:
        return function(*args, **kwargs)
    except Timeout as raised:
        if raised is timeout and timeout_value is not _NOT_GIVEN:
            return timeout_value
        raise
    finally:
        timeout.close()
