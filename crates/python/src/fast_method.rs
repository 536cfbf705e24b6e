//! Methods of PyO3's classes that programs call more often than anything else, without PyO3's bookkeeping.
//!
//! A method in `#[pymethods]` counts, for each call, how deep its thread is in Python, and sorts the arguments by
//! a description of the signature. That is some 10 ns: nothing to most methods, half of what it takes to put an
//! item in a queue. A [`FastMethod`] is a plain `METH_FASTCALL` method, which gets CPython's arguments as they are.
//!
//! Since nobody counts, `Py<T>` must not be dropped in one: PyO3 would put it off. `Bound` and `Ref` are right.

#![expect(unsafe_code, reason = "the C calling convention of methods")]

use std::ffi::CStr;
use std::ptr;

use pyo3::PyTypeInfo;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::greenlet::method::{self, Args};

/// A method of the class `Class`.
pub trait FastMethod: 'static {
    type Class: PyTypeInfo;
    const NAME: &'static CStr;
    /// What `__doc__` says, after a first line with the signature, as CPython wants it.
    const DOC: &'static CStr;

    /// What `call` would do, if it is next to nothing and cannot fail; else None, and nothing is done.
    /// It must not panic.
    #[inline(always)]
    fn shortcut<'py>(
        _slf: &Bound<'py, Self::Class>,
        _args: Args<'py>,
    ) -> Option<Bound<'py, PyAny>> {
        None
    }

    fn call<'py>(slf: &Bound<'py, Self::Class>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// Gives its class a method. To be called once, when the module is made.
pub fn add<M: FastMethod>(py: Python<'_>) -> PyResult<()> {
    add_to::<M, M::Class>(py)
}

/// Gives a class that derives from the method's own the same method once more: CPython's specialised instructions call a
/// method the short way only if it is found in the very class of the object.
pub fn add_to<M: FastMethod, C: PyTypeInfo>(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<C>();
    if !class.is_subclass_of::<M::Class>()? {
        return Err(PyTypeError::new_err("a method of another class"));
    }
    // CPython refers to it for as long as the class lives, which is to the end.
    let definition = Box::leak(Box::new(method::def(M::NAME, thunk::<M>, 0, M::DOC)));
    // SAFETY: both are alive; the descriptor checks that it is called on an instance of the class.
    let descriptor = unsafe {
        let descriptor = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
        Bound::from_owned_ptr_or_err(py, descriptor)?
    };
    class.setattr(descriptor.getattr("__name__")?.cast_into()?, descriptor)
}

/// What CPython calls.
///
/// # Safety
/// As for a `METH_FASTCALL | METH_KEYWORDS` method of `M::Class`, with the GIL held.
unsafe extern "C" fn thunk<M: FastMethod>(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: by contract. The caller keeps `slf` alive, and a Bound is one non-null pointer to an object (its token
    // has no size), so the variable can be read as one; it is only borrowed.
    unsafe {
        let py = Python::assume_attached();
        let receiver = &*(&raw const slf).cast::<Bound<'_, M::Class>>();
        let args = Args::new(py, values, nargs, names);
        match M::shortcut(receiver, args) {
            Some(result) => result.into_ptr(),
            None => slowly::<M>(slf, values, nargs, names),
        }
    }
}

/// # Safety
/// As for `thunk`.
#[inline(never)] // with this in it, `thunk` would save registers for the shortcut as well
unsafe fn slowly<M: FastMethod>(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `thunk`.
    unsafe {
        method::enter(ptr::null_mut(), |py| {
            let slf = &*(&raw const slf).cast::<Bound<'_, M::Class>>();
            M::call(slf, Args::new(py, values, nargs, names)).map(Bound::into_ptr)
        })
    }
}
