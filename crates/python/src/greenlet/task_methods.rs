//! The methods and attributes of `_core.Greenlet`.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::greenlet_ref::GreenletRef;
use super::method::Args;
use super::object::{Status, of};
use super::task::{Phase, die_unstarted, home, overrides, schedule_kill, task};
use super::task_class::{construct, construct_for, is_plain};
use super::throw;
use crate::gil::{GilCell, Ref, Slot};
use crate::hub::{Job, Limit, TimerTarget, Wake};
pub(super) fn spawn<'py>(
    class: &Bound<'py, PyAny>,
    args: Args<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    start_made(class.cast()?, construct(class, args, 0)?)
}

/// `class.spawn(function)`, for functions of ours: without a call through Python, if the class has the usual methods.
pub fn spawn_for<'py>(
    class: &Bound<'py, PyType>,
    function: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let spawn = intern!(class.py(), "spawn");
    if overrides(class, spawn)? {
        return class.call_method1(spawn, (function,));
    }
    start_made(class, construct_for(class, function)?)
}

/// Starts an instance of `class` that was just made.
fn start_made<'py>(
    class: &Bound<'py, PyType>,
    slf: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let start = intern!(class.py(), "start");
    if overrides(class, start)? {
        slf.call_method0(start)?;
    } else {
        start_now(&slf)?;
    }
    Ok(slf)
}

pub(super) fn spawn_later<'py>(
    class: &Bound<'py, PyAny>,
    args: Args<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(seconds) = args.get(0) else {
        return Err(PyTypeError::new_err(
            "spawn_later() needs the number of seconds and a function",
        ));
    };
    let class_says_what =
        !is_plain(class.cast()?) || overrides(class.cast()?, intern!(class.py(), "_run"))?;
    if !class_says_what && args.get(1).is_none() && args.dict()?.is_none() {
        return Err(PyTypeError::new_err(
            "spawn_later() needs a function besides the number of seconds",
        ));
    }
    let slf = construct(class, args, 1)?;
    slf.call_method1(intern!(slf.py(), "start_later"), (seconds,))?;
    Ok(slf)
}

fn start_now(slf: &Bound<'_, PyAny>) -> PyResult<()> {
    let task = task(slf);
    if task.phase.get() == Phase::New {
        let event_loop = home(slf)?;
        tell_spawn_callbacks(slf)?;
        task.phase.set(Phase::Scheduled);
        event_loop.get().push(
            slf.py(),
            Job::Start {
                greenlet: GreenletRef::new(slf)?,
            },
        );
    }
    Ok(())
}

/// Functions to be told of each greenlet that is started: `Greenlet.add_spawn_callback`.
static SPAWN_CALLBACKS: GilCell<Vec<Ref>> = GilCell::new(Vec::new());

/// set_spawn_callbacks(callbacks)
///
/// Replaces the functions that are called with each Greenlet when it is started.
#[pyfunction]
pub fn set_spawn_callbacks(py: Python<'_>, callbacks: Vec<Py<PyAny>>) {
    let new = callbacks.into_iter().map(Ref::from).collect();
    let old = std::mem::replace(&mut *SPAWN_CALLBACKS.borrow_mut(py), new);
    drop(old);
}

fn tell_spawn_callbacks(slf: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = slf.py();
    if SPAWN_CALLBACKS.borrow(py).is_empty() {
        return Ok(());
    }
    let callbacks: Vec<Ref> = SPAWN_CALLBACKS
        .borrow(py)
        .iter()
        .map(|callback| callback.clone_ref(py))
        .collect();
    for callback in callbacks {
        callback.bind(py).call1((slf,))?;
    }
    Ok(())
}

pub(super) fn start<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    args.bind::<0>("start", [])?;
    start_now(slf)?;
    Ok(slf.py().None().into_bound(slf.py()))
}

pub(super) fn start_later<'py>(
    slf: &Bound<'py, PyAny>,
    args: Args<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [seconds] = args.bind("start_later", ["seconds"])?;
    let seconds = seconds
        .ok_or_else(|| PyTypeError::new_err("start_later() needs the number of seconds"))?
        .extract()?;
    let task = task(slf);
    if task.phase.get() == Phase::New {
        let event_loop = home(slf)?;
        let target = TimerTarget::Start(GreenletRef::new(slf)?);
        tell_spawn_callbacks(slf)?;
        task.phase.set(Phase::Scheduled);
        let after = Limit::duration(seconds);
        let timer = event_loop.get().start_timer(py, after, target, true);
        task.timer.set(Some((event_loop.unbind(), timer)));
    }
    Ok(py.None().into_bound(py))
}

/// Waits for its end. False: the limit was reached.
fn wait(slf: &Bound<'_, PyAny>, limit: &Limit) -> PyResult<bool> {
    let task = task(slf);
    if !task.is_done() {
        limit.start(slf.py())?;
    }
    if task.is_done() {
        return Ok(true);
    }
    match task.links.wait(slf.py(), limit)? {
        Wake::Notified => Ok(true),
        Wake::TimedOut => Ok(task.is_done()),
        Wake::Thrown { error, .. } => Err(error),
    }
}

pub(super) fn join<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [timeout] = args.bind("join", ["timeout"])?;
    wait(slf, &limit(timeout)?)?;
    Ok(py.None().into_bound(py))
}

pub(super) fn get<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [block, timeout] = args.bind("get", ["block", "timeout"])?;
    let block = block.map_or(Ok(true), |block| block.is_truthy())?;
    let limit = limit(timeout)?;
    let done = task(slf).is_done() || (block && wait(slf, &limit)?);
    if !done {
        return Err(if block {
            limit.error(py)
        } else {
            Limit::None.error(py)
        });
    }
    match task(slf).failure(py) {
        Some(error) => Err(error),
        None => Ok(task(slf)
            .value
            .get(py)
            .unwrap_or_else(|| py.None().into_bound(py))),
    }
}

fn limit(timeout: Option<Bound<'_, PyAny>>) -> PyResult<Limit> {
    timeout.map_or(Ok(Limit::None), |timeout| timeout.extract())
}

pub(super) fn kill<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [exception, block, timeout] = args.bind("kill", ["exception", "block", "timeout"])?;
    let block = block.map_or(Ok(true), |block| block.is_truthy())?;
    let limit = limit(timeout.clone())?;
    let began = task(slf).phase.get() == Phase::Running;
    schedule_kill(slf, killer(py, exception))?;
    if block && began && overrides(&slf.get_type(), intern!(py, "join"))? {
        slf.call_method1(intern!(py, "join"), (timeout,))?;
    } else if block {
        wait(slf, &limit)?;
    }
    Ok(py.None().into_bound(py))
}

/// What a greenlet is killed with: the exception, or the TypeError that says that it is none. It
/// dies either way, as one who kills expects.
pub fn killer<'py>(py: Python<'py>, exception: Option<Bound<'py, PyAny>>) -> PyErr {
    throw::exception(py, exception, None, None).unwrap_or_else(|error| error)
}

pub(super) fn throw<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    if task(slf).cancel_start(py) {
        let [kind, value, traceback] = args.bind("throw", ["type", "value", "traceback"])?;
        die_unstarted(slf, throw::exception(py, kind, value, traceback)?);
        return Ok(py.None().into_bound(py));
    }
    throw::throw_method(slf, args)
}

pub(super) fn rawlink<'py>(
    slf: &Bound<'py, PyAny>,
    args: Args<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [callback] = args.bind("rawlink", ["callback"])?;
    let callback = callback
        .filter(|callback| callback.is_callable())
        .ok_or_else(|| PyTypeError::new_err("Expected callable: the callback of rawlink()"))?;
    task(slf).links.rawlink(py, callback.unbind());
    if task(slf).is_done() {
        task(slf).links.notify_all(py, slf);
    }
    Ok(py.None().into_bound(py))
}

pub(super) fn unlink<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [callback] = args.bind("unlink", ["callback"])?;
    if let Some(callback) = callback {
        task(slf).links.unlink(py, &callback)?;
    }
    Ok(py.None().into_bound(py))
}

pub(super) fn unlink_all<'py>(
    slf: &Bound<'py, PyAny>,
    _args: Args<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    task(slf).links.unlink_all(slf.py());
    Ok(slf.py().None().into_bound(slf.py()))
}

pub(super) fn truth(slf: &Bound<'_, PyAny>, value: bool) -> PyResult<Py<PyAny>> {
    Ok(value
        .into_pyobject(slf.py())?
        .to_owned()
        .into_any()
        .unbind())
}

pub(super) fn method_truth<'py>(
    slf: &Bound<'py, PyAny>,
    value: bool,
) -> PyResult<Bound<'py, PyAny>> {
    truth(slf, value).map(|value| value.into_bound(slf.py()))
}

pub(super) fn is_started(slf: &Bound<'_, PyAny>) -> bool {
    matches!(task(slf).phase.get(), Phase::Scheduled | Phase::Running) && !is_dead(slf)
}

/// Whether it has ended, or can never go on: in a forked child there are none of its parent's other threads.
pub(super) fn is_dead(slf: &Bound<'_, PyAny>) -> bool {
    of(slf).life() == Status::Dead
}

pub(super) fn or_none(slf: &Bound<'_, PyAny>, slot: &Slot) -> Py<PyAny> {
    slot.get(slf.py())
        .map_or_else(|| slf.py().None(), Bound::unbind)
}

pub(super) fn exc_info(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let triple = match task(slf).failure(py) {
        Some(error) => {
            let traceback = error
                .traceback(py)
                .map_or_else(|| py.None(), |tb| tb.into_any().unbind());
            [
                error.get_type(py).into_any().unbind(),
                error.value(py).clone().into_any().unbind(),
                traceback,
            ]
        }
        None => return Ok(py.None()),
    };
    Ok(PyTuple::new(py, triple)?.into_any().unbind())
}

pub(super) fn tree_locals(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    Ok(task(slf).origin.shared_locals(slf.py()).unbind())
}

pub(super) fn set_slot(slot: &Slot, value: Option<Bound<'_, PyAny>>) {
    drop(slot.replace(value.map(Ref::from)));
}
