//! The loop's methods that make watchers: `loop.timer(1.5)` is `timer(loop, 1.5)`.

use std::os::fd::RawFd;

use pyo3::prelude::*;

use super::{Async, Check, Child, Fork, Idle, Io, Prepare, Signal, Stat, Timer};
use crate::hub::EventLoop;

#[pymethods]
impl EventLoop {
    /// A watcher for a file descriptor: `events` is 1 for reading, 2 for writing, 3 for both.
    #[pyo3(signature = (fd, events, r#ref = true, priority = None))]
    fn io(
        slf: &Bound<'_, Self>,
        fd: RawFd,
        events: i32,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<Py<Io>> {
        Py::new(slf.py(), Io::new(slf, fd, events, r#ref, priority)?)
    }

    /// A watcher for a point in time, `after` seconds from its start, and then each `repeat` seconds.
    #[pyo3(signature = (after, repeat = 0.0, r#ref = true, priority = None))]
    fn timer(
        slf: &Bound<'_, Self>,
        after: f64,
        repeat: f64,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<Py<Timer>> {
        Py::new(slf.py(), Timer::new(slf, after, repeat, r#ref, priority)?)
    }

    /// A watcher for a signal.
    #[pyo3(signature = (signum, r#ref = true, priority = None))]
    fn signal(
        slf: &Bound<'_, Self>,
        signum: i32,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<Py<Signal>> {
        Py::new(slf.py(), Signal::new(slf, signum, r#ref, priority)?)
    }

    /// A watcher for the end of a child process.
    #[pyo3(signature = (pid, trace = 0, r#ref = true))]
    fn child(slf: &Bound<'_, Self>, pid: i32, trace: i32, r#ref: bool) -> PyResult<Py<Child>> {
        Py::new(slf.py(), Child::new(slf, pid, trace, r#ref)?)
    }

    /// A watcher for changes to a file, looked at each `interval` seconds.
    #[pyo3(signature = (path, interval = 0.0, r#ref = true, priority = None))]
    fn stat(
        slf: &Bound<'_, Self>,
        path: String,
        interval: f64,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<Py<Stat>> {
        Py::new(slf.py(), Stat::new(slf, path, interval, r#ref, priority))
    }

    /// A watcher that is called each time that the loop has nothing to do.
    #[pyo3(signature = (r#ref = true, priority = None))]
    fn idle(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<Idle>> {
        Py::new(slf.py(), Idle::new(slf, r#ref, priority))
    }

    /// A watcher that is called each turn, before the loop waits.
    #[pyo3(signature = (r#ref = true, priority = None))]
    fn prepare(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<Prepare>> {
        Py::new(slf.py(), Prepare::new(slf, r#ref, priority))
    }

    /// A watcher that is called each turn, after the loop has waited.
    #[pyo3(signature = (r#ref = true, priority = None))]
    fn check(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<Check>> {
        Py::new(slf.py(), Check::new(slf, r#ref, priority))
    }

    /// A watcher that is called in a forked child.
    #[pyo3(signature = (r#ref = true, priority = None))]
    fn fork(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<Fork>> {
        Py::new(slf.py(), Fork::new(slf, r#ref, priority))
    }

    /// A watcher that another thread can have called.
    #[pyo3(signature = (r#ref = true, priority = None))]
    fn async_(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<Async>> {
        Py::new(slf.py(), Async::new(slf, r#ref, priority))
    }

    /// `async_` under the name that it had while that was a name.
    #[pyo3(name = "async", signature = (r#ref = true, priority = None))]
    fn async_of_old(
        slf: &Bound<'_, Self>,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<Py<Async>> {
        Self::async_(slf, r#ref, priority)
    }
}
