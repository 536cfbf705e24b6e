//! The contract that each CPU fulfils. One file a CPU, and nothing else in this crate knows registers.
//!
//! Required names:
//!
//! - `unsafe fn prepare(top: *mut u8, entry: unsafe extern "C" fn(usize) -> !) -> *mut u8`
//!   lays out a fresh stack below `top` (aligned to [`STACK_ALIGN`]) and returns the stack pointer to switch to. The
//!   first switch to it calls `entry(word)`, with the stack aligned as the C ABI asks at a call, and with unwind
//!   information by which a backtrace ends there: a backtrace must not run off the stack, and `pthread_exit`, which
//!   unwinds, must find an end.
//! - `unsafe fn switch(from: *mut *mut u8, to: *mut u8, word: usize) -> usize`
//!   saves what the C ABI has a callee preserve on the running stack, stores the stack pointer in `*from`, goes on at
//!   `to`, and returns the word given by whoever switches back. `#[inline(always)]`: a call and its return cost more
//!   than the switch. `to` is read before `*from` is written.
//! - `unsafe extern "C" fn outermost(function: *const (), a: usize, b: usize, c: usize) -> usize`
//!   calls `function(a, b, c)` by the C ABI from a frame with the same unwind information as a fresh stack's beginning.
//! - `unsafe fn stack_pointer(context: *const c_void) -> usize`
//!   is what the stack pointer was when a signal came; `context` is the `ucontext_t` that the handler was given.
//! - `unsafe fn last_fault(context: *const c_void) -> usize`
//!   is the address of the thread's latest memory fault that was made a signal, be it this one or an earlier.
//! - `fn prefetch(address: *const u8)`
//!   has the cache line there fetched, if the CPU can be told so. Any address will do.
//! - `fn thread_pointer() -> usize`
//!   is a number that no other living thread of the process has, and not 0.
//! - `const STACK_ALIGN: usize`, a power of two.
//!
//! All of it holds for one thread; whoever moves a suspended stack to another thread answers for what lies on it.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod x86_64;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) use x86_64::{
    STACK_ALIGN, last_fault, outermost, prefetch, prepare, stack_pointer, switch, thread_pointer,
};

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!(
    "verdigris switches stacks on x86-64 Linux only so far: another CPU is one more file in crates/coro/src/arch/, \
     and its contract is at the head of arch/mod.rs"
);
