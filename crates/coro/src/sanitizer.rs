//! Tells Valgrind about stacks; empty, and no code at all, unless built with `--cfg coro_valgrind`.
//!
//! Valgrind notices a switch by the size of the jump of the stack pointer, unless it knows the stacks: then it goes by
//! them. It is also told which stacks lie unused in a pool, so that a read or write there is reported as what it is, a
//! use after free. `.ci/memcheck` builds with it and shows that it works by a planted bug.
//!
//! A request to Valgrind is five instructions that do nothing on a real processor. AddressSanitizer's counterpart
//! needs an unstable compiler and is not here.

pub(crate) use tool::{Registration, in_use, unused};

#[cfg(not(coro_valgrind))]
mod tool {
    use std::ops::Range;

    /// That a stack is known to the tool; forgotten on drop.
    #[derive(Debug)]
    pub(crate) struct Registration;

    impl Registration {
        #[inline(always)]
        pub(crate) fn new(_stack: Range<usize>) -> Registration {
            Registration
        }
    }

    /// From now on nothing may touch `memory`.
    #[inline(always)]
    pub(crate) fn unused(_memory: Range<usize>) {}

    /// From now on `memory` may be used, and holds nothing yet.
    #[inline(always)]
    pub(crate) fn in_use(_memory: Range<usize>) {}
}

#[cfg(coro_valgrind)]
mod tool {
    #![expect(unsafe_code, reason = "requests to Valgrind are inline assembly")]

    use std::arch::asm;
    use std::ops::Range;

    /// That a stack is known to the tool; forgotten on drop.
    #[derive(Debug)]
    pub(crate) struct Registration(usize);

    impl Registration {
        pub(crate) fn new(stack: Range<usize>) -> Registration {
            Registration(request(STACK_REGISTER, stack.start, stack.end - 1))
        }
    }

    impl Drop for Registration {
        fn drop(&mut self) {
            request(STACK_DEREGISTER, self.0, 0);
        }
    }

    /// From now on nothing may touch `memory`.
    pub(crate) fn unused(memory: Range<usize>) {
        request(MAKE_MEM_NOACCESS, memory.start, memory.len());
    }

    /// From now on `memory` may be used, and holds nothing yet.
    pub(crate) fn in_use(memory: Range<usize>) {
        request(MAKE_MEM_UNDEFINED, memory.start, memory.len());
    }

    /// Asks Valgrind; 0 when not running under it.
    fn request(code: usize, first: usize, second: usize) -> usize {
        let arguments = [code, first, second, 0, 0, 0];
        let answer;
        // SAFETY: the four rotations add up to 128 bits and the exchange is of a register with itself: without
        // Valgrind nothing changes. With it, `arguments` is read and `rdx` is set, as declared.
        unsafe {
            asm!(
                "rol rdi, 3",
                "rol rdi, 13",
                "rol rdi, 61",
                "rol rdi, 51",
                "xchg rbx, rbx",
                in("rax") arguments.as_ptr(),
                inout("rdx") 0usize => answer,
                options(nostack),
            );
        }
        answer
    }

    // From Valgrind's valgrind.h and memcheck.h.
    const STACK_REGISTER: usize = 0x1501;
    const STACK_DEREGISTER: usize = 0x1502;
    const MEMCHECK: usize = (b'M' as usize) << 24 | (b'C' as usize) << 16;
    const MAKE_MEM_NOACCESS: usize = MEMCHECK;
    const MAKE_MEM_UNDEFINED: usize = MEMCHECK + 1;
}
