//! The exceptions of queues, which are those of the standard `queue` module.
//!
//! They are looked up when first raised: that module is slow to import.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::error::BlockingSwitchOutError;
use crate::hub::Limit;
use crate::sync::linkable;

pyo3::import_exception!(queue, Empty);
pyo3::import_exception!(queue, Full);

/// `verdigris.queue.ShutDown`: the standard one, or our own on Pythons before 3.13.
fn shutdown_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static SHUT_DOWN: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    SHUT_DOWN.import(py, "verdigris.queue", "ShutDown")
}

pub fn empty() -> PyErr {
    Empty::new_err(())
}

pub fn full() -> PyErr {
    Full::new_err(())
}

pub fn shut_down(py: Python<'_>) -> PyErr {
    match shutdown_type(py).and_then(|kind| kind.call0()) {
        Ok(instance) => PyErr::from_value(instance),
        Err(error) => error,
    }
}

/// What a call raises whose time is up: the `Timeout` it was given, else `usual`.
pub fn timed_out(py: Python<'_>, limit: Limit, usual: PyErr) -> PyErr {
    match limit {
        Limit::Timeout(clock) => PyErr::from_value(clock.bind(py).clone()),
        Limit::None | Limit::Seconds(_) => usual,
    }
}

/// Refuses a negative `timeout=`, as the standard queues do.
pub fn check(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match linkable::limit(timeout)? {
        Limit::Seconds(seconds) if seconds < 0.0 => Err(PyValueError::new_err(
            "'timeout' must be a non-negative number",
        )),
        _ => Ok(()),
    }
}

/// Gets ready for a wait, as `linkable::prepare`. In the hub, which cannot wait, it is `in_hub`
/// that is raised: there the queue is as full or empty as it is.
pub fn prepare(
    py: Python<'_>,
    timeout: Option<&Bound<'_, PyAny>>,
    in_hub: fn() -> PyErr,
) -> PyResult<Limit> {
    linkable::prepare(py, timeout).map_err(|error| {
        if error.is_instance_of::<BlockingSwitchOutError>(py) {
            in_hub()
        } else {
            error
        }
    })
}
