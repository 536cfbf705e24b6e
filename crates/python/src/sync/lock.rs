//! `LockType`: what `threading.Lock` becomes under monkey patching.
//!
//! It is in Rust, although it adds only another face to a bounded semaphore, because programs
//! take locks all the time, and because a tracer must not see into one.

use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::bounded_semaphore::BoundedSemaphore;
use super::linkable;
use super::semaphore::Semaphore;

/// A lock with the interface of `_thread.lock`; any greenlet or thread may release it.
#[pyclass(frozen, extends = BoundedSemaphore, name = "LockType", module = "verdigris.thread")]
pub struct Lock;

#[pymethods]
impl Lock {
    #[new]
    fn new() -> PyClassInitializer<Self> {
        BoundedSemaphore::with_permits(1).add_subclass(Self)
    }

    fn __init__(&self) {}

    /// Takes the lock, waiting for it if need be.
    ///
    /// Args:
    ///     blocking: False does not wait for it; but the other greenlets run once if it is taken,
    ///         so that somebody who keeps trying gets it in the end.
    ///     timeout: seconds to wait at most; -1 or None waits for ever.
    ///
    /// Returns:
    ///     True if it was taken, else False.
    ///
    /// Raises:
    ///     ValueError: a timeout without blocking, or a negative one other than -1.
    ///     OverflowError: a timeout above `TIMEOUT_MAX`.
    #[pyo3(signature = (blocking=true, timeout=None))]
    fn acquire(
        slf: &Bound<'_, Self>,
        blocking: bool,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let timeout = match timeout {
            Some(timeout) => limited(timeout, blocking)?,
            None => None,
        };
        let taken = semaphore(slf).acquire_permit(slf.py(), slf.as_any(), blocking, timeout)?;
        if !taken && !blocking {
            linkable::let_others_run(slf.py())?;
        }
        Ok(taken)
    }

    /// Gives the lock up, to the first that waits for it.
    ///
    /// Raises:
    ///     RuntimeError: nobody has it.
    fn release(slf: &Bound<'_, Self>) -> PyResult<()> {
        let semaphore = semaphore(slf);
        if semaphore.permits() > 0 {
            return Err(PyRuntimeError::new_err("release unlocked lock"));
        }
        semaphore.release_permit(slf.py(), slf.as_any());
        Ok(())
    }

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::acquire(slf, true, None)
    }

    #[pyo3(signature = (*_exc_info))]
    fn __exit__(slf: &Bound<'_, Self>, _exc_info: &Bound<'_, PyTuple>) -> PyResult<()> {
        Self::release(slf)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let state = match semaphore(slf).permits() {
            0 => "locked",
            _ => "unlocked",
        };
        let class = slf.get_type().fully_qualified_name()?;
        Ok(format!("<{state} {class} object at {:p}>", slf.as_ptr()))
    }
}

fn semaphore<'a>(lock: &'a Bound<'_, Lock>) -> &'a Semaphore {
    lock.as_super().as_super().get()
}

/// A `timeout=` as `_thread.lock` has it, as a semaphore has it.
fn limited<'a, 'py>(
    timeout: &'a Bound<'py, PyAny>,
    blocking: bool,
) -> PyResult<Option<&'a Bound<'py, PyAny>>> {
    let seconds: f64 = timeout.extract()?;
    if seconds == -1.0 {
        return Ok(None);
    }
    if !blocking {
        let text = "can't specify a timeout for a non-blocking call";
        return Err(PyValueError::new_err(text));
    }
    if seconds < 0.0 {
        let text = "timeout value must be a non-negative number";
        return Err(PyValueError::new_err(text));
    }
    let longest: f64 = timeout
        .py()
        .import("_thread")?
        .getattr("TIMEOUT_MAX")?
        .extract()?;
    if seconds > longest {
        return Err(PyOverflowError::new_err("timeout value is too large"));
    }
    Ok(Some(timeout))
}
