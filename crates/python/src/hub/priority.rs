//! Whose turn is first, of those that have become due in one look at the reactor.
//!
//! They take their turns in the order in which they became so, but for two things. A watcher's priority: higher ones
//! first, and one above zero goes before the sockets even if it is a timer. And a `Timeout` comes after all else that is due:
//! who has got what it waited for in time is not to be told, in that same moment, that time is up. Neither moves a job
//! past one that was queued before the look, so nothing starves.

use std::cmp::Reverse;

use pyo3::prelude::*;

use super::event_loop::EventLoop;
use super::job::Job;

/// What greenlets, and watchers that were given none, have.
const USUAL: i32 = 0;

/// gevent's, for the timer of a `Timeout`.
const TIMEOUT: i32 = -1;

impl EventLoop {
    /// Something with a priority of its own has become due.
    pub fn note_priority(&self, py: Python<'_>) {
        self.turn.borrow_mut(py).uneven = true;
    }

    /// Orders what one look has queued: `urgent` jobs at the head, and `late` ones at the tail.
    pub(super) fn order_by_priority(&self, py: Python<'_>, urgent: usize, late: usize) {
        if !std::mem::take(&mut self.turn.borrow_mut(py).uneven) {
            return;
        }
        let mut jobs = self.jobs.borrow_mut(py);
        let tail = jobs.len() - late;
        let (above, mut last): (Vec<Job>, Vec<Job>) = jobs
            .drain(tail..)
            .partition(|job| priority(py, job) > USUAL);
        let mut first: Vec<Job> = jobs.drain(..urgent).collect();
        first.extend(above);
        for part in [&mut first, &mut last] {
            part.sort_by_key(|job| Reverse(priority(py, job)));
        }
        let more = first.len() - urgent;
        for job in first.into_iter().rev() {
            jobs.push_front(job);
        }
        jobs.extend(last);
        drop(jobs);
        self.turn.borrow_mut(py).at_head += u32::try_from(more).unwrap_or(u32::MAX);
    }
}

fn priority(py: Python<'_>, job: &Job) -> i32 {
    match job {
        Job::Fire { watcher, .. } => watcher.bind(py).get().priority_of(py),
        Job::Timeout { .. } => TIMEOUT,
        _ => USUAL,
    }
}
