//! `LockType`: what `threading.Lock` becomes under monkey patching.
//!
//! It is in Rust, although it adds only another face to a bounded semaphore, because programs
//! take locks all the time, and because a tracer must not see into one.

use std::ffi::CStr;

use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::bounded_semaphore::BoundedSemaphore;
use super::linkable;
use super::semaphore::Semaphore;
use crate::fast_method::{self, FastMethod};
use crate::greenlet::method::Args;

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

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let state = match semaphore(slf).permits() {
            0 => "locked",
            _ => "unlocked",
        };
        let class = slf.get_type().fully_qualified_name()?;
        Ok(format!("<{state} {class} object at {:p}>", slf.as_ptr()))
    }
}

/// Gives the class the methods of a with-block, which is how most programs take a lock.
pub fn register(py: Python<'_>) -> PyResult<()> {
    fast_method::add::<Enter>(py)?;
    fast_method::add::<Exit>(py)
}

struct Enter;

impl FastMethod for Enter {
    type Class = Lock;
    const NAME: &'static CStr = c"__enter__";
    const DOC: &'static CStr =
        c"__enter__($self, /)\n--\n\nTakes the lock, waiting for it if need be.";

    #[inline(always)]
    fn shortcut<'py>(slf: &Bound<'py, Lock>, args: Args<'py>) -> Option<Bound<'py, PyAny>> {
        let taken = args.is_empty() && semaphore(slf).try_acquire();
        taken.then(|| PyBool::new(slf.py(), true).to_owned().into_any())
    }

    fn call<'py>(slf: &Bound<'py, Lock>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        args.bind::<0>("__enter__", [])?;
        let taken = Lock::acquire(slf, true, None)?;
        Ok(PyBool::new(slf.py(), taken).to_owned().into_any())
    }
}

struct Exit;

impl FastMethod for Exit {
    type Class = Lock;
    const NAME: &'static CStr = c"__exit__";
    const DOC: &'static CStr =
        c"__exit__($self, /, *exc_info)\n--\n\nGives the lock up, to the first that waits for it.";

    #[inline(always)]
    fn shortcut<'py>(slf: &Bound<'py, Lock>, _args: Args<'py>) -> Option<Bound<'py, PyAny>> {
        let (py, semaphore) = (slf.py(), semaphore(slf));
        let released = semaphore.permits() <= 0 && semaphore.release_unawaited(py);
        released.then(|| py.None().into_bound(py))
    }

    fn call<'py>(slf: &Bound<'py, Lock>, _args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        Lock::release(slf)?;
        Ok(slf.py().None().into_bound(slf.py()))
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
