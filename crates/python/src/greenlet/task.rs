//! What gevent's `Greenlet` adds to a raw greenlet: it is started by the hub, keeps its result,
//! and tells those who are linked to it when it ends.
//!
//! `_core.Greenlet` is a subtype of the raw greenlet with the same C layout; what it adds is a
//! [`Task`] behind `pimpl`. `verdigris.greenlet.Greenlet` derives from it in Python and adds what
//! is rarely called.

#![expect(unsafe_code, reason = "a hand-written CPython type")]

use std::cell::Cell;
use std::ptr;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple, PyType};

use super::attributes::owner;
use super::greenlet_ref::GreenletRef;
use super::object::{self, PyGreenlet, Status, of};
use super::spawn_tree::Origin;
use super::switch::{Carried, is_exit};
use super::task_class::task_type;
use crate::error::GreenletExit;
use crate::gil::{Slot, call_raw};
use crate::hub::TimerId;
use crate::hub::{EventLoop, Job, Throw, WaitQueue};
/// A `Greenlet`'s own data.
pub struct Task {
    pub(super) phase: Cell<Phase>,
    pub(super) function: Slot,
    pub(super) args: Slot,
    pub(super) kwargs: Slot,
    pub(super) value: Slot,
    pub(super) error: Slot,
    pub(super) links: WaitQueue,
    /// What `start_later` waits by, and whose timer that is.
    pub(super) timer: Cell<Option<(Py<EventLoop>, TimerId)>>,
    pub(super) origin: Origin,
}

/// How far a `Greenlet` has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    New,
    /// Queued, or waiting for `start_later`'s time.
    Scheduled,
    Running,
    /// Ended: it has a value or an error.
    Done,
}

impl Task {
    pub(super) fn new() -> Self {
        Self {
            phase: Cell::new(Phase::New),
            function: Slot::empty(),
            args: Slot::empty(),
            kwargs: Slot::empty(),
            value: Slot::empty(),
            error: Slot::empty(),
            links: WaitQueue::default(),
            timer: Cell::new(None),
            origin: Origin::default(),
        }
    }

    /// Has the processor fetch what is needed when it ends.
    pub fn prefetch(&self) {
        coro::prefetch(self.args.as_ptr());
        self.links.prefetch();
    }

    /// The first of its arguments, to be fetched, too; null if there is none.
    pub fn first_argument(&self) -> *const ffi::PyObject {
        let args = self.args.as_ptr();
        // SAFETY: it is null or a tuple.
        unsafe {
            match !args.is_null() && ffi::PyTuple_GET_SIZE(args) > 0 {
                true => ffi::PyTuple_GET_ITEM(args, 0),
                false => ptr::null(),
            }
        }
    }

    /// Called when its turn to start has come. False: it was killed meanwhile.
    pub fn begin(&self) -> bool {
        let due = self.phase.get() == Phase::Scheduled;
        if due {
            self.phase.set(Phase::Running);
            drop(self.timer.take());
        }
        due
    }

    /// Whether its start is queued.
    pub fn is_scheduled(&self) -> bool {
        self.phase.get() == Phase::Scheduled
    }

    /// What it calls, borrowed; null if that is for a method of its class to say.
    pub(super) fn function(&self) -> *mut ffi::PyObject {
        self.function.as_ptr()
    }

    /// Whether it has a result.
    pub fn is_done(&self) -> bool {
        self.phase.get() == Phase::Done
    }

    /// Those who wait for its end.
    pub fn links(&self) -> &WaitQueue {
        &self.links
    }

    /// The error that ended it, with its traceback.
    pub fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        self.error.get(py).map(PyErr::from_value)
    }

    /// What it has come to: its value, or the exception that ended it.
    pub fn outcome<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Bound<'py, PyAny>> {
        match self.error.get(py) {
            Some(error) => Err(error),
            None => Ok(self
                .value
                .get(py)
                .unwrap_or_else(|| py.None().into_bound(py))),
        }
    }

    pub fn each_object(&self, see: &mut impl FnMut(*mut ffi::PyObject)) {
        let slots = [
            &self.function,
            &self.args,
            &self.kwargs,
            &self.value,
            &self.error,
        ];
        for slot in slots {
            see(slot.as_ptr());
        }
        self.origin.each_object(see);
        self.links.each_object(see);
    }

    pub fn clear(&self) {
        let slots = [
            &self.function,
            &self.args,
            &self.kwargs,
            &self.value,
            &self.error,
        ];
        for slot in slots {
            drop(slot.take());
        }
        self.origin.clear();
        // SAFETY: the collector holds the GIL.
        self.links.clear(unsafe { Python::assume_attached() });
    }

    /// Calls off a start that has not happened. False: it runs, or has run.
    pub(super) fn cancel_start(&self, py: Python<'_>) -> bool {
        if !matches!(self.phase.get(), Phase::New | Phase::Scheduled) {
            return false;
        }
        if let Some((event_loop, timer)) = self.timer.take() {
            event_loop.get().cancel_timer(py, timer);
        }
        true
    }
}

/// Runs a `Greenlet`'s function and keeps what comes of it. The entry of a started task.
///
/// # Safety
/// `me` is the running greenlet and has a task.
pub unsafe fn run(py: Python<'_>, me: *mut PyGreenlet) -> Carried {
    // SAFETY: Thread keeps the running greenlet alive.
    let slf = unsafe { Bound::from_borrowed_ptr(py, me.cast::<ffi::PyObject>()) };
    let task = task(&slf);
    task.phase.set(Phase::Running);
    let outcome = call(&slf, task);
    finish(&slf, outcome);
    py.None().into_ptr()
}

/// Calls `_run(*args, **kwargs)`.
#[inline(always)]
fn call<'py>(slf: &Bound<'py, PyAny>, task: &Task) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let function = if overrides_run(slf) {
        Some(slf.getattr(intern!(py, "_run"))?)
    } else {
        task.function.get(py)
    };
    let Some(function) = function else {
        return Ok(py.None().into_bound(py));
    };
    let args = task
        .args
        .get(py)
        .unwrap_or_else(|| PyTuple::empty(py).into_any());
    let kwargs = task.kwargs.get(py);
    let keywords = kwargs.as_ref().map_or(ptr::null_mut(), Bound::as_ptr);
    // SAFETY: all are held here; `args` is a tuple and `kwargs` a dict or null, as `set_call` stored.
    unsafe {
        let result = call_raw(function.as_ptr(), args.as_ptr(), keywords);
        Bound::from_owned_ptr_or_err(py, result)
    }
}

/// Keeps the outcome, tells those who are linked, and reports an error to the hub.
fn finish(slf: &Bound<'_, PyAny>, outcome: PyResult<Bound<'_, PyAny>>) {
    let py = slf.py();
    let task = task(slf);
    let mut failure = None;
    match outcome {
        Ok(value) => drop(task.value.replace(Some(value.into()))),
        Err(error) if error.is_instance_of::<GreenletExit>(py) => {
            drop(task.value.replace(Some(error.into_value(py).into())));
        }
        Err(error) => {
            // `into_value` gives it the traceback, which CPython 3.11 keeps apart until then.
            let value = error.clone_ref(py).into_value(py);
            drop(task.error.replace(Some(value.into())));
            failure = Some(error);
        }
    }
    task.phase.set(Phase::Done);
    task.links.notify_all(py, slf);
    if let Some(error) = failure {
        report(slf, error);
    }
    // Last, since the report names them.
    drop((task.function.take(), task.args.take(), task.kwargs.take()));
}

/// Hands an error to the `handle_error` of the greenlet's parent, which is its hub; but for the time that a greenlet
/// is unwound on the side, that is whoever does it, and then the hub of the thread is told.
fn report(slf: &Bound<'_, PyAny>, error: PyErr) {
    let py = slf.py();
    let handler = slf
        .getattr(intern!(py, "parent"))
        .and_then(|hub| hub.getattr(intern!(py, "handle_error")));
    let reported = match handler {
        Ok(handler) => {
            let value = error.value(py);
            handler
                .call1((slf, value.get_type(), value, error.traceback(py)))
                .map(drop)
        }
        Err(_) => EventLoop::current(py).map(|event_loop| event_loop.get().report(py, slf, error)),
    };
    match reported {
        // It was killed where the report had led it, such as in the throw to the main greenlet.
        Err(failure) if is_exit(py, &failure) => {}
        Err(failure) => failure.write_unraisable(py, Some(slf)),
        Ok(()) => {}
    }
}

unsafe extern "C" {
    /// The attribute that a type has by itself or by its bases, borrowed, through CPython's method
    /// cache; null without an exception if it has none. PyO3 does not declare it.
    fn _PyType_Lookup(
        class: *mut ffi::PyTypeObject,
        name: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

/// What a class has under `name`, by itself or by its bases, without binding it.
pub fn lookup<'py>(
    class: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: both are alive; the answer is borrowed from the class, or null without an exception.
    unsafe {
        let found = _PyType_Lookup(class.as_type_ptr(), name.as_ptr());
        Bound::from_borrowed_ptr_or_opt(class.py(), found)
    }
}

/// Whether a subclass of ours has something of its own under `name`, which we have too.
pub(super) fn overrides(class: &Bound<'_, PyType>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    let ours = lookup(task_type(class.py())?, name);
    let theirs = lookup(class, name);
    Ok(!ours
        .zip(theirs)
        .is_some_and(|(ours, theirs)| ours.is(&theirs)))
}

/// Whether a subclass has a `_run` of its own.
pub(super) fn overrides_run(slf: &Bound<'_, PyAny>) -> bool {
    let py = slf.py();
    let found = lookup(&slf.get_type(), intern!(py, "_run"));
    found.is_none_or(|found| found.as_ptr() != run_descriptor(py))
}

/// The descriptor of `_run` in our own type.
fn run_descriptor(py: Python<'_>) -> *mut ffi::PyObject {
    static DESCRIPTOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    DESCRIPTOR
        .get_or_init(py, || {
            let class = task_type(py).expect("the type was made when the module was imported");
            let dict = class.getattr("__dict__").expect("types have a dict");
            dict.get_item("_run")
                .expect("_run is in the table below")
                .unbind()
        })
        .as_ptr()
}

/// The task of a `Greenlet`.
pub fn task<'a>(slf: &'a Bound<'_, PyAny>) -> &'a Task {
    of(slf)
        .task
        .as_deref()
        .expect("only Greenlet's methods ask for its task")
}

/// The task of an object, if it is a `Greenlet`.
pub fn task_of<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a Task> {
    object::is_greenlet(object)
        .then(|| of(object).task.as_deref())
        .flatten()
}

/// Makes `error` be raised in a greenlet at its turn. One that has not started dies at once.
pub fn schedule_kill(slf: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    let py = slf.py();
    if let Some(task) = task_of(slf) {
        if task.is_done() {
            return Ok(());
        }
        if task.cancel_start(py) {
            die_unstarted(slf, error);
            return Ok(());
        }
    }
    if of(slf).status.get() != Status::Dead {
        let greenlet = GreenletRef::new(slf)?;
        let job = Job::Throw(Box::new(Throw {
            greenlet,
            wait: None,
            error,
        }));
        home(slf)?.get().push(py, job);
    }
    Ok(())
}

/// The loop of a greenlet's own thread, which alone can run it; ours if that has none.
pub(super) fn home<'py>(slf: &Bound<'py, PyAny>) -> PyResult<Bound<'py, EventLoop>> {
    let py = slf.py();
    let theirs = owner(slf)
        .filter(|thread| thread.wakes())
        .and_then(|thread| {
            let link = thread.hub.borrow();
            link.as_ref().map(|link| link.event_loop.bind(py).clone())
        });
    theirs.map_or_else(|| EventLoop::current(py), Ok)
}

/// Whether an object is a `Greenlet` that has not got as far as its first switch.
pub fn is_unstarted(slf: &Bound<'_, PyAny>) -> bool {
    task_of(slf).is_some() && of(slf).status.get() == Status::New
}

/// Ends a greenlet that never ran, with the error that it is to have ended by.
pub fn die_unstarted(slf: &Bound<'_, PyAny>, error: PyErr) {
    of(slf).status.set(Status::Dead);
    finish(slf, Err(error));
}
