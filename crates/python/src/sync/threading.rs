//! The parts of `threading` that run for each thread, where a greenlet is told from another by Rust anyway.
//!
//! What they do is what the functions and methods of CPython of the same names do. Those are written for threads that
//! the kernel switches, and for what a kernel charges for one: a lock for each look at a dictionary, a system call for
//! each thread's number.

use std::ffi::CStr;

use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use super::current::get_ident;
use super::thread_handle::ThreadHandle;
use crate::fast_method::{self, FastMethod};
use crate::greenlet::method::Args;
use crate::greenlet::spawn_for;

/// current_thread()
///
/// The Thread of the running greenlet; one is made for a greenlet that `threading` did not start.
#[pyfunction]
pub fn current_thread(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    match active(py)?.get_item(get_ident(py, None))? {
        Some(thread) => Ok(thread),
        None => global(py, intern!(py, "_DummyThread"))?.call0(),
    }
}

/// new_thread_name(name_template)
///
/// The next name of the kind: the number of the next thread in the place of the `%d` of `name_template`.
#[pyfunction]
pub fn new_thread_name<'py>(name_template: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let py = name_template.py();
    let number = global(py, intern!(py, "_counter"))?.call0()?;
    let prefix = name_template.to_str().ok();
    let prefix = prefix.and_then(|template| template.strip_suffix("%d"));
    match (prefix, number.extract::<u64>()) {
        (Some(prefix), Ok(number)) if !prefix.contains('%') => {
            Ok(PyString::new(py, &format!("{prefix}{number}")).into_any())
        }
        _ => name_template.rem(number),
    }
}

/// start_joinable_thread(function, handle=None, daemon=True)
///
/// Runs `function()` in a new greenlet that `handle`, made here if None, can wait for. Returns the handle.
///
/// `daemon` is accepted: whether the program waits for it is up to `threading`.
///
/// Raises:
///     TypeError: function cannot be called.
///     RuntimeError: the handle has been started already.
#[pyfunction]
#[pyo3(signature = (function, handle = None, daemon = None))]
pub fn start_joinable_thread<'py>(
    function: &Bound<'py, PyAny>,
    handle: Option<&Bound<'py, PyAny>>,
    daemon: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, ThreadHandle>> {
    let _ = daemon;
    let py = function.py();
    if !function.is_callable() {
        return Err(PyTypeError::new_err("thread function must be callable"));
    }
    let handle = match handle {
        None => Bound::new(py, ThreadHandle::default())?,
        Some(handle) => handle
            .cast::<ThreadHandle>()
            .map_err(|_| PyTypeError::new_err("'handle' must be a _ThreadHandle"))?
            .clone(),
    };
    if handle.get().is_started(py) {
        return Err(PyRuntimeError::new_err("thread already started"));
    }
    static GREENLET: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = GREENLET.import(py, "verdigris.greenlet", "Greenlet")?;
    let greenlet = spawn_for(class, function)?;
    ThreadHandle::attach(&handle, &greenlet)?;
    Ok(handle)
}

/// thread_methods(class_)
///
/// The methods that `class_`, which is `threading.Thread`, can have in the place of its own of the same names.
#[pyfunction]
#[pyo3(signature = (class_))]
pub fn thread_methods<'py>(class_: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    let methods = PyDict::new(class_.py());
    for method in [
        fast_method::descriptor::<SetIdent>(class_)?,
        fast_method::descriptor::<SetNativeId>(class_)?,
        fast_method::descriptor::<Delete>(class_)?,
    ] {
        methods.set_item(method.getattr(intern!(class_.py(), "__name__"))?, method)?;
    }
    Ok(methods)
}

struct SetIdent;

impl FastMethod for SetIdent {
    type Class = PyAny;
    const NAME: &'static CStr = c"_set_ident";
    const DOC: &'static CStr =
        c"_set_ident($self, /)\n--\n\nNotes the number of the running greenlet.";

    fn call<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        args.bind::<0>("_set_ident", [])?;
        slf.setattr(intern!(py, "_ident"), get_ident(py, None))?;
        Ok(py.None().into_bound(py))
    }
}

struct SetNativeId;

impl FastMethod for SetNativeId {
    type Class = PyAny;
    const NAME: &'static CStr = c"_set_native_id";
    const DOC: &'static CStr =
        c"_set_native_id($self, /)\n--\n\nNotes the number that the kernel has given the running thread.";

    fn call<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        args.bind::<0>("_set_native_id", [])?;
        slf.setattr(intern!(py, "_native_id"), reactor::thread_id())?;
        Ok(py.None().into_bound(py))
    }
}

struct Delete;

impl FastMethod for Delete {
    type Class = PyAny;
    const NAME: &'static CStr = c"_delete";
    const DOC: &'static CStr =
        c"_delete($self, /)\n--\n\nTakes the thread of the running greenlet off the list of those that run.";

    /// Without the lock: who holds it goes through the list in one step, and finds the thread or does not.
    fn call<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        args.bind::<0>("_delete", [])?;
        active(py)?.del_item(get_ident(py, None))?;
        Ok(py.None().into_bound(py))
    }
}

/// The threads that run, by their numbers.
fn active(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    Ok(global(py, intern!(py, "_active"))?.cast_into()?)
}

/// What `threading` has under a name now.
fn global<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    static NAMES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let names = NAMES.get_or_try_init(py, || {
        let module = py.import("threading")?;
        PyResult::Ok(module.dict().unbind())
    })?;
    names
        .bind(py)
        .get_item(name)?
        .ok_or_else(|| PyAttributeError::new_err(format!("threading has no {name}")))
}
