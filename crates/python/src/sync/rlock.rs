//! `RLock`: a lock that its owner can take again.
//!
//! As with [`super::semaphore`], releasing it hands it to the first that waits: it stays held, by
//! nobody yet, until that greenlet runs.

use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::current::{current_greenlet, current_id};
use super::linkable;
use crate::gil::GilCell;
use crate::hub::{WaitQueue, truth};

/// Who holds the lock, and how often.
#[derive(Default)]
struct Holder {
    held: bool,
    /// None while the lock is free or on its way to a greenlet that was woken.
    owner: Option<Py<PyAny>>,
    count: usize,
}

/// A lock that the greenlet which holds it can take again; it is free when it has been released
/// as often.
///
/// Args:
///     hub: accepted for gevent's sake; a lock belongs to no hub.
#[pyclass(frozen, subclass, weakref, module = "verdigris.lock")]
#[derive(Default)]
pub struct RLock {
    holder: GilCell<Holder>,
    queue: WaitQueue,
}

impl RLock {
    #[inline]
    fn is_owned(&self, py: Python<'_>) -> PyResult<bool> {
        let current = current_id(py)?;
        Ok(self
            .holder
            .borrow(py)
            .owner
            .as_ref()
            .is_some_and(|owner| owner.as_ptr().addr() == current))
    }

    fn try_take(&self, py: Python<'_>) -> bool {
        !std::mem::replace(&mut self.holder.borrow_mut(py).held, true)
    }

    /// Makes sure that nobody else holds the lock; false if that took too long.
    fn take(
        &self,
        py: Python<'_>,
        blocking: bool,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        if self.try_take(py) {
            return Ok(true);
        }
        if !blocking {
            return Ok(false);
        }
        let limit = linkable::prepare(py, timeout)?;
        if self.try_take(py) {
            return Ok(true);
        }
        let wake = self.queue.wait(py, &limit)?;
        wake.or_pass_on(|| self.give_up(py))
    }

    /// Hands the lock to the first that waits, or frees it.
    fn give_up(&self, py: Python<'_>) {
        if !self.queue.notify_one(py) {
            self.holder.borrow_mut(py).held = false;
        }
    }

    fn not_owned(&self, py: Python<'_>) -> PyErr {
        let owner = self
            .holder
            .borrow(py)
            .owner
            .as_ref()
            .map(|owner| owner.clone_ref(py));
        let text = || {
            let owner = owner.map_or_else(
                || Ok("None".to_owned()),
                |owner| owner.bind(py).repr().map(|r| r.to_string()),
            )?;
            let current = current_greenlet(py)?.repr()?;
            Ok(format!(
                "cannot release un-acquired lock. Owner: {owner} Current: {current}"
            ))
        };
        text().map_or_else(|error| error, PyRuntimeError::new_err)
    }
}

#[pymethods]
impl RLock {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    #[pyo3(signature = (hub=None))]
    fn __init__(&self, hub: Option<&Bound<'_, PyAny>>) {
        let _ = hub;
    }

    /// Takes the lock, waiting for it if another greenlet holds it.
    ///
    /// Args:
    ///     blocking: False never waits.
    ///     timeout: seconds to wait at most, or a `Timeout`; None waits for ever.
    ///
    /// Returns:
    ///     True if the lock was taken, else False.
    #[pyo3(signature = (blocking=true, timeout=None))]
    fn acquire(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = truth)] blocking: bool,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        if self.is_owned(py)? {
            self.holder.borrow_mut(py).count += 1;
            return Ok(true);
        }
        if !self.take(py, blocking, timeout)? {
            return Ok(false);
        }
        let owner = current_greenlet(py)?.unbind();
        let mut holder = self.holder.borrow_mut(py);
        holder.owner = Some(owner);
        holder.count = 1;
        Ok(true)
    }

    /// Releases the lock once.
    ///
    /// Raises:
    ///     RuntimeError: the current greenlet does not hold it.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_owned(py)? {
            return Err(self.not_owned(py));
        }
        let mut holder = self.holder.borrow_mut(py);
        holder.count -= 1;
        if holder.count == 0 {
            let owner = holder.owner.take();
            drop(holder);
            self.give_up(py);
            drop(owner);
        }
        Ok(())
    }

    /// True if some greenlet holds the lock.
    fn locked(&self, py: Python<'_>) -> bool {
        self.holder.borrow(py).held
    }

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        if slf.get_type().is(slf.py().get_type::<Self>()) {
            let taken = slf.get().acquire(slf.py(), true, None)?;
            Ok(pyo3::types::PyBool::new(slf.py(), taken)
                .to_owned()
                .into_any()
                .unbind())
        } else {
            Ok(slf.call_method0("acquire")?.unbind())
        }
    }

    #[pyo3(signature = (*_exc_info))]
    fn __exit__(slf: &Bound<'_, Self>, _exc_info: &Bound<'_, PyTuple>) -> PyResult<()> {
        if slf.get_type().is(slf.py().get_type::<Self>()) {
            slf.get().release(slf.py())
        } else {
            slf.call_method0("release").map(drop)
        }
    }

    /// None: a lock belongs to no hub.
    #[getter]
    fn hub(&self) -> Option<Py<PyAny>> {
        None
    }

    /// The lock itself, which stands on no other: in gevent this is a semaphore.
    #[getter]
    fn _block(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// True if the current greenlet holds the lock. For `threading.Condition`.
    fn _is_owned(&self, py: Python<'_>) -> PyResult<bool> {
        self.is_owned(py)
    }

    /// Releases the lock however often it was taken, and tells what `_acquire_restore` needs to
    /// undo that. For `threading.Condition`.
    fn _release_save(&self, py: Python<'_>) -> PyResult<(usize, Option<Py<PyAny>>)> {
        if !self.holder.borrow(py).held {
            return Err(self.not_owned(py));
        }
        let (count, owner) = {
            let mut holder = self.holder.borrow_mut(py);
            (std::mem::take(&mut holder.count), holder.owner.take())
        };
        self.give_up(py);
        Ok((count, owner))
    }

    /// Takes the lock as often, and for whom, `_release_save` gave it up.
    fn _acquire_restore(&self, py: Python<'_>, state: (usize, Option<Py<PyAny>>)) -> PyResult<()> {
        self.take(py, true, None)?;
        let mut holder = self.holder.borrow_mut(py);
        (holder.count, holder.owner) = state;
        Ok(())
    }

    /// Called by `threading` in a child process: the lock is free there.
    fn _at_fork_reinit(&self, py: Python<'_>) {
        let owner = {
            let mut holder = self.holder.borrow_mut(py);
            (holder.held, holder.count) = (false, 0);
            holder.owner.take()
        };
        drop(owner);
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (py, lock) = (slf.py(), slf.get());
        let (count, owner) = {
            let holder = lock.holder.borrow(py);
            (
                holder.count,
                holder.owner.as_ref().map(|owner| owner.clone_ref(py)),
            )
        };
        let owner = owner.map_or_else(
            || Ok("None".to_owned()),
            |owner| owner.bind(py).repr().map(|r| r.to_string()),
        )?;
        let class = linkable::class_name(slf.as_any())?;
        let links = lock.queue.len(py);
        Ok(format!(
            "<{class} at {:p} _count={count} _owner={owner} _links[{links}]>",
            slf.as_ptr()
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.holder.inspect(|holder| visit.call(&holder.owner))
    }

    fn __clear__(&self, py: Python<'_>) {
        let owner = self.holder.borrow_mut(py).owner.take();
        drop(owner);
    }
}
