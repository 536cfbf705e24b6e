//! Greenlets whose turn has come while the garbage collector runs on the stack that they share.
//!
//! Their jobs are kept back and tried again a millisecond later, until the collection has ended. It is in a finalizer that waits; should
//! that wait for one of those kept back, neither could ever go on, so after a second it gets an error.

use std::time::Duration;

use pyo3::prelude::*;

use super::event_loop::EventLoop;
use super::job::{Job, Throw};
use crate::error::GreenletError;
use crate::greenlet::GreenletRef;

/// How long the hub waits before it tries them again.
const PAUSE: Duration = Duration::from_millis(1);

/// How long a finalizer may hold up others.
const PATIENCE: Duration = Duration::from_secs(1);

/// Jobs that are kept back, in the order in which their turns came; and since when there are any.
#[derive(Default)]
pub struct LockedOut {
    jobs: Vec<Job>,
    since: Option<Duration>,
}

impl EventLoop {
    /// Keeps back a job whose greenlet cannot go on yet. Any other it returns.
    #[inline]
    pub(super) fn admit(&self, py: Python<'_>, job: Job) -> Option<Job> {
        let greenlet = match &job {
            Job::Resume { greenlet, .. } | Job::Expire { greenlet, .. } => greenlet,
            Job::Throw(throw) => &throw.greenlet,
            _ => return Some(job),
        };
        if !greenlet.inner().is_locked_out() {
            return Some(job);
        }
        self.locked_out.borrow_mut(py).jobs.push(job);
        None
    }

    /// Queues again what was kept back, to be tried once more.
    pub(super) fn readmit(&self, py: Python<'_>) {
        let mut locked_out = self.locked_out.borrow_mut(py);
        let mut jobs = self.jobs.borrow_mut(py);
        for job in locked_out.jobs.drain(..).rev() {
            jobs.push_front(job);
        }
    }

    /// How long the hub may wait at most, as some are kept back; None: none is.
    pub(super) fn patience(&self, py: Python<'_>) -> Option<Duration> {
        let now = self.reactor.borrow(py).now();
        let mut locked_out = self.locked_out.borrow_mut(py);
        let Some(first) = locked_out.jobs.first() else {
            locked_out.since = None;
            return None;
        };
        let collector = match first {
            Job::Resume { greenlet, .. } | Job::Expire { greenlet, .. } => greenlet,
            Job::Throw(throw) => &throw.greenlet,
            _ => return None,
        }
        .inner()
        .locked_out_by(py);
        if now - *locked_out.since.get_or_insert(now) < PATIENCE {
            return Some(PAUSE);
        }
        locked_out.since = None;
        drop(locked_out);
        if let Some(greenlet) = collector.and_then(|it| GreenletRef::new(&it).ok()) {
            let error = GreenletError::new_err(
                "a finalizer that the garbage collector runs has waited for a second on the stack of a greenlet that is to go on",
            );
            let wait = None;
            self.push(
                py,
                Job::Throw(Box::new(Throw {
                    greenlet,
                    wait,
                    error,
                })),
            );
        }
        Some(Duration::ZERO)
    }
}
