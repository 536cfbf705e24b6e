"""The exceptions of the hub and of misuse, with gevent's bases. Most are raised in Rust.

* `LoopExit`: nothing in this thread can ever run again.
* `BlockingSwitchOutError`: a blocking call was made where blocking is impossible, in the hub.
* `InvalidSwitchError`: a greenlet was switched to in a way that would lose its place.
* `ConcurrentObjectUseError`: two greenlets use an object that only one may use at a time.
* `InvalidThreadUseError`: an object of one thread's hub was used from another thread.
* `HubDestroyed`: thrown into a hub that is being destroyed, to end it.
"""

from ._core import (
    BlockingSwitchOutError,
    ConcurrentObjectUseError,
    HubDestroyed,
    InvalidSwitchError,
    InvalidThreadUseError,
)

__all__ = [
    "BlockingSwitchOutError",
    "ConcurrentObjectUseError",
    "HubDestroyed",
    "InvalidSwitchError",
    "InvalidThreadUseError",
    "LoopExit",
]


class LoopExit(Exception):
    """Nothing in this thread can ever run again, so whoever waits would wait for ever.

    Its arguments are a message, the hub, and a list of what the loop still knows of.
    """

    @property
    def hub(self):
        """The hub that has nothing left to do; None if it is not known."""
        return self.args[1] if len(self.args) == 3 else None

    def __repr__(self):
        if len(self.args) != 3:
            return super().__repr__()
        from pprint import pformat

        message, hub, handles = self.args
        return f"{message}\n\tHub: {hub}\n\tHandles:\n{pformat(handles)}"

    __str__ = __repr__
