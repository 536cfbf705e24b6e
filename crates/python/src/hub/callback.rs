//! A call that can still be called off: what `loop.run_callback` gives, and how a link is told.
//!
//! Programs schedule these by the hundred thousand, and mostly throw the object away at once, so it is written by hand
//! and as small as can be: a function and its arguments. The garbage collector is not told of it. It need not be:
//! as long as a callback holds anything it is in a run queue, which is no garbage, and what leaves the queue in
//! whatever way, holds nothing (`Queued`).
//!
//! The memory of dead ones is kept for the next: it costs less than to go through CPython's allocator, which gives a
//! whole burst's memory back to the kernel, and asks for it again at the next. A hub with nothing to do lets go of what
//! it has not needed ([`trim`]).

#![expect(unsafe_code, reason = "a hand-written CPython type")]

use std::ffi::{c_int, c_void};
use std::mem;
use std::ptr;

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

use crate::gil::{GilCell, Ref, Slot, call, call_without_arguments};
use crate::greenlet::method::{
    GETSETS_END, METHODS_END, Table, def, enter, fastcall, getset, getter, slot,
};

/// The object.
#[repr(C)]
struct PyCallback {
    ob_base: ffi::PyObject,
    /// Empty once it was called or called off.
    function: Slot,
    /// A tuple; empty for none.
    args: Slot,
}

/// The memory of dead callbacks: one after the other, linked through what was their first word.
struct Spare {
    first: *mut Link,
    count: usize,
    /// How few there were since `trim`: nobody has needed these.
    fewest: usize,
}

struct Link {
    next: *mut Link,
}

// SAFETY: the memory belongs to nobody; only who holds the GIL gets at it.
unsafe impl Send for Spare {}

static SPARE: GilCell<Spare> = GilCell::new(Spare {
    first: ptr::null_mut(),
    count: 0,
    fewest: 0,
});

impl Spare {
    /// Memory for a callback, of CPython's allocator for objects; null if there is none.
    #[inline(always)]
    fn take(&mut self) -> *mut PyCallback {
        if self.first.is_null() {
            return ptr::null_mut();
        }
        let link = self.first;
        // SAFETY: what is in the list is memory of a dead callback, which begins with a link.
        self.first = unsafe { (*link).next };
        self.count -= 1;
        self.fewest = self.fewest.min(self.count);
        link.cast()
    }

    /// Keeps the memory of a dead callback.
    #[inline(always)]
    fn keep(&mut self, memory: *mut PyCallback) {
        let link = memory.cast::<Link>();
        // SAFETY: it is as large as a callback, and nobody else's any more.
        unsafe { link.write(Link { next: self.first }) };
        self.first = link;
        self.count += 1;
    }
}

/// How far [`trim`] came.
#[derive(PartialEq)]
pub enum Trimmed {
    /// There is more of what it was called for.
    Partly,
    /// What is left has been needed a moment ago.
    AllButRecent,
    All,
}

/// Frees what no callback has needed since this was done the last time, but not more than `most` of it.
pub fn trim(py: Python<'_>, most: usize) -> Trimmed {
    let mut spare = SPARE.borrow_mut(py);
    let unneeded = mem::take(&mut spare.fewest);
    for _ in 0..unneeded.min(most) {
        // SAFETY: the memory is CPython's, and no object any more.
        unsafe { ffi::PyObject_Free(spare.take().cast()) };
    }
    if unneeded > most {
        spare.fewest = unneeded - most;
        return Trimmed::Partly;
    }
    spare.fewest = spare.count;
    match spare.count {
        0 => Trimmed::All,
        _ => Trimmed::AllButRecent,
    }
}

/// A reference to a callback.
pub struct Callback(Ref);

impl Callback {
    pub fn new(
        py: Python<'_>,
        function: Bound<'_, PyAny>,
        args: Option<Bound<'_, PyTuple>>,
    ) -> PyResult<Self> {
        let class = class(py)?;
        // SAFETY: the type is the one whose instances are `PyCallback`s; the fields of the new object are written
        // before anybody else sees it.
        unsafe {
            let mut memory = SPARE.borrow_mut(py).take();
            if memory.is_null() {
                memory = ffi::PyObject_Malloc(size_of::<PyCallback>()).cast();
                if memory.is_null() {
                    return Err(PyMemoryError::new_err(()));
                }
            }
            let object: *mut PyCallback =
                ffi::PyObject_Init(memory.cast(), class.as_type_ptr()).cast();
            let new = Ref::from_owned(object.cast()).ok_or_else(|| PyErr::fetch(py))?;
            (&raw mut (*object).function).write(Slot::of(function.into()));
            (&raw mut (*object).args)
                .write(args.map_or_else(Slot::empty, |args| Slot::of(args.into())));
            Ok(Self(new))
        }
    }

    /// Calls the function, unless that was done, or called off.
    pub fn run(&self, py: Python<'_>) -> Option<PyResult<()>> {
        let (function, args) = self.take()?;
        let outcome = match &args {
            None => call_without_arguments(function.bind(py)),
            // SAFETY: only tuples are stored as arguments.
            Some(args) => unsafe { call(function.bind(py), args.bind(py).cast_unchecked(), None) },
        };
        Some(outcome.map(drop))
    }

    /// What was to be called, which it will not be now.
    pub fn take(&self) -> Option<(Ref, Option<Ref>)> {
        of(self.0.as_ptr()).take()
    }

    pub fn is_pending(&self) -> bool {
        !of(self.0.as_ptr()).function.is_empty()
    }

    /// The function, until it is called.
    pub fn function<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        of(self.0.as_ptr()).function.get(py)
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.clone_ref(py))
    }

    pub fn bind<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        self.0.bind(py)
    }
}

/// A callback's place in a run queue. Once that is given up it is void.
pub struct Queued(pub Callback);

impl Drop for Queued {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

impl PyCallback {
    fn take(&self) -> Option<(Ref, Option<Ref>)> {
        let function = self.function.take()?;
        Some((function, self.args.take()))
    }
}

/// The callback that `object` is.
fn of<'a>(object: *mut ffi::PyObject) -> &'a PyCallback {
    // SAFETY: a `Callback`, and the methods and slots of the type, only name objects of the type, and keep them alive.
    unsafe { &*object.cast::<PyCallback>() }
}

fn held<'a>(slf: &'a Bound<'_, PyAny>) -> &'a PyCallback {
    of(slf.as_ptr())
}

unsafe extern "C" fn tp_dealloc(slf: *mut ffi::PyObject) {
    // SAFETY: called by CPython with a dead callback; its type counts its instances as references.
    unsafe {
        drop(of(slf).take());
        let class = ffi::Py_TYPE(slf);
        SPARE.borrow_mut(Python::assume_attached()).keep(slf.cast());
        ffi::Py_DECREF(class.cast());
    }
}

unsafe extern "C" fn nb_bool(slf: *mut ffi::PyObject) -> c_int {
    c_int::from(!of(slf).function.is_empty())
}

unsafe extern "C" fn tp_repr(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with a live callback.
    unsafe {
        enter(ptr::null_mut(), |py| {
            let slf = Bound::from_borrowed_ptr(py, slf);
            let Some(function) = held(&slf).function.get(py) else {
                return Ok(text(
                    py,
                    &format!("<callback at {:p} stopped>", slf.as_ptr()),
                ));
            };
            let (function, args) = (function.repr()?, args(&slf).bind(py).repr()?);
            let pending = format!(
                "<callback at {:p} pending {function} args={args}>",
                slf.as_ptr()
            );
            Ok(text(py, &pending))
        })
    }
}

fn text(py: Python<'_>, text: &str) -> *mut ffi::PyObject {
    pyo3::types::PyString::new(py, text).into_ptr()
}

/// Its arguments, or None when there is nothing to be called any more.
fn args(slf: &Bound<'_, PyAny>) -> Py<PyAny> {
    let (py, me) = (slf.py(), held(slf));
    match (me.function.is_empty(), me.args.get(py)) {
        (true, _) => py.None(),
        (false, Some(args)) => args.unbind(),
        (false, None) => PyTuple::empty(py).into_any().unbind(),
    }
}

fastcall!(method_stop, |slf, args| {
    args.bind::<0>("stop", [])?;
    drop(held(slf).take());
    Ok(slf.py().None().into_bound(slf.py()))
});
getter!(getter_pending, |slf| {
    let pending = !held(slf).function.is_empty();
    Ok(pending
        .into_pyobject(slf.py())?
        .to_owned()
        .into_any()
        .unbind())
});
getter!(getter_callback, |slf| {
    let function = held(slf).function.get(slf.py());
    Ok(function.map_or_else(|| slf.py().None(), Bound::unbind))
});
getter!(getter_args, |slf| Ok(args(slf)));

/// The type object, made once.
pub fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let made = TYPE.get_or_try_init(py, || {
        // SAFETY: the spec and its tables are static and well formed; the result is a new type.
        unsafe {
            let made = ffi::PyType_FromSpec((&raw const SPEC.0).cast_mut());
            let made = Bound::from_owned_ptr_or_err(py, made)?;
            Ok::<_, PyErr>(made.cast_into_unchecked::<PyType>().unbind())
        }
    })?;
    Ok(made.bind(py))
}

static METHODS: Table<[ffi::PyMethodDef; 3]> = Table([
    def(
        c"stop",
        method_stop,
        0,
        c"stop($self)\n--\n\nCalls it off; without effect once it has run.",
    ),
    def(
        c"close",
        method_stop,
        0,
        c"close($self)\n--\n\nThe same as stop().",
    ),
    METHODS_END,
]);

static GETSETS: Table<[ffi::PyGetSetDef; 4]> = Table([
    getset(
        c"pending",
        getter_pending,
        None,
        c"True until it runs or is stopped.",
    ),
    getset(
        c"callback",
        getter_callback,
        None,
        c"The function, or None.",
    ),
    getset(c"args", getter_args, None, c"The arguments, or None."),
    GETSETS_END,
]);

static SLOTS: Table<[ffi::PyType_Slot; 7]> = Table([
    slot(ffi::Py_tp_dealloc, tp_dealloc as *const c_void),
    slot(ffi::Py_nb_bool, nb_bool as *const c_void),
    slot(ffi::Py_tp_repr, tp_repr as *const c_void),
    slot(ffi::Py_tp_methods, (&raw const METHODS).cast()),
    slot(ffi::Py_tp_getset, (&raw const GETSETS).cast()),
    slot(
        ffi::Py_tp_doc,
        c"A scheduled `callback(*args)`; `stop()` makes it void."
            .as_ptr()
            .cast(),
    ),
    slot(0, ptr::null()),
]);

static SPEC: Table<ffi::PyType_Spec> = Table(ffi::PyType_Spec {
    name: c"verdigris.core.callback".as_ptr(),
    basicsize: size_of::<PyCallback>() as c_int,
    itemsize: 0,
    flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION) as u32,
    slots: (&raw const SLOTS).cast_mut().cast(),
});
