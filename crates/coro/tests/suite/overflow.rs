//! Running off the end of a stack kills the process rather than corrupt memory.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use crate::harness::{coroutine, pool};

#[test]
fn the_guard_lies_right_below_the_limit() {
    let stack = pool().take().unwrap();
    assert_eq!(stack.guard().end, stack.limit() as usize);
    assert!(stack.guard().len() >= 4096);
    assert_eq!(
        stack.top() as usize - stack.limit() as usize,
        stack.usable()
    );
}

#[test]
#[ignore = "dies; run by the test below"]
fn recurses_without_end() {
    #[expect(unconditional_recursion, reason = "the point of it")]
    fn deeper(level: usize) -> usize {
        let frame = std::hint::black_box([level; 32]);
        deeper(level + 1) + frame[level % 32]
    }
    coroutine(|_, _| deeper(0)).enter(0);
}

#[test]
fn endless_recursion_is_a_segmentation_fault() {
    let binary = std::env::current_exe().unwrap();
    let dying = ["overflow::recurses_without_end", "--exact", "--ignored"];
    let output = Command::new(binary).args(dying).output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
}
