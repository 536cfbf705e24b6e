"""The exceptions of the hub and of misuse. They are defined in Rust, with gevent's bases.

* `LoopExit`: nothing in this thread can ever run again.
* `BlockingSwitchOutError`: a blocking call was made where blocking is impossible, in the hub.
* `InvalidSwitchError`: a greenlet was switched to in a way that would lose its place.
* `ConcurrentObjectUseError`: two greenlets use an object that only one may use at a time.
* `InvalidThreadUseError`: an object of one thread's hub was used from another thread.
* `HubDestroyed`: thrown into the greenlets of a hub that is being destroyed.
"""

from ._core import (
    BlockingSwitchOutError,
    ConcurrentObjectUseError,
    HubDestroyed,
    InvalidSwitchError,
    InvalidThreadUseError,
    LoopExit,
)

__all__ = [
    "BlockingSwitchOutError",
    "ConcurrentObjectUseError",
    "HubDestroyed",
    "InvalidSwitchError",
    "InvalidThreadUseError",
    "LoopExit",
]
