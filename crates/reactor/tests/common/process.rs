//! What the tests do to their own process that Rust takes our word for.

#![expect(unsafe_code, reason = "fork(2), and signals' actions")]

use std::{mem::MaybeUninit, panic, ptr};

/// Runs `body` in a forked process, and checks that it ended without a panic.
pub fn in_child(body: impl FnOnce()) {
    let body = panic::AssertUnwindSafe(body);
    // SAFETY: the child only does what needs no other thread: no lock that one of them might hold but the allocator's,
    // which the C library puts in order.
    match unsafe { libc::fork() } {
        0 => {
            let failed = panic::catch_unwind(body).is_err();
            // SAFETY: ends the process without running what the parent will run.
            unsafe { libc::_exit(failed.into()) }
        }
        child => {
            let mut status = 0;
            // SAFETY: `status` is ours to write.
            let ended = unsafe { libc::waitpid(child, &mut status, 0) };
            assert_eq!((ended, status), (child, 0));
        }
    }
}

/// Sends this process a signal.
pub fn raise(number: i32) {
    // SAFETY: it has a handler of the reactor's.
    let result = unsafe { libc::raise(number) };
    assert_eq!(result, 0);
}

/// What a signal does now: the address of a handler, or `SIG_DFL` or `SIG_IGN`.
pub fn action(number: i32) -> libc::sighandler_t {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: null changes nothing, and `action` has room for one.
    let result = unsafe { libc::sigaction(number, ptr::null(), action.as_mut_ptr()) };
    assert_eq!(result, 0);
    // SAFETY: it was written.
    unsafe { action.assume_init() }.sa_sigaction
}

/// Has a signal do nothing.
pub fn ignore(number: i32) {
    // SAFETY: ignoring a signal runs no code.
    unsafe { libc::signal(number, libc::SIG_IGN) };
}
