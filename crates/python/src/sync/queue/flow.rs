//! Who may put and get now, and who is next: the two lines of a queue, and what has been promised
//! to those who have been called from them (see `wait::Promises`).

use pyo3::prelude::*;
use wait::{Line, Promises};

use crate::hub::WaitQueue;

#[derive(Default)]
pub struct Flow {
    pub getters: WaitQueue,
    pub putters: WaitQueue,
    promises: Promises,
}

impl Flow {
    #[inline]
    pub fn maxsize(&self) -> Option<isize> {
        self.promises.maxsize()
    }

    pub fn set_maxsize(&self, maxsize: Option<isize>) {
        self.promises.set_maxsize(maxsize);
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

    /// Whether nobody waits, nor did a moment ago.
    #[inline(always)]
    pub fn is_unused(&self, py: Python<'_>) -> bool {
        self.getters.is_unused(py) && self.putters.is_unused(py)
    }

    /// Whether an item is promised to somebody.
    #[inline(always)]
    pub fn has_promised(&self) -> bool {
        self.promises.has_items()
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
