"""The standard `time` module, with a `sleep` that lets other greenlets run."""

from time import *  # noqa: F403

from ._core import sleep  # type: ignore[assignment]
from .monkey._table import implements

__all__ = ["sleep"]
__implements__ = implements(__name__)
