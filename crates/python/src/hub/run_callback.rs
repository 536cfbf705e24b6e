//! `loop.run_callback`: a call in the hub, soon.

use std::ffi::CStr;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::callback::{Callback, Queued};
use super::event_loop::EventLoop;
use super::job::Job;
use crate::fast_method::{self, FastMethod};
use crate::greenlet::method::Args;

/// Gives the loop its methods.
pub fn register(py: Python<'_>) -> PyResult<()> {
    fast_method::add::<RunCallback>(py)?;
    fast_method::add::<RunCallbackThreadsafe>(py)
}

struct RunCallback;

impl FastMethod for RunCallback {
    type Class = EventLoop;
    const NAME: &'static CStr = c"run_callback";
    const DOC: &'static CStr = c"run_callback($self, /, func, *args)\n--\n\n\
        Schedules func(*args) in the hub, after what is scheduled already. Returns an object\n\
        whose stop() calls it off.";

    #[inline(always)]
    fn shortcut<'py>(slf: &Bound<'py, EventLoop>, args: Args<'py>) -> Option<Bound<'py, PyAny>> {
        // Without arguments for the function. It can fail for want of memory, and is tried once more then.
        queue(slf, args.single()?, None).ok()
    }

    fn call<'py>(slf: &Bound<'py, EventLoop>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        schedule(slf, args)
    }
}

struct RunCallbackThreadsafe;

impl FastMethod for RunCallbackThreadsafe {
    type Class = EventLoop;
    const NAME: &'static CStr = c"run_callback_threadsafe";
    const DOC: &'static CStr = c"run_callback_threadsafe($self, /, func, *args)\n--\n\n\
        The same as run_callback, which here may be called from any thread, too.";

    fn call<'py>(slf: &Bound<'py, EventLoop>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        schedule(slf, args)
    }
}

#[inline]
fn schedule<'py>(
    event_loop: &Bound<'py, EventLoop>,
    args: Args<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(function) = args.get(0).filter(|_| args.keywords() == 0) else {
        return Err(PyTypeError::new_err(
            "run_callback() takes a function and its positional arguments",
        ));
    };
    let rest: Option<Bound<'py, PyTuple>> =
        (args.len() > 1).then(|| args.tuple_from(1)).transpose()?;
    queue(event_loop, function, rest)
}

#[inline(always)]
fn queue<'py>(
    event_loop: &Bound<'py, EventLoop>,
    function: Bound<'py, PyAny>,
    rest: Option<Bound<'py, PyTuple>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    let callback = Callback::new(py, function, rest)?;
    let object = callback.bind(py).clone();
    let callback = Queued(callback);
    event_loop.get().push(py, Job::Scheduled { callback });
    Ok(object)
}
