//! Attributes of an object looked up with a dict that is not its own: what an object whose
//! attributes belong to the running greenlet needs.

#![expect(unsafe_code, reason = "CPython functions that PyO3 does not declare")]

use std::ffi::c_int;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

// What `object.__getattribute__` and `object.__setattr__` are made of. Exported by CPython 3.11
// to 3.13, for its own `threading.local`.
unsafe extern "C" {
    fn _PyObject_GenericGetAttrWithDict(
        object: *mut ffi::PyObject,
        name: *mut ffi::PyObject,
        dict: *mut ffi::PyObject,
        suppress: c_int,
    ) -> *mut ffi::PyObject;
    fn _PyObject_GenericSetAttrWithDict(
        object: *mut ffi::PyObject,
        name: *mut ffi::PyObject,
        value: *mut ffi::PyObject,
        dict: *mut ffi::PyObject,
    ) -> c_int;
}

/// `object.name`, as `object.__getattribute__` finds it if `dict` is the object's dict.
pub fn getattr<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    dict: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: all three are alive, `name` is a str and `dict` a dict as the function demands; it
    // returns a new reference, or null with an exception set.
    unsafe {
        let value =
            _PyObject_GenericGetAttrWithDict(object.as_ptr(), name.as_ptr(), dict.as_ptr(), 0);
        Bound::from_owned_ptr_or_err(object.py(), value)
    }
}

/// `object.name = value`, or `del object.name` without one, as `object.__setattr__` does it if
/// `dict` is the object's dict.
pub fn setattr(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: Option<&Bound<'_, PyAny>>,
    dict: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let value = value.map_or(ptr::null_mut(), Bound::as_ptr);
    // SAFETY: as above; `value` is alive, or null, which deletes. A result below zero comes with
    // an exception set.
    let result = unsafe {
        _PyObject_GenericSetAttrWithDict(object.as_ptr(), name.as_ptr(), value, dict.as_ptr())
    };
    if result < 0 {
        Err(PyErr::fetch(object.py()))
    } else {
        Ok(())
    }
}
