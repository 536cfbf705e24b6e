//! A suspended computation. The only caller of [`arch`](crate::arch).
//!
//! A context is one word, the stack pointer; everything else that belongs to the computation lies on its stack.
//! There is no "running" mark and no check: whoever switches keeps count of what runs, once, at a level where it is
//! needed anyway.

#![expect(unsafe_code, reason = "calls the switch, which no type can make safe")]

use std::ptr::null_mut;

use crate::arch;
use crate::stack::Stack;

/// A computation that is not running now; or, while it runs, the place where the next switch away will save it.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Context {
    sp: *mut u8,
}

impl Context {
    /// A context that holds no computation: a place to save one in. Switching *to* it is undefined behaviour.
    #[must_use]
    pub const fn empty() -> Context {
        Context { sp: null_mut() }
    }

    /// Has the processor fetch what a suspended computation touches first when it goes on: the `lines` cache lines of
    /// its stack that were used last. It may be switched to, and its stack be gone, before that is done.
    #[inline]
    pub fn prefetch(&self, lines: usize) {
        for line in 0..lines {
            arch::prefetch(self.sp.wrapping_add(64 * line));
        }
    }

    /// A computation that will call `entry(word)` on `stack` at the first switch to it.
    ///
    /// `entry` ends by switching away for good; a panic must not leave it (it would abort the process).
    ///
    /// # Safety
    /// Nothing runs, is suspended, or has been prepared on `stack`, and it outlives the computation: until the last
    /// switch away from it, and neither given back nor dropped by code that runs on it.
    #[must_use]
    pub unsafe fn new(stack: &Stack, entry: unsafe extern "C" fn(usize) -> !) -> Context {
        // SAFETY: `top` is aligned to `arch::STACK_ALIGN` by construction (stack.rs), at least a page above the
        // guard, and the caller says that nothing lives below it.
        let sp = unsafe { arch::prepare(stack.top(), entry) };
        Context { sp }
    }

    /// How many bytes of `stack` this computation, which is suspended on it, takes up.
    #[must_use]
    pub fn depth(&self, stack: &Stack) -> usize {
        stack.top().addr() - self.sp.addr()
    }

    /// Saves the running computation in `from`, resumes `to`, and returns the word given by whoever switches back.
    ///
    /// `from` and `to` may be the same place only if it is not being gone to, that is never usefully. `to` keeps its
    /// old value, which is stale from then on.
    ///
    /// # Safety
    /// `from` is writable until this computation is resumed. `to` holds a computation suspended (or prepared) on this
    /// thread and not resumed since, whose stack still exists. Nothing borrowed by the caller is touched by others
    /// while it is away: to the compiler this is a call that may run anything.
    #[inline(always)]
    pub unsafe fn switch(from: *mut Context, to: *const Context, word: usize) -> usize {
        // SAFETY: `Context` is transparent over its stack pointer; the rest is what the caller promised.
        unsafe { arch::switch(from.cast(), (*to).sp, word) }
    }
}

/// Has the processor fetch an object that will be needed soon.
#[inline]
pub fn prefetch<T>(object: *const T) {
    for offset in (0..size_of::<T>()).step_by(64) {
        arch::prefetch(object.cast::<u8>().wrapping_add(offset));
    }
}

/// A number that no other living thread has, and that is not 0.
///
/// To read a `thread_local!` of a shared object is a call of the dynamic linker, as much as all of a small method.
#[inline(always)]
pub fn thread_pointer() -> usize {
    arch::thread_pointer()
}

/// Calls `function(a, b, c)` so that nothing unwinds further than to here, and returns what it returns.
///
/// Rust may only be unwound by its own panics. But a C++ exception that nobody catches, and `pthread_exit`, which
/// CPython up to 3.13 calls in a thread that wants to go on while the interpreter is ending, unwind whatever lies on
/// the stack; at a frame of Rust the process then aborts. Called this way, C code sees no Rust below itself: the
/// exception ends the process with C++'s own words, and the thread just ends, without the destructors of what lies
/// below. The price is that a debugger's backtrace ends here too.
///
/// # Safety
/// `function` is a C function of at most three integer or pointer arguments, which fit it, and that the caller may
/// call. If the thread ends in it, what lies below is never dropped.
#[inline]
pub unsafe fn call_as_outermost(function: *const (), [a, b, c]: [usize; 3]) -> usize {
    // SAFETY: the caller's promise is the very one asked for.
    unsafe { arch::outermost(function, a, b, c) }
}
