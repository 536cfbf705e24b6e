//! The loop's timers: what is to happen when a point in time has come.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use reactor::TimerKey;

use super::event_loop::EventLoop;
use super::job::Job;
use super::waiter::Waiter;
use super::watcher::Watcher;
use crate::gil::Ref;
use crate::greenlet::GreenletRef;
use crate::sync::Timeout;

/// Whom a timer is for.
pub enum TimerTarget {
    /// A wait, which has timed out then.
    Waiter(Waiter),
    /// A timer or stat watcher.
    Watcher(Py<Watcher>),
    /// A `Timeout` that was started.
    Timeout(Py<Timeout>),
    /// A function without arguments, to be called in the hub.
    Call(Ref),
    /// A greenlet, to be started.
    Start(GreenletRef),
}

pub struct Timer {
    key: TimerKey,
    target: TimerTarget,
    keeps_alive: bool,
}

/// A started timer.
pub struct TimerId {
    index: usize,
    key: TimerKey,
}

impl EventLoop {
    /// Starts a timer.
    pub fn start_timer(
        &self,
        py: Python<'_>,
        after: Duration,
        target: TimerTarget,
        keeps_alive: bool,
    ) -> TimerId {
        let mut reactor = self.reactor.borrow_mut(py);
        let mut timers = self.timers.borrow_mut(py);
        let entry = timers.vacant_entry();
        let index = entry.key();
        let deadline = reactor.update_now().saturating_add(after);
        let key = reactor.set_timer(deadline, index as u64);
        entry.insert(Timer {
            key,
            target,
            keeps_alive,
        });
        self.keep_alive(py, isize::from(keeps_alive));
        TimerId { index, key }
    }

    /// Cancels a timer. False if it has fired.
    pub fn cancel_timer(&self, py: Python<'_>, id: TimerId) -> bool {
        let timer = {
            let mut timers = self.timers.borrow_mut(py);
            match timers.get(id.index) {
                Some(timer) if timer.key == id.key => timers.remove(id.index),
                _ => return false,
            }
        };
        self.reactor.borrow_mut(py).cancel_timer(timer.key);
        self.keep_alive(py, -isize::from(timer.keeps_alive));
        true
    }

    /// The watchers that wait for a point in time.
    pub fn timer_watchers(&self, py: Python<'_>) -> Vec<Py<Watcher>> {
        let watcher = |(_, timer): (usize, &Timer)| match &timer.target {
            TimerTarget::Watcher(watcher) => Some(watcher.clone_ref(py)),
            _ => None,
        };
        self.timers.borrow(py).iter().filter_map(watcher).collect()
    }

    /// A timer has fired.
    pub(super) fn take_timer(&self, py: Python<'_>, token: u64) {
        let index = usize::try_from(token).expect("tokens are slab indices");
        let timer = self.timers.borrow_mut(py).remove(index);
        self.keep_alive(py, -isize::from(timer.keeps_alive));
        match timer.target {
            TimerTarget::Waiter(waiter) => drop(waiter.expire(py)),
            TimerTarget::Start(greenlet) => self.push(py, Job::Start { greenlet }),
            TimerTarget::Watcher(watcher) => Watcher::elapsed(watcher.bind(py)),
            TimerTarget::Timeout(timeout) => self.push(py, Job::Timeout { timeout }),
            TimerTarget::Call(callback) => {
                let args = PyTuple::empty(py).into();
                self.push(py, Job::Call { callback, args });
            }
        }
    }
}
