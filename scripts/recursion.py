"""Tries every kind of recursion with the Python that runs it, and writes its column of the tables in docs/recursion.md.

    python scripts/recursion.py

The kinds are in tests/recursion. The columns of other Pythons stay as they are. Takes a minute or two.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/recursion.md"

sys.path.insert(0, str(ROOT / "tests"))

from recursion import KINDS  # noqa: E402 - it is no part of the package

LETTERS = {"finished": "–", "RecursionError": "R", "MemoryError": "M"}

#: The names of the tables, and which kinds they show.
TABLES = {
    "counted": [kind for kind in KINDS.values() if not kind.uncounted],
    "uncounted": [kind for kind in KINDS.values() if kind.uncounted],
}


def main():
    """Try all, and rewrite the page."""
    attempt = [sys.executable, ROOT / "tests/recursion/attempt.py", "--compare"]
    ended = json.loads(subprocess.run(attempt, check=True, capture_output=True, text=True).stdout)
    version = "{}.{}".format(*sys.version_info)
    text = PAGE.read_text()
    for name, kinds in TABLES.items():
        begin, end = f"<!-- table: {name} -->\n", "<!-- end -->"
        before, _, rest = text.partition(begin)
        table, _, after = rest.partition(end)
        columns = columns_of(table)
        columns[version] = {kind.title: cell(**ended[kind.name]) for kind in kinds}
        text = before + begin + written(columns, kinds) + end + after
    PAGE.write_text(text)


def cell(greenlet, main):
    """How a kind ended in a greenlet; on the main thread too if that differs."""
    greenlet, main = (
        LETTERS.get(end, end) if isinstance(end, str) else f"{end:,}".replace(",", " ") for end in (greenlet, main)
    )
    return greenlet if greenlet == main else f"{greenlet} / {main}"


def columns_of(table):
    """The cells of a table by version and title."""
    rows = [[cell.strip() for cell in line.split(" | ")] for line in re.findall(r"^\| (.*) \|$", table, re.MULTILINE)]
    if not rows:
        return {}
    versions = rows[0][1:]
    return {version: {row[0]: row[at] for row in rows[1:]} for at, version in enumerate(versions, 1)}


def written(columns, kinds):
    """The table in Markdown: a column a version, a row a kind."""
    versions = sorted(columns, key=lambda version: [int(part) for part in version.split(".")])
    rows = [["", *versions], *([kind.title, *(columns[v].get(kind.title, "") for v in versions)] for kind in kinds)]
    lines = [f"| {' | '.join(row)} |\n" for row in rows]
    lines.insert(1, "|---" * len(rows[0]) + "|\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
