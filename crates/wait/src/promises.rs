//! Who may put into a queue and get from it now, and who is next.
//!
//! An item that arrives while somebody waits for one is *promised* to that greenlet: it stays
//! among the items until the greenlet runs and takes it, but it no longer counts. In the same way
//! a free slot is promised to the first greenlet that waits to put. So who waits is served in
//! order, nobody who comes later overtakes, and a greenlet that is killed between being woken and
//! running leaves an item or a slot that only has to be promised to the next.
//!
//! Counted here: of `len` items, `len - promised items` can be had, and these fill the queue
//! together with the promised slots.

use crate::counter::Counter;

/// What a queue has promised to those who have been called from its two lines.
#[derive(Default)]
pub struct Promises {
    /// 0 is unbounded.
    maxsize: Counter,
    items: Counter,
    slots: Counter,
}

/// One of the lines of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    Getters,
    Putters,
}

impl Promises {
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
        (len.cast_signed() - self.items.value()).max(0)
    }

    /// Whether an item more may be put.
    #[inline]
    pub fn has_room(&self, len: usize) -> bool {
        let maxsize = self.maxsize.value();
        maxsize == 0 || self.available(len) + self.slots.value() < maxsize
    }

    /// Whether an item is promised to somebody.
    #[inline(always)]
    pub fn has_items(&self) -> bool {
        self.items.value() > 0
    }

    /// A queue of fewer items than this has room. One of more may have it all the same, if some are promised.
    #[inline]
    pub fn room_below(&self) -> usize {
        match self.maxsize.value() {
            0 => usize::MAX,
            maxsize => (maxsize - self.slots.value()).max(0).cast_unsigned(),
        }
    }

    /// Promises what there is to those who wait. To be called after every change. `call` wakes the first of a line, and
    /// says whether there was one.
    #[inline]
    pub fn make(&self, len: usize, mut call: impl FnMut(Line) -> bool) {
        loop {
            if self.available(len) > 0 && call(Line::Getters) {
                self.items.add(1);
            } else if self.has_room(len) && call(Line::Putters) {
                self.slots.add(1);
            } else {
                return;
            }
        }
    }

    /// Calls all that wait, with a promise that may prove empty.
    pub fn make_to_all(&self, mut call: impl FnMut(Line) -> bool) {
        while call(Line::Getters) {
            self.items.add(1);
        }
        while call(Line::Putters) {
            self.slots.add(1);
        }
    }

    /// Who was called from that line is there, or dead.
    #[inline]
    pub fn redeem(&self, line: Line) {
        match line {
            Line::Getters => self.items.add(-1),
            Line::Putters => self.slots.add(-1),
        }
    }
}
