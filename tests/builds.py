"""What cannot be tested on every build of CPython."""

import sys

import pytest

traces_from_outside = pytest.mark.skipif(
    hasattr(sys, "gettotalrefcount") and sys.version_info >= (3, 12),
    reason="a debug build asserts that settrace and setprofile, on or off, have met every running function: those of "
    "suspended greenlets, greenlet's too, it cannot see",
)
