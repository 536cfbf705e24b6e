//! `settrace`: a function of the thread that is told of each switch, in the greenlet switched to.

#![expect(
    unsafe_code,
    reason = "greenlets as bare pointers, as the switch has them"
)]

use pyo3::ffi;
use pyo3::prelude::*;

use super::object::PyGreenlet;
use super::thread::Thread;

/// settrace(callback)
///
/// Sets this thread's tracer, called as `callback(event, (origin, target))` after each switch,
/// with event 'switch' or 'throw'. None removes it. Returns the previous one. An exception in
/// the tracer removes it and is raised in the greenlet that was switched to.
#[pyfunction]
pub fn settrace(callback: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = callback.py();
    let thread = Thread::current(py)?;
    let new = (!callback.is_none()).then(|| callback.clone().into());
    let old = thread.tracer.replace(new);
    thread.update_attention();
    Ok(old.map_or_else(|| py.None(), |old| old.bind(py).clone().unbind()))
}

/// gettrace()
///
/// Returns this thread's tracer, or None.
#[pyfunction]
pub fn gettrace(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let tracer = Thread::current(py)?.tracer.get(py);
    Ok(tracer.map_or_else(|| py.None(), Bound::unbind))
}

/// Tells the tracer of a switch, if there is one.
///
/// # Safety
/// Both greenlets are alive; no exception is set.
pub unsafe fn call(
    py: Python<'_>,
    thread: &Thread,
    event: &str,
    origin: *mut PyGreenlet,
    target: *mut PyGreenlet,
) -> PyResult<()> {
    let Some(tracer) = thread.tracer.get(py) else {
        return Ok(());
    };
    // SAFETY: by contract alive.
    let pair = unsafe {
        (
            Bound::from_borrowed_ptr(py, origin.cast::<ffi::PyObject>()),
            Bound::from_borrowed_ptr(py, target.cast::<ffi::PyObject>()),
        )
    };
    // As sys.settrace does for its own function: a tracer is not itself traced.
    // SAFETY: the thread state is the current one; enter and leave are paired.
    let outcome = unsafe {
        ffi::PyThreadState_EnterTracing(thread.tstate.get());
        let outcome = tracer.call1((event, pair));
        ffi::PyThreadState_LeaveTracing(thread.tstate.get());
        outcome
    };
    if outcome.is_err() {
        drop(thread.tracer.take());
        thread.update_attention();
    }
    outcome.map(drop)
}
