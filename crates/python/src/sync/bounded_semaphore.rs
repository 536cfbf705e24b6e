//! `BoundedSemaphore`: permits that can't become more.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use wait::Counter;

use super::semaphore::Semaphore;

/// A semaphore that refuses to be released more often than it was acquired.
///
/// Args:
///     value: how many permits there are, not negative.
///     hub: accepted for gevent's sake; a semaphore belongs to no hub.
#[pyclass(frozen, subclass, extends = Semaphore, module = "verdigris.lock")]
pub struct BoundedSemaphore {
    bound: Counter,
}

impl BoundedSemaphore {
    pub fn with_permits(value: isize) -> PyClassInitializer<Self> {
        let bound = Counter::new(value);
        PyClassInitializer::from(Semaphore::with_permits(value)).add_subclass(Self { bound })
    }
}

#[pymethods]
impl BoundedSemaphore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        Self::with_permits(1)
    }

    #[pyo3(signature = (value=1, hub=None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        value: isize,
        hub: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        slf.as_super().get().__init__(value, hub)?;
        slf.get().bound.set(value);
        Ok(())
    }

    /// The class of error that `release()` raises; a subclass may set another.
    #[classattr]
    #[pyo3(name = "_OVER_RELEASE_ERROR")]
    fn over_release_error(py: Python<'_>) -> Bound<'_, PyType> {
        py.get_type::<PyValueError>()
    }

    #[getter]
    fn _initial_value(&self) -> isize {
        self.bound.value()
    }

    /// Gives up a permit.
    ///
    /// Returns:
    ///     How many permits are free now; one that goes to a greenlet that waits is not.
    ///
    /// Raises:
    ///     ValueError: all permits are free already.
    fn release(slf: &Bound<'_, Self>) -> PyResult<isize> {
        let semaphore = slf.as_super().get();
        if semaphore.permits() >= slf.get().bound.value() {
            let error = slf
                .getattr("_OVER_RELEASE_ERROR")?
                .call1(("Semaphore released too many times",))?;
            return Err(PyErr::from_value(error));
        }
        Ok(semaphore.release_permit(slf.py(), slf.as_any()))
    }

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get_type().is(slf.py().get_type::<Self>()) {
            slf.as_super()
                .get()
                .acquire_permit(slf.py(), slf.as_any(), true, None)?;
        } else {
            slf.call_method0("acquire")?;
        }
        Ok(())
    }

    #[pyo3(signature = (*_exc_info))]
    fn __exit__(slf: &Bound<'_, Self>, _exc_info: &Bound<'_, PyTuple>) -> PyResult<()> {
        if slf.get_type().is(slf.py().get_type::<Self>()) {
            Self::release(slf)?;
        } else {
            slf.call_method0("release")?;
        }
        Ok(())
    }

    /// Called by `threading` in a child process: all permits are free there.
    fn _at_fork_reinit(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.setattr("counter", slf.get().bound.value())
    }
}
