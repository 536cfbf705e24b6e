//! Who may put and get now, and who is next: the two lines of a queue, and what has been promised
//! to those who have been called from them (see `wait::Promises`).

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use pyo3::prelude::*;
use wait::{Line, Promises};

use crate::hub::{Limit, WaitQueue, Wake};

#[derive(Default)]
pub struct Flow {
    pub getters: WaitQueue,
    pub putters: WaitQueue,
    promises: Promises,
    /// A queue of fewer items can be put into without a look at anything else; 0 if there is more to it. `put` and
    /// `get` ask this one word in the place of the two lines, the bound, and what the queue knows of itself, which
    /// makes them some 40 instructions shorter.
    simple_below: AtomicUsize,
}

impl Flow {
    #[inline]
    pub fn maxsize(&self) -> Option<isize> {
        self.promises.maxsize()
    }

    pub fn set_maxsize(&self, maxsize: Option<isize>) {
        self.promises.set_maxsize(maxsize);
        self.complicate();
    }

    /// How many of `len` items can be had.
    #[inline]
    pub fn available(&self, len: usize) -> isize {
        self.promises.available(len)
    }

    /// Whether an item more may be put.
    #[inline]
    pub fn has_room(&self, len: usize) -> bool {
        self.promises.has_room(len)
    }

    /// Whether nobody waits, so that there is nothing to promise.
    #[inline]
    pub fn is_idle(&self, py: Python<'_>) -> bool {
        self.getters.is_empty(py) && self.putters.is_empty(py)
    }

    /// Whether a queue of so many items has room, and putting an item is all there is to it.
    #[inline(always)]
    pub fn puts_simply(&self, len: usize) -> bool {
        len < self.simple_below.load(Relaxed)
    }

    /// Whether taking an item, if there is one, is all there is to it.
    #[inline(always)]
    pub fn takes_simply(&self) -> bool {
        self.simple_below.load(Relaxed) != 0 && !self.promises.has_items()
    }

    /// Something has come that `put` and `get` must look at: somebody who waits, another bound, an end. To be called
    /// before Python can run again.
    pub fn complicate(&self) {
        self.simple_below.store(0, Relaxed);
    }

    /// Notes whether it is simple now, as far as one can tell from here.
    #[inline]
    pub fn simplify(&self, py: Python<'_>) {
        let idle = self.is_idle(py);
        let below = if idle { self.promises.room_below() } else { 0 };
        self.simple_below.store(below, Relaxed);
    }

    /// Joins a line, gives up the thread until woken, and leaves. Fails only in the hub.
    pub fn wait(&self, py: Python<'_>, line: Line, limit: &Limit) -> PyResult<Wake> {
        let queue = match line {
            Line::Getters => &self.getters,
            Line::Putters => &self.putters,
        };
        let place = queue.join(py)?;
        self.complicate();
        queue.stay(py, &place, limit)
    }

    /// Promises what there is to those who wait. To be called after every change.
    pub fn promise(&self, py: Python<'_>, len: usize) {
        self.promises.make(len, |line| self.call(py, line));
    }

    /// Calls all that wait, with a promise that may prove empty.
    pub fn promise_all(&self, py: Python<'_>) {
        self.promises.make_to_all(|line| self.call(py, line));
    }

    #[inline]
    fn call(&self, py: Python<'_>, line: Line) -> bool {
        match line {
            Line::Getters => self.getters.notify_one(py),
            Line::Putters => self.putters.notify_one(py),
        }
    }

    /// A getter that was called is there, or dead.
    pub fn redeem_item(&self) {
        self.promises.redeem(Line::Getters);
    }

    /// A putter that was called is there, or dead.
    pub fn redeem_slot(&self) {
        self.promises.redeem(Line::Putters);
    }
}
