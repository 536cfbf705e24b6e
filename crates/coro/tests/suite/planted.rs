//! Bugs planted on purpose, built only with `--cfg planted_bug`: `.ci/memcheck` fails unless Valgrind reports each.

#![cfg(planted_bug)]
#![expect(unsafe_code, reason = "wrong on purpose")]

use crate::harness::{coroutine, pool};

/// Seen only if the pool tells Valgrind which stacks lie unused.
#[test]
fn planted_use_of_a_stack_given_back() {
    let mut pool = pool();
    let stack = pool.take().unwrap();
    let local = stack.top().wrapping_sub(64);
    // SAFETY: in use so far.
    unsafe { local.write(1) };
    pool.give(stack);
    // SAFETY: not safe at all: the stack was given back.
    assert_eq!(unsafe { local.read_volatile() }, 1);
}

/// Seen only if Valgrind follows the program onto another stack.
#[test]
fn planted_overrun_on_a_foreign_stack() {
    let coroutine = coroutine(|way, index| {
        let heap = Box::new([1u8; 24]);
        way.leave(0);
        // SAFETY: not safe at all: one past the end.
        usize::from(unsafe { heap.as_ptr().wrapping_add(index).read_volatile() }) & 1
    });
    coroutine.enter(24);
    coroutine.enter(0);
}
