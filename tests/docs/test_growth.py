"""The command that measures how cost grows, on sizes too small to mean anything."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import growth  # noqa: E402
import growth_plot  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("row", [row.__name__ for row in growth.ROWS])
def test_each_row_measures(row: str) -> None:
    command = [sys.executable, str(BENCH / "growth.py"), "--child", row, "50"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    nanoseconds, faults, operations = answer.split()
    assert float(nanoseconds) > 0
    assert float(faults) >= 0
    assert int(operations) >= 50


def test_the_plot_has_a_line_for_each_row() -> None:
    rows = {"one": [10.0, 20.0, 40.0, 2e6], "two": [11.0, 21.0, 41.0, 2e6]}
    root = ElementTree.fromstring(growth_plot.draw(growth.SIZES, rows))
    assert len(root.findall(f"{SVG}polyline")) == len(rows)
    heights = {text.text: float(text.attrib["y"]) for text in root.findall(f"{SVG}text")}
    assert heights["two"] - heights["one"] >= 12, "the names are on one another"


def test_the_plot_of_the_documents_is_of_these_rows() -> None:
    root = ElementTree.parse(BENCH.parent / "docs" / "growth.svg").getroot()
    names = {text.text for text in root.findall(f"{SVG}text")}
    assert {row.__name__ for row in growth.ROWS} <= names
