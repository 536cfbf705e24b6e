//! The type object of `_core.Greenlet`: how one is made, its slots, and its tables of names.

#![expect(unsafe_code, reason = "a hand-written CPython type")]

use std::ffi::c_int;
use std::ptr;

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::class::base_type;
use super::method::{
    Args, GETSETS_END, METHODS_END, Table, def, enter, fastcall, getset, getter, setter, slot,
};
use super::object::{self, PyGreenlet, inner};
use super::task::{Phase, Task, overrides_run, task};
use super::task_methods::{
    exc_info, get, is_dead, is_started, join, kill, method_truth, or_none, rawlink, set_slot,
    spawn, spawn_later, start, start_later, throw, tree_locals, truth, unlink, unlink_all,
};
use crate::gil::Ref;
use crate::hub::EventLoop;
/// The type object, made once.
pub fn task_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
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

/// Makes a `Greenlet` of `class` that is not initialised.
fn make<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let hub = EventLoop::current(py)?.get().hub(py)?;
    let new = Task::new();
    new.origin.note(class)?;
    // SAFETY: the class is ours or a subtype: it is the one that tp_new or a classmethod got.
    unsafe {
        let object = object::alloc(class.as_type_ptr(), hub, Some(new));
        Bound::from_owned_ptr_or_err(py, object)
    }
}

fn set_call(
    slf: &Bound<'_, PyAny>,
    function: Option<Bound<'_, PyAny>>,
    args: Option<Bound<'_, PyTuple>>,
    kwargs: Option<Bound<'_, PyDict>>,
) -> PyResult<()> {
    let task = task(slf);
    if let Some(function) = function.filter(|function| !function.is_none()) {
        if !function.is_callable() {
            return Err(PyTypeError::new_err(
                "The run argument or self._run must be callable",
            ));
        }
        if overrides_run(slf) {
            slf.setattr(intern!(slf.py(), "_run"), function)?;
        } else {
            drop(task.function.replace(Some(function.into())));
        }
    }
    drop(task.args.replace(args.map(Ref::from)));
    drop(task.kwargs.replace(kwargs.map(Ref::from)));
    Ok(())
}

unsafe extern "C" fn tp_new(
    class: *mut ffi::PyTypeObject,
    _args: *mut ffi::PyObject,
    _kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by CPython for our type or a subtype.
    unsafe {
        enter(ptr::null_mut(), |py| {
            let class = Bound::from_borrowed_ptr(py, class.cast::<ffi::PyObject>());
            make(class.cast_unchecked::<PyType>()).map(Bound::into_ptr)
        })
    }
}

unsafe extern "C" fn tp_init(
    slf: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: called by CPython with a live Greenlet, a tuple, and a dict or null.
    unsafe {
        enter(-1, |py| {
            let slf = Bound::from_borrowed_ptr(py, slf);
            let args = Bound::from_borrowed_ptr(py, args).cast_into_unchecked::<PyTuple>();
            let kwargs = Bound::from_borrowed_ptr_or_opt(py, kwargs);
            let kwargs = kwargs
                .map(|kwargs| kwargs.cast_into_unchecked::<PyDict>().copy())
                .transpose()?;
            let mut function = args.get_item(0).ok();
            if let Some(kwargs) = &kwargs
                && let Some(run) = kwargs.get_item("run")?
            {
                if function.replace(run).is_some() {
                    return Err(PyTypeError::new_err(
                        "Greenlet() got multiple values for argument 'run'",
                    ));
                }
                kwargs.del_item("run")?;
            }
            let rest = args.get_slice(1, args.len());
            set_call(
                &slf,
                function,
                Some(rest),
                kwargs.filter(|kwargs| !kwargs.is_empty()),
            )?;
            Ok(0)
        })
    }
}

/// Whether making an instance of `class` runs no Python: then `spawn` need not call it.
pub(super) fn is_plain(class: &Bound<'_, PyType>) -> bool {
    // SAFETY: the slots of a live type are only read.
    unsafe {
        let class = class.as_type_ptr();
        let ours: ffi::newfunc = tp_new;
        let init: ffi::initproc = tp_init;
        (*class)
            .tp_new
            .is_some_and(|new| ptr::fn_addr_eq(new, ours))
            && (*class)
                .tp_init
                .is_some_and(|theirs| ptr::fn_addr_eq(theirs, init))
    }
}

/// Makes `class(function)`.
pub fn construct_for<'py>(
    class: &Bound<'py, PyType>,
    function: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if !is_plain(class) {
        return class.call1((function,));
    }
    let slf = make(class)?;
    set_call(&slf, Some(function.clone()), None, None)?;
    Ok(slf)
}

/// Makes `cls(*args, **kwargs)`; `first` arguments are left out.
pub fn construct<'py>(
    class: &Bound<'py, PyAny>,
    args: Args<'py>,
    first: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let class = class.cast::<PyType>()?;
    let kwargs = args.dict()?;
    let runs_keyword = kwargs
        .as_ref()
        .is_some_and(|kwargs| kwargs.contains("run").unwrap_or(true));
    if !is_plain(class) || runs_keyword {
        return class.call(args.tuple_from(first)?, kwargs.as_ref());
    }
    let slf = make(class)?;
    let rest = (args.len() > first + 1)
        .then(|| args.tuple_from(first + 1))
        .transpose()?;
    set_call(&slf, args.get(first), rest, kwargs)?;
    Ok(slf)
}

unsafe extern "C" fn nb_bool(slf: *mut ffi::PyObject) -> c_int {
    // SAFETY: called by CPython with a live Greenlet.
    let task = unsafe { inner(slf.cast()) }.task.as_ref();
    c_int::from(
        task.is_some_and(|task| matches!(task.phase.get(), Phase::Scheduled | Phase::Running)),
    )
}

fastcall!(method_spawn, spawn);
fastcall!(method_spawn_later, spawn_later);
fastcall!(method_start, start);
fastcall!(method_start_later, start_later);
fastcall!(method_join, join);
fastcall!(method_get, get);
fastcall!(method_kill, kill);
fastcall!(method_throw, throw);
fastcall!(method_rawlink, rawlink);
fastcall!(method_unlink, unlink);
fastcall!(method_unlink_all, unlink_all);
fastcall!(method_ready, |slf, _args| method_truth(
    slf,
    task(slf).is_done() || is_dead(slf)
));
fastcall!(method_successful, |slf, _args| {
    method_truth(slf, task(slf).is_done() && task(slf).error.is_empty())
});
fastcall!(method_has_links, |slf, _args| method_truth(
    slf,
    !task(slf).links.is_empty(slf.py())
));
getter!(getter_dead, |slf| truth(slf, is_dead(slf)));
getter!(getter_started, |slf| truth(slf, is_started(slf)));
getter!(getter_value, |slf| Ok(or_none(slf, &task(slf).value)));
getter!(getter_exception, |slf| Ok(or_none(slf, &task(slf).error)));
getter!(getter_exc_info, exc_info);
getter!(getter_args, |slf| {
    let args = task(slf)
        .args
        .get(slf.py())
        .unwrap_or_else(|| PyTuple::empty(slf.py()).into_any());
    Ok(args.unbind())
});
getter!(getter_kwargs, |slf| {
    let kwargs = task(slf)
        .kwargs
        .get(slf.py())
        .unwrap_or_else(|| PyDict::new(slf.py()).into_any());
    Ok(kwargs.unbind())
});
getter!(getter_run, |slf| {
    match task(slf).function.get(slf.py()) {
        Some(function) => Ok(function.unbind()),
        None => Err(PyAttributeError::new_err("_run")),
    }
});
getter!(getter_loop, |slf| Ok(slf
    .getattr("parent")?
    .getattr("loop")?
    .unbind()));
getter!(getter_spawner, |slf| Ok(or_none(
    slf,
    &task(slf).origin.spawner
)));
getter!(getter_lines, |slf| Ok(task(slf)
    .origin
    .lines(slf.py())?
    .into_any()
    .unbind()));
getter!(getter_tree_locals, tree_locals);
setter!(setter_run, |slf, value| {
    set_slot(&task(slf).function, value);
    Ok(())
});
setter!(setter_args, |slf, value| {
    let args = value
        .map(|value| value.cast_into::<PyTuple>().map(Bound::into_any))
        .transpose()?;
    set_slot(&task(slf).args, args);
    Ok(())
});
setter!(setter_kwargs, |slf, value| {
    let kwargs = value
        .map(|value| value.cast_into::<PyDict>().map(Bound::into_any))
        .transpose()?;
    set_slot(&task(slf).kwargs, kwargs);
    Ok(())
});
setter!(setter_tree_locals, |slf, value| {
    set_slot(&task(slf).origin.locals, value);
    Ok(())
});

static METHODS: Table<[ffi::PyMethodDef; 15]> = Table([
    def(c"spawn", method_spawn, ffi::METH_CLASS, c"spawn($type, *args, **kwargs)\n--\n\nMakes a greenlet and starts it: spawn(run, *args, **kwargs)."),
    def(c"spawn_later", method_spawn_later, ffi::METH_CLASS, c"spawn_later($type, seconds, *args, **kwargs)\n--\n\nMakes a greenlet that starts after `seconds`: spawn_later(seconds, run, *args, **kwargs)."),
    def(c"start", method_start, 0, c"start($self)\n--\n\nSchedules it to run in the next turn of the loop. Without effect if it was started before."),
    def(c"start_later", method_start_later, 0, c"start_later($self, seconds)\n--\n\nSchedules it to run after `seconds`."),
    def(c"join", method_join, 0, c"join($self, timeout=None)\n--\n\nWaits until it ends, for at most `timeout` seconds. Never raises what ended it."),
    def(c"get", method_get, 0, c"get($self, block=True, timeout=None)\n--\n\nReturns its value, or raises what ended it. Waits for its end, at most `timeout` seconds;\nraises Timeout if it has not ended by then, or with block=False now."),
    def(c"kill", method_kill, 0, c"kill(exception=GreenletExit, block=True, timeout=None)\n\nRaises `exception` in it, in the next turn, and with `block` waits until it is dead, for at\nmost `timeout` seconds. One that has not started never runs."),
    def(c"throw", method_throw, 0, c"throw([type, [value, [traceback]]])\n\nRaises in it at once, from here. One that has not started never runs."),
    def(c"rawlink", method_rawlink, 0, c"rawlink($self, callback)\n--\n\ncallback(greenlet) is called in the hub when it has ended; it must not block."),
    def(c"unlink", method_unlink, 0, c"unlink($self, callback)\n--\n\nTakes back a link."),
    def(c"unlink_all", method_unlink_all, 0, c"unlink_all($self)\n--\n\nTakes back all links."),
    def(c"ready", method_ready, 0, c"ready($self)\n--\n\nTrue if it has ended."),
    def(c"successful", method_successful, 0, c"successful($self)\n--\n\nTrue if it has ended without an error; being killed by GreenletExit is none."),
    def(c"has_links", method_has_links, 0, c"has_links($self)\n--\n\nTrue if somebody waits for its end."),
    METHODS_END,
]);

static GETSETS: Table<[ffi::PyGetSetDef; 13]> = Table([
    getset(
        c"dead",
        getter_dead,
        None,
        c"True if it has ended or was killed before it started.",
    ),
    getset(
        c"started",
        getter_started,
        None,
        c"True if it is scheduled or running.",
    ),
    getset(
        c"value",
        getter_value,
        None,
        c"What its function returned, or None.",
    ),
    getset(
        c"exception",
        getter_exception,
        None,
        c"The exception that ended it, or None.",
    ),
    getset(
        c"exc_info",
        getter_exc_info,
        None,
        c"The exception that ended it as (type, value, traceback), or None.",
    ),
    getset(
        c"args",
        getter_args,
        Some(setter_args),
        c"The function's arguments, until it has ended.",
    ),
    getset(
        c"kwargs",
        getter_kwargs,
        Some(setter_kwargs),
        c"The function's keyword arguments, until it has ended.",
    ),
    getset(
        c"_run",
        getter_run,
        Some(setter_run),
        c"The function; a subclass may define it as a method.",
    ),
    getset(c"loop", getter_loop, None, c"The loop of its hub."),
    getset(
        c"spawning_greenlet",
        getter_spawner,
        None,
        c"A weak reference to the greenlet that made it.",
    ),
    getset(
        c"_spawning_lines",
        getter_lines,
        None,
        c"The stack that it was made from: (code, line number), innermost first.",
    ),
    getset(
        c"spawn_tree_locals",
        getter_tree_locals,
        Some(setter_tree_locals),
        c"A dict shared by all that was spawned from one root.",
    ),
    GETSETS_END,
]);

static SLOTS: Table<[ffi::PyType_Slot; 10]> = Table([
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
    slot(ffi::Py_tp_new, tp_new as *const std::ffi::c_void),
    slot(ffi::Py_tp_init, tp_init as *const std::ffi::c_void),
    slot(ffi::Py_nb_bool, nb_bool as *const std::ffi::c_void),
    slot(ffi::Py_tp_methods, (&raw const METHODS).cast()),
    slot(ffi::Py_tp_getset, (&raw const GETSETS).cast()),
    slot(
        ffi::Py_tp_doc,
        c"Greenlet(run=None, *args, **kwargs)\n\nA greenlet that the hub runs."
            .as_ptr()
            .cast(),
    ),
    slot(0, ptr::null()),
]);

static SPEC: Table<ffi::PyType_Spec> = Table(ffi::PyType_Spec {
    name: c"verdigris._core.Greenlet".as_ptr(),
    basicsize: size_of::<PyGreenlet>() as c_int,
    itemsize: 0,
    flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC) as u32,
    slots: (&raw const SLOTS).cast_mut().cast(),
});
