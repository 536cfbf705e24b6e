//! Waiting for several things at once: `joinall`, `wait`, `iwait`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::event_loop::{self, EventLoop};
use super::limit::{Clock, Limit};
use super::waiter::{Waiter, Wake};
use crate::error::ConcurrentObjectUseError;
use crate::gil::{GilCell, Ref};
use crate::greenlet::{note_order, task};

/// A link that collects what has become ready, and wakes its waiter when that is enough.
///
/// Wait queues know it and tell it at once, without the hub in between, so joining many
/// greenlets costs one wake-up, not one for each.
#[pyclass(frozen, module = "verdigris._core")]
#[derive(Default)]
pub struct Gather(GilCell<State>);

#[derive(Default)]
struct State {
    arrived: VecDeque<Ref>,
    enough: usize,
    waiter: Option<Waiter>,
}

impl Gather {
    /// Takes in an object that has become ready.
    pub fn arrive(&self, py: Python<'_>, object: &Bound<'_, PyAny>) {
        let waiter = {
            let mut state = self.0.borrow_mut(py);
            if let Some(last) = state.arrived.back() {
                note_order(last.bind(py), object);
            }
            state.arrived.push_back(object.clone().into());
            if state.arrived.len() >= state.enough {
                // It stays in its place until it runs again: what has arrived is for it.
                state.waiter.as_ref().map(|waiter| waiter.clone_ref(py))
            } else {
                None
            }
        };
        if let Some(waiter) = waiter {
            waiter.wake(py);
        }
    }

    /// Waits until `enough` have arrived, or the limit is reached. Fails with
    /// ConcurrentObjectUseError if another greenlet waits already.
    fn wait(&self, py: Python<'_>, enough: usize, limit: &Limit) -> PyResult<()> {
        let is_over = || self.0.borrow(py).arrived.len() >= enough;
        self.refuse_second(py)?;
        if is_over() {
            return Ok(());
        }
        EventLoop::for_blocking(py)?;
        limit.start(py)?;
        // Either may have let others run.
        self.refuse_second(py)?;
        if is_over() {
            return Ok(());
        }
        let waiter = Waiter::current(py)?;
        {
            let mut state = self.0.borrow_mut(py);
            state.enough = enough;
            state.waiter = Some(waiter.clone_ref(py));
        }
        let wake = waiter.park(py, limit);
        let left = self.0.borrow_mut(py).waiter.take();
        drop(left);
        match wake {
            Wake::Thrown { error, .. } => Err(error),
            Wake::Notified | Wake::TimedOut => Ok(()),
        }
    }

    /// Has the one who waits, if there is one, look whether there is anything left to wait for.
    fn wake(&self, py: Python<'_>) {
        let waiter = {
            let state = self.0.borrow(py);
            state.waiter.as_ref().map(|waiter| waiter.clone_ref(py))
        };
        if let Some(waiter) = waiter {
            waiter.wake(py);
        }
    }

    fn is_awaited(&self, py: Python<'_>) -> bool {
        self.0.borrow(py).waiter.is_some()
    }

    /// Fails if a greenlet waits: what arrives is for that one.
    fn refuse_second(&self, py: Python<'_>) -> PyResult<()> {
        let gone = {
            let mut state = self.0.borrow_mut(py);
            state.waiter.take_if(|waiter| waiter.is_gone())
        };
        drop(gone);
        let taken = {
            let state = self.0.borrow(py);
            state.waiter.as_ref().map(|other| other.clone_ref(py))
        };
        match taken {
            None => Ok(()),
            Some(other) => Err(ConcurrentObjectUseError::new_err(format!(
                "This iterator is already used by another greenlet: {}",
                other.describe(py),
            ))),
        }
    }

    fn take_one(&self, py: Python<'_>) -> Option<Ref> {
        self.0.borrow_mut(py).arrived.pop_front()
    }
}

#[pymethods]
impl Gather {
    fn __call__(&self, py: Python<'_>, object: &Bound<'_, PyAny>) {
        self.arrive(py, object);
    }
}

/// Links a new Gather to all of `objects`; what is ready already arrives at once.
fn link<'py>(py: Python<'py>, objects: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, Gather>> {
    let gather = Bound::new(py, Gather::default())?;
    for (index, object) in objects.iter().enumerate() {
        let linked = match task::task_of(object) {
            Some(task) if task.is_done() => {
                gather.get().arrive(py, object);
                Ok(())
            }
            Some(task) => {
                task.links().rawlink(py, gather.clone().into_any().unbind());
                Ok(())
            }
            None => object.call_method1("rawlink", (&gather,)).map(drop),
        };
        if let Err(error) = linked {
            unlink(&gather, &objects[..index])?;
            return Err(error);
        }
    }
    Ok(gather)
}

fn unlink(gather: &Bound<'_, Gather>, objects: &[Bound<'_, PyAny>]) -> PyResult<()> {
    for object in objects {
        match task::task_of(object) {
            Some(task) => drop(task.links().unlink(gather.py(), gather.as_any())?),
            None => drop(object.call_method1("unlink", (gather,))?),
        }
    }
    Ok(())
}

/// Waits until `count` (or all) of `objects` are ready, or the limit is reached; returns those
/// that are, in the order in which they became so.
pub fn wait_for<'py>(
    py: Python<'py>,
    objects: &[Bound<'py, PyAny>],
    limit: &Limit,
    count: Option<usize>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let enough = count.unwrap_or(objects.len()).min(objects.len());
    let gather = link(py, objects)?;
    let waited = gather.get().wait(py, enough, limit);
    let arrived: Vec<Bound<'py, PyAny>> = std::iter::from_fn(|| gather.get().take_one(py))
        .map(|object| object.bind(py).clone())
        .take(enough)
        .collect();
    if arrived.len() < objects.len() || waited.is_err() {
        unlink(&gather, objects)?;
    }
    waited.map(|()| arrived)
}

/// iwait(objects, timeout=None, count=None)
///
/// Returns an iterator over `objects` in the order in which they become ready, which ends after
/// `count` of them or after `timeout` seconds in all. It is a context manager, too: leaving the
/// block ends the waiting, also that of another greenlet, for which the iterator ends. One greenlet at a time may wait
/// for the next: another gets ConcurrentObjectUseError.
#[pyfunction]
#[pyo3(signature = (objects, timeout = Limit::None, count = None), text_signature = "(objects, timeout=None, count=None)")]
pub fn iwait(
    py: Python<'_>,
    objects: &Bound<'_, PyAny>,
    timeout: Limit,
    count: Option<usize>,
) -> PyResult<WaitIterator> {
    let objects = objects.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let left = count.unwrap_or(objects.len()).min(objects.len());
    let gather = link(py, &objects)?;
    let deadline = match &timeout {
        Limit::Seconds(seconds) => Some(Instant::now() + Limit::duration(*seconds)),
        _ => None,
    };
    Ok(WaitIterator {
        gather: gather.unbind(),
        state: GilCell::new(IteratorState {
            objects: objects.into_iter().map(Bound::unbind).collect(),
            left,
        }),
        timeout,
        deadline,
    })
}

/// What `iwait` returns.
#[pyclass(frozen, module = "verdigris._core")]
pub struct WaitIterator {
    gather: Py<Gather>,
    state: GilCell<IteratorState>,
    timeout: Limit,
    deadline: Option<Instant>,
}

struct IteratorState {
    objects: Vec<Py<PyAny>>,
    left: usize,
}

impl WaitIterator {
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let objects = {
            let mut state = self.state.borrow_mut(py);
            state.left = 0;
            std::mem::take(&mut state.objects)
        };
        let objects: Vec<_> = objects
            .into_iter()
            .map(|object| object.into_bound(py))
            .collect();
        let unlinked = unlink(self.gather.bind(py), &objects);
        // It would wait for ever for what is no longer linked: for it, the iterator ends.
        self.gather.get().wake(py);
        unlinked
    }

    fn limit(&self, py: Python<'_>) -> Limit {
        match (&self.timeout, self.deadline) {
            (Limit::Timeout(clock), _) => {
                Limit::Timeout(Clock::of(clock.bind(py).clone().unbind()))
            }
            (_, Some(deadline)) => Limit::Seconds(
                deadline
                    .saturating_duration_since(Instant::now())
                    .max(Duration::ZERO)
                    .as_secs_f64(),
            ),
            _ => Limit::None,
        }
    }
}

#[pymethods]
impl WaitIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let gather = self.gather.get();
        let left = self.state.borrow(py).left;
        if left > 0 {
            if let Err(error) = gather.wait(py, 1, &self.limit(py)) {
                // Another that waits goes on waiting.
                if !gather.is_awaited(py) {
                    self.finish(py)?;
                }
                return Err(error);
            }
            // It may have ended meanwhile.
            let left = self.state.borrow(py).left;
            if left > 0
                && let Some(object) = gather.take_one(py)
            {
                self.state.borrow_mut(py).left = left - 1;
                if left == 1 {
                    self.finish(py)?;
                }
                return Ok(Some(object.bind(py).clone().unbind()));
            }
        }
        self.finish(py)?;
        Ok(None)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _type: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.finish(py)
    }
}

/// wait(objects=None, timeout=None, count=None)
///
/// Waits until `count` (by default all) of `objects` are ready, for at most `timeout` seconds,
/// and returns the list of those that are, in the order in which they became so. Without objects:
/// waits until the loop has nothing left to do, and returns whether that came about.
#[pyfunction]
#[pyo3(signature = (objects = None, timeout = Limit::None, count = None), text_signature = "(objects=None, timeout=None, count=None)")]
pub fn wait<'py>(
    py: Python<'py>,
    objects: Option<&Bound<'py, PyAny>>,
    timeout: Limit,
    count: Option<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(objects) = objects.filter(|objects| !objects.is_none()) else {
        let hub = event_loop::get_hub(py)?;
        let timeout = match timeout {
            Limit::None => py.None(),
            Limit::Seconds(seconds) => seconds.into_pyobject(py)?.into_any().unbind(),
            Limit::Timeout(clock) => clock.bind(py).clone().unbind(),
        };
        return hub.call_method1("join", (timeout,));
    };
    let objects = objects.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    Ok(PyList::new(py, wait_for(py, &objects, &timeout, count)?)?.into_any())
}

/// joinall(greenlets, timeout=None, raise_error=False, count=None)
///
/// Waits until all (or `count`) of the greenlets have ended, for at most `timeout` seconds, and
/// returns the list of those that have. With raise_error the first error that ended one is
/// raised as soon as it happens.
#[pyfunction]
#[pyo3(signature = (greenlets, timeout = Limit::None, raise_error = false, count = None), text_signature = "(greenlets, timeout=None, raise_error=False, count=None)")]
pub fn joinall<'py>(
    py: Python<'py>,
    greenlets: &Bound<'py, PyAny>,
    timeout: Limit,
    raise_error: bool,
    count: Option<usize>,
) -> PyResult<Bound<'py, PyList>> {
    if !raise_error {
        let objects = greenlets.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        return PyList::new(py, wait_for(py, &objects, &timeout, count)?);
    }
    let done = PyList::empty(py);
    let iterator = iwait(py, greenlets, timeout, count)?;
    while let Some(object) = iterator.__next__(py)? {
        let object = object.into_bound(py);
        let error = object
            .getattr("exception")
            .unwrap_or_else(|_| py.None().into_bound(py));
        if !error.is_none() {
            iterator.finish(py)?;
            return Err(PyErr::from_value(error));
        }
        done.append(object)?;
    }
    Ok(done)
}
