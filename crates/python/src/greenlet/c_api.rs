//! The C API: the capsule `greenlet._C_API`, for extensions compiled against `greenlet.h`.
//!
//! An array of twelve pointers, in the order that the header fixes. Extensions find it by
//! `PyCapsule_Import("greenlet._C_API", 0)`.

#![expect(unsafe_code, reason = "functions and tables with a C interface")]

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::attributes::set_parent;
use super::class::base_type;
use super::method::enter;
use super::object::{self, Status, is_greenlet, of};
use super::switch::{self, Payload};
use super::thread::{Thread, refuse_at_exit};
use super::throw;
use crate::error::{GreenletError, GreenletExit};

const NAME: &CStr = c"greenlet._C_API";
const SLOTS: usize = 12;

type Object = *mut ffi::PyObject;

/// Makes the capsule. Its table lives as long as the process, as what is compiled against it may.
pub fn capsule(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let table: [*const c_void; SLOTS] = [
        base_type(py)?.as_ptr().cast(),
        py.get_type::<GreenletError>().into_ptr().cast(),
        py.get_type::<GreenletExit>().into_ptr().cast(),
        new as *const c_void,
        get_current as *const c_void,
        throw as *const c_void,
        switch as *const c_void,
        set_parent_of as *const c_void,
        is_main as *const c_void,
        is_started as *const c_void,
        is_active as *const c_void,
        parent_of as *const c_void,
    ];
    let table: *const _ = Box::leak(Box::new(table));
    // SAFETY: the table is static and the name is, too.
    unsafe {
        let capsule = ffi::PyCapsule_New(table.cast_mut().cast(), NAME.as_ptr(), None);
        Bound::from_owned_ptr_or_err(py, capsule)
    }
}

/// The object as a greenlet.
///
/// # Safety
/// `object` is null or alive.
unsafe fn greenlet<'py>(py: Python<'py>, object: Object) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: by contract.
    let object = unsafe { Bound::from_borrowed_ptr_or_opt(py, object) };
    object.filter(is_greenlet).ok_or_else(|| {
        PyTypeError::new_err("bad argument type for built-in operation: a greenlet is needed")
    })
}

/// `PyGreenlet* PyGreenlet_New(PyObject* run, PyGreenlet* parent)`
unsafe extern "C" fn new(run: Object, parent: Object) -> Object {
    // SAFETY: C code passes live objects or null, with the GIL held.
    unsafe {
        enter(ptr::null_mut(), |py| {
            let run = Bound::from_borrowed_ptr_or_opt(py, run);
            let object = object::new_raw(py, Thread::current(py)?.current_ref(), run)?;
            if !parent.is_null() {
                let parent = Bound::from_borrowed_ptr(py, parent);
                set_parent(object.bind(py), Some(parent))?;
            }
            Ok(object.into_ref().into_ptr())
        })
    }
}

/// `PyGreenlet* PyGreenlet_GetCurrent(void)`
unsafe extern "C" fn get_current() -> Object {
    // SAFETY: called with the GIL held.
    unsafe {
        enter(ptr::null_mut(), |py| {
            refuse_at_exit()?;
            Ok(Thread::current(py)?.current_ref().into_ptr())
        })
    }
}

/// `PyObject* PyGreenlet_Throw(PyGreenlet* g, PyObject* typ, PyObject* val, PyObject* tb)`
unsafe extern "C" fn throw(
    target: Object,
    kind: Object,
    value: Object,
    traceback: Object,
) -> Object {
    // SAFETY: C code passes live objects or null, with the GIL held.
    unsafe {
        enter(ptr::null_mut(), |py| {
            let target = greenlet(py, target)?;
            let part = |object| Bound::from_borrowed_ptr_or_opt(py, object);
            let error = throw::exception(py, part(kind), part(value), part(traceback))?;
            switch::deliver(&target, Payload::Error(error)).map(Bound::into_ptr)
        })
    }
}

/// `PyObject* PyGreenlet_Switch(PyGreenlet* g, PyObject* args, PyObject* kwargs)`
unsafe extern "C" fn switch(target: Object, args: Object, kwargs: Object) -> Object {
    // SAFETY: C code passes live objects or null, with the GIL held.
    unsafe {
        enter(ptr::null_mut(), |py| {
            let target = greenlet(py, target)?;
            let args = match Bound::from_borrowed_ptr_or_opt(py, args) {
                Some(args) => args.cast_into::<PyTuple>()?,
                None => PyTuple::empty(py),
            };
            let kwargs = Bound::from_borrowed_ptr_or_opt(py, kwargs)
                .filter(|kwargs| !kwargs.is_none())
                .map(|kwargs| kwargs.cast_into::<PyDict>())
                .transpose()?
                .filter(|kwargs| !kwargs.is_empty());
            switch::deliver(&target, Payload::Args(args, kwargs)).map(Bound::into_ptr)
        })
    }
}

/// `int PyGreenlet_SetParent(PyGreenlet* g, PyGreenlet* nparent)`
unsafe extern "C" fn set_parent_of(target: Object, parent: Object) -> c_int {
    // SAFETY: C code passes live objects or null, with the GIL held.
    unsafe {
        enter(-1, |py| {
            let parent = Bound::from_borrowed_ptr_or_opt(py, parent);
            set_parent(&greenlet(py, target)?, parent).map(|()| 0)
        })
    }
}

/// `PyGreenlet* PyGreenlet_GetParent(PyGreenlet* g)`: a new reference, or null without an error.
unsafe extern "C" fn parent_of(target: Object) -> Object {
    // SAFETY: C code passes a live object, with the GIL held.
    unsafe {
        enter(ptr::null_mut(), |py| {
            let target = greenlet(py, target)?;
            Ok(of(&target)
                .parent
                .get(py)
                .map_or(ptr::null_mut(), Bound::into_ptr))
        })
    }
}

/// `int PyGreenlet_MAIN(PyGreenlet* g)`
unsafe extern "C" fn is_main(target: Object) -> c_int {
    // SAFETY: C code passes a live object, with the GIL held.
    unsafe { enter(-1, |py| Ok(c_int::from(of(&greenlet(py, target)?).is_main))) }
}

/// `int PyGreenlet_STARTED(PyGreenlet* g)`
unsafe extern "C" fn is_started(target: Object) -> c_int {
    // SAFETY: C code passes a live object, with the GIL held.
    unsafe {
        enter(-1, |py| {
            Ok(c_int::from(
                of(&greenlet(py, target)?).status.get() != Status::New,
            ))
        })
    }
}

/// `int PyGreenlet_ACTIVE(PyGreenlet* g)`
unsafe extern "C" fn is_active(target: Object) -> c_int {
    // SAFETY: C code passes a live object, with the GIL held.
    unsafe {
        enter(-1, |py| {
            Ok(c_int::from(of(&greenlet(py, target)?).is_active()))
        })
    }
}
