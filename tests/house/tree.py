"""The files that make up the repository, for the tests about the repository."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What the commands make, for a tree without git: an unpacked source archive.
MADE = {"target", ".cache", "bench-results", "__pycache__", ".git"}


@cache
def tracked() -> tuple[str, ...]:
    """Paths, relative to ROOT, of the files that are part of the project."""
    git = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if git.returncode == 0:
        paths = {p for p in git.stdout.splitlines() if (ROOT / p).is_file()}
    else:
        paths = {
            str(p.relative_to(ROOT))
            for p in ROOT.rglob("*")
            if p.is_file() and not any(part in MADE or part.startswith(".venv") for part in p.parts)
        }
    assert "Cargo.toml" in paths
    return tuple(sorted(paths))
