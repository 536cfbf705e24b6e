//! The watchers that one loop has started, as far as they are for no fd and no point in time.

use std::cmp::Reverse;

use pyo3::prelude::*;

use super::Watcher;
use crate::hub::EventLoop;

/// Kept by the loop.
#[derive(Default)]
pub struct Watchers {
    /// By signal.
    pub(super) signals: Vec<(i32, Py<Watcher>)>,
    /// By moment.
    pub(super) moments: Vec<(Moment, Py<Watcher>)>,
}

/// A moment in a loop's turning that can be watched for.
#[derive(Copy, Clone, Eq, PartialEq)]
pub enum Moment {
    /// There is nothing to do but to wait.
    Idle,
    BeforeWait,
    AfterWait,
    AfterFork,
    /// `send` was called, on one watcher: this comes to none by itself.
    Sent,
}

impl Watchers {
    pub fn all(&self, py: Python<'_>) -> Vec<Py<Watcher>> {
        let signals = self.signals.iter().map(|(_, held)| held);
        let moments = self.moments.iter().map(|(_, held)| held);
        signals
            .chain(moments)
            .map(|held| held.clone_ref(py))
            .collect()
    }
}

impl EventLoop {
    /// All watchers that are started.
    pub fn started(&self, py: Python<'_>) -> Vec<Py<Watcher>> {
        let mut watchers = self.sources.borrow(py).watchers(py);
        watchers.extend(self.watchers.borrow(py).all(py));
        watchers.extend(self.timer_watchers(py));
        watchers
    }

    /// A moment has come: the watchers for it are to be called. Says whether there are any.
    #[inline]
    pub fn mark_moment(&self, py: Python<'_>, moment: Moment) -> bool {
        // Each turn asks three times, and nearly always there are none at all.
        !self.watchers.borrow(py).moments.is_empty() && self.pend_moment(py, moment)
    }

    #[cold]
    #[inline(never)]
    fn pend_moment(&self, py: Python<'_>, moment: Moment) -> bool {
        let mut watchers = copy(py, &self.watchers.borrow(py).moments, moment);
        if moment == Moment::Idle
            && let Some(highest) = watchers.iter().map(|held| held.get().priority_of(py)).max()
        {
            // Those of a lower priority are less than idle as long as there are others.
            watchers.retain(|held| held.get().priority_of(py) == highest);
        }
        pend_all(py, watchers)
    }

    /// A signal has come.
    pub fn mark_signal(&self, py: Python<'_>, number: i32) -> bool {
        pend_all(py, copy(py, &self.watchers.borrow(py).signals, number))
    }
}

/// Adds a watcher to a list.
pub(super) fn put<K>(list: &mut Vec<(K, Py<Watcher>)>, kind: K, watcher: &Bound<'_, Watcher>) {
    list.push((kind, watcher.clone().unbind()));
}

/// Takes a watcher out of a list. To be dropped after the borrow: what it refers to may run Python as it dies.
pub(super) fn take_out<K>(
    list: &mut Vec<(K, Py<Watcher>)>,
    watcher: &Bound<'_, Watcher>,
) -> Option<Py<Watcher>> {
    let at = list.iter().position(|(_, held)| held.is(watcher))?;
    Some(list.remove(at).1)
}

fn copy<K: PartialEq>(py: Python<'_>, list: &[(K, Py<Watcher>)], kind: K) -> Vec<Py<Watcher>> {
    list.iter()
        .filter(|(other, _)| *other == kind)
        .map(|(_, held)| held.clone_ref(py))
        .collect()
}

fn pend_all(py: Python<'_>, mut watchers: Vec<Py<Watcher>>) -> bool {
    watchers.sort_by_key(|held| Reverse(held.get().priority_of(py)));
    for watcher in &watchers {
        Watcher::pend(watcher.bind(py), 0);
    }
    !watchers.is_empty()
}
