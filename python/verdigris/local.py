"""Attributes that each greenlet has for itself.

`local` is what `threading.local` becomes under monkey patching; it may be subclassed, and
then `__init__` runs again in each greenlet that touches the object.
"""

import gc

from ._core import local, local_dict_of

__all__ = ["local"]


def all_local_dicts_for_greenlet(greenlet):
    """What a greenlet has in every `local` object: for those who debug.

    It looks through all objects that there are, so it is slow.

    Returns:
        A list of `((class, id), attributes)`, one for each object that it has touched.
    """
    found = []
    for candidate in gc.get_objects():
        if issubclass(type(candidate), local):
            attributes = local_dict_of(candidate, greenlet)
            if attributes is not None:
                found.append(((type(candidate), id(candidate)), attributes))
    return found
