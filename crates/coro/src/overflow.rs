//! Tells a stack overflow from every other memory fault, in the handler of SIGSEGV.
//!
//! A fault is an overflow if it hit the guard of one of our stacks and came from code on that very stack. Both are
//! needed: a stray pointer may point into a guard, and is a bug of another kind. So there is a list of the slabs of
//! the process, which a handler can read at any moment: it has no lock, entries never go away (one that is out of use
//! waits for the next slab), and the entry of the stack that faults does not change, since the stack is in use.
//!
//! A fault comes to a handler in one of three ways:
//!
//! - The handler is called for the fault itself, with the address.
//! - The kernel wants to call another handler, one that doesn't ask for the alternate stack, and has no room for it on
//!   the running stack. Then it sends SIGSEGV without an address; what tells is the stack pointer.
//! - Another handler was called first and passed the signal on with `raise(3)`, as CPython's `faulthandler` does: again
//!   without an address. But the kernel tells with each signal where the thread has faulted last.

#![expect(
    unsafe_code,
    reason = "reads what the kernel gives a signal handler, and a list without a lock"
)]

use std::ffi::c_void;
use std::ops::Range;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::arch;
use crate::stack::GUARD;

/// A stack that has run off its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow {
    /// Where the stack's data room begins ([`Stack::data`](crate::Stack::data)): by this its user knows it.
    pub data: *mut u8,
    /// [`Config::stack_size`](crate::Config) of its pool, in whole pages.
    pub stack_size: usize,
}

impl Overflow {
    /// The overflow that a SIGSEGV tells of; none if it tells of something else. Async-signal-safe.
    ///
    /// # Safety
    /// `info` and `context` are what the kernel called the handler with, which is still running.
    #[must_use]
    pub unsafe fn of_signal(
        info: *const libc::siginfo_t,
        context: *const c_void,
    ) -> Option<Overflow> {
        // SAFETY: the caller's promise.
        let (code, sp) = unsafe { ((*info).si_code, arch::stack_pointer(context)) };
        match code {
            SI_KERNEL => find(sp)?.near_end(),
            ..=0 => {
                // SAFETY: the caller's promise.
                let address = unsafe { arch::last_fault(context) };
                find(address)?.in_guard()
            }
            _ => {
                // SAFETY: the kernel sets the address for the codes of a fault.
                let address = unsafe { (*info).si_addr() } as usize;
                find(address).filter(|place| place.runs(sp))?.in_guard()
            }
        }
    }
}

/// A place in a slot of a slab.
struct Place {
    slot: usize,
    offset: usize,
    shape: KnownShape,
}

#[derive(Clone, Copy)]
struct KnownShape {
    slot: usize,
    top: usize,
    stack_size: usize,
}

impl Place {
    fn in_guard(&self) -> Option<Overflow> {
        (self.offset < GUARD).then(|| self.overflow())
    }

    /// Whether there is too little room left for a signal.
    fn near_end(&self) -> Option<Overflow> {
        (self.offset < GUARD + SIGNAL_FRAME).then(|| self.overflow())
    }

    /// Whether `sp` is where code may have it that touches the guard of this slot: in the guard, just above it, or below
    /// it but above the next stack.
    fn runs(&self, sp: usize) -> bool {
        let data = self.shape.slot - self.shape.top;
        (self.slot - data..self.slot + GUARD + PAGE).contains(&sp)
    }

    fn overflow(&self) -> Overflow {
        Overflow {
            data: (self.slot + self.shape.top) as *mut u8,
            stack_size: self.shape.stack_size,
        }
    }
}

fn find(address: usize) -> Option<Place> {
    let mut next = SLABS.load(Ordering::Acquire).cast_const();
    // SAFETY: an entry, once in the list, is never freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        let base = entry.base.load(Ordering::Acquire);
        let offset = address.wrapping_sub(base);
        if base > CLAIMED && offset < entry.size.load(Ordering::Relaxed) {
            let shape = KnownShape {
                slot: entry.slot.load(Ordering::Relaxed),
                top: entry.top.load(Ordering::Relaxed),
                stack_size: entry.stack_size.load(Ordering::Relaxed),
            };
            return Some(Place {
                slot: address - offset % shape.slot,
                offset: offset % shape.slot,
                shape,
            });
        }
        next = entry.next;
    }
    None
}

/// An entry of the list of slabs.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Zero when the entry is out of use, [`CLAIMED`] while it is being filled in.
    base: AtomicUsize,
    size: AtomicUsize,
    slot: AtomicUsize,
    top: AtomicUsize,
    stack_size: AtomicUsize,
    next: *const Entry,
}

// SAFETY: `next` is set before the entry is in the list and never again, and points to what is never freed.
unsafe impl Sync for Entry {}

impl Entry {
    /// Makes a slab known: its addresses, and of each slot the size, the offset of the top, and its stack's size.
    pub(crate) fn add(slab: Range<usize>, [slot, top, stack_size]: [usize; 3]) -> &'static Entry {
        let entry = Entry::unused().unwrap_or_else(Entry::append);
        entry.size.store(slab.len(), Ordering::Relaxed);
        entry.slot.store(slot, Ordering::Relaxed);
        entry.top.store(top, Ordering::Relaxed);
        entry.stack_size.store(stack_size, Ordering::Relaxed);
        entry.base.store(slab.start, Ordering::Release);
        entry
    }

    /// To be called before the slab is unmapped.
    pub(crate) fn forget(&self) {
        self.base.store(0, Ordering::Release);
    }

    /// Claims an entry that is out of use.
    fn unused() -> Option<&'static Entry> {
        let mut next = SLABS.load(Ordering::Acquire).cast_const();
        // SAFETY: as in `find`.
        while let Some(entry) = unsafe { next.as_ref() } {
            let claimed =
                entry
                    .base
                    .compare_exchange(0, CLAIMED, Ordering::Acquire, Ordering::Relaxed);
            if claimed.is_ok() {
                return Some(entry);
            }
            next = entry.next;
        }
        None
    }

    /// Puts a new entry, already claimed, at the head of the list.
    fn append() -> &'static Entry {
        let entry = Box::leak(Box::new(Entry {
            base: AtomicUsize::new(CLAIMED),
            size: AtomicUsize::new(0),
            slot: AtomicUsize::new(1),
            top: AtomicUsize::new(0),
            stack_size: AtomicUsize::new(0),
            next: null_mut(),
        }));
        let mut head = SLABS.load(Ordering::Acquire);
        loop {
            entry.next = head;
            let pointer: *mut Entry = &raw mut *entry;
            match SLABS.compare_exchange(head, pointer, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return entry,
                Err(newer) => head = newer,
            }
        }
    }
}

static SLABS: AtomicPtr<Entry> = AtomicPtr::new(null_mut());

const CLAIMED: usize = 1;

/// The kernel's own code for what has no other; from `<asm-generic/siginfo.h>`. Signals that were sent have codes up to
/// zero, faults at an address others.
const SI_KERNEL: i32 = 0x80;

/// How far above the guard a stack pointer may be whose next access hits it: a function's frame and what a call pushes.
const PAGE: usize = 4096;

/// At least what the kernel pushes for a signal: all registers, which with AMX is some 11 KiB.
const SIGNAL_FRAME: usize = 16 * 1024;
