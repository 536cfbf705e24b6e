//! x86-64, System V ABI.
//!
//! # The stack
//!
//! Addresses grow upwards on the page; the stack grows down. A fresh stack, as [`prepare`] leaves it:
//!
//! ```text
//!   top (16-aligned) ─▶ ├────────────────────┤
//!                       │ 0                  │  padding, so that `call` finds the stack 16-aligned
//!                       │ 0                  │  a null return address, for walkers that know no CFI
//!                       │ entry              │
//!                 sp ─▶ │ trampoline         │  where the first switch jumps
//!                       └────────────────────┘
//! ```
//!
//! Running, the first time: the switch has popped `trampoline` and jumped there with the word in `rdx`; the trampoline
//! pops `entry`, moves the word to the first argument's place, and calls.
//!
//! Suspended inside [`switch`], some way down:
//!
//! ```text
//!                       │ frames of whoever  │
//!                       │ called switch      │
//!                       ├────────────────────┤
//!                       │ rbx                │  the two registers that `asm!` can't be told are lost
//!                       │ rbp                │
//!                 sp ─▶ │ resume address     │  label 2 in `switch`
//!                       └────────────────────┘
//! ```
//!
//! # Why this way
//!
//! - **Inline, all registers lost.** The compiler is told that the switch destroys every register, so it saves those
//!   that hold something alive, and only those. A function that saves all six preserved registers, ending in `ret`,
//!   costs five times as much: the processor predicts `ret` from a stack of its own, which knows the old stack, and so
//!   always guesses wrong. An indirect `jmp` is guessed from where it jumped last.
//! - **No floating-point control words.** The ABI has a callee preserve the control bits of `mxcsr` and the x87 control
//!   word. Here they stay as they are, as they do across a switch between a caller and its callee that agree on them:
//!   code that changes the rounding mode and then, before changing it back, calls into Python, which switches, takes
//!   its mode along to the other side. We know of none that does; saving them would cost more than the rest of the
//!   switch together.
//! - **Hand-written CFI in the trampoline.** A naked function has none, and then an unwinder guesses. `rip` undefined
//!   means "this is the outermost frame".
//! - **No shadow stack.** A process that runs with one (CET) can't switch stacks this way; Linux enables it only for
//!   programs marked for it, and CPython isn't.

#![expect(
    unsafe_code,
    reason = "the switch itself: registers, and writes below a raw stack pointer"
)]

use std::arch::{asm, naked_asm};
use std::ffi::c_void;

/// The System V ABI's alignment at a call.
pub(crate) const STACK_ALIGN: usize = 16;

/// Lays out a fresh stack below `top`, and returns the stack pointer to switch to.
///
/// # Safety
/// `top` is aligned to [`STACK_ALIGN`], and the 32 bytes below it are writable and used by nothing.
pub(crate) unsafe fn prepare(top: *mut u8, entry: unsafe extern "C" fn(usize) -> !) -> *mut u8 {
    let frame: [usize; 4] = [trampoline as *const () as usize, entry as usize, 0, 0];
    // SAFETY: the caller gave us the 32 bytes below `top`, aligned to 16, for this very array.
    unsafe {
        let sp = top.cast::<[usize; 4]>().sub(1);
        sp.write(frame);
        sp.cast()
    }
}

/// Saves the running computation in `*from`, goes on at `to`, and returns the word given by whoever switches back.
///
/// # Safety
/// `from` is writable. `to` came from [`prepare`] or from `*from` of an earlier switch, has not been gone to since,
/// and its stack is still mapped.
#[inline(always)]
pub(crate) unsafe fn switch(from: *mut *mut u8, to: *mut u8, word: usize) -> usize {
    let received;
    // SAFETY: label 2 is reached only by a switch back, which restores `rsp` to what it was after the push of the
    // resume address and pops it; then `rbp` and `rbx` get back their own values. Every other register is declared
    // lost. `asm!` without `nostack` leaves the red zone alone, so the pushes hit no local.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "lea rax, [rip + 2f]",
            "push rax",
            "mov [rdi], rsp",
            "mov rsp, rsi",
            "pop rax",
            "jmp rax",
            "2:",
            "pop rbp",
            "pop rbx",
            inout("rdi") from => _,
            inout("rsi") to => _,
            inout("rdx") word => received,
            lateout("r12") _,
            lateout("r13") _,
            lateout("r14") _,
            lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
    received
}

/// Has a cache line fetched.
#[inline(always)]
pub(crate) fn prefetch(address: *const u8) {
    // SAFETY: a hint, which faults at no address and changes nothing that a program can see.
    unsafe {
        asm!("prefetcht0 [{}]", in(reg) address, options(nostack, preserves_flags, readonly))
    };
}

/// The address of the thread's control block, whose first word it is by the ABI of thread-local storage.
#[inline(always)]
pub(crate) fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: one load of a word that every thread has, and that nobody changes.
    unsafe {
        asm!("mov {}, fs:[0]", out(reg) pointer, options(pure, readonly, nostack, preserves_flags))
    };
    pointer
}

/// Calls `function(a, b, c)`; to an unwinder, this is where the stack begins.
///
/// # Safety
/// `function` is a C function of at most three integer or pointer arguments, and these fit it.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn outermost(
    function: *const (),
    a: usize,
    b: usize,
    c: usize,
) -> usize {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "push rbp",
        "mov rbp, rsp",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "call rax",
        "pop rbp",
        "ret",
        ".cfi_endproc",
    )
}

/// What the stack pointer was when a signal came.
///
/// # Safety
/// `context` is what the kernel gave a running signal handler as its third argument.
pub(crate) unsafe fn stack_pointer(context: *const c_void) -> usize {
    // SAFETY: the caller's promise is the very one asked for.
    unsafe { register(context, libc::REG_RSP) }
}

/// The address of the thread's latest fault that was made a signal; zero if it had none.
///
/// # Safety
/// As for [`stack_pointer`].
pub(crate) unsafe fn last_fault(context: *const c_void) -> usize {
    // SAFETY: as above.
    unsafe { register(context, libc::REG_CR2) }
}

/// # Safety
/// As for [`stack_pointer`]; `number` is one of libc's for this CPU.
unsafe fn register(context: *const c_void, number: libc::c_int) -> usize {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: by contract a whole ucontext_t.
    let registers = unsafe { &(*context).uc_mcontext.gregs };
    registers[number as usize] as usize
}

/// Where a fresh stack begins. Not a function to call: it finds its argument in `rdx` and its target on the stack.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "pop rax",
        "mov rdi, rdx",
        "xor ebp, ebp",
        "call rax",
        "ud2",
        ".cfi_endproc",
    )
}
