//! The raw greenlet's type object: `greenlet.greenlet`. Its slots, and its tables of names.

#![expect(unsafe_code, reason = "a hand-written CPython type")]

use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

use super::attributes::{
    get_context, get_frame, get_parent, get_run, refuse_pickle, repr, set_context, set_parent,
    set_run, stack_saved,
};
use super::method::{
    GETSETS_END, METHODS_END, Table, def, enter, fastcall, getset, getter, setter, slot,
};
use super::object::{
    PyGreenlet, Status, alloc, inner, of, tp_clear, tp_dealloc, tp_is_gc, tp_traverse,
};
use super::thread::Thread;
use super::{switch, trace};
use crate::error::{GreenletError, GreenletExit};
/// The type object, made once.
pub fn base_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let made = TYPE.get_or_try_init(py, || {
        let spec = &raw const SPEC.0;
        // SAFETY: the spec and its tables are static and well formed; the result is a new type.
        unsafe {
            let made = ffi::PyType_FromSpec(spec.cast_mut());
            let made = Bound::from_owned_ptr_or_err(py, made)?.cast_into_unchecked::<PyType>();
            add_class_attributes(&made)?;
            (*made.as_type_ptr()).tp_vectorcall = Some(construct);
            (*made.as_type_ptr()).tp_flags |= ffi::Py_TPFLAGS_IMMUTABLETYPE;
            ffi::PyType_Modified(made.as_type_ptr());
            Ok::<_, PyErr>(made.unbind())
        }
    })?;
    Ok(made.bind(py))
}

fn add_class_attributes(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    class.setattr("error", py.get_type::<GreenletError>())?;
    class.setattr("GreenletExit", py.get_type::<GreenletExit>())?;
    for function in [
        wrap_pyfunction!(super::getcurrent, py)?,
        wrap_pyfunction!(trace::settrace, py)?,
        wrap_pyfunction!(trace::gettrace, py)?,
    ] {
        // SAFETY: a static method around a live function.
        let method = unsafe {
            Bound::from_owned_ptr_or_err(py, ffi::PyStaticMethod_New(function.as_ptr()))?
        };
        class.setattr(
            function.getattr("__name__")?.cast_into::<PyString>()?,
            method,
        )?;
    }
    Ok(())
}

/// `greenlet(run=None, parent=None)` for the exact type, without a tuple and a dict.
unsafe extern "C" fn construct(
    class: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython's vectorcall convention, with the GIL held.
    unsafe {
        enter(ptr::null_mut(), |py| {
            let nargs = ffi::PyVectorcall_NARGS(nargsf);
            let args = super::method::Args::new(py, args, nargs, names);
            let current = Thread::attended(py)?.current_ref();
            let object = alloc(class.cast(), current, None);
            let object = Bound::from_owned_ptr_or_err(py, object)?;
            let [run, parent] = args.bind("greenlet", ["run", "parent"])?;
            init(&object, run, parent)?;
            Ok(object.into_ptr())
        })
    }
}

unsafe extern "C" fn tp_new(
    class: *mut ffi::PyTypeObject,
    _args: *mut ffi::PyObject,
    _kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by CPython for our type or a subtype.
    unsafe {
        enter(ptr::null_mut(), |py| {
            Ok(alloc(class, Thread::attended(py)?.current_ref(), None))
        })
    }
}

unsafe extern "C" fn tp_init(
    slf: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: called by CPython with a live greenlet, a tuple, and a dict or null.
    unsafe {
        enter(-1, |py| {
            let slf = Bound::from_borrowed_ptr(py, slf);
            let mut run = ptr::null_mut();
            let mut parent = ptr::null_mut();
            let names = [c"run".as_ptr(), c"parent".as_ptr(), ptr::null()];
            if ffi::PyArg_ParseTupleAndKeywords(
                args,
                kwargs,
                c"|OO:greenlet".as_ptr(),
                names.as_ptr().cast_mut().cast(),
                &raw mut run,
                &raw mut parent,
            ) == 0
            {
                return Err(PyErr::fetch(py));
            }
            let run = Bound::from_borrowed_ptr_or_opt(py, run);
            let parent = Bound::from_borrowed_ptr_or_opt(py, parent);
            init(&slf, run, parent).map(|()| 0)
        })
    }
}

fn init(
    slf: &Bound<'_, PyAny>,
    run: Option<Bound<'_, PyAny>>,
    parent: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    if let Some(run) = run {
        set_run(slf, Some(run))?;
    }
    if let Some(parent) = parent.filter(|parent| !parent.is_none()) {
        set_parent(slf, Some(parent))?;
    }
    Ok(())
}

unsafe extern "C" fn nb_bool(slf: *mut ffi::PyObject) -> c_int {
    // SAFETY: called by CPython with a live greenlet.
    unsafe { c_int::from(inner(slf.cast()).is_active()) }
}

getter!(repr_getter, |slf| repr(slf)
    .map(|text| text.into_any().unbind()));

unsafe extern "C" fn tp_repr(slf: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the convention of a getter without a closure.
    unsafe { repr_getter(slf, ptr::null_mut()) }
}

fastcall!(method_throw, switch::throw_method);
fastcall!(method_getstate, refuse_pickle);
getter!(getter_dead, |slf| {
    let dead = of(slf).life() == Status::Dead;
    Ok(dead.into_pyobject(slf.py())?.to_owned().into_any().unbind())
});
getter!(getter_run, get_run);
getter!(getter_parent, get_parent);
getter!(getter_frame, get_frame);
getter!(getter_context, get_context);
getter!(getter_stack_saved, stack_saved);
setter!(setter_run, set_run);
setter!(setter_parent, set_parent);
setter!(setter_context, set_context);

static METHODS: Table<[ffi::PyMethodDef; 4]> = Table([
    def(c"switch", switch::switch_fast, 0, c"switch(*args, **kwargs)\n\nSwitches to this greenlet. The first time, it starts with run(*args, **kwargs); later the\narguments are what its own switch() returns: the one argument, a tuple of several, the dict of\nkeywords, or (args, kwargs). Returns what is switched back; raises what is thrown, or what\nends it. Raises greenlet.error for a greenlet of another thread."),
    def(c"throw", method_throw, 0, c"throw([type, [value, [traceback]]])\n\nSwitches to this greenlet and raises there, GreenletExit by default. One that has not started\ndies without running."),
    def(c"__getstate__", method_getstate, 0, c"Greenlets cannot be pickled or copied."),
    METHODS_END,
]);

static GETSETS: Table<[ffi::PyGetSetDef; 8]> = Table([
    getset(
        c"dead",
        getter_dead,
        None,
        c"True when it has ended or was killed.",
    ),
    getset(
        c"run",
        getter_run,
        Some(setter_run),
        c"The function to run; gone once it has started.",
    ),
    getset(
        c"parent",
        getter_parent,
        Some(setter_parent),
        c"Where control goes when it ends. None for a main greenlet.",
    ),
    getset(
        c"gr_frame",
        getter_frame,
        None,
        c"The innermost frame while suspended, else None.",
    ),
    getset(
        c"gr_context",
        getter_context,
        Some(setter_context),
        c"The contextvars.Context it runs in, or None.",
    ),
    getset(
        c"_stack_saved",
        getter_stack_saved,
        None,
        c"More than 0 while suspended, else 0.",
    ),
    getset(
        c"__dict__",
        ffi::PyObject_GenericGetDict,
        Some(ffi::PyObject_GenericSetDict),
        c"Attributes.",
    ),
    GETSETS_END,
]);

const fn offset_member(name: &'static std::ffi::CStr, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset.cast_signed(),
        flags: ffi::Py_READONLY,
        doc: ptr::null(),
    }
}

static MEMBERS: Table<[ffi::PyMemberDef; 3]> = Table([
    offset_member(c"__dictoffset__", std::mem::offset_of!(PyGreenlet, dict)),
    offset_member(
        c"__weaklistoffset__",
        std::mem::offset_of!(PyGreenlet, weakreflist),
    ),
    ffi::PyMemberDef {
        name: ptr::null(),
        type_code: 0,
        offset: 0,
        flags: 0,
        doc: ptr::null(),
    },
]);

static SLOTS: Table<[ffi::PyType_Slot; 13]> = Table([
    slot(ffi::Py_tp_new, tp_new as *const c_void),
    slot(ffi::Py_tp_init, tp_init as *const c_void),
    slot(ffi::Py_tp_dealloc, tp_dealloc as *const c_void),
    slot(ffi::Py_tp_traverse, tp_traverse as *const c_void),
    slot(ffi::Py_tp_clear, tp_clear as *const c_void),
    slot(ffi::Py_tp_is_gc, tp_is_gc as *const c_void),
    slot(ffi::Py_tp_repr, tp_repr as *const c_void),
    slot(ffi::Py_nb_bool, nb_bool as *const c_void),
    slot(ffi::Py_tp_methods, (&raw const METHODS).cast()),
    slot(ffi::Py_tp_getset, (&raw const GETSETS).cast()),
    slot(ffi::Py_tp_members, (&raw const MEMBERS).cast()),
    slot(ffi::Py_tp_doc, c"greenlet(run=None, parent=None)\n\nA computation on a stack of its own, which runs when it is switched to. `parent` (by default\nthe running greenlet) goes on when it ends.".as_ptr().cast()),
    slot(0, ptr::null()),
]);

static SPEC: Table<ffi::PyType_Spec> = Table(ffi::PyType_Spec {
    name: c"greenlet.greenlet".as_ptr(),
    basicsize: size_of::<PyGreenlet>() as c_int,
    itemsize: 0,
    flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC) as u32,
    slots: (&raw const SLOTS).cast_mut().cast(),
});
