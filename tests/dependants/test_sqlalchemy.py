"""SQLAlchemy's asyncio engine, which runs each of its operations in a raw greenlet, over aiosqlite."""

import re
import sys
from pathlib import Path

from programs import run

SHOP = Path(__file__).with_name("shop.py")
VERDIGRIS = (sys.executable, "-c", "import sys; from verdigris._cli import main; sys.exit(main())")


def test_a_thousand_operations_of_its_orm(tmp_path: Path) -> None:
    result = run(*VERDIGRIS, "run", sys.executable, SHOP, tmp_path / "shop.db", timeout=60)
    assert result.returncode == 0, result.stderr
    said = re.fullmatch(r"(\d+) operations with greenlet of greenlet, verdigris\._core\n", result.stdout)
    assert said, result.stdout
    assert int(said[1]) >= 1000
