//! Deadlines: a binary heap in which cancelled timers stay until they come up, or until they are the greater part.
//!
//! Most timers are timeouts, and most timeouts are cancelled. So cancelling must not touch the heap: it empties the
//! timer's slot, and the heap's entry, which carries the serial number of the timer it was made for, no longer finds
//! its owner. When more than half of the heap is such husks they are swept out, which costs each timer a constant.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    time::Duration,
};

use slab::Slab;

/// A timer that was set. Spent once it has fired or was cancelled; using it then does nothing.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct TimerKey {
    slot: u32,
    serial: u64,
}

#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    slots: Slab<Slot>,
    serial: u64,
}

struct Slot {
    serial: u64,
    token: u64,
}

#[derive(Eq, PartialEq)]
struct Entry {
    deadline: Duration,
    key: TimerKey,
}

impl Timers {
    pub(crate) fn set(&mut self, deadline: Duration, token: u64) -> TimerKey {
        self.serial += 1;
        let serial = self.serial;
        let slot = self.slots.insert(Slot { serial, token });
        let key = TimerKey {
            slot: slot as u32,
            serial,
        };
        self.heap.push(Reverse(Entry { deadline, key }));
        key
    }

    pub(crate) fn cancel(&mut self, key: TimerKey) -> bool {
        if !is_live(&self.slots, key) {
            return false;
        }
        self.slots.remove(key.slot as usize);
        if self.heap.len() > SWEEP_ABOVE && self.heap.len() > 2 * self.slots.len() {
            let slots = &self.slots;
            self.heap.retain(|Reverse(entry)| is_live(slots, entry.key));
        }
        true
    }

    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The earliest deadline.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if is_live(&self.slots, entry.key) {
                return Some(entry.deadline);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes out the earliest timer whose deadline is not after `now`; among equals the one set first.
    pub(crate) fn expire(&mut self, now: Duration) -> Option<u64> {
        if self.next()? > now {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        Some(self.slots.remove(entry.key.slot as usize).token)
    }
}

fn is_live(slots: &Slab<Slot>, key: TimerKey) -> bool {
    slots
        .get(key.slot as usize)
        .is_some_and(|slot| slot.serial == key.serial)
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        (self.deadline, self.key.serial).cmp(&(other.deadline, other.key.serial))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A heap this small isn't worth sweeping.
const SWEEP_ABOVE: usize = 64;
