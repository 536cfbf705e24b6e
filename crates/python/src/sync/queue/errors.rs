//! The exceptions of queues, which are those of the standard `queue` module.

use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::hub::Limit;

pyo3::import_exception!(queue, Empty);
pyo3::import_exception!(queue, Full);

/// `queue.ShutDown`, or our own on Pythons before 3.13, which have none.
pub fn shutdown_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static SHUT_DOWN: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let kind = SHUT_DOWN.get_or_try_init(py, || {
        match py.import("queue")?.getattr_opt("ShutDown")? {
            Some(kind) => Ok::<_, PyErr>(kind.cast_into()?.unbind()),
            None => PyErr::new_type(
                py,
                c"verdigris.queue.ShutDown",
                Some(c"Raised by put() and get() of a queue that was shut down."),
                Some(&py.get_type::<PyException>()),
                None,
            ),
        }
    })?;
    Ok(kind.bind(py))
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
        Limit::Timeout(timeout) => PyErr::from_value(timeout.into_bound(py)),
        Limit::None | Limit::Seconds(_) => usual,
    }
}

/// The `timeout=` of a call that may block, which a queue wants not to be negative.
pub fn limit(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Limit> {
    let limit = super::super::linkable::limit(timeout)?;
    if matches!(limit, Limit::Seconds(seconds) if seconds < 0.0) {
        return Err(PyValueError::new_err(
            "'timeout' must be a non-negative number",
        ));
    }
    Ok(limit)
}
