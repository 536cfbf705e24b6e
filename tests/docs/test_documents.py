"""What the documents show is true: their programs run, their commands and files exist."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("tests/conformance/*.md")])
README = (ROOT / "README.md").read_text()


def python_blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_program_of_the_readme_echoes() -> None:
    program = next(block for block in python_blocks(README) if "StreamServer" in block)
    server = subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().split()[-1])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
    finally:
        server.kill()
        server.communicate()


def test_the_other_programs_of_the_readme_run() -> None:
    programs = [block for block in python_blocks(README) if "StreamServer" not in block]
    assert programs
    for program in programs:
        subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
    missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_exists(document: Path) -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert "demo" in verbs
    used = re.findall(r"(?:^|`|    )make ([a-z-]+)", document.read_text(), re.MULTILINE)
    assert set(used) <= verbs
    scripts = re.findall(r"(?<![\w/])((?:scripts|\.ci)/[\w./-]+\w)", document.read_text())
    assert [s for s in scripts if not (ROOT / s).exists()] == []


def test_the_architecture_names_files_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    missing = []
    for name in re.findall(r"`((?:crates|python|tests|examples|[a-z]+)/[\w./]+\.(?:rs|py|sh))`", text):
        places = [ROOT / name, ROOT / "crates/python/src" / name, ROOT / "crates" / name]
        if not any(place.exists() for place in places):
            missing.append(name)
    assert not missing


def test_the_architecture_gives_each_dependency_its_reason() -> None:
    declared: set[str] = set()
    for manifest in ROOT.glob("crates/*/Cargo.toml"):
        for section in re.findall(r"^\[(?:build-)?dependencies\]\n(.*?)(?=^\[|\Z)", manifest.read_text(), re.S | re.M):
            declared |= set(re.findall(r"^([\w-]+)[. ]", section, re.MULTILINE))
    declared -= {"coro", "reactor", "wait", "http"}
    text = (ROOT / "ARCHITECTURE.md").read_text()
    explained = set(re.findall(r"^\| ([\w-]+) \|", text.split("## Dependencies")[1], re.MULTILINE)) - {"crate"}
    assert explained == declared
