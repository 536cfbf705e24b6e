//! `greenlet.switch` in its two common cases, straight from the C arguments: to an active greenlet of this thread with at
//! most one argument, and to a new one with which nothing is special. That is what programs do millions of times; all
//! else goes the long way, `switch::deliver`.

#![expect(unsafe_code, reason = "a C method, and pointers to greenlets")]

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;

use super::class::base_type;
use super::method::{self, Args};
use super::object::{Status, inner, of};
use super::switch::{launch, switch_method, transfer};
use super::thread::Thread;
use super::thread_state;
use crate::gil::Ref;

/// The method `switch` as CPython calls it.
pub unsafe extern "C" fn switch_fast(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython's fastcall convention: `slf` is a greenlet, `values` holds `nargs` objects.
    unsafe {
        let me = inner(slf.cast());
        if names.is_null()
            && nargs <= 1
            && me.status.get() == Status::Active
            && !me.is_out()
            && let Some(thread) = me.thread()
            && thread.tstate.get() == ffi::PyThreadState_Get()
        {
            let value = if nargs == 1 {
                ffi::Py_NewRef(*values)
            } else {
                ffi::PyTuple_New(0)
            };
            return transfer(thread, ffi::Py_NewRef(slf).cast(), value);
        }
        if names.is_null() && me.status.get() == Status::New {
            let py = Python::assume_attached();
            let target = Bound::from_borrowed_ptr(py, slf);
            // First, since on 3.11 an allocation may collect garbage, and so run Python, which may start this greenlet.
            let args = Args::new(py, values, nargs, names).tuple_from(0);
            if let Ok(args) = args
                && let Some((thread, run)) = plain_start(&target)
            {
                // It is the running one, which outlives the reference that it is read through.
                let thread = &*ptr::from_ref(thread);
                let depth = thread_state::current_depth(thread.tstate.get());
                return match launch(thread, &target, args, None, Some(run), depth) {
                    Ok(()) => transfer(thread, target.into_ptr().cast(), py.None().into_ptr()),
                    Err(error) => {
                        error.restore(py);
                        ptr::null_mut()
                    }
                };
            }
        }
        method::call(switch_method, slf, values, nargs, names)
    }
}

/// The thread and the function of a new greenlet with which nothing is special: of the very type
/// itself, so that its `run` is what was set; with a parent that is active in this thread.
fn plain_start<'a>(target: &'a Bound<'_, PyAny>) -> Option<(&'a Thread, Ref)> {
    let class = base_type(target.py()).ok()?;
    let me = of(target);
    let parent = me.parent.as_ptr();
    if me.status.get() != Status::New
        || target.get_type_ptr() != class.as_type_ptr()
        || parent.is_null()
    {
        return None;
    }
    // SAFETY: a parent is a greenlet, kept alive by its child; the GIL is held.
    let thread = unsafe {
        let thread = inner(parent.cast()).thread()?;
        (thread.tstate.get() == ffi::PyThreadState_Get()).then_some(thread)?
    };
    Some((thread, me.run.get(target.py())?.into()))
}
