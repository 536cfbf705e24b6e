//! Who may put and get now, and who is next.
//!
//! An item that arrives while somebody waits for one is *promised* to that greenlet: it stays
//! among the items until the greenlet runs and takes it, but it no longer counts. In the same way
//! a free slot is promised to the first greenlet that waits to put. So who waits is served in
//! order, nobody who comes later overtakes, and a greenlet that is killed between being woken and
//! running leaves an item or a slot that only has to be promised to the next.
//!
//! Counted here: of `len` items, `len - promised_items` can be had, and these fill the queue
//! together with the promised slots.

use pyo3::prelude::*;

use crate::hub::WaitQueue;
use crate::sync::counter::Counter;

/// The two lines of a queue, and what has been promised to those who have been called from them.
#[derive(Default)]
pub struct Flow {
    pub getters: WaitQueue,
    pub putters: WaitQueue,
    /// 0 is unbounded.
    maxsize: Counter,
    promised_items: Counter,
    promised_slots: Counter,
}

impl Flow {
    #[inline]
    pub fn maxsize(&self) -> Option<isize> {
        match self.maxsize.value() {
            0 => None,
            maxsize => Some(maxsize),
        }
    }

    pub fn set_maxsize(&self, maxsize: Option<isize>) {
        self.maxsize.set(maxsize.unwrap_or(0).max(0));
    }

    /// How many of `len` items can be had.
    #[inline]
    pub fn available(&self, len: usize) -> isize {
        (len.cast_signed() - self.promised_items.value()).max(0)
    }

    /// Whether an item more may be put.
    #[inline]
    pub fn has_room(&self, len: usize) -> bool {
        let maxsize = self.maxsize.value();
        maxsize == 0 || self.available(len) + self.promised_slots.value() < maxsize
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
        self.promised_items.value() > 0
    }

    /// Promises what there is to those who wait. To be called after every change.
    pub fn promise(&self, py: Python<'_>, len: usize) {
        loop {
            if self.available(len) > 0 && self.getters.notify_one(py) {
                self.promised_items.add(1);
            } else if self.has_room(len) && self.putters.notify_one(py) {
                self.promised_slots.add(1);
            } else {
                return;
            }
        }
    }

    /// Calls all that wait, with a promise that may prove empty.
    pub fn promise_all(&self, py: Python<'_>) {
        while self.getters.notify_one(py) {
            self.promised_items.add(1);
        }
        while self.putters.notify_one(py) {
            self.promised_slots.add(1);
        }
    }

    /// A getter that was called is there, or dead.
    pub fn redeem_item(&self) {
        self.promised_items.add(-1);
    }

    /// A putter that was called is there, or dead.
    pub fn redeem_slot(&self) {
        self.promised_slots.add(-1);
    }
}
