//! Stacks that several greenlets take turns on.
//!
//! A stack that was never used costs the kernel a page fault and a guard, some 2.5 microseconds, and then a page for as long as its
//! greenlet waits; that is more than all the rest of a short greenlet's life. So where a thread has many greenlets that wait,
//! a new one may be put on the stack of one of those: what that one has there, a kilobyte or two, is copied to the heap, as
//! compaction does with those that wait for long. Greenlets that have been started on one stack are its *tenants* for life,
//! for what is on a stack is full of pointers into it; the one whose contents are in place is its *occupant*. Before a tenant goes
//! on, the occupant is copied out and it is put back.
//!
//! # Who shares
//!
//! Greenlets that the hub starts when their thread has more than [`get_share_above`] of them that have stacks, and no idle stack. Fewer
//! never share: they have fast switches and no use for the memory. Nor does one that has waited for the first time with its
//! next turn queued already (`sleep(0)`): it is likely to be one of those that run all the time, and keeps the stack for itself.
//!
//! # Who could look meanwhile
//!
//! It is as for compaction, whose argument stands at the head of `compaction.rs`, but that a tenant has to make way at *every* wait, as another
//! may have to go on. What follows for the cases in which compaction leaves a greenlet alone:
//!
//! - *Frame objects and generators refer to its frames.* The image is whole then, and they are made to refer to that
//!   (`frames::move_chain`): they can be read and written there, and what was written is put back.
//! - *It has switched elsewhere by itself.* It makes way as it does with greenlet, where all run on one stack.
//! - *The garbage collector runs on it*, in a finalizer that waits. Then it stays, and who needs the stack has to wait
//!   for the end of the collection ([`Inner::is_locked_out`]).
//! - *It runs.* Who is switched to from their own stack is put back from another one, the carrier's (`carrier.rs`).

#![expect(unsafe_code, reason = "takes stacks from under suspended greenlets")]

use std::alloc::{Layout, handle_alloc_error};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use coro::{Image, Spare, Stack};
use pyo3::ffi;
use pyo3::prelude::*;

use super::carrier::Carrier;
use super::collector::{self, is_collector};
use super::frames::{self, Move};
use super::object::{Inner, inner, of};
use super::thread::Thread;
use super::thread_state::owner_of;
use crate::gil::Ref;

/// Greenlets that a thread has before any share; `NEVER`.
static ABOVE: AtomicUsize = AtomicUsize::new(512);

const NEVER: usize = usize::MAX;

/// A stack with its tenants, each of which holds it.
pub struct SharedStack {
    stack: Stack,
    /// Whose contents are in place. Null: nobody's.
    occupant: Cell<*const Inner>,
}

/// The stacks of a thread on which there is room for newcomers.
#[derive(Default)]
pub struct Lodgings {
    open: RefCell<Vec<Rc<SharedStack>>>,
    next: Cell<usize>,
    pub spare: RefCell<Spare>,
    pub carrier: Carrier,
    is_ready: Cell<bool>,
}

/// So many stacks take newcomers: enough that two greenlets which are often switched to seldom meet on one, and few enough to
/// stay in the processor's caches.
const OPEN: usize = 32;

/// So many are asked before a newcomer gets a stack of its own.
const TRIES: usize = 4;

impl SharedStack {
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Makes `tenant`, which is to run or to be put back there, the occupant.
    fn occupy(&self, tenant: &Inner) {
        self.stack.restore_guard();
        self.occupant.set(tenant);
    }

    /// The occupant has ended, or its contents have been taken by compaction.
    fn leave(&self, tenant: &Inner) {
        if ptr::eq(self.occupant.get(), tenant) {
            self.occupant.set(ptr::null());
        }
    }

    /// The occupant, if it is another one than `tenant`.
    fn other_than(&self, tenant: &Inner) -> Option<&Inner> {
        // SAFETY: an occupant is alive: one that ends leaves, and so does one that is freed (`abandon_stack`).
        unsafe { self.occupant.get().as_ref() }.filter(|occupant| !ptr::eq(*occupant, tenant))
    }

    /// Makes room for a newcomer, if the occupant is at a wait that may last, and nobody can reach its frames.
    fn make_room(&self, thread: &Thread) -> bool {
        // SAFETY: as above.
        let Some(occupant) = (unsafe { self.occupant.get().as_ref() }) else {
            return true;
        };
        // SAFETY: the running greenlet is alive.
        let running = unsafe { inner(thread.current.get()) };
        let waits = occupant.wait.pending().is_some() && !occupant.is_next.get();
        if !waits || ptr::eq(occupant, running) || is_collector(occupant) {
            return false;
        }
        // SAFETY: it is suspended, and in place.
        let image = unsafe { occupant.private_image(&self.stack, thread) };
        let made = image.is_some();
        if made {
            occupant.image.set(image);
            self.occupant.set(ptr::null());
        }
        made
    }
}

impl Lodgings {
    /// To be called before a greenlet is launched, where Python may run: makes what sharing needs, once it comes to that.
    pub fn prepare(&self, py: Python<'_>, thread: &Thread) {
        if !self.is_ready.get() && is_crowded(thread) {
            self.is_ready
                .set(collector::watch(py).is_ok() && self.carrier.prepare(thread));
        }
    }

    /// A stack for a newcomer; None if it is to have one of its own.
    pub fn find(&self, thread: &Thread, newcomer: &Inner) -> Option<Rc<SharedStack>> {
        if newcomer.task.is_none() || !self.is_ready.get() || !is_crowded(thread) {
            return None;
        }
        let mut open = self.open.borrow_mut();
        for _ in 0..TRIES {
            if open.len() < OPEN {
                let stack = thread.take_stack().ok()?;
                let occupant = Cell::new(ptr::null());
                open.push(Rc::new(SharedStack { stack, occupant }));
                return open.last().cloned();
            }
            let at = self.next.get() % open.len();
            self.next.set(at + 1);
            let shared = &open[at];
            if !thread.has_size_of(&shared.stack) {
                open.swap_remove(at);
            } else if shared.make_room(thread) {
                return Some(Rc::clone(shared));
            } else if Rc::strong_count(shared) == 2 {
                // Its only tenant keeps it for itself.
                open.swap_remove(at);
            }
        }
        None
    }

    /// Lets go of all of them, as the thread ends.
    pub fn close(&self) {
        self.is_ready.set(false);
        self.open.take();
        self.spare.take();
        self.carrier.close();
    }
}

impl Inner {
    /// The stack that it is on, or has been.
    pub fn stack(&self) -> Option<&Stack> {
        // SAFETY: both are set when it starts and taken when it has ended; nobody holds what this returns across that.
        unsafe {
            let own = (*self.own_stack.as_ptr()).as_ref();
            own.or_else(|| {
                (*self.shared_stack.as_ptr())
                    .as_deref()
                    .map(SharedStack::stack)
            })
        }
    }

    /// The stack that it shares, if it does.
    fn shared(&self) -> Option<&SharedStack> {
        // SAFETY: as above.
        unsafe { (*self.shared_stack.as_ptr()).as_deref() }
    }

    /// Its contents have been taken from its stack, which others may have now if it shares it.
    pub fn leave_shared(&self) {
        if let Some(shared) = self.shared() {
            shared.leave(self);
        }
    }

    /// Moves in: it starts on `shared`, of which it is the occupant from now on.
    pub fn move_in(&self, shared: Rc<SharedStack>) {
        shared.occupy(self);
        self.shared_stack.set(Some(shared));
    }

    /// Whether its stack holds something else than what it has left there.
    #[inline(always)]
    pub fn is_out(&self) -> bool {
        // SAFETY: only looked at.
        unsafe { (*self.image.as_ptr()).is_some() }
    }

    /// Whether it is out and cannot be put back now: the garbage collector runs on its stack.
    pub fn is_locked_out(&self) -> bool {
        let other = |shared: &'_ SharedStack| shared.other_than(self).is_some_and(is_collector);
        self.is_out() && self.shared().is_some_and(other)
    }

    /// On whose account that is, if it is.
    pub fn locked_out_by<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let stack = self.shared().filter(|_| self.is_locked_out())?.stack();
        // SAFETY: the occupant's name was noted when it started, and is put back with all that it has there; it is alive.
        unsafe { Bound::from_borrowed_ptr_or_opt(py, owner_of(stack.data().0).cast()) }
    }

    /// Puts back what it had on its stack, where it is out. False: the running greenlet is on that stack, and the carrier has to do it.
    #[cold]
    #[inline(never)]
    pub fn put_back(&self, running: &Inner) -> bool {
        if let Some(shared) = self.shared() {
            match shared.other_than(self) {
                Some(occupant) if ptr::eq(occupant, running) => return false,
                Some(occupant) => occupant.make_way(),
                None => {}
            }
            shared.occupy(self);
        } else if let Some(stack) = self.stack() {
            stack.restore_guard();
        }
        if let Some(image) = self.image.take() {
            self.unpack(image);
        }
        true
    }

    /// Copies an image back to the stack, and has those who look at its frames find them there.
    fn unpack(&self, mut image: Image) {
        let Some(Thread { lodgings, .. }) = self.thread() else {
            return;
        };
        let spare = &lodgings.spare;
        let out = image.whole().map(|(from, to)| Move { from, to });
        // SAFETY: the image is of this greenlet, which has not run since; its stack is free for it.
        unsafe {
            image.put_back(&mut spare.borrow_mut());
            if let Some(out) = out {
                let kept = out.of((*self.state.get()).kept_frame());
                frames::move_chain(kept, &out.reversed());
            }
        }
    }

    /// Has a suspended greenlet that is in place make way for another tenant, whoever can reach its frames.
    pub fn make_way(&self) {
        debug_assert!(!is_collector(self), "it cannot make way");
        let (Some(shared), Some(thread)) = (self.shared(), self.thread()) else {
            return;
        };
        // SAFETY: it is suspended, and in place.
        let private = unsafe { self.private_image(&shared.stack, thread) };
        // SAFETY: as above; the image is whole, so its frames can be read there.
        let image = private.or_else(|| unsafe {
            let data_top = (*self.state.get()).reach(&shared.stack);
            let spare = &mut thread.lodgings.spare.borrow_mut();
            let image = Image::take(&shared.stack, &*self.context.get(), data_top, spare)?;
            Some(self.expose(image))
        });
        if image.is_none() {
            handle_alloc_error(Layout::new::<[u8; 4096]>());
        }
        self.image.set(image);
        shared.occupant.set(ptr::null());
    }

    /// The image, whole, where those who can reach its frames find them from now on.
    ///
    /// # Safety
    /// It is suspended, and the image is what it has on its stack; which is in place, or nobody could reach its frames so far.
    unsafe fn expose(&self, image: Image) -> Image {
        let mut image = image.into_whole();
        if let Some((from, to)) = image.whole() {
            // SAFETY: the contents have been copied; by contract the chain is as it was when they were.
            unsafe { frames::move_chain((*self.state.get()).kept_frame(), &Move { from, to }) };
        }
        image
    }

    /// The innermost frame of this suspended greenlet, as a new reference or null, wherever its frames are.
    ///
    /// # Safety
    /// `tstate` is the current thread state.
    pub unsafe fn frame_object(&self, tstate: *mut ffi::PyThreadState) -> *mut ffi::PyObject {
        // SAFETY: by contract; what is out is made readable first, and stays where it is while frame objects are made, which
        // runs no Python.
        unsafe {
            let state = &*self.state.get();
            let Some(mut image) = self.image.take() else {
                return state.frame_object(tstate, state.kept_frame());
            };
            if image.whole().is_none() {
                image = self.expose(image);
            }
            let kept = image
                .whole()
                .map(|(from, to)| Move { from, to }.of(state.kept_frame()));
            self.image.set(Some(image));
            state.frame_object(tstate, kept.unwrap_or(ptr::null_mut()))
        }
    }

    /// Parts from its stack, which it has left for the last time.
    pub fn give_up_stack(&self, thread: &Thread) {
        if let Some(stack) = self.own_stack.take() {
            thread.pool.borrow_mut().give(stack);
        } else if let Some(shared) = self.shared_stack.take() {
            shared.leave(self);
            if let Some(shared) = Rc::into_inner(shared) {
                thread.pool.borrow_mut().give(shared.stack);
            }
        }
    }

    /// Parts from a stack that it is suspended on and will never leave: what is on it may still be referred to, so the memory
    /// must stay.
    pub fn abandon_stack(&self) {
        std::mem::forget(self.own_stack.take());
        let lives = self.thread().is_some_and(|thread| thread.alive.get());
        if lives && !self.is_out() {
            self.make_way();
        }
        std::mem::forget((self.image.take(), self.shared_stack.take()));
    }
}

/// Whether a thread has so many greenlets that new ones are to share stacks.
fn is_crowded(thread: &Thread) -> bool {
    thread.roster.len() >= ABOVE.load(Relaxed) && !thread.has_idle_stack()
}

/// get_share_above()
///
/// How many greenlets with stacks a thread has before new ones share stacks; None: they never do.
#[pyfunction]
pub fn get_share_above() -> Option<usize> {
    Some(ABOVE.load(Relaxed)).filter(|above| *above != NEVER)
}

/// set_share_above(count)
///
/// Has new greenlets share stacks where their thread has `count` greenlets with stacks; None: never. It concerns greenlets that
/// start from now on.
#[pyfunction]
#[pyo3(signature = (count))]
pub fn set_share_above(count: Option<usize>) {
    ABOVE.store(count.unwrap_or(NEVER), Relaxed);
}

/// count_evicted()
///
/// How many greenlets of this thread that share a stack are not on it now.
#[pyfunction]
pub fn count_evicted(py: Python<'_>) -> PyResult<usize> {
    let all = Thread::current(py)?.roster.all(py);
    let is_evicted = |greenlet: &&Ref| {
        let me = of(greenlet.bind(py));
        me.is_out() && me.shared().is_some()
    };
    Ok(all.iter().filter(is_evicted).count())
}
