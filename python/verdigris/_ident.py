"""Small numbers for living objects: the smallest that is free, reused after death."""

from heapq import heappop, heappush
from weakref import ref


class IdentRegistry:
    """Numbers from 0 on for objects that can be weakly referred to."""

    def __init__(self):
        self._idents = {}  # id -> (weak reference, number)
        self._free = []

    def get_ident(self, obj):
        """The number of `obj`, which it keeps as long as it lives."""
        known = self._idents.get(id(obj))
        if known is not None:
            return known[1]
        number = heappop(self._free) if self._free else len(self._idents)
        self._idents[id(obj)] = ref(obj, self._forget(id(obj), number)), number
        return number

    def _forget(self, key, number):
        def forget(_ref):
            del self._idents[key]
            heappush(self._free, number)

        return forget

    def __len__(self):
        return len(self._idents)
