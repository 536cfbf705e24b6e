//! Deadlines: who has one, and a wheel (`wheel.rs`) of when they are.
//!
//! Most timers are timeouts, and most timeouts are cancelled. So cancelling must not search the wheel: it takes the entry
//! out if that is the last one that was made. If not it only empties the timer's slot, and the entry, which carries the
//! serial number of the timer it was made for, no longer finds its owner. When more than half of the wheel is such husks
//! they are swept out, which costs each timer a constant.

use std::{mem, time::Duration};

use slab::Slab;

use crate::wheel::{Entry, Wheel};

/// A timer that was set. Spent once it has fired or was cancelled; using it then does nothing.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct TimerKey {
    slot: u32,
    serial: u64,
}

#[derive(Default)]
pub(crate) struct Timers {
    wheel: Wheel,
    slots: Slab<Slot>,
    serial: u64,
    /// Kept for its room.
    due: Vec<Entry>,
}

struct Slot {
    serial: u64,
    token: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, deadline: Duration, token: u64) -> TimerKey {
        self.serial += 1;
        let serial = self.serial;
        let slot = self.slots.insert(Slot { serial, token }) as u32;
        self.wheel.push(Entry {
            deadline: nanoseconds(deadline),
            serial,
            slot,
        });
        TimerKey { slot, serial }
    }

    pub(crate) fn cancel(&mut self, key: TimerKey) -> bool {
        if !is_live(&self.slots, key.slot, key.serial) {
            return false;
        }
        self.slots.remove(key.slot as usize);
        if !self.wheel.undo(key.serial)
            && self.wheel.len() > SWEEP_ABOVE
            && self.wheel.len() > 2 * self.slots.len()
        {
            let slots = &self.slots;
            self.wheel.retain(owner_in(slots));
        }
        true
    }

    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Gives back what it has taken at a peak.
    pub(crate) fn shrink(&mut self) {
        self.slots.shrink_to_fit();
        self.due = Vec::new();
        self.wheel.shrink();
    }

    /// The earliest deadline.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        let deadline = self.wheel.first(owner_in(&self.slots))?;
        Some(Duration::from_nanos(deadline))
    }

    /// Takes out all whose deadline is not after `now`, in the order of deadlines, and of setting.
    pub(crate) fn expire(&mut self, now: Duration, mut tell: impl FnMut(u64)) {
        let mut due = mem::take(&mut self.due);
        self.wheel
            .expire(nanoseconds(now), owner_in(&self.slots), &mut due);
        for entry in due.drain(..) {
            if is_live(&self.slots, entry.slot, entry.serial) {
                tell(self.slots.remove(entry.slot as usize).token);
            }
        }
        self.due = due;
    }
}

fn owner_in(slots: &Slab<Slot>) -> impl Fn(&Entry) -> bool {
    |entry| is_live(slots, entry.slot, entry.serial)
}

fn is_live(slots: &Slab<Slot>, slot: u32, serial: u64) -> bool {
    slots
        .get(slot as usize)
        .is_some_and(|slot| slot.serial == serial)
}

/// What is later than all the time there is, is never.
fn nanoseconds(time: Duration) -> u64 {
    let seconds = time.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(time.subsec_nanos().into())
}

/// A wheel this small isn't worth sweeping.
const SWEEP_ABOVE: usize = 64;
