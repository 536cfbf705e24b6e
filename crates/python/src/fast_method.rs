//! Methods of PyO3's classes that programs call more often than anything else, and the making of their objects,
//! without PyO3's bookkeeping.
//!
//! A method in `#[pymethods]` counts, for each call, how deep its thread is in Python, and sorts the arguments by
//! a description of the signature. That is some 10 ns: nothing to most methods, half of what it takes to put an
//! item in a queue. A [`FastMethod`] is a plain `METH_FASTCALL` method, which gets CPython's arguments as they are.
//!
//! A [`FastClass`] likewise makes its objects straight from the arguments of the call, where CPython would make a tuple
//! of them, and then call `__new__` and `__init__` with that.
//!
//! Since nobody counts, `Py<T>` must not be dropped in one: PyO3 would put it off. `Bound` and `Ref` are right.

#![expect(unsafe_code, reason = "the C calling conventions of methods and types")]

use std::ffi::CStr;
use std::ptr;

use pyo3::PyTypeInfo;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::gil::GilCell;
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
    let descriptor = descriptor::<M>(&class)?;
    class.setattr(descriptor.getattr("__name__")?.cast_into()?, descriptor)
}

/// The method as an attribute for `class`, which is `M::Class` or derives from it. To be called once for each.
pub fn descriptor<'py, M: FastMethod>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    if !class.is_subclass_of::<M::Class>()? {
        return Err(PyTypeError::new_err("a method of another class"));
    }
    // CPython refers to it for as long as the class lives, which is to the end.
    let definition = Box::leak(Box::new(method::def(M::NAME, thunk::<M>, 0, M::DOC)));
    // SAFETY: both are alive; the descriptor checks that it is called on an instance of the class.
    unsafe {
        let descriptor = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
        Bound::from_owned_ptr_or_err(class.py(), descriptor)
    }
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
// Not inlined, and of the same kind as `thunk`, so that this one jumps here and saves no registers for the shortcut.
#[inline(never)]
unsafe extern "C" fn slowly<M: FastMethod>(
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

/// A class whose objects can be made of positional arguments alone, as if by `__new__` and `__init__`.
pub trait FastClass: PyTypeInfo {
    /// What the two are by nature: who assigns others to the class has those called.
    const NATURE: &'static Nature;

    /// A new object; None, for the two to make it, if the arguments are not the common ones.
    fn make<'py>(args: Args<'py>) -> PyResult<Option<Bound<'py, Self>>>;
}

/// The slots of a class's `__new__` and `__init__`.
pub struct Nature(GilCell<Option<(ffi::newfunc, ffi::initproc)>>);

impl Nature {
    pub const fn unknown() -> Self {
        Self(GilCell::new(None))
    }

    /// # Safety
    /// `class` is a live type.
    unsafe fn is_of(&self, py: Python<'_>, class: *mut ffi::PyTypeObject) -> bool {
        // SAFETY: by contract, and the GIL is held.
        let (new, init) = unsafe { ((*class).tp_new, (*class).tp_init) };
        let known = *self.0.borrow(py);
        known.is_some_and(|(natural_new, natural_init)| {
            new.is_some_and(|new| ptr::fn_addr_eq(new, natural_new))
                && init.is_some_and(|init| ptr::fn_addr_eq(init, natural_init))
        })
    }
}

/// Has calls of the class make objects that way; calls of classes that derive from it do not. To be called once, when
/// the module is made.
pub fn make_fast<C: FastClass>(py: Python<'_>) {
    let class = py.get_type::<C>().as_type_ptr();
    // SAFETY: the type is alive; CPython calls what is here in place of `type.__call__`, and lets no type inherit it.
    unsafe {
        *C::NATURE.0.borrow_mut(py) = (*class).tp_new.zip((*class).tp_init);
        (*class).tp_vectorcall = Some(make::<C>);
    }
}

/// What CPython calls for `C(...)`.
///
/// # Safety
/// As for the vectorcall of a type, which is `C`'s, with the GIL held.
unsafe extern "C" fn make<C: FastClass>(
    class: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: by contract; the class of a type has a `tp_call`, which takes a tuple, and a dict or null.
    unsafe {
        method::enter(ptr::null_mut(), |py| {
            let args = Args::new(py, values, ffi::PyVectorcall_NARGS(nargsf), names);
            if args.keywords() == 0
                && C::NATURE.is_of(py, class.cast())
                && let Some(made) = C::make(args)?
            {
                return Ok(made.into_ptr());
            }
            let (args, kwargs) = (args.tuple_from(0)?, args.dict()?);
            let kwargs = kwargs.as_ref().map_or(ptr::null_mut(), Bound::as_ptr);
            let call = (*ffi::Py_TYPE(class)).tp_call;
            let made = call.map(|call| call(class, args.as_ptr(), kwargs));
            let made = Bound::from_owned_ptr_or_err(py, made.unwrap_or(ptr::null_mut()))?;
            Ok(made.into_ptr())
        })
    }
}
