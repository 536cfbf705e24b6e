"""The files where Rust's compiler takes our word for it, each with the reason at its head.

Everything else is checked by the compiler: the workspace denies `unsafe_code`, and this list
is the only way round it.
"""

import re

from .tree import ROOT, tracked

INDEX: tuple[str, ...] = (
    "crates/coro/examples/switch.rs",
    "crates/coro/src/arch/x86_64.rs",
    "crates/coro/src/context.rs",
    "crates/coro/src/sanitizer.rs",
    "crates/coro/src/stack.rs",
    "crates/coro/tests/suite/harness.rs",
    "crates/coro/tests/suite/planted.rs",
    "crates/coro/tests/suite/pool.rs",
    "crates/coro/tests/suite/registers.rs",
    "crates/reactor/src/signals.rs",
    "crates/reactor/src/sys/epoll.rs",
    "crates/reactor/tests/common/process.rs",
)

ALLOWANCE = re.compile(r'#!\[expect\(\s*(?:\w[\w:]*,\s*)*unsafe_code,\s*(?:[\w:]+,\s*)*reason = "(.+?)"', re.DOTALL)
# Any other spelling that lifts the workspace's lint.
OTHER_ALLOWANCE = re.compile(r"\b(?:allow|warn|expect)\((?:[^()]*,)?\s*unsafe_code\b")


def sources() -> dict[str, str]:
    return {p: (ROOT / p).read_text() for p in tracked() if re.match(r"crates/.*\.rs$", p)}


def test_the_index_is_complete() -> None:
    found = tuple(p for p, text in sources().items() if ALLOWANCE.search(text))
    assert found == INDEX


def test_nothing_else_lifts_the_lint() -> None:
    for path, text in sources().items():
        assert len(OTHER_ALLOWANCE.findall(text)) == (path in INDEX), path


def test_the_wire_protocol_can_have_none() -> None:
    assert "#![forbid(unsafe_code)]" in (ROOT / "crates/http/src/lib.rs").read_text()


def test_every_unsafe_block_says_why_it_is_sound() -> None:
    for path in INDEX:
        lines = (ROOT / path).read_text().splitlines()
        for number, line in enumerate(lines):
            if re.search(r"\bunsafe (?:impl\b|\{|extern (?:\"C\" )?\{)", line.split("//")[0]):
                before = "\n".join(lines[max(0, number - 12) : number + 2])
                assert "SAFETY" in before, f"{path}:{number + 1}"
