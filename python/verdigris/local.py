"""Attributes that each greenlet has for itself.

`local` is what `threading.local` becomes under monkey patching; it may be subclassed, and
then `__init__` runs again in each greenlet that touches the object.
"""

from ._core import local

__all__ = ["local"]
