//! Which greenlet runs: the identity that locks and greenlet-local storage go by.

use pyo3::prelude::*;

use crate::greenlet::Thread;

/// The address of the running greenlet, which is its own as long as it lives.
#[inline]
pub fn current_id(py: Python<'_>) -> PyResult<usize> {
    Ok(Thread::current(py)?.current.get().addr())
}

/// get_ident(gr=None)
///
/// A number for the current greenlet, or for `gr`; no other living one has it.
#[pyfunction]
#[pyo3(signature = (gr = None))]
pub fn get_ident(py: Python<'_>, gr: Option<&Bound<'_, PyAny>>) -> usize {
    match gr {
        Some(gr) => gr.as_ptr().addr(),
        // If the interpreter is going down and so has this thread's greenlet, locks still ask.
        None => current_id(py).unwrap_or_else(|_| py.None().as_ptr().addr()),
    }
}

/// The running greenlet.
pub fn current_greenlet(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(Thread::current(py)?.current_ref().bind(py).clone())
}
