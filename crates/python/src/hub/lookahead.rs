//! Fetching into the processor's cache what the next greenlets will touch, while this one runs.
//!
//! With tens of thousands of greenlets, each one that goes on finds its object, its stack and the stack's page table
//! entry in memory, and waits for them one after the other: that is then most of what a switch costs. The run queue
//! knows who is next, so the three are fetched in three steps, each some switches ahead of the one that needs it. Many end
//! as soon as they go on, so what that takes is fetched, too, in a fourth.

use std::collections::VecDeque;

use super::job::Job;
use crate::greenlet::{GreenletRef, Thread};

/// Greenlets that a thread has at least if this is to be worth it: what fewer touch stays in the cache.
pub const MANY: usize = 512;

/// How far ahead each step is.
const OBJECT: usize = 6;
const INNER: usize = 4;
const STACK: usize = 2;
const END: usize = 1;

/// Whether a thread has so many.
pub fn is_many(thread: &Thread) -> bool {
    thread.roster.len() >= MANY
}

/// To be called when a job has been taken out of the queue: that one, which tells of what kind the others are likely
/// to be.
#[inline]
pub fn look_ahead(jobs: &VecDeque<Job>, taken: &Job, has_many: bool) {
    if has_many && matches!(taken, Job::Resume { .. } | Job::Expire { .. }) {
        fetch(jobs);
    }
}

#[inline(never)]
fn fetch(jobs: &VecDeque<Job>) {
    if let Some(greenlet) = suspended(jobs, OBJECT) {
        greenlet.prefetch();
    }
    if let Some(greenlet) = suspended(jobs, INNER) {
        greenlet.prefetch_inner();
    }
    if let Some(greenlet) = suspended(jobs, STACK) {
        greenlet.prefetch_stack();
        greenlet.prefetch_end();
    }
    if let Some(greenlet) = suspended(jobs, END) {
        greenlet.prefetch_argument();
    }
}

/// The same for some greenlets that are about to be queued, which takes only a look at each.
pub fn look_ahead_at<'a>(greenlets: impl Iterator<Item = &'a GreenletRef> + Clone) {
    greenlets.clone().for_each(GreenletRef::prefetch);
    greenlets.for_each(GreenletRef::prefetch_inner);
}

/// The greenlet that a job is to go on with.
fn suspended(jobs: &VecDeque<Job>, ahead: usize) -> Option<&GreenletRef> {
    match jobs.get(ahead) {
        Some(Job::Resume { greenlet, .. } | Job::Expire { greenlet, .. }) => Some(greenlet),
        _ => None,
    }
}
