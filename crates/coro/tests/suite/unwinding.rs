//! Panics and backtraces on a foreign stack: both stay on it.

#![expect(unsafe_code, reason = "calls C functions")]

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use coro::call_as_outermost;

use crate::harness::coroutine;

#[test]
fn a_panic_unwinds_to_its_catch() {
    struct Unwound<'a>(&'a mut usize);
    impl Drop for Unwound<'_> {
        fn drop(&mut self) {
            *self.0 += 1;
        }
    }
    let coroutine = coroutine(|way, _| {
        let mut unwound = 0;
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _unwound = Unwound(&mut unwound);
            way.leave(1);
            std::panic::resume_unwind(Box::new("out"));
        }));
        assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "out");
        unwound
    });
    assert_eq!(coroutine.enter(0), 1);
    assert_eq!(
        coroutine.enter(0),
        1,
        "the local was dropped by the unwinding"
    );
}

#[test]
fn a_backtrace_ends_at_the_stacks_beginning() {
    let text = Rc::new(RefCell::new(String::new()));
    let inside = Rc::clone(&text);
    let coroutine = coroutine(move |_, _| {
        *inside.borrow_mut() = Backtrace::force_capture().to_string();
        0
    });
    coroutine.enter(0);
    let text = text.take();
    let outermost = text
        .lines()
        .rfind(|line| !line.trim_start().starts_with("at "))
        .unwrap();
    assert!(outermost.contains("trampoline"), "{text}");
}

#[test]
fn a_call_as_outermost_passes_three_arguments_and_the_result() {
    extern "C" fn join(a: usize, b: usize, c: usize) -> usize {
        a * 100 + b * 10 + c
    }
    // SAFETY: a C function of three integers.
    let result = unsafe { call_as_outermost(join as *const (), [1, 2, 3]) };
    assert_eq!(result, 123);
}

#[test]
fn a_thread_that_exits_in_a_computation_just_ends() {
    extern "C" fn thread(_: *mut std::ffi::c_void) -> *mut std::ffi::c_void {
        coroutine(|_, _| {
            // SAFETY: a C function of one pointer, which may be null; nothing below needs to be dropped.
            unsafe { call_as_outermost(libc::pthread_exit as *const (), [0; 3]) }
        })
        .enter(0);
        unreachable!("the thread has ended");
    }
    // SAFETY: plain use of pthreads; the attributes may be null.
    let ended = unsafe {
        let mut id = std::mem::zeroed();
        let made =
            libc::pthread_create(&raw mut id, std::ptr::null(), thread, std::ptr::null_mut());
        assert_eq!(made, 0);
        libc::pthread_join(id, std::ptr::null_mut())
    };
    assert_eq!(ended, 0);
}
