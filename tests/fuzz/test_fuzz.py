"""A short run of the fuzz. Longer ones are run by hand: python tests/fuzz/fuzz_greenlets.py --seconds 600"""

from pathlib import Path

import pytest

from programs import python

FUZZ = Path(__file__).with_name("fuzz_greenlets.py")


@pytest.mark.parametrize("part", ["raw", "spawned"])
def test_four_threads_find_nothing_inconsistent(part: str) -> None:
    result = python(FUZZ, "--part", part, "--seconds", "2", "--round", "1", "--threads", "4", "--seed", "1", timeout=55)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith("ok\n")
    assert result.stderr == ""
