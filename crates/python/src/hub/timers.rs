//! The loop's timers: what is to happen when a point in time has come.

use std::time::Duration;

use pyo3::prelude::*;
use reactor::{Ready, TimerKey};
use slab::Slab;

use super::event_loop::EventLoop;
use super::job::Job;
use super::lookahead::{MANY, look_ahead_at};
use super::waiter::Waiter;
use super::watcher::Watcher;
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
    /// A greenlet, to be started.
    Start(GreenletRef),
}

impl TimerTarget {
    /// Lets go of whom it was for, at once: PyO3 would put it off outside of its own methods.
    fn release(self, py: Python<'_>) {
        match self {
            TimerTarget::Waiter(waiter) => drop(waiter),
            TimerTarget::Watcher(watcher) => drop(watcher.into_bound(py)),
            TimerTarget::Timeout(timeout) => drop(timeout.into_bound(py)),
            TimerTarget::Start(greenlet) => drop(greenlet),
        }
    }
}

/// The timers that are started. A slot is given out again, so a timer's name is its slot and a serial number: what
/// the reactor tells of one may come when it was cancelled a moment ago and its slot is another's.
#[derive(Default)]
pub struct Timers {
    slots: Slab<Timer>,
    serial: u32,
}

struct Timer {
    serial: u32,
    key: TimerKey,
    target: TimerTarget,
    keeps_alive: bool,
}

/// A started timer.
pub struct TimerId(u64);

impl Timers {
    /// Gives back what it has taken at a peak.
    pub(super) fn shrink(&mut self) {
        self.slots.shrink_to_fit();
    }

    fn take(&mut self, TimerId(id): TimerId) -> Option<Timer> {
        let slot = slot(id);
        match self.slots.get(slot) {
            Some(timer) if timer.serial == (id >> 32) as u32 => Some(self.slots.remove(slot)),
            _ => None,
        }
    }

    /// The greenlet that a token's timer is for, or one that has its slot by now.
    fn greenlet(&self, token: u64) -> Option<&GreenletRef> {
        match &self.slots.get(slot(token))?.target {
            TimerTarget::Waiter(waiter) => Some(waiter.greenlet_ref()),
            TimerTarget::Start(greenlet) => Some(greenlet),
            TimerTarget::Watcher(_) | TimerTarget::Timeout(_) => None,
        }
    }
}

/// Where an id, which is the reactor's token, says that its timer is.
fn slot(id: u64) -> usize {
    id as u32 as usize
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
        if self.has_stand_in(py) {
            self.tell_of_look(py);
        }
        let mut reactor = self.reactor.borrow_mut(py);
        let mut timers = self.timers.borrow_mut(py);
        timers.serial = timers.serial.wrapping_add(1);
        let serial = timers.serial;
        let entry = timers.slots.vacant_entry();
        let id = u64::from(serial) << 32 | entry.key() as u64;
        let deadline = reactor.update_now().saturating_add(after);
        let key = reactor.set_timer(deadline, id);
        entry.insert(Timer {
            serial,
            key,
            target,
            keeps_alive,
        });
        self.keep_alive(py, isize::from(keeps_alive));
        self.wake_from_afar();
        TimerId(id)
    }

    /// Cancels a timer. False if it has fired.
    pub fn cancel_timer(&self, py: Python<'_>, id: TimerId) -> bool {
        let Some(timer) = self.timers.borrow_mut(py).take(id) else {
            return false;
        };
        self.reactor.borrow_mut(py).cancel_timer(timer.key);
        self.keep_alive(py, -isize::from(timer.keeps_alive));
        timer.target.release(py);
        true
    }

    /// The watchers that wait for a point in time.
    pub fn timer_watchers(&self, py: Python<'_>) -> Vec<Py<Watcher>> {
        let watcher = |(_, timer): (usize, &Timer)| match &timer.target {
            TimerTarget::Watcher(watcher) => Some(watcher.clone_ref(py)),
            _ => None,
        };
        let timers = self.timers.borrow(py);
        timers.slots.iter().filter_map(watcher).collect()
    }

    /// Fetches what `take_timer` will touch for these. With many timers each lies elsewhere, and what one leads to can be
    /// waited for together with what the others do.
    pub(super) fn look_ahead_of_timers(&self, py: Python<'_>, events: &[Ready]) {
        let timers = self.timers.borrow(py);
        if timers.slots.len() >= MANY {
            look_ahead_at(events.iter().filter_map(|event| match event {
                Ready::Timer { token } => timers.greenlet(*token),
                _ => None,
            }));
        }
    }

    /// A timer has fired.
    pub(super) fn take_timer(&self, py: Python<'_>, token: u64) {
        let Some(timer) = self.timers.borrow_mut(py).take(TimerId(token)) else {
            return;
        };
        self.keep_alive(py, -isize::from(timer.keeps_alive));
        match timer.target {
            TimerTarget::Waiter(waiter) => drop(waiter.expire(py)),
            TimerTarget::Start(greenlet) => self.push(py, Job::Start { greenlet }),
            TimerTarget::Watcher(watcher) => Watcher::elapsed(watcher.bind(py)),
            TimerTarget::Timeout(timeout) => {
                self.note_priority(py);
                self.push(py, Job::Timeout { timeout });
            }
        }
    }
}
