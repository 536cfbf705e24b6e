//! `TrackedRawGreenlet`: what `spawn_raw` makes, a raw greenlet that knows who spawned it.
//!
//! A type of its own, since gevent's users tell by `spawning_greenlet` whether a greenlet has been spawned: those
//! that are made with `greenlet()` do not have it.

#![expect(unsafe_code, reason = "a hand-written CPython type")]

use std::ffi::c_int;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::class::base_type;
use super::method::{GETSETS_END, Table, getset, getter, setter, slot};
use super::object::{self, PyGreenlet, of};
use super::spawn_tree::Origin;
use super::task_methods::{or_none, set_slot};

/// The type object, made once.
pub fn tracked_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let made = TYPE.get_or_try_init(py, || {
        let base = base_type(py)?;
        // SAFETY: the spec and its tables are static and well formed.
        unsafe {
            let made = ffi::PyType_FromSpecWithBases((&raw const SPEC.0).cast_mut(), base.as_ptr());
            Bound::from_owned_ptr_or_err(py, made)
                .map(|made| made.cast_into_unchecked::<PyType>().unbind())
        }
    })?;
    Ok(made.bind(py))
}

/// What is noted of it; made now if nothing was, as for an instance that was not made by `spawn_raw`.
fn origin<'a>(slf: &'a Bound<'_, PyAny>) -> &'a Origin {
    of(slf).spawned.get_or_init(Box::default)
}

getter!(getter_spawner, |slf| Ok(or_none(slf, &origin(slf).spawner)));
getter!(getter_tree_locals, |slf| Ok(origin(slf)
    .shared_locals(slf.py())
    .unbind()));
setter!(setter_tree_locals, |slf, value| {
    set_slot(&origin(slf).locals, value);
    Ok(())
});

static GETSETS: Table<[ffi::PyGetSetDef; 3]> = Table([
    getset(
        c"spawning_greenlet",
        getter_spawner,
        None,
        c"A weak reference to the greenlet that spawned it, or None.",
    ),
    getset(
        c"spawn_tree_locals",
        getter_tree_locals,
        Some(setter_tree_locals),
        c"A dict shared by all that was spawned from one root.",
    ),
    GETSETS_END,
]);

static SLOTS: Table<[ffi::PyType_Slot; 6]> = Table([
    // Named, since a type made from a spec would else get a dealloc of CPython's own.
    slot(
        ffi::Py_tp_dealloc,
        object::tp_dealloc as *const std::ffi::c_void,
    ),
    slot(
        ffi::Py_tp_traverse,
        object::tp_traverse as *const std::ffi::c_void,
    ),
    slot(
        ffi::Py_tp_clear,
        object::tp_clear as *const std::ffi::c_void,
    ),
    slot(ffi::Py_tp_getset, (&raw const GETSETS).cast()),
    slot(
        ffi::Py_tp_doc,
        c"A raw greenlet that spawn_raw() has made.".as_ptr().cast(),
    ),
    slot(0, std::ptr::null()),
]);

static SPEC: Table<ffi::PyType_Spec> = Table(ffi::PyType_Spec {
    name: c"verdigris._core.TrackedRawGreenlet".as_ptr(),
    basicsize: size_of::<PyGreenlet>() as c_int,
    itemsize: 0,
    flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC) as u32,
    slots: (&raw const SLOTS).cast_mut().cast(),
});
