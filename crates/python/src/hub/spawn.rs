//! Raw greenlets that the hub starts, and killing.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::event_loop::EventLoop;
use super::gather;
use super::job::Job;
use super::limit::{Limit, truth};
use super::waiter::{Waiter, Wake};
use crate::greenlet::{GreenletRef, killer, object, task};

/// spawn_raw(function, *args, **kwargs)
///
/// Starts a raw greenlet in the next turn: no value, no join, no links, about the cheapest start.
/// An error that ends it is reported by the hub. Returns the greenlet.
#[pyfunction]
#[pyo3(signature = (function, *args, **kwargs))]
pub fn spawn_raw<'py>(
    function: Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    if !function.is_callable() {
        return Err(PyTypeError::new_err(format!(
            "function must be callable, not {}",
            function.repr()?
        )));
    }
    let run = match args.is_empty() && kwargs.is_none() {
        true => function,
        false => bind_arguments(function, args, kwargs)?,
    };
    let event_loop = EventLoop::current(py)?;
    let greenlet = object::new_tracked(py, event_loop.get().hub(py)?, run)?;
    let object = greenlet.bind(py).clone();
    event_loop.get().push(py, Job::Start { greenlet });
    Ok(object)
}

fn bind_arguments<'py>(
    function: Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let partial = function.py().import("functools")?.getattr("partial")?;
    let mut all = vec![function];
    all.extend(args.iter());
    partial.call(PyTuple::new(partial.py(), all)?, kwargs)
}

/// kill(greenlet, exception=GreenletExit)
///
/// Raises `exception` in the greenlet in the next turn, and does not wait for it. Also for raw
/// greenlets. One that has not started never runs.
#[pyfunction]
#[pyo3(signature = (greenlet, exception = None))]
pub fn kill(greenlet: &Bound<'_, PyAny>, exception: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    GreenletRef::new(greenlet)?;
    task::schedule_kill(greenlet, killer(greenlet.py(), exception))
}

/// killall(greenlets, exception=GreenletExit, block=True, timeout=None)
///
/// Raises `exception` in all of them in the next turn. With `block` waits until all are dead;
/// raises Timeout if that takes longer than `timeout` seconds. Those that have not started never
/// run.
#[pyfunction]
#[pyo3(signature = (greenlets, exception = None, block = true, timeout = Limit::None))]
pub fn killall(
    py: Python<'_>,
    greenlets: &Bound<'_, PyAny>,
    exception: Option<Bound<'_, PyAny>>,
    #[pyo3(from_py_with = truth)] block: bool,
    timeout: Limit,
) -> PyResult<()> {
    let greenlets = greenlets.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    for greenlet in &greenlets {
        GreenletRef::new(greenlet)?;
    }
    for greenlet in &greenlets {
        task::schedule_kill(greenlet, killer(py, exception.clone()))?;
    }
    if !block || greenlets.is_empty() {
        return Ok(());
    }
    let (tasks, raw): (Vec<_>, Vec<_>) = greenlets
        .into_iter()
        .partition(|greenlet| task::task_of(greenlet).is_some());
    if !raw.is_empty() {
        // The throws were queued before this, so they have been done when our turn comes.
        if let Wake::Thrown { error, .. } = Waiter::current(py)?.park(py, &Limit::Seconds(0.0)) {
            return Err(error);
        }
    }
    let count = tasks.len();
    let ended = gather::wait_for(py, &tasks, &timeout, None)?;
    if ended.len() < count {
        Err(timeout.error(py))
    } else {
        Ok(())
    }
}
