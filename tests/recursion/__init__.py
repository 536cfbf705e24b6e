"""Kinds of recursion, and how each is tried in a greenlet: what `docs/recursion.md` tells."""

from . import calls, methods, nests
from .kind import DEPTH, KINDS, Kind

__all__ = ["DEPTH", "KINDS", "Kind", "calls", "methods", "nests"]
