//! `Semaphore`: a number of permits.
//!
//! A permit that is given up while somebody waits is handed to the first that waits: the counter
//! stays as it is, and nobody can take the permit before that greenlet runs. So a lock can't be
//! taken again and again by one greenlet past all the others, and waking one never means that it
//! has to wait anew.

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use wait::Counter;

use super::linkable;
use crate::hub::{WaitQueue, truth};

/// A counter of permits that greenlets, of one thread or of several, take and give back.
///
/// Args:
///     value: how many permits there are at first, not negative.
///     hub: accepted for gevent's sake; a semaphore belongs to no hub.
#[pyclass(frozen, subclass, weakref, module = "verdigris.lock")]
pub struct Semaphore {
    counter: Counter,
    queue: WaitQueue,
}

impl Semaphore {
    pub fn with_permits(value: isize) -> Self {
        Self {
            counter: Counter::new(value),
            queue: WaitQueue::default(),
        }
    }

    pub fn permits(&self) -> isize {
        self.counter.value()
    }

    /// Takes a permit if one is free.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        let permits = self.permits();
        if permits > 0 {
            self.counter.set(permits - 1);
        }
        permits > 0
    }

    /// Takes a permit; false if none was to be had in time.
    #[inline]
    pub fn acquire_permit(
        &self,
        py: Python<'_>,
        owner: &Bound<'_, PyAny>,
        blocking: bool,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        if self.try_acquire() {
            return Ok(true);
        }
        if !blocking {
            return Ok(false);
        }
        self.wait_for_permit(py, owner, timeout)
    }

    fn wait_for_permit(
        &self,
        py: Python<'_>,
        owner: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let limit = linkable::prepare(py, timeout)?;
        if self.try_acquire() {
            return Ok(true);
        }
        self.queue.wait(py, &limit)?.or_pass_on(|| {
            self.release_permit(py, owner);
        })
    }

    /// Gives up a permit: to the first that waits, or to the counter, whose new value is returned.
    #[inline]
    pub fn release_permit(&self, py: Python<'_>, owner: &Bound<'_, PyAny>) -> isize {
        if self.queue.notify_one(py) {
            return self.permits();
        }
        let permits = self.permits() + 1;
        self.counter.set(permits);
        if !self.queue.is_unused(py) {
            self.queue.notify_all(py, owner);
        }
        permits
    }

    /// Gives up a permit, if nobody waits for one. False: nothing was done.
    #[inline]
    pub fn release_unawaited(&self, py: Python<'_>) -> bool {
        let unawaited = self.queue.is_unused(py);
        if unawaited {
            self.queue.note_user();
            self.counter.add(1);
        }
        unawaited
    }
}

#[pymethods]
impl Semaphore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::with_permits(1)
    }

    #[pyo3(signature = (value=1, hub=None))]
    pub fn __init__(&self, value: isize, hub: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let _ = hub;
        if value < 0 {
            return Err(PyValueError::new_err(
                "semaphore initial value must be >= 0",
            ));
        }
        self.counter.set(value);
        Ok(())
    }

    /// Takes a permit, waiting for one if need be.
    ///
    /// Args:
    ///     blocking: False never waits.
    ///     timeout: seconds to wait at most, or a `Timeout`; None waits for ever.
    ///
    /// Returns:
    ///     True if a permit was taken, else False.
    #[pyo3(signature = (blocking=true, timeout=None))]
    fn acquire(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = truth)] blocking: bool,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        slf.get()
            .acquire_permit(slf.py(), slf.as_any(), blocking, timeout)
    }

    /// Gives up a permit; it need not be one that was taken.
    ///
    /// Returns:
    ///     How many permits are free now. Where we differ from gevent: a permit that goes to a
    ///     greenlet that waits never becomes free.
    fn release(slf: &Bound<'_, Self>) -> isize {
        slf.get().release_permit(slf.py(), slf.as_any())
    }

    /// True if there is no free permit.
    fn locked(&self) -> bool {
        self.permits() <= 0
    }

    /// True if there is a free permit.
    fn ready(&self) -> bool {
        self.permits() > 0
    }

    /// Waits until a permit is free, without taking it.
    ///
    /// Args:
    ///     timeout: seconds to wait at most, or a `Timeout`; None waits for ever.
    ///
    /// Returns:
    ///     How many permits are free; 0 if none became free in time, or others took them.
    #[pyo3(signature = (timeout=None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<isize> {
        let semaphore = slf.get();
        if semaphore.permits() <= 0 && semaphore.wait_for_permit(slf.py(), slf.as_any(), timeout)? {
            return Ok(semaphore.release_permit(slf.py(), slf.as_any()));
        }
        Ok(semaphore.permits())
    }

    /// How many permits are free. Raising it wakes those for whom there are permits now.
    #[getter]
    fn counter(&self) -> isize {
        self.permits()
    }

    #[setter]
    fn set_counter(slf: &Bound<'_, Self>, value: isize) {
        let (py, semaphore) = (slf.py(), slf.get());
        let mut permits = value;
        while permits > 0 && semaphore.queue.notify_one(py) {
            permits -= 1;
        }
        semaphore.counter.set(permits);
        if permits > 0 {
            semaphore.queue.notify_all(py, slf.as_any());
        }
    }

    /// None: a semaphore belongs to no hub.
    #[getter]
    fn hub(&self) -> Option<Py<PyAny>> {
        None
    }

    /// Has the hub call `callback(semaphore)`, once, when a permit is free.
    fn rawlink(slf: &Bound<'_, Self>, callback: Bound<'_, PyAny>) -> PyResult<()> {
        let semaphore = slf.get();
        linkable::rawlink(&semaphore.queue, slf.as_any(), callback, || {
            semaphore.ready()
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

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get_type().is(slf.py().get_type::<Self>()) {
            Self::acquire(slf, true, None)?;
        } else {
            slf.call_method0("acquire")?;
        }
        Ok(())
    }

    #[pyo3(signature = (*_exc_info))]
    fn __exit__(slf: &Bound<'_, Self>, _exc_info: &Bound<'_, PyTuple>) -> PyResult<()> {
        if slf.get_type().is(slf.py().get_type::<Self>()) {
            Self::release(slf);
        } else {
            slf.call_method0("release")?;
        }
        Ok(())
    }

    /// Called by `threading` in a child process: permits and who waits are what they were.
    fn _at_fork_reinit(&self) {}

    fn __str__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let semaphore = slf.get();
        let class = linkable::class_name(slf.as_any())?;
        let (permits, links) = (semaphore.permits(), semaphore.queue.len(slf.py()));
        Ok(format!(
            "<{class} at {:p} counter={permits} _links[{links}]>",
            slf.as_ptr()
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.queue.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.queue.clear(py);
    }
}
