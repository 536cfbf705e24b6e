//! Greenlets whose turn has come while the garbage collector runs on the stack that they share.
//!
//! Their jobs are kept back and tried again a millisecond later, until the collection has ended. What somebody would bring
//! them by a switch of their own becomes such a job. The collection is in a finalizer that waits; should
//! that wait for one of those kept back, neither could ever go on, so after five seconds at one wait it gets an error.

use std::ptr;
use std::time::Duration;

use pyo3::prelude::*;

use super::event_loop::EventLoop;
use super::job::{Job, Throw};
use crate::error::GreenletError;
use crate::greenlet::object::Inner;
use crate::greenlet::{GreenletRef, Thread};

/// How long the hub waits before it tries them again.
const PAUSE: Duration = Duration::from_millis(1);

/// How much of the time from one of the hub's turns to the next is counted at most: what a finalizer waits for cannot have come
/// in between.
const COUNTED: Duration = Duration::from_millis(20);

/// How long a finalizer may hold up others.
const PATIENCE: Duration = Duration::from_secs(5);

/// Jobs that are kept back, in the order in which their turns came.
#[derive(Default)]
pub struct LockedOut {
    jobs: Vec<Job>,
    /// Where the greenlet lies whose finalizer was seen to hold them up, and the wait that it is at (None: elsewhere than in
    /// the hub).
    by: Option<(usize, Option<u64>)>,
    /// When last, and for how long.
    seen: Duration,
    held_up: Duration,
}

impl EventLoop {
    /// Keeps back a job whose greenlet cannot go on yet. Any other it returns.
    #[inline]
    pub(super) fn admit(&self, py: Python<'_>, job: Job) -> Option<Job> {
        if ask(py, &job, Inner::is_locked_out) != Some(true) {
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
            locked_out.by = None;
            return None;
        };
        let collector = ask(py, first, |greenlet| greenlet.locked_out_by(py)).flatten();
        let Some(collector) = collector.and_then(|it| GreenletRef::new(&it).ok()) else {
            return Some(Duration::ZERO);
        };
        let its = &collector.inner().wait;
        let wait = its.pending();
        let has_ended = wait.is_none() && !its.is_idle();
        let by = Some((collector.as_ptr().addr(), wait));
        if has_ended || locked_out.by != by {
            locked_out.by = by;
            locked_out.seen = now;
            locked_out.held_up = Duration::ZERO;
        }
        let turn = now.saturating_sub(locked_out.seen).min(COUNTED);
        locked_out.seen = now;
        locked_out.held_up += turn;
        if locked_out.held_up < PATIENCE {
            return Some(PAUSE);
        }
        locked_out.by = None;
        drop(locked_out);
        let error = GreenletError::new_err(
            "a finalizer that the garbage collector runs has waited for five seconds on the stack of a greenlet that is to go on",
        );
        self.push(py, throw(collector, error));
        Some(Duration::ZERO)
    }
}

/// Asks something of the greenlet that a job lets go on, if it is one that has been on a stack before.
#[inline]
fn ask<T>(py: Python<'_>, job: &Job, question: impl FnOnce(&Inner) -> T) -> Option<T> {
    match job {
        Job::Resume { greenlet, .. }
        | Job::Expire { greenlet, .. }
        | Job::Bring { greenlet, .. } => Some(question(greenlet.inner())),
        Job::Throw(throw) => Some(question(throw.greenlet.inner())),
        Job::Timeout { timeout } => {
            let greenlet = timeout.get().greenlet(py)?;
            Some(question(greenlet.inner()))
        }
        _ => None,
    }
}

/// The job that raises an error in a greenlet, whatever that waits for.
fn throw(greenlet: GreenletRef, error: PyErr) -> Job {
    let wait = None;
    Job::Throw(Box::new(Throw {
        greenlet,
        wait,
        error,
    }))
}

/// Has the hub switch to a greenlet that is locked out, as soon as that can go on. Returns the hub, in which whoever would have
/// switched there himself is to go on instead.
///
/// Fails if it is the running greenlet that locks the other out, in a finalizer, or there is no hub that could do it.
pub fn bring_later<'py>(
    thread: &Thread,
    target: &Bound<'py, PyAny>,
    outcome: PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = target.py();
    let greenlet = GreenletRef::new(target)?;
    let by = greenlet.inner().locked_out_by(py);
    let by_running = by.is_some_and(|by| ptr::eq(by.as_ptr(), thread.current.get().cast()));
    let link = thread.hub.borrow().as_ref().map(|link| {
        let (hub, event_loop) = (&link.greenlet, &link.event_loop);
        (hub.clone_ref(py), event_loop.clone_ref(py))
    });
    let Some((hub, event_loop)) = link.filter(|(_, event_loop)| {
        !by_running && thread.wakes() && !event_loop.get().is_destroyed(py)
    }) else {
        return Err(locked_out(target));
    };
    let job = match outcome {
        Ok(value) => Job::Bring {
            greenlet,
            value: value.into(),
        },
        Err(error) => throw(greenlet, error),
    };
    event_loop.get().push(py, job);
    Ok(hub.into_bound(py))
}

/// The error for a switch to a greenlet that cannot go on before a collection of garbage has ended.
fn locked_out(target: &Bound<'_, PyAny>) -> PyErr {
    let name = target
        .repr()
        .map_or_else(|_| "a greenlet".into(), |text| text.to_string());
    GreenletError::new_err(format!(
        "cannot switch to {name}: a finalizer that the garbage collector runs waits on the stack which both were started on"
    ))
}
