"""The standard `builtins`: nothing in it blocks. It is here because gevent has a module of this name."""

import builtins as _native
from builtins import *  # noqa: F403, UP029 - as attributes of this module

__all__ = [name for name in dir(_native) if not name.startswith("_")]
__implements__: list[str] = []
__imports__ = __all__
