//! The attributes of a raw greenlet: `run`, `parent`, `gr_frame`, `gr_context`, and its repr.

#![expect(
    unsafe_code,
    reason = "pointers to greenlets and to what the thread state holds"
)]

use std::ffi::CStr;
use std::ptr;

use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::object::{Status, inner, is_greenlet, of};
use super::thread::Thread;
use super::thread_state::{current_context, replace_current_context};
pub(super) fn repr<'py>(slf: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let me = of(slf);
    let name = type_name(slf);
    let address = slf.as_ptr();
    // None before the start and after the thread's end, in the words of greenlet's printf.
    let thread = match me.thread() {
        Some(thread) if thread.alive.get() => format!("{:p}", ptr::from_ref(thread)),
        _ => "0x(nil)".to_owned(),
    };
    let state = match me.life() {
        Status::Dead if me.thread().is_some_and(|thread| !thread.alive.get()) => {
            "(thread exited) dead"
        }
        Status::Dead => "dead",
        Status::New => "pending",
        Status::Active if is_running(slf) && me.thread().is_some_and(Thread::is_current) => {
            "current active started"
        }
        Status::Active => "suspended active started",
    };
    let main = match me.life() {
        Status::Active if me.is_main => " main",
        _ => "",
    };
    Ok(PyString::new(
        slf.py(),
        &format!("<{name} object at {address:p} (otid={thread}) {state}{main}>"),
    ))
}

/// The name of the type as C knows it: without the module for one made in Python.
fn type_name(slf: &Bound<'_, PyAny>) -> String {
    // SAFETY: the name of a live type is a C string that lives as long as the type.
    let name = unsafe { CStr::from_ptr((*slf.get_type_ptr()).tp_name) };
    name.to_string_lossy().into_owned()
}

/// Whether a greenlet is the running one of its thread.
fn is_running(slf: &Bound<'_, PyAny>) -> bool {
    of(slf)
        .thread()
        .is_some_and(|thread| thread.current.get().cast() == slf.as_ptr())
}

/// The thread that a greenlet runs in, or would start in: its parents', up to a started one.
pub fn owner<'a>(slf: &'a Bound<'_, PyAny>) -> Option<&'a Thread> {
    let mut at = of(slf);
    loop {
        if let Some(thread) = at.thread() {
            return Some(thread);
        }
        let parent = at.parent.as_ptr();
        if parent.is_null() {
            return None;
        }
        // SAFETY: a parent is a greenlet, kept alive by its child.
        at = unsafe { inner(parent.cast()) };
    }
}

pub(super) fn set_run(slf: &Bound<'_, PyAny>, run: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let me = of(slf);
    if me.status.get() != Status::New {
        return Err(PyAttributeError::new_err(
            "run cannot be set after the start of the greenlet",
        ));
    }
    match run {
        Some(run) => drop(me.run.replace(Some(run.into()))),
        None => drop(me.run.take()),
    }
    Ok(())
}

pub(super) fn get_run(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let me = of(slf);
    match me.run.get(slf.py()) {
        Some(run) if me.status.get() == Status::New => Ok(run.unbind()),
        _ => Err(PyAttributeError::new_err("run")),
    }
}

/// `parent = value`, with its checks: a greenlet of the same thread, no cycle.
pub fn set_parent(slf: &Bound<'_, PyAny>, parent: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let me = of(slf);
    let Some(parent) = parent else {
        return Err(PyAttributeError::new_err("can't delete attribute"));
    };
    if me.is_main {
        return Err(PyAttributeError::new_err(
            "cannot set the parent of a main greenlet",
        ));
    }
    if !is_greenlet(&parent) {
        return Err(PyTypeError::new_err(format!(
            "GreenletChecker: Expected any type of greenlet, not {}",
            parent.get_type().name()?
        )));
    }
    let mut at = parent.as_ptr();
    while !at.is_null() {
        if at == slf.as_ptr() {
            return Err(PyValueError::new_err("cyclic parent chain"));
        }
        // SAFETY: parents are live greenlets.
        at = unsafe { inner(at.cast()) }.parent.as_ptr();
    }
    let Some(theirs) = owner(&parent) else {
        return Err(PyValueError::new_err(
            "parent must not be garbage collected",
        ));
    };
    if let Some(thread) = me.thread()
        && me.is_active()
        && !ptr::eq(theirs, thread)
    {
        return Err(PyValueError::new_err(
            "parent cannot be on a different thread",
        ));
    }
    drop(me.parent.replace(Some(parent.into())));
    Ok(())
}

pub(super) fn get_parent(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    Ok(of(slf)
        .parent
        .get(py)
        .map_or_else(|| py.None(), Bound::unbind))
}

pub(super) fn get_frame(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let me = of(slf);
    // One whose thread has ended can still be looked at.
    if me.status.get() != Status::Active || is_running(slf) {
        return Ok(py.None());
    }
    // SAFETY: suspended, so its state is the saved one, and we hold the GIL.
    let frame = unsafe {
        let frame = me.frame_object(ffi::PyThreadState_Get());
        Bound::from_owned_ptr_or_opt(py, frame)
    };
    Ok(frame.map_or_else(|| py.None(), Bound::unbind))
}

fn foreign_context(verb: &str) -> PyErr {
    PyValueError::new_err(format!(
        "cannot {verb} context of a greenlet that is running in a different thread"
    ))
}

pub(super) fn get_context(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let me = of(slf);
    // SAFETY: the GIL is held; a context pointer is null or a live context.
    let context = unsafe {
        let pointer = if is_running(slf) {
            if !me.thread().is_some_and(Thread::is_current) {
                return Err(foreign_context("get"));
            }
            current_context(ffi::PyThreadState_Get())
        } else {
            (*me.state.get()).context()
        };
        Bound::from_borrowed_ptr_or_opt(py, pointer)
    };
    Ok(context.map_or_else(|| py.None(), Bound::unbind))
}

pub(super) fn set_context(slf: &Bound<'_, PyAny>, value: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let me = of(slf);
    let Some(value) = value else {
        return Err(PyAttributeError::new_err("can't delete context attribute"));
    };
    // SAFETY: the check macro reads the type of a live object.
    if !value.is_none() && unsafe { ffi::PyContext_CheckExact(value.as_ptr()) } == 0 {
        return Err(PyTypeError::new_err(
            "greenlet context must be a contextvars.Context or None",
        ));
    }
    let new = if value.is_none() {
        ptr::null_mut()
    } else {
        value.into_ptr()
    };
    // SAFETY: the new pointer carries a reference, which the thread state or the saved state
    // takes over; the old one's is dropped last, as that may run Python.
    unsafe {
        let old = if is_running(slf) {
            if !me.thread().is_some_and(Thread::is_current) {
                ffi::Py_XDECREF(new);
                return Err(foreign_context("set"));
            }
            replace_current_context(ffi::PyThreadState_Get(), new)
        } else {
            (*me.state.get()).replace_context(new)
        };
        ffi::Py_XDECREF(old);
    }
    Ok(())
}

pub(super) fn stack_saved(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    // Nothing is copied: a suspended greenlet's stack stays where it is. This is how deep it is.
    let me = of(slf);
    let suspended = me.is_active() && !is_running(slf);
    // SAFETY: both are only looked at, and changed by the switch alone.
    let depth = unsafe {
        match me.stack() {
            Some(stack) if suspended => (*me.context.get()).depth(stack),
            _ => usize::from(suspended),
        }
    };
    Ok(depth.into_pyobject(slf.py())?.into_any().unbind())
}

pub(super) fn refuse_pickle<'py>(
    slf: &Bound<'py, PyAny>,
    _args: super::method::Args<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    Err(PyTypeError::new_err(format!(
        "cannot serialize '{}' object",
        type_name(slf)
    )))
}
