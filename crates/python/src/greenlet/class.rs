//! The raw greenlet's type object: `greenlet.greenlet`. Its slots, and its tables of names.

#![expect(unsafe_code, reason = "a hand-written CPython type")]

use std::ffi::{CStr, c_int};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use super::attributes::{
    get_context, get_frame, get_parent, get_run, refuse_pickle, repr, set_context, set_parent,
    set_run, stack_saved,
};
use super::method::{
    GETSETS_END, METHODS_END, Table, def, enter, fastcall, getset, getter, setter,
};
use super::object::{
    PyGreenlet, Status, alloc, inner, of, tp_clear, tp_dealloc, tp_finalize, tp_traverse,
};
use super::thread::Thread;
use super::{quick, throw};
use crate::error::{GreenletError, GreenletExit};

/// The type object, made once.
pub fn base_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let made = TYPE.get_or_try_init(py, || {
        let class = Box::leak(Box::new(definition()));
        class.tp_dict = class_attributes(py)?.into_ptr();
        // SAFETY: the type and its tables are well formed and live as long as the process.
        unsafe {
            if ffi::PyType_Ready(class) < 0 {
                return Err(PyErr::fetch(py));
            }
            let made = Bound::from_borrowed_ptr(py, ptr::from_mut(class).cast());
            Ok(made.cast_into_unchecked::<PyType>().unbind())
        }
    })?;
    Ok(made.bind(py))
}

/// What `PyType_Ready` starts from. A static type and not one made from a spec: types in C that
/// have a greenlet as their first member are static, and CPython lets those inherit from static
/// types only.
fn definition() -> ffi::PyTypeObject {
    let numbers = Box::leak(Box::new(ffi::PyNumberMethods {
        nb_bool: Some(nb_bool),
        // SAFETY: a table of functions that are all absent.
        ..unsafe { std::mem::zeroed() }
    }));
    // SAFETY: a type of which nothing is said: no function, no table, no name.
    let mut class: ffi::PyTypeObject = unsafe { std::mem::zeroed() };
    class.ob_base.ob_base = ffi::PyObject_HEAD_INIT;
    class.tp_name = c"greenlet.greenlet".as_ptr();
    class.tp_doc = DOC.as_ptr();
    class.tp_basicsize = size_of::<PyGreenlet>().cast_signed();
    class.tp_flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC;
    class.tp_dictoffset = std::mem::offset_of!(PyGreenlet, dict).cast_signed();
    class.tp_weaklistoffset = std::mem::offset_of!(PyGreenlet, weakreflist).cast_signed();
    class.tp_methods = (&raw const METHODS).cast_mut().cast();
    class.tp_getset = (&raw const GETSETS).cast_mut().cast();
    class.tp_as_number = numbers;
    class.tp_new = Some(tp_new);
    class.tp_init = Some(tp_init);
    class.tp_vectorcall = Some(construct);
    class.tp_dealloc = Some(tp_dealloc);
    class.tp_traverse = Some(tp_traverse);
    class.tp_clear = Some(tp_clear);
    class.tp_finalize = Some(tp_finalize);
    class.tp_repr = Some(tp_repr);
    class
}

fn class_attributes(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let attributes = PyDict::new(py);
    attributes.set_item("error", py.get_type::<GreenletError>())?;
    attributes.set_item("GreenletExit", py.get_type::<GreenletExit>())?;
    Ok(attributes)
}

/// Makes functions of the module attributes of the class, too. Being functions of C they act as
/// static methods.
pub(super) fn add_functions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = base_type(module.py())?.as_type_ptr();
    // SAFETY: the dict of a static type, made before PyType_Ready, is alive as long as the type.
    let attributes = unsafe {
        Bound::from_borrowed_ptr(module.py(), (*class).tp_dict).cast_into_unchecked::<PyDict>()
    };
    for name in ["getcurrent", "settrace", "gettrace"] {
        attributes.set_item(name, module.getattr(name)?)?;
    }
    // SAFETY: a live type.
    unsafe { ffi::PyType_Modified(class) };
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

fastcall!(method_throw, throw::throw_method);
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
    def(c"switch", quick::switch_fast, 0, c"switch(*args, **kwargs)\n\nSwitches to this greenlet. The first time, it starts with run(*args, **kwargs); later the\narguments are what its own switch() returns: the one argument, a tuple of several, the dict of\nkeywords, or (args, kwargs). Returns what is switched back; raises what is thrown, or what\nends it. Raises greenlet.error for a greenlet of another thread."),
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

const DOC: &CStr = c"greenlet(run=None, parent=None)\n\nA computation on a stack of its own, which runs when it is switched to. `parent` (by default\nthe running greenlet) goes on when it ends.";
