//! Panics and backtraces on a foreign stack: both stay on it.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

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
