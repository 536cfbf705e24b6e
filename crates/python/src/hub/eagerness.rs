//! Asking the kernel without letting go of the GIL, where something is likely to be there already.
//!
//! A wait that may last lets go of the GIL, takes it again, and has the kernel look at the clock twice, whether or not it
//! lasts: that is a twentieth of what an echoed message costs. A look that cannot last does without. Under load
//! nearly every look finds something; where it does not it was for nothing, and so the more looks in a row that were,
//! the more waits go by before the next.
//!
//! Only where there is no other Python thread: for those, the hub's waits are when they get their turns.

use std::io;
use std::time::Duration;

use pyo3::prelude::*;
use reactor::{Events, Poller};

use super::event_loop::EventLoop;
use crate::gil;
use crate::greenlet::thread;

/// How many waits go by before the next look. At most so many that looks for nothing cost nothing worth mentioning.
#[derive(Default)]
pub struct Eagerness {
    pause: u32,
    left: u32,
}

const LONGEST_PAUSE: u32 = 64;

impl Eagerness {
    /// Whether to look before this wait.
    fn looks(&mut self) -> bool {
        let looks = self.left == 0;
        self.left = self.left.saturating_sub(1);
        looks
    }

    fn learn(&mut self, found: bool) {
        self.pause = match found {
            true => 0,
            false => (2 * self.pause + 1).min(LONGEST_PAUSE),
        };
        self.left = self.pause;
    }
}

impl EventLoop {
    /// Waits for events, with the GIL if it is only a look.
    pub(super) fn wait_for_events(
        &self,
        py: Python<'_>,
        poller: &Poller,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            return poller.wait(events, timeout);
        }
        if thread::is_alone(py) && self.turn.borrow_mut(py).eagerness.looks() {
            poller.wait(events, Some(Duration::ZERO))?;
            let found = !events.is_empty();
            self.turn.borrow_mut(py).eagerness.learn(found);
            if found {
                return Ok(());
            }
        }
        gil::release(py, || poller.wait(events, timeout))
    }
}
