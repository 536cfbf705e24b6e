//! What a greenlet runs first and last on its stack.

#![expect(unsafe_code, reason = "the bottom frame of a stack")]

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

use super::object::{PyGreenlet, Status, inner};
use super::switch::{self, Carried, Payload};
use super::task;
use super::thread::{Start, Thread};
use super::thread_state::clear_handled_exception;
use crate::gil::{Ref, call_raw};

/// The entry point that `switch::launch` gives to a new stack.
///
/// # Safety
/// Reached only by the first switch to a launched greenlet.
pub unsafe extern "C" fn enter(word: usize) -> ! {
    // SAFETY: whoever switched here holds the GIL and has set the thread's current greenlet; the
    // word that a switch brings is the address of its thread.
    unsafe {
        let py = Python::assume_attached();
        let thread = &*ptr::with_exposed_provenance::<Thread>(word);
        let me = thread.current.get();
        let result = run(py, thread, me);
        finish(py, thread, me, result)
    }
}

/// Lands for the first time and runs the greenlet's function. Null: an exception is set.
///
/// # Safety
/// As for `enter`.
#[inline(never)]
unsafe fn run(py: Python<'_>, thread: &Thread, me: *mut PyGreenlet) -> Carried {
    // SAFETY: `launch` has left owned references in `start`, and `transfer` an owned value.
    unsafe {
        let start = thread.start.replace(Start::NONE);
        let value = switch::landed(thread);
        let result = if value.is_null() {
            ffi::Py_XDECREF(start.run);
            ptr::null_mut()
        } else {
            ffi::Py_DECREF(value);
            // What runs stays where the report of an overflow looks for it. Dropping what `run` was set to may run
            // Python, and even switch away: here it may.
            drop(inner(me).run.replace(Ref::from_owned(start.run)));
            match start.run.is_null() {
                true => task::run(py, me),
                false => call_raw(start.run, start.args, start.kwargs),
            }
        };
        ffi::Py_XDECREF(start.args);
        ffi::Py_XDECREF(start.kwargs);
        result
    }
}

/// Ends the greenlet and hands its result, or the exception that ended it, to its parent.
///
/// # Safety
/// `me` is the running greenlet and nothing of its own is left on this stack.
unsafe fn finish(py: Python<'_>, thread: &Thread, me: *mut PyGreenlet, result: Carried) -> ! {
    let (target, value) = {
        // SAFETY: `me` is kept alive by Thread. Everything that may run Python (and so switch
        // away and back) is done before the greenlet is declared dead.
        unsafe {
            let payload = match Ref::from_owned(result) {
                Some(value) => Payload::Value(value.into_bound(py)),
                None => Payload::Error(PyErr::fetch(py)).absorb_exit(py),
            };
            clear_handled_exception(thread.tstate.get());
            drop(inner(me).run.take());
            hand_to_parent(py, thread, me, payload)
        }
    };
    // SAFETY: as above; `target` is active or launched, and alive as a parent (or as the hub) of
    // something that is referred to: our own Inner, which outlives the switch.
    unsafe {
        inner(me).status.set(Status::Dead);
        thread.roster.remove(me);
        switch::depart(thread, target, value)
    }
}

/// Finds the parent that takes the result. One that cannot be started passes its error on.
///
/// # Safety
/// `me` is the running greenlet.
unsafe fn hand_to_parent(
    py: Python<'_>,
    thread: &Thread,
    me: *mut PyGreenlet,
    payload: Payload<'_>,
) -> (*mut PyGreenlet, Carried) {
    // SAFETY: `me` is alive; so are parents.
    let parent: *mut PyGreenlet = unsafe { inner(me) }.parent.as_ptr().cast();
    // SAFETY: as above.
    let is_here = |thread| unsafe {
        let parent = inner(parent);
        parent.status.get() == Status::Active
            && parent.thread().is_some_and(|its| ptr::eq(its, thread))
            && !parent.is_locked_out()
    };
    let mut payload = match payload {
        Payload::Value(value) if !parent.is_null() && is_here(thread) => {
            return (parent, value.into_ptr());
        }
        other => other,
    };
    // SAFETY: as above.
    let mut at = unsafe { inner(me) }.parent.get(py);
    while let Some(parent) = at {
        let next = super::object::of(&parent).parent.get(py);
        match switch::resolve(thread, parent, payload) {
            Ok((target, value)) => return (target.as_ptr().cast(), value),
            Err(error) => payload = Payload::Error(error),
        }
        at = next;
    }
    // Only a main greenlet has no parent, and it never finishes while its thread runs.
    let main = thread.main.as_ptr().cast();
    let value = match payload {
        Payload::Error(error) => {
            error.restore(py);
            ptr::null_mut()
        }
        _ => py.None().into_ptr(),
    };
    (main, value)
}
