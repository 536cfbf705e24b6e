//! Stacks are reused, last in, first out; and survive their pool.

#![expect(unsafe_code, reason = "writes to the memory of stacks")]

use std::io;
use std::thread;

use coro::{Config, Pool, Stack};

use crate::harness::{Coroutine, pool};

#[test]
fn the_stack_given_back_last_is_taken_first() {
    let mut pool = pool();
    let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
    let tops = [first.top(), second.top()];
    pool.give(first);
    pool.give(second);
    assert_eq!(
        [pool.take().unwrap().top(), pool.take().unwrap().top()],
        [tops[1], tops[0]]
    );
}

#[test]
fn a_stack_of_another_size_is_not_kept() {
    let other = Config {
        stack_size: 2 << 20,
        ..Config::default()
    };
    let mut pool = pool();
    let mut larger = Pool::new(other).unwrap();
    assert_eq!(larger.config(), other);
    pool.give(larger.take().unwrap());
    assert!(!pool.has_idle());
    assert!(larger.take().unwrap().usable() > pool.take().unwrap().usable());
}

#[test]
fn a_dropped_stack_is_used_again() {
    let mut pool = pool();
    let mut tops: Vec<*mut u8> = Vec::new();
    for _ in 0..50 {
        let stack = pool.take().unwrap();
        if !tops.contains(&stack.top()) {
            tops.push(stack.top());
        }
    }
    assert!(
        tops.len() <= 8,
        "one slab would do, and {} stacks were made",
        tops.len()
    );
}

#[test]
fn a_stack_outlives_its_pool_and_its_thread() {
    let stack = thread::spawn(|| pool().take().unwrap()).join().unwrap();
    let coroutine = Coroutine::new(stack, |_, word| word + 1);
    assert_eq!(coroutine.enter(1), 2);
}

#[test]
fn the_data_room_is_writable_and_starts_at_the_top() {
    let stack = pool().take().unwrap();
    let (data, room) = stack.data();
    assert_eq!(data, stack.top());
    assert!(room >= Config::default().data_size);
    assert_eq!(data as usize % 16, 0);
    assert_ne!(
        data as usize % 4096,
        0,
        "one page is to hold both beginnings"
    );
    // SAFETY: the room is the stack's, and nothing else uses it.
    unsafe {
        data.write(1);
        data.add(room - 1).write(1);
    }
}

#[test]
fn neighbours_do_not_overlap() {
    let mut pool = pool();
    let stacks: Vec<Stack> = (0..20).map(|_| pool.take().unwrap()).collect();
    let mut ranges: Vec<_> = stacks
        .iter()
        .map(|stack| {
            (
                stack.guard().start,
                stack.data().0 as usize + stack.data().1,
            )
        })
        .collect();
    ranges.sort_unstable();
    assert!(ranges.is_sorted_by(|one, next| one.1 <= next.0));
}

#[test]
#[cfg_attr(
    coro_valgrind,
    ignore = "reads what a stack held before, which Valgrind reports"
)]
fn trimmed_stacks_hold_no_memory_and_still_work() {
    let mut pool = pool();
    let stack = pool.take().unwrap();
    let lowest = stack.limit();
    // SAFETY: the lowest byte of a stack in use.
    unsafe { lowest.write(7) };
    pool.give(stack);
    pool.trim();
    let stack = pool.take().unwrap();
    assert_eq!(stack.limit(), lowest);
    // SAFETY: as above; on Linux, memory returned to the system reads as zero.
    assert_eq!(unsafe { lowest.read() }, 0);
    assert_eq!(Coroutine::new(stack, |_, word| word + 1).enter(1), 2);
}

#[test]
#[cfg_attr(
    coro_valgrind,
    ignore = "reads what a stack held before, which Valgrind reports"
)]
fn the_stacks_of_a_wave_keep_their_memory_for_the_next() {
    let mut pool = pool();
    let stacks: Vec<Stack> = (0..5000).map(|_| pool.take().unwrap()).collect();
    for stack in &stacks {
        // SAFETY: the topmost word of a stack in use.
        unsafe { stack.top().sub(8).write(7) };
    }
    let (first, last) = (stacks[0].top(), stacks[4999].top());
    stacks.into_iter().for_each(|stack| pool.give(stack));
    // SAFETY: the pool keeps both mapped, and nothing runs on them.
    assert_eq!(unsafe { (first.sub(8).read(), last.sub(8).read()) }, (7, 7));
}

#[test]
fn what_was_idle_all_the_time_is_unmapped() {
    let mut pool = pool();
    let stacks: Vec<Stack> = (0..1000).map(|_| pool.take().unwrap()).collect();
    let mapped = mapped_stacks(&stacks);
    let first = stacks[0].top();
    stacks.into_iter().for_each(|stack| pool.give(stack));
    assert_eq!(pool.trim_idle(), (0, true), "they were in use a moment ago");
    let (trimmed, more) = pool.trim_idle();
    assert!(trimmed > 900 && !more, "{trimmed} {more}");
    assert_eq!(mapped, 1000);
    assert!(!is_mapped(first), "the first slab is still there");
    // What is left works, and more is mapped when it is needed.
    let again: Vec<Stack> = (0..1000).map(|_| pool.take().unwrap()).collect();
    assert_eq!(mapped_stacks(&again), 1000);
    assert_eq!(pool.trim_idle(), (0, false));
    again.into_iter().for_each(|stack| pool.give(stack));
    assert_eq!(pool.trim_idle(), (0, true));
}

#[test]
fn a_stack_in_use_keeps_its_slab() {
    let mut pool = pool();
    let mut stacks: Vec<Stack> = (0..1000).map(|_| pool.take().unwrap()).collect();
    let kept = stacks.swap_remove(500);
    stacks.into_iter().for_each(|stack| pool.give(stack));
    pool.trim_idle();
    assert!(pool.trim_idle().0 > 0);
    assert_eq!(Coroutine::new(kept, |_, word| word + 1).enter(1), 2);
}

fn mapped_stacks(stacks: &[Stack]) -> usize {
    stacks.iter().filter(|stack| is_mapped(stack.top())).count()
}

/// Whether there is memory, or room for it, at an address.
fn is_mapped(address: *mut u8) -> bool {
    let page = (address as usize & !4095) as *mut libc::c_void;
    // SAFETY: only asks; a page that is not mapped is an error.
    unsafe { libc::madvise(page, 4096, libc::MADV_NOHUGEPAGE) == 0 }
}

#[test]
fn sizes_are_as_asked() {
    let mut pool = Pool::new(Config {
        stack_size: 256 << 10,
        data_size: 16 << 10,
    })
    .unwrap();
    let stack = pool.take().unwrap();
    let whole = stack.data().0 as usize + stack.data().1 - stack.guard().start;
    assert!((256 << 10..=260 << 10).contains(&whole), "{whole}");
    assert!(stack.data().1 >= 16 << 10);
    assert!(stack.usable() > 200 << 10);
}

#[test]
fn impossible_sizes_are_refused() {
    let error = Pool::new(Config {
        stack_size: 64 << 10,
        data_size: 64 << 10,
    })
    .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}
