//! A call that can still be called off: what `loop.run_callback` gives, and how a link is told.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use crate::gil::GilCell;

/// A scheduled `callback(*args)`; `stop()` makes it void.
#[pyclass(frozen, name = "callback", module = "verdigris.core")]
pub struct Callback(GilCell<Option<(Py<PyAny>, Py<PyTuple>)>>);

impl Callback {
    pub fn new(callback: Py<PyAny>, args: Py<PyTuple>) -> Self {
        Self(GilCell::new(Some((callback, args))))
    }

    /// What is to be called, once.
    pub fn take<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let (callback, args) = self.0.borrow_mut(py).take()?;
        Some((callback.into_bound(py), args.into_bound(py)))
    }
}

#[pymethods]
impl Callback {
    /// Calls it off; without effect once it has run.
    fn stop(&self, py: Python<'_>) {
        drop(self.take(py));
    }

    /// The same as stop().
    fn close(&self, py: Python<'_>) {
        self.stop(py);
    }

    /// True until it runs or is stopped.
    #[getter]
    pub fn pending(&self, py: Python<'_>) -> bool {
        self.0.borrow(py).is_some()
    }

    /// The function, or None.
    #[getter]
    pub fn callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0
            .borrow(py)
            .as_ref()
            .map(|(callback, _)| callback.clone_ref(py))
    }

    /// The arguments, or None.
    #[getter]
    fn args(&self, py: Python<'_>) -> Option<Py<PyTuple>> {
        self.0
            .borrow(py)
            .as_ref()
            .map(|(_, args)| args.clone_ref(py))
    }

    fn __bool__(&self, py: Python<'_>) -> bool {
        self.pending(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        let held = slf
            .get()
            .0
            .borrow(py)
            .as_ref()
            .map(|(f, a)| (f.clone_ref(py), a.clone_ref(py)));
        Ok(match held {
            None => format!("<callback at {:p} stopped>", slf.as_ptr()),
            Some((f, args)) => {
                format!(
                    "<callback at {:p} pending {} args={}>",
                    slf.as_ptr(),
                    f.bind(py).repr()?,
                    args.bind(py).repr()?
                )
            }
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.inspect(|held| match held {
            Some((callback, args)) => {
                visit.call(callback)?;
                visit.call(args)
            }
            None => Ok(()),
        })
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.take(py));
    }
}
