//! Giving back the memory under greenlets that wait for long.
//!
//! A parked greenlet holds at least a page of stack. One that has been at the same wait for some seconds is *compacted*:
//! what it has on its stack is copied to the heap, packed (`coro::Image`), and its pages go back to the
//! system. Before it goes on, all of it is put back at the same addresses. Stacks are taken
//! by a hub that has nothing else to do (`hub/housekeeping.rs`), which costs those that run nothing but the question
//! whether theirs has been. Where greenlets take turns on stacks, more are taken than for this (`shared_stack.rs`).
//!
//! # Who could look meanwhile
//!
//! - *The greenlet itself.* It goes on through `switch::transfer` or `switch::depart` alone, and both put it back first.
//! - *Who asks for its frames.* `gr_frame` has them be found in the heap first (`Inner::frame_object`). Frame objects that exist already, and generators that run
//!   in it, point to its frames directly: a greenlet of which there are such is not compacted (`frames::are_private`).
//!   Thread states, and with them `sys._current_frames`, faulthandler and the collector, only know the frames of the
//!   running greenlet, which is never compacted.
//! - *The garbage collector*, if a finalizer that it calls waits: its lists lie on that stack. Nothing is compacted while a
//!   collection is under way.
//! - *Our own code.* What waits is known by its number, in the object and not on the stack (`hub/waiter.rs`); contexts,
//!   thread states and exception roots are in the object, too.
//! - *Other C code that was given an address on its C stack*, of a buffer say, and uses it while the greenlet waits. With
//!   greenlet such an address is that of whoever runs, since all greenlets share one stack: reading it reads another's
//!   memory, and writing corrupts it. So no code that works there does this. We keep to what it can rely on by looking
//!   at those alone that wait in the hub, for which other greenlets run over their stack there, and not at those that
//!   have switched elsewhere by themselves: these are never compacted.
//!
//! What is left is C code that leaves an address of its stack to a native thread and has Python wait in the hub until
//! that is done. With greenlet it corrupts memory, unless nothing else happens to run; here it would be a lost write or, on a shared stack,
//! one to whoever runs there, as with greenlet.

#![expect(unsafe_code, reason = "takes stacks from under suspended greenlets")]

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use coro::{Image, Stack};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::frames;
use super::object::{Inner, Status, inner};
use super::thread::Thread;

/// Nanoseconds that a greenlet waits before it is compacted; `NEVER`.
static AFTER: AtomicU64 = AtomicU64::new(5_000_000_000);

const NEVER: u64 = u64::MAX;

/// A walk over the greenlets of one thread that have a stack.
#[derive(Default)]
pub struct Round {
    next: usize,
    /// How many were found at a wait that they had not been at in the round before.
    pub newcomers: usize,
    pub compacted: usize,
}

impl Round {
    /// Looks at the greenlets in the next `count` places, and compacts those that have been at the same wait ever since the round
    /// before; or at any, if `all`. True at the end of the round.
    ///
    /// Those that end between two steps may let the others move up, some of which are then missed; none is seen twice.
    pub fn step(&mut self, py: Python<'_>, thread: &Thread, count: usize, all: bool) -> bool {
        if frames::is_collecting(py) {
            // As if it had just begun to wait.
            self.newcomers += 1;
            return true;
        }
        let part = thread.roster.part(self.next, count);
        let mut stacks: Vec<&Stack> = Vec::new();
        for greenlet in &part.greenlets {
            // SAFETY: what is in the roster is alive, and no Python runs here, so it stays so.
            let me = unsafe { inner(*greenlet) };
            let Some(number) = me.wait.pending().filter(|_| !me.is_out()) else {
                continue;
            };
            if !all && me.seen_at.replace(number) != number {
                self.newcomers += 1;
            } else if let Some(stack) = take_off(thread, me) {
                stacks.push(stack);
            }
        }
        // SAFETY: the images were taken just now, no Python ran since, and `Inner::put_back` puts them back.
        unsafe { coro::release(&mut stacks) };
        self.compacted += stacks.len();
        self.next = part.next.unwrap_or(0);
        part.next.is_none()
    }
}

/// Takes a greenlet off its stack. None if it has to stay there.
fn take_off<'a>(thread: &Thread, me: &'a Inner) -> Option<&'a Stack> {
    // SAFETY: the running greenlet is alive.
    let running = unsafe { inner(thread.current.get()) };
    if me.status.get() != Status::Active || ptr::eq(me, running) {
        return None;
    }
    let stack = me.stack()?;
    // SAFETY: it is of this thread and not the running one, so it is suspended; and the stack is in place.
    me.image
        .set(Some(unsafe { me.private_image(stack, thread) }?));
    me.leave_shared();
    Some(stack)
}

impl Inner {
    /// A copy of what it has on its stack. None if it has to stay there, as others can reach its frames; or for want of memory.
    ///
    /// # Safety
    /// It is one of `thread`'s that is suspended on that stack, and what it has there is in place.
    pub unsafe fn private_image(&self, stack: &Stack, thread: &Thread) -> Option<Image> {
        // SAFETY: by contract; nothing changes its stack, state and context meanwhile.
        unsafe {
            let (frame, data_top) = (*self.state.get()).extent(stack)?;
            let (data, room) = stack.data();
            let data = data.addr()..data.addr() + room;
            frames::are_private(frames::innermost(frame), &data)
                .then(|| {
                    let spare = &mut thread.lodgings.spare.borrow_mut();
                    Image::take(stack, &*self.context.get(), data_top, spare)
                })
                .flatten()
        }
    }
}

/// Has what was freed after a peak go back to the system, which the C library does by itself only at the heap's end.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// How long a greenlet waits before it is compacted; None for ever.
pub fn after() -> Option<Duration> {
    match AFTER.load(Relaxed) {
        NEVER => None,
        nanoseconds => Some(Duration::from_nanos(nanoseconds)),
    }
}

/// get_compact_after()
///
/// After how many seconds at one wait a greenlet's stack is compacted; None: never.
#[pyfunction]
pub fn get_compact_after() -> Option<f64> {
    after().map(|after| after.as_secs_f64())
}

/// set_compact_after(seconds)
///
/// Has a greenlet's stack be compacted when it has been at one wait for so many seconds, up to twice as many; None: never.
#[pyfunction]
#[pyo3(signature = (seconds))]
pub fn set_compact_after(seconds: Option<f64>) -> PyResult<()> {
    let nanoseconds = match seconds.map(Duration::try_from_secs_f64) {
        None => NEVER,
        Some(Ok(after)) => u64::try_from(after.as_nanos()).unwrap_or(NEVER),
        Some(Err(error)) => return Err(PyValueError::new_err(error.to_string())),
    };
    AFTER.store(nanoseconds, Relaxed);
    Ok(())
}

/// compact()
///
/// Compacts the stacks of all greenlets of this thread that wait in its hub, however short a time they have. Returns how
/// many that were.
#[pyfunction]
pub fn compact(py: Python<'_>) -> PyResult<usize> {
    let thread = Thread::current(py)?;
    let mut round = Round::default();
    round.step(py, thread, usize::MAX, true);
    Ok(round.compacted)
}
