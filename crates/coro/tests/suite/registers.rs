//! What the C ABI has a callee preserve comes back from a switch unharmed, whatever the other side did meanwhile.

#![expect(unsafe_code, reason = "sets registers by hand")]

use std::arch::asm;

use crate::harness::coroutine;

/// Overwrites every register that a switch might have forgotten.
#[inline(never)]
fn wreck() {
    // SAFETY: everything written is declared lost, or put back.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "mov rbx, -1",
            "mov rbp, -1",
            "mov r12, -1",
            "mov r13, -1",
            "mov r14, -1",
            "mov r15, -1",
            "pcmpeqd xmm0, xmm0",
            "pcmpeqd xmm7, xmm7",
            "pcmpeqd xmm15, xmm15",
            "pop rbp",
            "pop rbx",
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            clobber_abi("sysv64"),
        );
    }
}

#[test]
fn values_alive_across_a_switch_survive() {
    let wrecker = coroutine(|way, _| {
        loop {
            wreck();
            way.leave(0);
        }
    });
    // More integers and floats than there are registers, all alive across each switch.
    let integers: [usize; 20] = std::array::from_fn(|i| std::hint::black_box(i * 3));
    let floats: [f64; 20] = std::array::from_fn(|i| std::hint::black_box(i as f64 * 0.5));
    let mut sum = 0.0;
    for round in 0..100 {
        wrecker.enter(round);
        sum += floats.iter().sum::<f64>() + integers.iter().sum::<usize>() as f64;
    }
    assert_eq!(sum, 100.0 * (95.0 + 570.0));
}

/// A C function that switches, called by C code: its preserved registers are whole when it returns.
#[test]
fn a_function_that_switches_keeps_the_abi() {
    extern "C" fn switches(coroutine: usize) {
        // SAFETY: the address of the coroutine below, which waits for us.
        let coroutine =
            unsafe { &*std::ptr::with_exposed_provenance::<crate::harness::Coroutine>(coroutine) };
        coroutine.enter(0);
    }
    let wrecker = coroutine(|way, _| {
        loop {
            wreck();
            way.leave(0);
        }
    });
    for _ in 0..3 {
        let (rbx, rbp, r12, r13, r14, r15): (u64, u64, u64, u64, u64, u64);
        // SAFETY: an ordinary call by the C ABI, on an aligned stack; `rbx` and `rbp` are put back.
        unsafe {
            asm!(
                "push rbx",
                "push rbp",
                "mov rbx, 1",
                "mov rbp, 2",
                "mov r12, 3",
                "mov r13, 4",
                "mov r14, 5",
                "mov r15, 6",
                "call {switches}",
                "mov rax, rbx",
                "mov rcx, rbp",
                "pop rbp",
                "pop rbx",
                switches = sym switches,
                in("rdi") std::ptr::from_ref(&wrecker).expose_provenance(),
                out("r12") r12, out("r13") r13, out("r14") r14, out("r15") r15,
                lateout("rax") rbx, lateout("rcx") rbp,
                clobber_abi("sysv64"),
            );
        }
        assert_eq!([rbx, rbp, r12, r13, r14, r15], [1, 2, 3, 4, 5, 6]);
    }
}
