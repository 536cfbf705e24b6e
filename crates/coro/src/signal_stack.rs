//! A stack for signal handlers, one a thread: where a stack has overflowed there is no room left to say so.

#![expect(
    unsafe_code,
    reason = "sigaltstack(2), and the memory that it is given"
)]

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::ptr::{self, null_mut};

/// Sees to it that the running thread has an alternate stack for signals. One that it has already, whoever gave it, is
/// left alone; ours goes when the thread ends.
///
/// # Errors
/// `mmap`'s, out of memory.
pub fn ensure_signal_stack() -> io::Result<()> {
    if current().ss_flags & libc::SS_DISABLE == 0 {
        return Ok(());
    }
    let stack = SignalStack::map()?;
    set(&stack.0);
    OURS.with(|ours| ours.set(Some(stack)));
    Ok(())
}

thread_local! {
    static OURS: std::cell::Cell<Option<SignalStack>> = const { std::cell::Cell::new(None) };
}

struct SignalStack(libc::stack_t);

impl SignalStack {
    fn map() -> io::Result<SignalStack> {
        // SAFETY: a new mapping where the kernel likes replaces nothing.
        let base = unsafe {
            libc::mmap(
                null_mut(),
                GUARD + SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the first pages of what was mapped just now. If it fails there is no guard, and all else is as well.
        unsafe { libc::mprotect(base, GUARD, libc::PROT_NONE) };
        Ok(SignalStack(libc::stack_t {
            ss_sp: base.wrapping_byte_add(GUARD),
            ss_flags: 0,
            ss_size: SIZE,
        }))
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        if current().ss_sp == self.0.ss_sp {
            set(&libc::stack_t {
                ss_flags: libc::SS_DISABLE,
                ..self.0
            });
        }
        let base: *mut c_void = self.0.ss_sp.wrapping_byte_sub(GUARD);
        // SAFETY: the mapping is our own, and the thread that ends no longer uses it for signals; no handler is running
        // on it, since this is not called by one.
        unsafe { libc::munmap(base, GUARD + SIZE) };
    }
}

fn current() -> libc::stack_t {
    let mut stack = MaybeUninit::uninit();
    // SAFETY: with no new stack it only writes what is set now, and there is room.
    unsafe { libc::sigaltstack(ptr::null(), stack.as_mut_ptr()) };
    // SAFETY: the call cannot fail with these arguments, so it was written.
    unsafe { stack.assume_init() }
}

fn set(stack: &libc::stack_t) {
    // SAFETY: the stack is ours, mapped until it is replaced or disabled. It fails only from a handler that runs on the
    // alternate stack, and this is called by none.
    unsafe { libc::sigaltstack(stack, null_mut()) };
}

/// For the kernel's record of the registers (11 KiB with AMX), and for handlers that walk stacks and write what they
/// find, one inside another. Only what is touched costs memory.
const SIZE: usize = 64 * 1024;

const GUARD: usize = 4096;
