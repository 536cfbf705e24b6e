"""Nothing in the repository depends on the machine that it was written on."""

import re

from .tree import ROOT, tracked

MACHINE = re.compile(rb"(?<![\w.$}/-])/(?:work|farm|root|home/\w+|tmp/\w+|Users)/")
MARKS = re.compile(rb"\b(?:TODO|FIXME|XXX|HACK)\b|\b(?:todo|unimplemented)!")


def test_no_path_of_a_machine() -> None:
    found = [p for p in tracked() if p != "Cargo.lock" and MACHINE.search((ROOT / p).read_bytes())]
    assert not found


def test_nothing_is_left_to_be_done_later() -> None:
    found = [p for p in tracked() if p != "tests/house/test_paths.py" and MARKS.search((ROOT / p).read_bytes())]
    assert not found
