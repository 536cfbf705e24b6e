//! The fallback guards, which a new kernel never reaches by itself.

use std::process::Command;

use super::*;

fn slab(guard: Guard, count: u32) -> Arc<Slab> {
    let shape = Shape::new(1 << 20, 64 << 10).unwrap();
    Slab::map(Shape { guard, ..shape }, count).unwrap()
}

/// Writes one byte into the guard of a stack of this kind, then gives the stack up.
fn overflow(guard: Guard) {
    let mut stack = slab(guard, 1).cut().unwrap();
    stack.begin_use();
    assert_eq!(stack.guard, guard);
    // SAFETY: deliberately not safe; the process is to die of it.
    unsafe { stack.limit().wrapping_sub(8).write_volatile(1) };
}

/// Runs the named test, which is to die, in a process of its own; returns how it died and what it said.
fn dying(test: &str) -> (Option<i32>, String) {
    use std::os::unix::process::ExitStatusExt;
    let binary = std::env::current_exe().unwrap();
    let output = Command::new(binary)
        .args([test, "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    (
        output.status.signal(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
#[ignore = "dies; run by the test below"]
fn overflows_pages() {
    overflow(Guard::Protected);
}

#[test]
fn protected_pages_end_the_process() {
    assert_eq!(
        dying("stack::tests::overflows_pages").0,
        Some(libc::SIGSEGV)
    );
}

#[test]
#[ignore = "dies; run by the test below"]
fn overflows_a_canary() {
    overflow(Guard::Canary);
}

#[test]
fn a_dead_canary_aborts_and_says_why() {
    let (signal, said) = dying("stack::tests::overflows_a_canary");
    assert_eq!(signal, Some(libc::SIGABRT));
    assert!(said.contains("has overflowed"), "{said}");
}

#[test]
#[ignore = "dies; run by the test below"]
fn overflows_marks_that_were_away() {
    let slab = slab(Guard::Marked, 6);
    let stacks: Vec<Stack> = std::iter::from_fn(|| slab.cut()).collect();
    if stacks.iter().any(|stack| stack.guard != Guard::Marked) {
        abort_like_an_overflow(); // This kernel has no marks.
    }
    // SAFETY: nothing is on them.
    unsafe { Stack::vacate(&mut stacks.iter().collect::<Vec<_>>()) };
    assert!(stacks.iter().all(|stack| stack.bare.load(Relaxed)));
    let below = stacks[2].limit().wrapping_sub(8);
    // SAFETY: the guard is away, and the page is the slab's.
    unsafe { below.write_volatile(1) };
    stacks[2].restore_guard();
    // SAFETY: deliberately not safe; the process is to die of it.
    unsafe { below.write_volatile(1) };
}

fn abort_like_an_overflow() {
    // SAFETY: ends the process, as the test expects.
    unsafe { libc::raise(libc::SIGSEGV) };
}

#[test]
fn marks_that_were_away_end_the_process_again() {
    assert_eq!(
        dying("stack::tests::overflows_marks_that_were_away").0,
        Some(libc::SIGSEGV)
    );
}

#[test]
fn a_canary_survives_ordinary_use_and_release() {
    let slab = slab(Guard::Canary, 1);
    let mut stack = slab.cut().unwrap();
    for _ in 0..2 {
        stack.begin_use();
        // SAFETY: the lowest byte of a stack in use.
        unsafe { stack.limit().write(1) };
        stack.end_use();
        stack.release();
    }
    drop(stack);
    let mut free = Vec::new();
    slab.reclaim(&mut free);
    free[0].begin_use();
    free[0].end_use();
}

#[test]
fn protected_guards_are_counted_until_their_slab_goes() {
    // The only test here that leaves protected stacks alive; the dying one has a process of its own.
    let slab = slab(Guard::Protected, 3);
    let stacks: Vec<Stack> = std::iter::from_fn(|| slab.cut()).collect();
    assert_eq!((stacks.len(), PROTECTED.load(Relaxed)), (3, 3));
    drop(stacks);
    assert_eq!(PROTECTED.load(Relaxed), 3);
    drop(slab);
    assert_eq!(PROTECTED.load(Relaxed), 0);
}

#[test]
fn shapes_that_leave_no_room_are_refused() {
    for (stack, data) in [
        (0, 0),
        (usize::MAX, 0),
        (1 << 20, 1 << 20),
        (1 << 20, usize::MAX),
        (2 << 30, 0),
    ] {
        let error = Shape::new(stack, data).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{stack} {data}");
    }
    Shape::new(64 << 10, 4 << 10).unwrap();
}
