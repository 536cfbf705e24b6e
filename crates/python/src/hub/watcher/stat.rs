//! `loop.stat(path, interval)`: changes to a file, seen by looking at it now and then.

use std::{fs::Metadata, os::unix::fs::MetadataExt};

use pyo3::{prelude::*, types::PyBytes};

use super::{Kind, Watcher};
use crate::hub::{EventLoop, Limit, TimerId, TimerTarget};

/// Fires when what `os.lstat(path)` says has changed.
#[pyclass(frozen, extends = Watcher, name = "stat", module = "verdigris.core")]
pub struct Stat;

pub struct Path {
    path: String,
    interval: f64,
    seen: Sight,
    before: Sight,
    timer: Option<TimerId>,
}

/// A file as it was at some time, also as Python's `os.stat_result`; None if there was none.
pub type Sight = Option<(Fingerprint, Py<PyAny>)>;

/// What must change for a change to be one.
pub type Fingerprint = [i64; 12];

#[pymethods]
impl Stat {
    /// stat(loop, path, interval=0.0, ref=True, priority=None)
    ///
    /// Looks at `path` each `interval` seconds, as far as that is possible.
    #[new]
    #[pyo3(signature = (r#loop, path, interval = 0.0, r#ref = true, priority = None))]
    pub fn new(
        r#loop: &Bound<'_, EventLoop>,
        path: String,
        interval: f64,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyClassInitializer<Stat> {
        let path = Path {
            path,
            interval,
            seen: None,
            before: None,
            timer: None,
        };
        Watcher::new(r#loop, Kind::Stat(path), r#ref, priority).add_subclass(Stat)
    }

    /// The file's path.
    #[getter]
    fn path(slf: &Bound<'_, Self>) -> String {
        with(slf, |path| path.path.clone())
    }

    /// The path in bytes.
    #[getter]
    fn _paths<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyBytes> {
        PyBytes::new(slf.py(), with(slf, |path| path.path.clone()).as_bytes())
    }

    /// How often it looks, in seconds. Zero is a default; a start raises what is less than the least.
    #[getter]
    fn interval(slf: &Bound<'_, Self>) -> f64 {
        with(slf, |path| path.interval)
    }

    /// The `os.stat_result` when it last looked; None if there was no such file, or it has not looked yet.
    #[getter]
    fn attr(slf: &Bound<'_, Self>) -> Option<Py<PyAny>> {
        with(slf, |path| {
            path.seen.as_ref().map(|sight| sight.1.clone_ref(slf.py()))
        })
    }

    /// The one before the last change.
    #[getter]
    fn prev(slf: &Bound<'_, Self>) -> Option<Py<PyAny>> {
        with(slf, |path| {
            path.before
                .as_ref()
                .map(|sight| sight.1.clone_ref(slf.py()))
        })
    }
}

fn with<R>(slf: &Bound<'_, Stat>, body: impl FnOnce(&mut Path) -> R) -> R {
    match &mut slf.as_super().get().state.borrow_mut(slf.py()).kind {
        Kind::Stat(path) => body(path),
        _ => unreachable!("a stat watcher is made with this kind"),
    }
}

/// What there is to see of the file that a stat watcher looks out for. Calls Python, so it is done while nothing is borrowed.
pub fn look(watcher: &Bound<'_, Watcher>) -> Sight {
    let py = watcher.py();
    let path = match &watcher.get().state.borrow(py).kind {
        Kind::Stat(path) => path.path.clone(),
        _ => return None,
    };
    let metadata = std::fs::symlink_metadata(&path).ok()?;
    // It may have vanished since: then there is nothing to see either.
    let attr = py
        .import("posix")
        .and_then(|posix| posix.call_method1("lstat", (path,)))
        .ok()?;
    Some((fingerprint(&metadata), attr.unbind()))
}

impl Path {
    pub fn activate(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop, seen: Sight) {
        self.interval = match self.interval {
            0.0 => DEFAULT_INTERVAL,
            interval => interval.max(LEAST_INTERVAL),
        };
        self.seen = seen;
        self.look_later(slf, owner);
    }

    pub fn deactivate(&mut self, py: Python<'_>, owner: &EventLoop) {
        if let Some(timer) = self.timer.take() {
            owner.cancel_timer(py, timer);
        }
    }

    /// Its time to look has come. Returns whether there was a change, and what is no longer needed.
    pub fn elapse(
        &mut self,
        slf: &Bound<'_, Watcher>,
        owner: &EventLoop,
        seen: Sight,
    ) -> (bool, Sight) {
        self.timer = None;
        self.look_later(slf, owner);
        if seen.as_ref().map(|sight| sight.0) == self.seen.as_ref().map(|sight| sight.0) {
            return (false, seen);
        }
        let before = std::mem::replace(&mut self.seen, seen);
        (true, std::mem::replace(&mut self.before, before))
    }

    fn look_later(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop) {
        let target = TimerTarget::Watcher(slf.clone().unbind());
        self.timer =
            Some(owner.start_timer(slf.py(), Limit::duration(self.interval), target, false));
    }
}

fn fingerprint(metadata: &Metadata) -> Fingerprint {
    [
        metadata.dev() as i64,
        metadata.ino() as i64,
        metadata.mode().into(),
        metadata.nlink() as i64,
        metadata.uid().into(),
        metadata.gid().into(),
        metadata.size() as i64,
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
        metadata.atime(),
    ]
}

/// libev's.
const DEFAULT_INTERVAL: f64 = 5.007_489_1;
const LEAST_INTERVAL: f64 = 0.107_489_1;
