//! `Event`: a flag that greenlets wait for.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use wait::Counter;

use super::linkable;
use crate::hub::{WaitQueue, Wake};

/// A flag that greenlets, of one thread or of several, can wait for.
///
/// It starts unset. Who waits is woken by the `set()` that follows, in the order in which they
/// began to wait, and is told True even if the flag has been cleared again since; who starts to
/// wait after `clear()` waits for the next `set()`. Who finds it set goes on at once, but not
/// before those who have been woken.
#[pyclass(frozen, subclass, weakref, module = "verdigris.event")]
#[derive(Default)]
pub struct Event {
    // Relaxed is enough: the GIL orders all accesses.
    flag: AtomicBool,
    /// How many greenlets have been woken and have not run since.
    woken: Counter,
    queue: WaitQueue,
}

impl Event {
    /// Waits for the next `set()`.
    fn wait_for_set(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let limit = linkable::prepare(py, timeout)?;
        if self.is_set() {
            return Ok(true);
        }
        let wake = self.queue.wait(py, &limit)?;
        if matches!(wake, Wake::Notified | Wake::Thrown { notified: true, .. }) {
            self.woken.add(-1);
        }
        match wake {
            Wake::Notified => Ok(true),
            Wake::TimedOut => Ok(false),
            Wake::Thrown { error, .. } => Err(error),
        }
    }
}

#[pymethods]
impl Event {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    fn __init__(&self) {}

    /// True if the flag is set.
    fn is_set(&self) -> bool {
        self.flag.load(Relaxed)
    }

    /// The same as `is_set()`.
    #[pyo3(name = "isSet")]
    fn is_set_camel(&self) -> bool {
        self.is_set()
    }

    /// The same as `is_set()`: what `gevent.wait` asks.
    fn ready(&self) -> bool {
        self.is_set()
    }

    /// Sets the flag and wakes all that wait.
    pub fn set(slf: &Bound<'_, Self>) {
        let event = slf.get();
        event.flag.store(true, Relaxed);
        let woken = event.queue.notify_all(slf.py(), slf.as_any());
        event.woken.add(woken.cast_signed());
    }

    /// Unsets the flag. Who has been woken already stays woken.
    #[pyo3(name = "clear")]
    pub fn unset(&self) {
        self.flag.store(false, Relaxed);
    }

    /// Waits until the flag is set.
    ///
    /// Args:
    ///     timeout: seconds to wait at most, or a `Timeout`; None waits for ever.
    ///
    /// Returns:
    ///     True if the flag was set in time, else False.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        if !self.is_set() {
            return self.wait_for_set(py, timeout);
        }
        if self.woken.value() > 0 {
            linkable::let_others_run(py)?;
        }
        Ok(true)
    }

    /// None: an event belongs to no hub.
    #[getter]
    fn hub(&self) -> Option<Py<PyAny>> {
        None
    }

    /// Has the hub call `callback(event)`, once, when the flag is set.
    fn rawlink(slf: &Bound<'_, Self>, callback: Bound<'_, PyAny>) -> PyResult<()> {
        let event = slf.get();
        linkable::rawlink(&event.queue, slf.as_any(), callback, || event.is_set())
    }

    /// Forgets a callback; nothing happens if it is not known.
    fn unlink(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        self.queue.unlink(callback.py(), callback).map(drop)
    }

    /// How many greenlets and callbacks wait.
    fn linkcount(&self, py: Python<'_>) -> usize {
        self.queue.len(py)
    }

    /// Called by `threading` in a child process: there is no lock inside to repair.
    fn _reset_internal_locks(&self) {}

    /// Called by `threading` in a child process: the flag and who waits are what they were.
    fn _at_fork_reinit(&self) {}

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let event = slf.get();
        let state = if event.is_set() { "set" } else { "clear" };
        let links = event.queue.len(slf.py());
        let class = slf.get_type().fully_qualified_name()?;
        Ok(format!(
            "<{class} at {:p} {state} _links[{links}]>",
            slf.as_ptr()
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.queue.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.queue.clear(py);
    }
}
