//! The loop's time as the calendar has it.
//!
//! Timers run on a monotonic clock, which nobody can set. What Python is shown is that time as seconds since the epoch,
//! as with libev, so that `loop.now()` can be compared to `time.time()`.

use std::time::{Duration, Instant, SystemTime};

use pyo3::prelude::*;

use super::event_loop::EventLoop;
use crate::gil::GilCell;

/// When the loop's time began, on both clocks.
pub struct Calendar {
    instant: Instant,
    date: GilCell<Duration>,
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            instant: Instant::now(),
            date: GilCell::new(since_epoch()),
        }
    }
}

impl EventLoop {
    /// A point in the reactor's time, in seconds since the epoch.
    pub fn date(&self, py: Python<'_>, moment: Duration) -> f64 {
        let mut began = self.calendar.date.borrow_mut(py);
        let now = since_epoch().saturating_sub(self.calendar.instant.elapsed());
        // Less is what passes between two looks at two clocks; more, and somebody has set the date.
        if now.abs_diff(*began) > SET {
            *began = now;
        }
        (*began + moment).as_secs_f64()
    }
}

fn since_epoch() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

const SET: Duration = Duration::from_millis(50);
