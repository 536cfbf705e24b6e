"""No kind of recursion does harm in a greenlet; and what `docs/recursion.md` says of each."""

import json
import re
from pathlib import Path

import pytest

from programs import python
from recursion import KINDS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/recursion.md"
NAMES = sorted(KINDS)
HOW_MANY = 8


def end_of(names):
    """How each of these kinds ends in a greenlet, by name."""
    result = python(ROOT / "tests/recursion/attempt.py", *names, timeout=120)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("first", range(HOW_MANY))
def test_recursion_ends_in_an_exception_or_is_finished(first):
    names = NAMES[first::HOW_MANY]
    ended = end_of(names)
    assert sorted(ended) == names
    allowed = {"finished", "RecursionError", "MemoryError"}
    wrong = {
        name: end
        for name, end in ended.items()
        if end not in allowed | ({"guard page"} if KINDS[name].uncounted else set())
    }
    assert not wrong


def rows_of(table):
    """The rows of one of the page's tables, by title."""
    lines = PAGE.read_text().partition(f"<!-- table: {table} -->\n")[2].partition("<!-- end -->")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0]: row[1:] for row in rows[2:]}, rows[0][1:]


@pytest.mark.parametrize("table", ["counted", "uncounted"])
def test_the_page_tells_of_every_kind(table):
    rows, versions = rows_of(table)
    assert set(rows) == {kind.title for kind in KINDS.values() if bool(kind.uncounted) == (table == "uncounted")}
    assert {"3.11", "3.12", "3.13"} <= set(versions)
    assert all(all(row) and len(row) == len(versions) for row in rows.values())


def test_the_page_tells_of_nothing_worse_than_an_exception_where_cpython_counts():
    rows, _ = rows_of("counted")
    ends = {cell.split(" / ")[0] for row in rows.values() for cell in row}
    assert ends <= {"R", "M", "–"}


def test_the_page_tells_how_many_levels_there_is_room_for_where_cpython_does_not_count():
    rows, _ = rows_of("uncounted")
    for title, row in rows.items():
        for cell in row:
            assert re.fullmatch(r"[RM–]|([\d ]+|R|–) / ([\d ]+|R|–)", cell), title
