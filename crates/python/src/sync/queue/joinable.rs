//! `Queue`: a queue that knows which items are still being worked on, and that can be shut down.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::items::Order;
use super::simple::SimpleQueue;
use crate::sync::linkable;

/// A queue of at most `maxsize` items, first in, first out, whose items are tasks: who gets one
/// tells with `task_done()` that it is done, and `join()` waits until all are.
///
/// Args:
///     maxsize: how many items it holds before `put()` waits; None, 0 and less mean no bound.
///     items: what it holds at first.
///     unfinished_tasks: how many tasks are not done; by default as many as there are items.
#[pyclass(frozen, subclass, extends = SimpleQueue, module = "verdigris.queue")]
pub struct Queue;

impl Queue {
    pub fn with_order(order: Order) -> PyClassInitializer<Self> {
        PyClassInitializer::from(SimpleQueue::with_order(order)).add_subclass(Self)
    }

    fn set_unfinished(slf: &Bound<'_, Self>, tasks: isize) {
        let queue = slf.as_super().get();
        queue.unfinished.set(tasks);
        if tasks == 0 {
            queue.finished.notify_all(slf.py(), slf.as_any());
        }
    }
}

#[pymethods]
impl Queue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        Self::with_order(Order::Fifo)
    }

    #[pyo3(signature = (maxsize=None, items=None, unfinished_tasks=None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        maxsize: Option<isize>,
        items: Option<&Bound<'_, PyAny>>,
        unfinished_tasks: Option<isize>,
    ) -> PyResult<()> {
        SimpleQueue::init(slf.as_super(), maxsize, items)?;
        let tasks = match (unfinished_tasks, items) {
            (Some(tasks), _) if tasks != 0 => tasks,
            (_, Some(_)) => slf.len()?.cast_signed(),
            (_, None) => 0,
        };
        slf.as_super().get().unfinished.set(tasks);
        Ok(())
    }

    /// How many items have been put whose `task_done()` has not been called.
    #[getter]
    fn unfinished_tasks(slf: &Bound<'_, Self>) -> isize {
        slf.as_super().get().unfinished.value()
    }

    #[setter(unfinished_tasks)]
    fn set_unfinished_tasks(slf: &Bound<'_, Self>, tasks: isize) {
        Self::set_unfinished(slf, tasks);
    }

    /// Tells that the work on an item that was got is done.
    ///
    /// Raises:
    ///     ValueError: it was called more often than items were put.
    fn task_done(slf: &Bound<'_, Self>) -> PyResult<()> {
        let tasks = Self::unfinished_tasks(slf);
        if tasks <= 0 {
            return Err(PyValueError::new_err("task_done() called too many times"));
        }
        Self::set_unfinished(slf, tasks - 1);
        Ok(())
    }

    /// Waits until all tasks are done.
    ///
    /// Args:
    ///     timeout: seconds to wait at most, or a `Timeout`; None waits for ever.
    ///
    /// Returns:
    ///     True if they are, False if the time was up first.
    #[pyo3(signature = (timeout=None))]
    fn join(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let queue = slf.as_super().get();
        let is_finished = || queue.unfinished.value() == 0;
        if is_finished() {
            return Ok(true);
        }
        linkable::wait(slf.py(), &queue.finished, timeout, is_finished)
    }

    /// Has `put()` raise `ShutDown` from now on, and `get()` too once the queue is empty. All
    /// that wait are woken to do so.
    ///
    /// Args:
    ///     immediate: throw away what is in the queue, as if it had been got and done.
    #[pyo3(signature = (immediate=false))]
    fn shutdown(slf: &Bound<'_, Self>, immediate: bool) -> PyResult<()> {
        let (py, queue) = (slf.py(), slf.as_super().get());
        queue.shut_down();
        while immediate && slf.len()? > 0 {
            slf.call_method0("get")?;
            let tasks = Self::unfinished_tasks(slf);
            if tasks > 0 {
                Self::set_unfinished(slf, tasks - 1);
            }
        }
        queue.flow.promise_all(py);
        Ok(())
    }

    /// A new queue of this class with the same bound, items and number of unfinished tasks.
    fn copy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let queue = slf.as_super().get();
        let items = queue.items.snapshot(slf.py())?;
        slf.get_type()
            .call1((queue.flow.maxsize(), items, Self::unfinished_tasks(slf)))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!(
            "<{} at {:p}{}>",
            slf.get_type().name()?,
            slf.as_ptr(),
            Self::describe(slf)?
        ))
    }

    fn __str__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!(
            "<{}{}>",
            slf.get_type().name()?,
            Self::describe(slf)?
        ))
    }
}

impl Queue {
    fn describe(slf: &Bound<'_, Self>) -> PyResult<String> {
        let mut text = SimpleQueue::describe(slf.as_super())?;
        match Self::unfinished_tasks(slf) {
            0 => {}
            tasks => text += &format!(" tasks={tasks}"),
        }
        Ok(text)
    }
}
