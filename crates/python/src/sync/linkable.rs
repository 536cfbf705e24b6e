//! What waiting on an object means, whatever the object.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::hub::{EventLoop, Limit, WaitQueue, Waiter, Wake};

/// Registers `callback`, to be called in the hub as `callback(owner)` when `owner` is ready;
/// soon, if it already is.
///
/// The caller must let no greenlet wait while it is ready: all that is queued is scheduled.
pub fn rawlink(
    queue: &WaitQueue,
    owner: &Bound<'_, PyAny>,
    callback: Bound<'_, PyAny>,
    is_ready: impl Fn() -> bool,
) -> PyResult<()> {
    if !callback.is_callable() {
        return Err(PyTypeError::new_err(format!(
            "Expected callable: {}",
            callback.repr()?
        )));
    }
    queue.rawlink(owner.py(), callback.unbind());
    if is_ready() {
        queue.notify_all(owner.py(), owner);
    }
    Ok(())
}

/// A `timeout=` argument, whose default is to wait for ever.
pub fn limit(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Limit> {
    timeout.map_or(Ok(Limit::None), |timeout| timeout.extract())
}

/// Gets ready for a wait: the limit, whose clock runs from here on, and a hub. Fails in the hub itself, where nobody can
/// wait.
///
/// Either may run Python, in which others can change what there is to wait for. So look
/// at that once more between this and the wait, which enters the queue before anything else.
pub fn prepare(py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Limit> {
    let limit = limit(timeout)?;
    EventLoop::for_blocking(py)?;
    limit.start(py)?;
    Ok(limit)
}

/// Waits until it is ready, where the only thing to learn is whether it came in time.
pub fn wait(
    py: Python<'_>,
    queue: &WaitQueue,
    timeout: Option<&Bound<'_, PyAny>>,
    is_ready: impl Fn() -> bool,
) -> PyResult<bool> {
    let limit = prepare(py, timeout)?;
    if is_ready() {
        return Ok(true);
    }
    match queue.wait(py, &limit)? {
        Wake::Notified => Ok(true),
        Wake::TimedOut => Ok(false),
        Wake::Thrown { error, .. } => Err(error),
    }
}

/// Goes on when all that are ready now have run. In the hub, at once: there is nobody to wait for.
#[cold]
pub fn let_others_run(py: Python<'_>) -> PyResult<()> {
    match Waiter::current(py).map(|waiter| waiter.park(py, &Limit::Seconds(0.0))) {
        Ok(Wake::Thrown { error, .. }) => Err(error),
        _ => Ok(()),
    }
}

/// The name that `repr` starts with: the class of the object, as a subclass calls itself.
pub fn class_name<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, pyo3::types::PyString>> {
    object.get_type().name()
}
