"""The files where Rust's compiler takes our word for it, each with the reason at its head.

Everything else is checked by the compiler: the workspace denies `unsafe_code`, and this list
is the only way round it. The crates' own tests are not in it, since nobody runs them but us.
"""

import re

from .tree import ROOT, tracked

INDEX = (
    "crates/coro/src/arch/x86_64.rs",
    "crates/coro/src/context.rs",
    "crates/coro/src/image.rs",
    "crates/coro/src/overflow.rs",
    "crates/coro/src/sanitizer.rs",
    "crates/coro/src/signal_stack.rs",
    "crates/coro/src/stack.rs",
    "crates/python/src/fast_method.rs",
    "crates/python/src/gil.rs",
    "crates/python/src/greenlet/attributes.rs",
    "crates/python/src/greenlet/c_api.rs",
    "crates/python/src/greenlet/carrier.rs",
    "crates/python/src/greenlet/class.rs",
    "crates/python/src/greenlet/collector.rs",
    "crates/python/src/greenlet/compaction.rs",
    "crates/python/src/greenlet/entry.rs",
    "crates/python/src/greenlet/frames.rs",
    "crates/python/src/greenlet/greenlet_ref.rs",
    "crates/python/src/greenlet/local_dict.rs",
    "crates/python/src/greenlet/method.rs",
    "crates/python/src/greenlet/object.rs",
    "crates/python/src/greenlet/overflow.rs",
    "crates/python/src/greenlet/quick.rs",
    "crates/python/src/greenlet/roster.rs",
    "crates/python/src/greenlet/shared_stack.rs",
    "crates/python/src/greenlet/spawn_tree.rs",
    "crates/python/src/greenlet/switch.rs",
    "crates/python/src/greenlet/task.rs",
    "crates/python/src/greenlet/task_class.rs",
    "crates/python/src/greenlet/thread.rs",
    "crates/python/src/greenlet/thread_end.rs",
    "crates/python/src/greenlet/thread_state.rs",
    "crates/python/src/greenlet/trace.rs",
    "crates/python/src/greenlet/tracked.rs",
    "crates/python/src/hub/callback.rs",
    "crates/python/src/hub/interrupts.rs",
    "crates/python/src/net/buffer.rs",
    "crates/reactor/src/signals.rs",
    "crates/reactor/src/sys/epoll.rs",
    "crates/reactor/src/sys/identity.rs",
    "crates/reactor/src/sys/poll.rs",
)

# An attribute that lifts the workspace's lint; the second, the only way in which it may.
ANY_ALLOWANCE = re.compile(r"\b(?:allow|warn|expect)\([^()]*\bunsafe_code\b")
ALLOWANCE = re.compile(r'\bexpect\((?:\s*[\w:]+,)*\s*unsafe_code,(?:\s*[\w:]+,)*\s*reason = "[^"]{8,}"')


def sources() -> dict[str, str]:
    return {p: (ROOT / p).read_text() for p in tracked() if re.match(r"crates/\w+/src/.*\.rs$", p)}


def test_the_index_is_complete() -> None:
    assert tuple(p for p, text in sources().items() if ANY_ALLOWANCE.search(text)) == INDEX


def test_each_file_of_it_gives_its_reason_once() -> None:
    for path in INDEX:
        text = (ROOT / path).read_text()
        assert len(ALLOWANCE.findall(text)) == len(ANY_ALLOWANCE.findall(text)) == 1, path


def test_the_crates_that_need_none_can_have_none() -> None:
    for crate in ("http", "wait"):
        assert "#![forbid(unsafe_code)]" in (ROOT / f"crates/{crate}/src/lib.rs").read_text(), crate
