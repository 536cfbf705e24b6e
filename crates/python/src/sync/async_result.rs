//! `AsyncResult`: a value or an error that comes later.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::linkable;
use super::timeout;
use crate::gil::GilCell;
use crate::hub::{WaitQueue, truth};

/// What was stored. A value hides an error, so that a late error cannot undo a success.
#[derive(Default)]
struct Outcome {
    value: Option<Py<PyAny>>,
    /// Type, exception and traceback, as `sys.exc_info()` gives them.
    error: Option<[Py<PyAny>; 3]>,
}

/// A place for one value or one exception that greenlets can wait for.
///
/// It is callable with a finished greenlet (or another `AsyncResult`), whose outcome it takes
/// over, and so can be the target of `Greenlet.link`.
#[pyclass(frozen, subclass, weakref, module = "verdigris.event")]
#[derive(Default)]
pub struct AsyncResult {
    outcome: GilCell<Outcome>,
    queue: WaitQueue,
}

impl AsyncResult {
    fn is_ready(&self, py: Python<'_>) -> bool {
        let outcome = self.outcome.borrow(py);
        outcome.value.is_some() || outcome.error.is_some()
    }

    fn stored_value(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.outcome
            .borrow(py)
            .value
            .as_ref()
            .map(|value| value.clone_ref(py))
    }

    fn stored_error(&self, py: Python<'_>) -> Option<[Py<PyAny>; 3]> {
        self.outcome
            .borrow(py)
            .error
            .as_ref()
            .map(|error| error.each_ref().map(|part| part.clone_ref(py)))
    }

    /// The outcome if there is one, the error being raised.
    fn try_get(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        if let Some(value) = self.stored_value(py) {
            return Ok(Some(value));
        }
        let Some([_, exception, traceback]) = self.stored_error(py) else {
            return Ok(None);
        };
        let error = PyErr::from_value(exception.into_bound(py));
        // Each raise would else add to the traceback that the last one left.
        error.set_traceback(py, traceback.into_bound(py).cast_into().ok());
        Err(error)
    }

    fn store(slf: &Bound<'_, Self>, change: impl FnOnce(&mut Outcome) -> Option<Py<PyAny>>) {
        let (py, result) = (slf.py(), slf.get());
        let replaced = change(&mut result.outcome.borrow_mut(py));
        drop(replaced);
        result.queue.notify_all(py, slf.as_any());
    }
}

#[pymethods]
impl AsyncResult {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    fn __init__(&self) {}

    /// Stores a value and wakes all that wait.
    #[pyo3(signature = (value=None))]
    fn set(slf: &Bound<'_, Self>, value: Option<Py<PyAny>>) {
        let value = value.unwrap_or_else(|| slf.py().None());
        Self::store(slf, |outcome| outcome.value.replace(value));
    }

    /// The same as `set(value)`.
    #[pyo3(signature = (value=None))]
    fn set_result(slf: &Bound<'_, Self>, value: Option<Py<PyAny>>) {
        Self::set(slf, value);
    }

    /// Stores an exception, which `get()` raises, and wakes all that wait.
    ///
    /// Args:
    ///     exception: an exception instance.
    ///     exc_info: a (type, exception, traceback) triple to raise instead. Without it the
    ///         exception keeps its own traceback (gevent drops it).
    #[pyo3(signature = (exception, exc_info=None))]
    fn set_exception(
        slf: &Bound<'_, Self>,
        exception: Bound<'_, PyAny>,
        exc_info: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let error = match exc_info {
            Some(triple) if triple.is_truthy()? => [
                triple.get_item(0)?.unbind(),
                triple.get_item(1)?.unbind(),
                triple.get_item(2)?.unbind(),
            ],
            _ => {
                let traceback = exception.getattr_opt("__traceback__")?;
                let traceback = traceback.map_or_else(|| slf.py().None(), Bound::unbind);
                [
                    exception.get_type().into_any().unbind(),
                    exception.unbind(),
                    traceback,
                ]
            }
        };
        let mut replaced = None;
        Self::store(slf, |outcome| {
            replaced = outcome.error.replace(error);
            None
        });
        Ok(())
    }

    /// Waits for the outcome: returns the value or raises the exception.
    ///
    /// Args:
    ///     block: False raises `Timeout` at once if there is no outcome yet.
    ///     timeout: seconds to wait at most, or a `Timeout`; None waits for ever.
    ///
    /// Raises:
    ///     Timeout: nothing came in time.
    #[pyo3(signature = (block=true, timeout=None))]
    fn get(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = truth)] block: bool,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if let Some(value) = self.try_get(py)? {
            return Ok(value);
        }
        if !block || !linkable::wait(py, &self.queue, timeout, || self.is_ready(py))? {
            return Err(timeout::expired(py, timeout.filter(|_| block)));
        }
        Ok(self.try_get(py)?.unwrap_or_else(|| py.None()))
    }

    /// The same as `get(block=False)`.
    fn get_nowait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.get(py, false, None)
    }

    /// The same as `get(timeout=timeout)`, under the name that futures have.
    #[pyo3(signature = (timeout=None))]
    fn result(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        self.get(py, true, timeout)
    }

    /// Waits for the outcome, whatever it is.
    ///
    /// Returns:
    ///     The value; None if it is an exception, or if `timeout` seconds passed.
    #[pyo3(signature = (timeout=None))]
    fn wait(
        &self,
        py: Python<'_>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        if !self.is_ready(py) {
            linkable::wait(py, &self.queue, timeout, || self.is_ready(py))?;
        }
        Ok(self.stored_value(py))
    }

    /// True if there is an outcome.
    fn ready(&self, py: Python<'_>) -> bool {
        self.is_ready(py)
    }

    /// The same as `ready()`.
    fn done(&self, py: Python<'_>) -> bool {
        self.is_ready(py)
    }

    /// True if there is a value.
    fn successful(&self, py: Python<'_>) -> bool {
        self.outcome.borrow(py).value.is_some()
    }

    /// False: what computes the result is not known here, and can't be stopped.
    fn cancel(&self) -> bool {
        false
    }

    /// False, see `cancel()`.
    fn cancelled(&self) -> bool {
        false
    }

    /// The value, or None.
    #[getter]
    fn value(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.stored_value(py)
    }

    /// The exception, or None.
    #[getter]
    fn exception(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.stored_error(py).map(|[_, exception, _]| exception)
    }

    /// The (type, exception, traceback) of the error, or an empty tuple.
    #[getter]
    fn exc_info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match self.stored_error(py) {
            Some(triple) => PyTuple::new(py, triple),
            None => Ok(PyTuple::empty(py)),
        }
    }

    /// Takes over the outcome of a finished greenlet, or of anything that reports like one.
    fn __call__(slf: &Bound<'_, Self>, source: &Bound<'_, PyAny>) -> PyResult<()> {
        if source.call_method0("successful")?.is_truthy()? {
            Self::set(slf, Some(source.getattr("value")?.unbind()));
            Ok(())
        } else {
            Self::set_exception(
                slf,
                source.getattr("exception")?,
                source.getattr_opt("exc_info")?,
            )
        }
    }

    /// None: a result belongs to no hub.
    #[getter]
    fn hub(&self) -> Option<Py<PyAny>> {
        None
    }

    /// Has the hub call `callback(result)`, once, when there is an outcome.
    fn rawlink(slf: &Bound<'_, Self>, callback: Bound<'_, PyAny>) -> PyResult<()> {
        let result = slf.get();
        linkable::rawlink(&result.queue, slf.as_any(), callback, || {
            result.is_ready(slf.py())
        })
    }

    /// Forgets a callback; nothing happens if it is not known.
    fn unlink(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        self.queue.unlink(callback.py(), callback).map(drop)
    }

    /// How many greenlets and callbacks wait.
    fn linkcount(&self, py: Python<'_>) -> usize {
        self.queue.len(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (py, result) = (slf.py(), slf.get());
        let mut state = String::new();
        if let Some(value) = result.stored_value(py) {
            state += &format!("value={} ", value.bind(py).repr()?);
        }
        if let Some([_, exception, _]) = result.stored_error(py) {
            state += &format!("exception={} ", exception.bind(py).repr()?);
        }
        if state.is_empty() {
            state += "unset ";
        }
        let class = linkable::class_name(slf.as_any())?;
        Ok(format!(
            "<{class} {state} _links[{}]>",
            result.queue.len(py)
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.queue.traverse(&visit)?;
        self.outcome.inspect(|outcome| {
            visit.call(&outcome.value)?;
            outcome
                .error
                .iter()
                .flatten()
                .try_for_each(|part| visit.call(part))
        })
    }

    fn __clear__(&self, py: Python<'_>) {
        self.queue.clear(py);
        let outcome = std::mem::take(&mut *self.outcome.borrow_mut(py));
        drop(outcome);
    }
}
