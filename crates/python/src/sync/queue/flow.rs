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

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use pyo3::prelude::*;

use crate::hub::WaitQueue;

/// The two lines of a queue, and what has been promised to those who have been called from them.
#[derive(Default)]
pub struct Flow {
    pub getters: WaitQueue,
    pub putters: WaitQueue,
    /// 0 is unbounded. Relaxed is enough for all three: the GIL orders all accesses.
    maxsize: AtomicUsize,
    promised_items: AtomicUsize,
    promised_slots: AtomicUsize,
}

impl Flow {
    pub fn maxsize(&self) -> Option<usize> {
        match self.maxsize.load(Relaxed) {
            0 => None,
            maxsize => Some(maxsize),
        }
    }

    pub fn set_maxsize(&self, maxsize: Option<usize>) {
        self.maxsize.store(maxsize.unwrap_or(0), Relaxed);
    }

    /// How many of `len` items can be had.
    #[inline]
    pub fn available(&self, len: usize) -> usize {
        len.saturating_sub(self.promised_items.load(Relaxed))
    }

    /// Whether an item more may be put.
    #[inline]
    pub fn has_room(&self, len: usize) -> bool {
        let maxsize = self.maxsize.load(Relaxed);
        maxsize == 0 || self.available(len) + self.promised_slots.load(Relaxed) < maxsize
    }

    /// Whether nobody waits, so that there is nothing to promise.
    #[inline]
    pub fn is_idle(&self, py: Python<'_>) -> bool {
        self.getters.is_empty(py) && self.putters.is_empty(py)
    }

    /// Promises what there is to those who wait. To be called after every change.
    pub fn promise(&self, py: Python<'_>, len: usize) {
        loop {
            if self.available(len) > 0 && self.getters.notify_one(py) {
                add(&self.promised_items, 1);
            } else if self.has_room(len) && self.putters.notify_one(py) {
                add(&self.promised_slots, 1);
            } else {
                return;
            }
        }
    }

    /// Calls all that wait, with a promise that may prove empty.
    pub fn promise_all(&self, py: Python<'_>) {
        while self.getters.notify_one(py) {
            add(&self.promised_items, 1);
        }
        while self.putters.notify_one(py) {
            add(&self.promised_slots, 1);
        }
    }

    /// A getter that was called is there, or dead.
    pub fn redeem_item(&self) {
        self.promised_items.fetch_sub(1, Relaxed);
    }

    /// A putter that was called is there, or dead.
    pub fn redeem_slot(&self) {
        self.promised_slots.fetch_sub(1, Relaxed);
    }
}

fn add(counter: &AtomicUsize, amount: usize) {
    counter.fetch_add(amount, Relaxed);
}
