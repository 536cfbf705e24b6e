//! How CPython's slots and methods of hand-written types reach our functions.

#![expect(unsafe_code, reason = "the C calling conventions of slots and methods")]

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// The arguments of a `METH_FASTCALL | METH_KEYWORDS` call, borrowed from the caller's frame.
#[derive(Clone, Copy)]
pub struct Args<'py> {
    py: Python<'py>,
    values: *const *mut ffi::PyObject,
    positional: usize,
    names: *mut ffi::PyObject,
}

impl<'py> Args<'py> {
    /// # Safety
    /// The arguments are those of a fastcall that lasts as long as this value.
    pub unsafe fn new(
        py: Python<'py>,
        values: *const *mut ffi::PyObject,
        nargs: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> Self {
        Self {
            py,
            values,
            positional: nargs.cast_unsigned(),
            names,
        }
    }

    pub fn py(&self) -> Python<'py> {
        self.py
    }

    /// How many positional arguments there are.
    pub fn len(&self) -> usize {
        self.positional
    }

    /// How many keyword arguments there are.
    pub fn keywords(&self) -> usize {
        if self.names.is_null() {
            return 0;
        }
        // SAFETY: the names of a fastcall are a tuple.
        unsafe { ffi::PyTuple_GET_SIZE(self.names) }.cast_unsigned()
    }

    /// Whether there are none at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.positional == 0 && self.names.is_null()
    }

    /// The argument, if there is one only, and it is positional.
    #[inline]
    pub fn single(&self) -> Option<Bound<'py, PyAny>> {
        (self.positional == 1 && self.names.is_null()).then(|| self.get(0))?
    }

    /// The same, as the caller's own reference: to count it up and down again would take a fast method longer than
    /// the rest.
    #[inline(always)]
    pub fn only(&self) -> Option<&Bound<'py, PyAny>> {
        // SAFETY: there is one, which the caller keeps alive as long as this; a Bound is one non-null pointer to an
        // object (its token has no size), and is only borrowed.
        (self.positional == 1 && self.names.is_null()).then(|| unsafe { &*self.values.cast() })
    }

    /// A positional argument.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Bound<'py, PyAny>> {
        // SAFETY: inside the array that the caller gave, whose objects it keeps alive.
        (index < self.positional)
            .then(|| unsafe { Bound::from_borrowed_ptr(self.py, *self.values.add(index)) })
    }

    /// The positional arguments from `first` on, as a tuple.
    pub fn tuple_from(&self, first: usize) -> PyResult<Bound<'py, PyTuple>> {
        let size = self.positional.saturating_sub(first);
        // SAFETY: a new tuple is filled whole before anybody sees it; the items are alive.
        unsafe {
            let tuple = ffi::PyTuple_New(size.cast_signed());
            let tuple = Bound::from_owned_ptr_or_err(self.py, tuple)?;
            for index in 0..size {
                let item = *self.values.add(first + index);
                ffi::Py_INCREF(item);
                ffi::PyTuple_SET_ITEM(tuple.as_ptr(), index.cast_signed(), item);
            }
            Ok(tuple.cast_into_unchecked())
        }
    }

    /// The keyword arguments as a dict; None when there are none.
    pub fn dict(&self) -> PyResult<Option<Bound<'py, PyDict>>> {
        if self.keywords() == 0 {
            return Ok(None);
        }
        let dict = PyDict::new(self.py);
        for index in 0..self.keywords() {
            // SAFETY: names and values of a fastcall are alive and of the same number.
            let (name, value) = unsafe {
                (
                    Bound::from_borrowed_ptr(
                        self.py,
                        ffi::PyTuple_GET_ITEM(self.names, index.cast_signed()),
                    ),
                    Bound::from_borrowed_ptr(self.py, *self.values.add(self.positional + index)),
                )
            };
            dict.set_item(name, value)?;
        }
        Ok(Some(dict))
    }

    /// Binds the arguments to `names`, all optional; an unknown or doubled name is a TypeError.
    pub fn bind<const N: usize>(
        &self,
        function: &str,
        names: [&str; N],
    ) -> PyResult<[Option<Bound<'py, PyAny>>; N]> {
        if self.positional > N {
            return Err(pyo3::exceptions::PyTypeError::new_err(format!(
                "{function}() takes at most {N} arguments ({} given)",
                self.positional
            )));
        }
        let mut bound: [Option<Bound<'py, PyAny>>; N] =
            std::array::from_fn(|index| self.get(index));
        if let Some(dict) = self.dict()? {
            for (key, value) in dict {
                let key: String = key.extract()?;
                let place = names.iter().position(|name| *name == key).ok_or_else(|| {
                    pyo3::exceptions::PyTypeError::new_err(format!(
                        "{function}() got an unexpected keyword argument '{key}'"
                    ))
                })?;
                if bound[place].replace(value).is_some() {
                    return Err(pyo3::exceptions::PyTypeError::new_err(format!(
                        "{function}() got multiple values for argument '{key}'"
                    )));
                }
            }
        }
        Ok(bound)
    }
}

/// Runs `body` for CPython: an error is set and `failed` returned, a panic becomes SystemError.
///
/// # Safety
/// Called by CPython, with the GIL held.
#[inline]
pub unsafe fn enter<T>(failed: T, body: impl FnOnce(Python<'_>) -> PyResult<T>) -> T {
    // SAFETY: by contract.
    let py = unsafe { Python::assume_attached() };
    match catch_unwind(AssertUnwindSafe(|| body(py))) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            error.restore(py);
            failed
        }
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            PySystemError::new_err(format!("verdigris panicked: {text}")).restore(py);
            failed
        }
    }
}

/// The signature of a fastcall method's body.
pub type Body = for<'py> fn(&Bound<'py, PyAny>, Args<'py>) -> PyResult<Bound<'py, PyAny>>;

/// Calls a method's body with what CPython passed.
///
/// # Safety
/// Called by CPython as a `METH_FASTCALL | METH_KEYWORDS` method, with the GIL held.
pub unsafe fn call(
    body: Body,
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: by contract; `slf` and the arguments outlive the call.
    unsafe {
        enter(ptr::null_mut(), |py| {
            let slf = Bound::from_borrowed_ptr(py, slf);
            body(&slf, Args::new(py, values, nargs, names)).map(Bound::into_ptr)
        })
    }
}

/// A `PyMethodDef` for a fastcall method.
pub const fn def(
    name: &'static CStr,
    function: ffi::PyCFunctionFastWithKeywords,
    flags: std::ffi::c_int,
    doc: &'static CStr,
) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: function,
        },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS | flags,
        ml_doc: doc.as_ptr(),
    }
}

/// A `PyGetSetDef`; `set` may be None.
pub const fn getset(
    name: &'static CStr,
    get: ffi::getter,
    set: Option<ffi::setter>,
    doc: &'static CStr,
) -> ffi::PyGetSetDef {
    ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set,
        doc: doc.as_ptr(),
        closure: ptr::null_mut(),
    }
}

/// A table that CPython only reads.
pub struct Table<T>(pub T);

// SAFETY: the tables are constants; CPython does not write to them.
unsafe impl<T> Sync for Table<T> {}

/// An entry of a type's slots.
pub const fn slot(slot: std::ffi::c_int, function: *const std::ffi::c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot {
        slot,
        pfunc: function.cast_mut(),
    }
}

/// The end of a table of methods.
pub const METHODS_END: ffi::PyMethodDef = ffi::PyMethodDef::zeroed();

/// The end of a table of attributes.
pub const GETSETS_END: ffi::PyGetSetDef = ffi::PyGetSetDef {
    name: ptr::null(),
    get: None,
    set: None,
    doc: ptr::null(),
    closure: ptr::null_mut(),
};

/// Makes the extern "C" function of a fastcall method out of a [`Body`].
macro_rules! fastcall {
    ($name:ident, $body:expr) => {
        unsafe extern "C" fn $name(
            slf: *mut pyo3::ffi::PyObject,
            values: *const *mut pyo3::ffi::PyObject,
            nargs: pyo3::ffi::Py_ssize_t,
            names: *mut pyo3::ffi::PyObject,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: CPython calls this as the fastcall method that the table says it is.
            unsafe { $crate::greenlet::method::call($body, slf, values, nargs, names) }
        }
    };
}

/// Makes the extern "C" getter of an attribute out of a `fn(&Bound) -> PyResult<Bound>`.
macro_rules! getter {
    ($name:ident, $body:expr) => {
        unsafe extern "C" fn $name(
            slf: *mut pyo3::ffi::PyObject,
            _closure: *mut std::ffi::c_void,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: CPython calls this as a getter, with the GIL held and a live object.
            unsafe {
                $crate::greenlet::method::enter(std::ptr::null_mut(), |py| {
                    let slf = pyo3::Bound::from_borrowed_ptr(py, slf);
                    let get: fn(
                        &pyo3::Bound<'_, pyo3::PyAny>,
                    ) -> pyo3::PyResult<pyo3::Py<pyo3::PyAny>> = $body;
                    get(&slf).map(pyo3::Py::into_ptr)
                })
            }
        }
    };
}

/// Makes the extern "C" setter of an attribute; the body gets None for a deletion.
macro_rules! setter {
    ($name:ident, $body:expr) => {
        unsafe extern "C" fn $name(
            slf: *mut pyo3::ffi::PyObject,
            value: *mut pyo3::ffi::PyObject,
            _closure: *mut std::ffi::c_void,
        ) -> std::ffi::c_int {
            // SAFETY: CPython calls this as a setter, with the GIL held and live objects.
            unsafe {
                $crate::greenlet::method::enter(-1, |py| {
                    let slf = pyo3::Bound::from_borrowed_ptr(py, slf);
                    let value = pyo3::Bound::from_borrowed_ptr_or_opt(py, value);
                    let set: fn(
                        &pyo3::Bound<'_, pyo3::PyAny>,
                        Option<pyo3::Bound<'_, pyo3::PyAny>>,
                    ) -> pyo3::PyResult<()> = $body;
                    set(&slf, value).map(|()| 0)
                })
            }
        }
    };
}

pub(crate) use {fastcall, getter, setter};
