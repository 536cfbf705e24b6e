//! What the hub does for the process's memory when it has nothing else to do.
//!
//! It goes in rounds, one every few seconds. In a round each greenlet of the thread that has a stack is looked at
//! once, and those that have waited since the round before are compacted (`greenlet/compaction.rs`); at its end, what nobody has
//! needed since the end of the round before is given back: idle stacks, room in the queues, memory of dead callbacks. A
//! round is made of steps of less than a millisecond, between which the reactor is asked, and other threads may run.
//!
//! The hub is woken for a round only if there is something to come of it. In a process that does nothing, all is done
//! after two or three rounds, and the hub sleeps.

use std::time::Duration;

use pyo3::prelude::*;

use super::callback::{self, Trimmed};
use super::event_loop::EventLoop;
use crate::greenlet::Thread;
use crate::greenlet::compaction::{self, Round};

/// From one round to the next, at least, when it is not for compaction.
const PERIOD: Duration = Duration::from_secs(5);

/// Greenlets that are looked at in one step.
const STEP: usize = 256;

/// Dead callbacks, and images, whose memory is freed in one step.
const PIECES: usize = 8192;

/// How long the hub waits at most for events between two steps.
const PAUSE: Duration = Duration::from_millis(1);

/// After freeing so many stacks or images, or when there were so many more greenlets, the heap is trimmed, too: there was a peak.
const PEAK: usize = 1000;

/// How far it has come.
#[derive(Default)]
pub struct Housekeeping {
    round: Round,
    /// How many spare images were freed in this round.
    images: usize,
    /// When the next step is due.
    due: Duration,
    /// The hub is to be woken for it.
    awaited: bool,
}

impl EventLoop {
    /// Does what is due before the hub waits; returns how long it may wait until the next is. None: for ever.
    pub(super) fn tidy(&self, py: Python<'_>) -> PyResult<Option<Duration>> {
        let now = self.reactor.borrow(py).now();
        let thread = Thread::current(py)?;
        let is_over = thread.roster.spare() > thread.roster.len() + PEAK;
        let mut house = self.housekeeping.borrow_mut(py);
        if now < house.due {
            return Ok((house.awaited || is_over).then(|| house.due - now));
        }
        let after = compaction::after();
        if after.is_some() && !house.round.step(py, thread, STEP, false) {
            return Ok(Some(PAUSE));
        }
        let callbacks = callback::trim(py, PIECES);
        if callbacks == Trimmed::Partly {
            return Ok(Some(PAUSE));
        }
        let images = thread.lodgings.spare.borrow_mut().trim(PIECES);
        house.images += images;
        if images == PIECES {
            return Ok(Some(PAUSE));
        }
        let newcomers = std::mem::take(&mut house.round).newcomers;
        let (given_back, more) = thread.pool.borrow_mut().trim_idle();
        if given_back > 0 || is_over {
            thread.roster.shrink();
            self.shrink(py);
        }
        if given_back.max(std::mem::take(&mut house.images)) >= PEAK || is_over {
            compaction::trim_heap();
        }
        let period = after.unwrap_or(PERIOD).max(PAUSE);
        house.due = now + period;
        let is_spare = !thread.lodgings.spare.borrow().is_empty();
        house.awaited = newcomers > 0 || more || is_spare || callbacks != Trimmed::All;
        Ok(house.awaited.then_some(period))
    }

    /// Gives back what the queues have taken at a peak.
    fn shrink(&self, py: Python<'_>) {
        let mut jobs = self.jobs.borrow_mut(py);
        let needed = 2 * jobs.len();
        jobs.shrink_to(needed);
        self.timers.borrow_mut(py).shrink();
        self.reactor.borrow_mut(py).shrink();
    }
}
