"""`GeventSelector`: a selector, as those of the standard `selectors` module, that lets other
greenlets run while it waits."""

from os import fstat
from select import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT
from selectors import *  # noqa: F403
from selectors import (
    EVENT_READ,
    EVENT_WRITE,
    BaseSelector,
    SelectorKey,
    _BaseSelectorImpl,
)

from .select import poll

__all__ = ["EVENT_READ", "EVENT_WRITE", "BaseSelector", "DefaultSelector", "GeventSelector", "SelectorKey"]


class GeventSelector(_BaseSelectorImpl):
    """Files to wait on, and what to wait for. What the standard classes do, it does.

    Unlike `selectors.EpollSelector` it holds no descriptor of its own, so forgetting to
    close it loses nothing.
    """

    def __init__(self, hub=None):
        """`hub` is accepted, as gevent's; the hub of the thread that calls `select` is used."""
        super().__init__()
        self._poll = poll()

    def register(self, fileobj, events, data=None):
        """Wait for `events` of `fileobj`; returns its SelectorKey.

        Raises:
            KeyError: it is registered already.
            ValueError: there is no such event, or no open descriptor in it.
        """
        key = super().register(fileobj, events, data)
        try:
            fstat(key.fd)
        except OSError:
            super().unregister(fileobj)
            raise ValueError(f"Invalid file descriptor: {key.fd}") from None
        self._poll.register(key.fd, _to_poll(events))
        return key

    def unregister(self, fileobj):
        """Wait for `fileobj` no more; returns the SelectorKey that it had."""
        key = super().unregister(fileobj)
        self._poll.unregister(key.fd)
        return key

    def modify(self, fileobj, events, data=None):
        """Wait for other events of `fileobj`; returns its new SelectorKey."""
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    def select(self, timeout=None):
        """Wait until something is ready; a list of (SelectorKey, events).

        `timeout`: seconds; None waits for ever, 0 and below do not wait.
        """
        milliseconds = None if timeout is None else max(0, timeout * 1000)
        ready = []
        for fd, found in self._poll.poll(milliseconds):
            key = self.get_map().get(fd)
            events = key.events & _from_poll(found) if key else 0
            if events:
                ready.append((key, events))
        return ready


DefaultSelector = GeventSelector  # type: ignore[assignment, misc]


def _to_poll(events):
    return POLLIN * bool(events & EVENT_READ) | POLLOUT * bool(events & EVENT_WRITE)


def _from_poll(found):
    # Whoever waits for either must learn of an error.
    troubled = found & (POLLHUP | POLLERR | POLLNVAL)
    return EVENT_READ * bool(found & POLLIN or troubled) | EVENT_WRITE * bool(found & POLLOUT or troubled)
