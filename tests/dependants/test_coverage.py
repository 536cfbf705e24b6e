"""coverage.py over a program of greenlets, by each of its cores and both ways of telling stacks apart."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from programs import run

PROGRAM = Path(__file__).with_name("covered.py")
VERDIGRIS = (sys.executable, "-c", "import sys; from verdigris._cli import main; sys.exit(main())")
SOURCE = PROGRAM.read_text().splitlines()


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(SOURCE, 1) if text in line)


def never_run(kind: str) -> list[int]:
    """The lines that this kind of run leaves out."""
    other = {"raw": ("def spawned", "if len("), "spawned": ("def raw", "def spawned")}[kind]
    skipped = range(line_of(other[0]) + 1, line_of(other[1]))
    marked = [number for number, line in enumerate(SOURCE, 1) if line.endswith("# never")]
    statements = {number for number in skipped if SOURCE[number - 1].strip() not in ("", "else:")}
    return sorted(statements | set(marked))


def covered(folder: Path, kind: str, core: str, concurrency: str, *options: str) -> Any:
    """What coverage reports of the program: the file's part of its JSON report."""
    environment = {"COVERAGE_CORE": core, "COVERAGE_FILE": str(folder / "data")}
    coverage = (sys.executable, "-m", "coverage")
    options = (f"--include={PROGRAM}", f"--concurrency={concurrency}", *options)
    result = run(*VERDIGRIS, "run", *coverage, "run", *options, PROGRAM, kind, env=environment, cwd=folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{kind}\n", "")
    result = run(*coverage, "json", "-o", "report.json", env=environment, cwd=folder)
    assert result.returncode == 0, result.stdout
    (report,) = json.loads((folder / "report.json").read_text())["files"].values()
    return report


# A tracer of lines must be told of greenlets, else it takes a switch in one for a return in another.
CORES = [
    ("raw", "ctrace", "thread"),
    ("raw", "ctrace", "greenlet"),
    ("raw", "pytrace", "thread"),
    ("raw", "sysmon", "thread"),
    ("spawned", "ctrace", "gevent"),
    ("spawned", "sysmon", "thread"),
]


@pytest.mark.parametrize(("kind", "core", "concurrency"), CORES)
def test_lines(tmp_path: Path, kind: str, core: str, concurrency: str) -> None:
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("sys.monitoring is new in 3.12")
    assert covered(tmp_path, kind, core, concurrency)["missing_lines"] == never_run(kind)


@pytest.mark.parametrize(("kind", "concurrency"), [("raw", "greenlet"), ("spawned", "gevent"), ("raw", "thread")])
def test_branches(tmp_path: Path, kind: str, concurrency: str) -> None:
    report = covered(tmp_path, kind, "ctrace", concurrency, "--branch")
    assert report["missing_lines"] == never_run(kind)
    loops = line_of("if number == 1")
    assert [loops, loops - 2] in report["executed_branches"]
    assert [loops, loops + 1] in report["executed_branches"]
    assert [line_of("if total < 0"), line_of("return total")] in report["executed_branches"]
    assert [line_of("if total < 0"), line_of("total = 0  # never")] in report["missing_branches"]
