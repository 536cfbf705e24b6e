"""The standard `signal` module. Handlers run as ever: in the main thread, between two
instructions of Python, or of the hub when it waits.

`verdigris.signal_handler` is what runs a handler in a greenlet. The module can also be
called: `gevent.signal(SIGTERM, function)` is how tutorials of gevent 1.0 spell that.
"""

import signal as _native
import sys
from signal import *  # noqa: F403
from types import ModuleType

__all__ = ["getsignal", "set_wakeup_fd", "signal"]

# Taken now, before monkey patching.
signal = _native.signal
getsignal = _native.getsignal
set_wakeup_fd = _native.set_wakeup_fd


class _CallableModule(ModuleType):
    def __call__(self, signalnum, handler, *args, **kwargs):
        """`signal_handler`. With `kill` and nobody to kill, the program is to end."""
        from ._core import kill
        from .hub import shutdown, signal_handler

        if handler is kill and not args:
            handler = shutdown
        return signal_handler(signalnum, handler, *args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
