//! Stacks: slots of large mappings, a guard below each, and room for a second stack that grows the other way.
//!
//! ```text
//!   high ┌──────────────────────────┐
//!        │ data room          ↑     │  grows up from the top: for the caller's own bump allocator
//!   top ─├─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ┤  in mid-page: both stacks begin in one and the same page
//!        │ C stack            ↓     │
//!        │                          │
//! limit ─├──────────────────────────┤
//!        │ guard                    │  touching it ends the process, before memory is corrupted
//!    low └──────────────────────────┘  the next slot's data room lies below
//! ```
//!
//! # Why this way
//!
//! - **One mapping for many stacks.** Linux allows a process 65 530 mappings; a mapping a stack would end there.
//! - **The top lies in mid-page**, [`DATA_IN_TOP_PAGE`] below the page's end. CPython keeps its frames in a stack of its
//!   own, which grows up. With both beginnings in one page, a suspended computation of ordinary depth holds a single
//!   page of memory. Most of that page is below the top, since C frames are the larger part. And because the data room
//!   doesn't begin at a page's start, an `munmap` of it fails, whoever attempts it.
//! - **No huge pages.** One would turn a 4 KiB stack into 2 MiB.
//! - **A slot is an odd number of pages**, so the hot pages of neighbouring stacks differ in the low bits of their page
//!   numbers. With a power of two they would all compete for the same few places of the TLB.
//!
//! # Guards
//!
//! `MADV_GUARD_INSTALL` (Linux 6.13) marks pages in the page table and leaves the mapping whole. Where the kernel lacks
//! it, `mprotect` does the same but splits the mapping in two, so only the first [`PROTECTED_MAX`] stacks get that. The
//! rest have a canary: a page of a known pattern, looked at when the stack is given back. A canary reports corruption
//! after the fact, and does so by aborting.

#![expect(unsafe_code, reason = "maps memory and hands out pointers into it")]

use std::ffi::c_int;
use std::io;
use std::ops::Range;
use std::process::abort;
use std::ptr::{self, null_mut};
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::arch::STACK_ALIGN;
use crate::overflow::Entry;
use crate::sanitizer::{self, Registration};

/// A stack: one slot, owned. Dropping it returns its memory to the system and its slot to the pool it came from.
///
/// May be dropped on any thread, and after its pool is gone.
#[derive(Debug)]
pub struct Stack {
    slab: Arc<Slab>,
    top: *mut u8,
    slot: u32,
    guard: Guard,
    /// Whether the guard is away: `vacate`.
    bare: AtomicBool,
    /// Whether the memory has been returned to the system since it was last in use.
    released: bool,
    _registration: Registration,
}

// SAFETY: a stack is memory; nothing in it is bound to a thread as long as nothing is suspended on it, and whoever
// suspends something there answers for that (`Context::new`).
unsafe impl Send for Stack {}
// SAFETY: a shared stack only tells its addresses.
unsafe impl Sync for Stack {}

impl Stack {
    /// The point from which the C stack grows down and the data room extends up. Aligned to 16, not to a page.
    #[must_use]
    pub fn top(&self) -> *mut u8 {
        self.top
    }

    /// The data room: where it begins (that is [`top`](Stack::top)) and how many bytes it has. Holds anything at first.
    #[must_use]
    pub fn data(&self) -> (*mut u8, usize) {
        (self.top, self.slab.shape.slot - self.slab.shape.top)
    }

    /// The lowest address that the C stack may use.
    #[must_use]
    pub fn limit(&self) -> *mut u8 {
        self.top.wrapping_sub(self.usable())
    }

    /// How many bytes the C stack has.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.slab.shape.top - GUARD
    }

    /// The addresses of the guard below the stack.
    #[must_use]
    pub fn guard(&self) -> Range<usize> {
        let limit = self.limit() as usize;
        limit - GUARD..limit
    }

    pub(crate) fn shape(&self) -> Shape {
        self.slab.shape
    }

    /// To be called when a pool hands the stack out.
    pub(crate) fn begin_use(&mut self) {
        self.released = false;
        sanitizer::in_use(self.memory());
    }

    /// To be called when the stack comes back. Aborts if it has overflowed its canary.
    pub(crate) fn end_use(&mut self) {
        if self.guard == Guard::Canary && !self.canary_is_whole() {
            eprintln!(
                "fatal: a stack of {} bytes has overflowed and memory below it is corrupt; ask for larger stacks",
                self.usable()
            );
            abort();
        }
        self.restore_guard();
        sanitizer::unused(self.memory());
    }

    /// Returns the memory to the system; the next use finds zeros. About a microsecond.
    pub(crate) fn release(&mut self) {
        Stack::release_all(slice::from_mut(self));
    }

    /// Returns the memory of unused stacks to the system; neighbours that follow one another go together.
    pub(crate) fn release_all(stacks: &mut [Stack]) {
        let mut unused: Vec<&Stack> = stacks.iter().filter(|stack| !stack.released).collect();
        unused.sort_unstable_by_key(|stack| stack.top);
        for run in unused.chunk_by(|stack, next| stack.is_followed_by(next)) {
            let memory = run[0].memory().start..run[run.len() - 1].memory().end;
            // SAFETY: nothing lives there: a pool holds these stacks, or one is being dropped, and `Context::new` has
            // the caller keep a stack for as long as it is in use. What lies in between are guards, which hold nothing
            // and stay.
            unsafe { discard(&memory) };
        }
        stacks.iter_mut().for_each(|stack| stack.released = true);
    }

    /// Returns the memory of stacks to the system, whatever they hold; they read as zeros then. Of long runs of neighbours
    /// also the page tables, where the kernel does that (Linux 6.14, for ranges without marks).
    ///
    /// # Safety
    /// Nobody needs what is there, or reads or writes it, until it is put back after `restore_guard`.
    pub(crate) unsafe fn vacate(stacks: &mut [&Stack]) {
        stacks.sort_unstable_by_key(|stack| stack.top);
        for run in stacks.chunk_by(|stack, next| stack.is_followed_by(next)) {
            let (first, last) = (run[0], run[run.len() - 1]);
            let memory = if run.len() >= LONG_RUN && run.iter().all(|stack| stack.remove_guard()) {
                first.guard().start..last.memory().end
            } else {
                first.memory().start..last.memory().end
            };
            // SAFETY: the caller gives up what is there; guards hold nothing.
            unsafe { discard(&memory) };
        }
    }

    /// Takes the guard away, if it consists of marks and nothing stands in the way.
    fn remove_guard(&self) -> bool {
        let removed = self.guard == Guard::Marked && advise(&self.guard(), MADV_GUARD_REMOVE);
        self.bare.store(removed, Relaxed);
        removed
    }

    /// Puts the guard back where `vacate` has taken it away. Aborts when the system cannot.
    pub fn restore_guard(&self) {
        if !self.bare.load(Relaxed) {
            return;
        }
        self.bare.store(false, Relaxed);
        let guard = self.guard();
        if !advise(&guard, MADV_GUARD_INSTALL) && !protect(&guard) {
            eprintln!("fatal: no memory for the guard of a stack");
            abort();
        }
    }

    /// Whether `next` is the stack above this one, with nothing in between that must not be discarded with both.
    fn is_followed_by(&self, next: &Stack) -> bool {
        Arc::ptr_eq(&self.slab, &next.slab)
            && self.slot + 1 == next.slot
            && next.guard != Guard::Canary
    }

    /// The slab that it lies in, as a name for it.
    pub(crate) fn slab(&self) -> *const Slab {
        Arc::as_ptr(&self.slab)
    }

    /// Everything above the guard.
    fn memory(&self) -> Range<usize> {
        let (data, room) = self.data();
        self.limit() as usize..data as usize + room
    }

    fn canary(&self) -> *mut [usize; CANARY_WORDS] {
        self.limit()
            .wrapping_sub(size_of::<[usize; CANARY_WORDS]>())
            .cast()
    }

    fn canary_is_whole(&self) -> bool {
        // SAFETY: the canary lies in the slot's guard, mapped and, for this kind of guard, readable; nothing that
        // is alive writes to it.
        let found = unsafe { &*self.canary() };
        *found == WHOLE_CANARY
    }
}

/// # Safety
/// Nobody needs what is in `memory`, whose pages belong to stacks.
unsafe fn discard(memory: &Range<usize>) {
    let start = ptr::with_exposed_provenance_mut(memory.start);
    // SAFETY: by contract. Should it fail, as it does for memory that is locked, the pages just stay as they are.
    unsafe { libc::madvise(start, memory.len(), libc::MADV_DONTNEED) };
}

/// Puts marks on the pages of a guard, or takes them away; false: the system refuses.
fn advise(guard: &Range<usize>, advice: c_int) -> bool {
    let start = ptr::with_exposed_provenance_mut(guard.start);
    // SAFETY: the pages of a guard belong to a slot of ours, and hold nothing.
    unsafe { libc::madvise(start, guard.len(), advice) == 0 }
}

/// Makes the pages of a guard inaccessible; false if the process has too many mappings.
fn protect(guard: &Range<usize>) -> bool {
    let start = ptr::with_exposed_provenance_mut(guard.start);
    // SAFETY: as above.
    unsafe { libc::mprotect(start, guard.len(), libc::PROT_NONE) == 0 }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if !self.released {
            self.end_use();
            self.release();
        }
        self.slab.slots().returned.push((self.slot, self.guard));
    }
}

/// How stacks are cut out of a mapping. Sizes and offsets in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// What was asked for, in whole pages.
    size: usize,
    /// From one slot to the next.
    slot: usize,
    /// From a slot's beginning to its stack's top.
    top: usize,
    /// The best guard to try.
    guard: Guard,
}

impl Shape {
    /// The shape for stacks of `stack_size` bytes in all, of which at least `data_size` are data room.
    pub(crate) fn new(stack_size: usize, data_size: usize) -> io::Result<Shape> {
        let page = page_size();
        let whole = |bytes: usize| bytes.checked_next_multiple_of(page);
        let sizes = whole(stack_size)
            .zip(whole(data_size))
            .filter(|(stack, _)| *stack <= STACK_MAX);
        let shape = sizes.and_then(|(stack, data)| {
            let top = stack.checked_sub(data)?.checked_sub(DATA_IN_TOP_PAGE)?;
            let slot = ((stack / page) | 1) * page;
            (top >= GUARD + C_STACK_MIN).then_some(Shape {
                size: stack,
                slot,
                top,
                guard: Guard::Marked,
            })
        });
        shape.ok_or_else(|| {
            let least = GUARD + C_STACK_MIN + page;
            let message = format!(
                "a stack of {stack_size} bytes with {data_size} bytes of data room can't be made: \
                 it takes at least {least} bytes besides the data room, and at most {STACK_MAX} in all"
            );
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })
    }
}

/// A mapping that holds many stacks. Unmapped when the last of its stacks and its pool are gone.
#[derive(Debug)]
pub(crate) struct Slab {
    base: *mut u8,
    count: u32,
    shape: Shape,
    slots: Mutex<Slots>,
    /// How a signal handler finds it.
    entry: &'static Entry,
}

// SAFETY: the pointer is the slab's own mapping, and is only used to compute addresses; the rest is behind a lock.
unsafe impl Send for Slab {}
// SAFETY: as above.
unsafe impl Sync for Slab {}

#[derive(Debug, Default)]
struct Slots {
    /// How many slots have ever been cut: the next fresh one.
    cut: u32,
    /// Slots of dropped stacks, with the guards that they keep.
    returned: Vec<(u32, Guard)>,
}

impl Slab {
    /// Maps room for `count` stacks, if there is room for some more besides: see [`RESERVE`].
    ///
    /// # Errors
    /// `mmap`'s: out of address space, or of memory where the system commits all that is mapped.
    pub(crate) fn map(shape: Shape, count: u32) -> io::Result<Arc<Slab>> {
        let size = shape
            .slot
            .checked_mul(count as usize)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let with_reserve = size.saturating_add(RESERVE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a new mapping where the kernel likes replaces nothing.
        let base = unsafe {
            libc::mmap(
                null_mut(),
                with_reserve,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the mapping was made just now, and nobody knows it. A kernel without huge pages refuses the advice, and
        // that is as well.
        unsafe {
            libc::munmap(base.byte_add(size), RESERVE);
            libc::madvise(base, size, libc::MADV_NOHUGEPAGE);
        }
        Ok(Arc::new(Slab {
            base: base.cast(),
            count,
            shape,
            slots: Mutex::default(),
            entry: Entry::add(
                base as usize..base as usize + size,
                [shape.slot, shape.top, shape.size],
            ),
        }))
    }

    /// A stack that was never used, with its guard; none when the slab has no more.
    pub(crate) fn cut(self: &Arc<Slab>) -> Option<Stack> {
        let mut slots = self.slots();
        if slots.cut == self.count {
            return None;
        }
        let slot = slots.cut;
        slots.cut += 1;
        drop(slots);
        let guard = self.install_guard(slot);
        let stack = self.stack(slot, guard);
        if guard == Guard::Canary {
            // SAFETY: the canary lies in the slot's guard, mapped, writable and used by nothing else.
            unsafe {
                stack
                    .canary()
                    .copy_from_nonoverlapping(&raw const WHOLE_CANARY, 1)
            };
        }
        Some(stack)
    }

    /// How many stacks it holds.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Moves the slots of dropped stacks to `free`, as stacks again.
    pub(crate) fn reclaim(self: &Arc<Slab>, free: &mut Vec<Stack>) {
        let returned = std::mem::take(&mut self.slots().returned);
        free.extend(
            returned
                .into_iter()
                .map(|(slot, guard)| self.stack(slot, guard)),
        );
    }

    fn stack(self: &Arc<Slab>, slot: u32, guard: Guard) -> Stack {
        let base = self.slot(slot);
        let top = base.wrapping_add(self.shape.top);
        debug_assert_eq!(top as usize % STACK_ALIGN, 0);
        let registration = Registration::new(base as usize + GUARD..top as usize);
        let stack = Stack {
            slab: Arc::clone(self),
            top,
            slot,
            guard,
            bare: AtomicBool::new(false),
            released: true,
            _registration: registration,
        };
        sanitizer::unused(stack.memory());
        stack
    }

    fn install_guard(&self, slot: u32) -> Guard {
        let base = self.slot(slot).expose_provenance();
        let guard = base..base + GUARD;
        if self.shape.guard == Guard::Marked && !UNMARKABLE.load(Relaxed) {
            if advise(&guard, MADV_GUARD_INSTALL) {
                return Guard::Marked;
            }
            UNMARKABLE.store(true, Relaxed);
        }
        if self.shape.guard != Guard::Canary {
            if PROTECTED.fetch_add(1, Relaxed) < PROTECTED_MAX && protect(&guard) {
                return Guard::Protected;
            }
            PROTECTED.fetch_sub(1, Relaxed);
        }
        Guard::Canary
    }

    fn slot(&self, slot: u32) -> *mut u8 {
        self.base.wrapping_add(self.shape.slot * slot as usize)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        self.entry.forget();
        let returned = std::mem::take(&mut self.slots().returned);
        let protected = returned
            .iter()
            .filter(|(_, guard)| *guard == Guard::Protected)
            .count();
        PROTECTED.fetch_sub(protected, Relaxed);
        // SAFETY: the mapping is the slab's own, and no stack of it exists: each holds the slab alive.
        unsafe { libc::munmap(self.base.cast(), self.shape.slot * self.count as usize) };
    }
}

/// What stands below a stack. Best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// Pages marked by `MADV_GUARD_INSTALL`.
    Marked,
    /// Pages made inaccessible by `mprotect`.
    Protected,
    /// A pattern that is looked at afterwards.
    Canary,
}

/// Whether the kernel has refused to mark pages; then it isn't asked again.
static UNMARKABLE: AtomicBool = AtomicBool::new(false);

/// How many guards of this process are by `mprotect`.
static PROTECTED: AtomicUsize = AtomicUsize::new(0);

/// Each splits a mapping in two, and Linux allows a process 65 530 by default: leave most of them to others.
const PROTECTED_MAX: usize = 10_000;

/// From `<asm-generic/mman-common.h>`; the `libc` crate has no names for them yet.
const MADV_GUARD_INSTALL: c_int = 102;
const MADV_GUARD_REMOVE: c_int = 103;

/// Neighbours for which it is worth while to take the guards away: two stacks share a page table.
const LONG_RUN: usize = 4;

/// Bytes of guard. Four pages rather than one, since C code compiled without stack probes steps over a single page
/// with any local array larger than that. Costs nothing: no memory stands behind it.
pub(crate) const GUARD: usize = 16 * 1024;

/// How much of the page that holds the top is data room; the rest of it is C stack. Measured on CPython 3.13: at a wait,
/// a greenlet has used 2.1 to 2.8 KiB of C stack and 112 bytes of data room for each Python frame, so nine frames fit.
const DATA_IN_TOP_PAGE: usize = 1024;

/// Address space that stacks leave to others. A program that asks for more and more greenlets under a limit is to come to
/// an error that it can handle; with stacks in the last of it, the next small allocation of anybody's would end it.
const RESERVE: usize = 32 << 20;

/// Less is of no use: a single `printf` takes several thousand bytes.
const C_STACK_MIN: usize = 16 * 1024;

/// More is surely a mistake.
const STACK_MAX: usize = 1 << 30;

const CANARY: usize = 0x5AFE_57AC_CA9A_4215;

/// A page of 4 KiB.
const CANARY_WORDS: usize = 512;

/// In memory for good: built where it is used, it would be a page of the stack of whoever starts or ends another
/// coroutine, and that page would stay with that stack.
static WHOLE_CANARY: [usize; CANARY_WORDS] = [CANARY; CANARY_WORDS];

fn page_size() -> usize {
    // SAFETY: only asks.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).expect("POSIX has every system tell its page size")
}

#[cfg(test)]
#[path = "stack_tests.rs"]
mod tests;
