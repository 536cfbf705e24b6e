//! Which greenlet runs: the identity that locks and greenlet-local storage go by.

use pyo3::prelude::*;

use crate::greenlet::Thread;

/// The address of the running greenlet, which is its own as long as it lives.
#[inline]
pub fn current_id(py: Python<'_>) -> PyResult<usize> {
    Ok(Thread::current(py)?.current.get().addr())
}

/// The running greenlet.
pub fn current_greenlet(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(Thread::current(py)?.current_ref().bind(py).clone())
}
