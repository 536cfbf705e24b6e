"""Variables that each greenlet has for itself, and contexts, which are sets of their values.

They are those of the standard `contextvars`: every greenlet runs in a context of its own, which is empty when it
begins, so nothing is left to be done. gevent has classes of its own here, which know nothing of asyncio's tasks.
"""

from contextvars import Context, ContextVar, Token, copy_context

__all__ = ["Context", "ContextVar", "Token", "copy_context"]
__implements__: list[str] = []
__imports__ = __all__
