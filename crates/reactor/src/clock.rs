//! Time since the reactor was made: the system's monotonic clock, or one that a test moves by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Where a reactor has its time from. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Monotonic(Instant),
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// Real time, starting at zero now.
    pub fn monotonic() -> Clock {
        Clock(Source::Monotonic(Instant::now()))
    }

    /// Time that stands still at zero until [`advance`](Clock::advance) is called.
    pub fn manual() -> Clock {
        Clock(Source::Manual(Arc::default()))
    }

    /// Moves a manual clock; real time takes no notice.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(nanoseconds) = &self.0 {
            nanoseconds.fetch_add(by.as_nanos() as u64, Ordering::Relaxed);
        }
    }

    /// Time passed since the clock was made.
    pub fn now(&self) -> Duration {
        match &self.0 {
            Source::Monotonic(start) => start.elapsed(),
            Source::Manual(nanoseconds) => {
                Duration::from_nanos(nanoseconds.load(Ordering::Relaxed))
            }
        }
    }
}
