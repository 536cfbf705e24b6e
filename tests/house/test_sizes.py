"""A file that has outgrown its limit is two concepts in one file.

The limits are where a reader is asked to stop and split; most files are a third as long.
"""

from fnmatch import fnmatch

import pytest

from .tree import ROOT, tracked

# (pattern, most lines); the first that matches counts.
LIMITS = [
    ("Makefile", 80),
    ("ARCHITECTURE.md", 200),
    ("*.md", 400),
    ("crates/*/src/lib.rs", 150),
    ("python/verdigris/__init__.py", 150),
    ("crates/coro/src/arch/*.rs", 800),
    ("*.rs", 600),
    ("tests/*.py", 500),
    ("crates/*/tests/*.rs", 500),
    ("*.py", 500),
    ("*.pyi", 500),
]

# path: (lines, reason). The number is the file's own limit: it may not grow further unseen.
EXCEPTIONS = {
    "python/verdigris/_core.pyi": (710, "one flat module, and stubtest looks for a name where it is defined"),
}


def limit_of(path: str) -> int | None:
    if path in EXCEPTIONS:
        return EXCEPTIONS[path][0]
    return next((most for pattern, most in LIMITS if fnmatch(path, pattern)), None)


@pytest.mark.parametrize("path", [p for p in tracked() if limit_of(p)])
def test_no_file_outgrows_its_limit(path: str) -> None:
    lines = len((ROOT / path).read_text().splitlines())
    most = limit_of(path)
    assert most is not None
    assert lines <= most, f"{path} has {lines} lines, {most} are the limit: which two concepts does it hold?"


def test_every_exception_is_still_needed() -> None:
    for path, (_, reason) in EXCEPTIONS.items():
        usual = next(most for pattern, most in LIMITS if fnmatch(path, pattern))
        assert len((ROOT / path).read_text().splitlines()) > usual, f"{path} no longer needs its exception"
        assert reason
