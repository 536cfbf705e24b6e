"""The version as numbers; apart, because few programs ask and named tuples are slow to import."""

from typing import NamedTuple


class VersionInfo(NamedTuple):
    """year, month, patch, and the two fields that gevent has after them."""

    major: int
    minor: int
    micro: int
    releaselevel: str
    serial: int


#: What `verdigris.__version__` says. (gevent's own has said 20.0.0.dev for years.)
version_info = VersionInfo(26, 11, 0, "final", 0)
