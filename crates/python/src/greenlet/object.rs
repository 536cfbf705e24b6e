//! The raw greenlet's type: `greenlet.greenlet`.
//!
//! Written by hand, not with PyO3's classes, since its C layout is a public interface (C code
//! compiled against `greenlet.h` sees `{PyObject_HEAD; weakreflist; dict; pimpl}`), and since an
//! object that owns a running computation needs its own rules for dying: dropping the last
//! reference to a suspended greenlet throws GreenletExit in it, and it may refuse.

#![expect(unsafe_code, reason = "a hand-written CPython type")]

use std::cell::{Cell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::rc::Rc;

use coro::{Config, Context, Stack};
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

use super::method::{
    GETSETS_END, METHODS_END, Table, def, enter, fastcall, getset, getter, setter, slot,
};
use super::task::Task;
use super::thread::Thread;
use super::thread_state::{StackState, current_context, replace_current_context};
use super::{switch, trace};
use crate::error::{GreenletError, GreenletExit};
use crate::gil::{Ref, Slot};
use crate::hub::WaitCell;

/// What C code sees of a greenlet; everything else is behind `pimpl`.
#[repr(C)]
pub struct PyGreenlet {
    ob_base: ffi::PyObject,
    weakreflist: *mut ffi::PyObject,
    dict: *mut ffi::PyObject,
    pimpl: *mut Inner,
}

/// Where a greenlet is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Made, not yet switched to.
    New,
    /// Started and not finished: running, or suspended on its stack.
    Active,
    /// Finished, or killed before it started.
    Dead,
}

/// A greenlet's own data. `state` and `context` are touched by the switch alone.
pub struct Inner {
    pub context: UnsafeCell<Context>,
    pub state: UnsafeCell<StackState>,
    pub stack: Cell<Option<Stack>>,
    pub status: Cell<Status>,
    pub is_main: bool,
    pub thread: Cell<Option<Rc<Thread>>>,
    pub parent: Slot,
    pub run: Slot,
    pub wait: WaitCell,
    pub task: Option<Box<Task>>,
}

impl Inner {
    fn new(is_main: bool, task: Option<Box<Task>>) -> Self {
        Self {
            context: UnsafeCell::new(Context::empty()),
            state: UnsafeCell::new(StackState::new()),
            stack: Cell::new(None),
            status: Cell::new(if is_main { Status::Active } else { Status::New }),
            is_main,
            thread: Cell::new(None),
            parent: Slot::empty(),
            run: Slot::empty(),
            wait: WaitCell::default(),
            task,
        }
    }

    pub fn is_active(&self) -> bool {
        self.status.get() == Status::Active
    }

    /// The thread it is bound to, once started.
    #[inline]
    pub fn thread(&self) -> Option<&Thread> {
        // SAFETY: set once, when the greenlet starts, and kept until it is freed.
        unsafe { (*self.thread.as_ptr()).as_deref() }
    }
}

/// The inner part of a greenlet object.
///
/// # Safety
/// `greenlet` is a live greenlet, and is so for 'a.
#[inline]
pub unsafe fn inner<'a>(greenlet: *mut PyGreenlet) -> &'a Inner {
    // SAFETY: pimpl is set by `alloc` and freed with the object.
    unsafe { &*(*greenlet).pimpl }
}

/// A reference to an object that is known to be a greenlet.
pub struct GreenletRef(Ref);

impl GreenletRef {
    /// Checks the type.
    pub fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if !is_greenlet(object) {
            return Err(PyTypeError::new_err(format!(
                "a greenlet is needed, not {}",
                object.get_type().name()?
            )));
        }
        Ok(Self(object.clone().into()))
    }

    /// The running greenlet.
    pub fn current(py: Python<'_>) -> PyResult<Self> {
        Ok(Self(Thread::current(py)?.current_ref()))
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.clone_ref(py))
    }

    pub fn bind<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        self.0.bind(py)
    }

    pub fn as_ptr(&self) -> *mut PyGreenlet {
        self.0.as_ptr().cast()
    }

    pub fn inner(&self) -> &Inner {
        // SAFETY: it was checked to be a greenlet, and we keep it alive.
        unsafe { inner(self.as_ptr()) }
    }

    pub fn into_ref(self) -> Ref {
        self.0
    }
}

/// Whether an object is a greenlet of ours.
pub fn is_greenlet(object: &Bound<'_, PyAny>) -> bool {
    base_type(object.py()).is_ok_and(|base| object.is_instance(base).unwrap_or(false))
}

/// The inner part of the greenlet that a method or slot was called on.
pub fn of<'a>(slf: &'a Bound<'_, PyAny>) -> &'a Inner {
    // SAFETY: only the tables of the greenlet types name functions that call this, so CPython has
    // checked that `slf` is one; it lives as long as the borrow.
    unsafe { inner(slf.as_ptr().cast()) }
}

/// How large the stacks are that greenlets run on.
pub fn stack_config() -> Config {
    Config::default()
}

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

/// Allocates a greenlet of `class`, with `parent` or the running greenlet as its parent.
///
/// # Safety
/// `class` is the greenlet type or a subtype of it, and the GIL is held.
pub unsafe fn alloc(
    class: *mut ffi::PyTypeObject,
    parent: Ref,
    task: Option<Box<Task>>,
) -> *mut ffi::PyObject {
    // SAFETY: PyType_GenericAlloc zeroes the object and tracks it; pimpl is set before anything
    // else can run.
    unsafe {
        let object = ffi::PyType_GenericAlloc(class, 0);
        if !object.is_null() {
            let new = Inner::new(false, task);
            drop(new.parent.replace(Some(parent)));
            (*object.cast::<PyGreenlet>()).pimpl = Box::into_raw(Box::new(new));
        }
        object
    }
}

/// A raw greenlet that is to run `run`.
pub fn new_raw(py: Python<'_>, parent: Ref, run: Bound<'_, PyAny>) -> PyResult<GreenletRef> {
    let class = base_type(py)?;
    // SAFETY: the class is the greenlet type itself.
    let object =
        unsafe { Bound::from_owned_ptr_or_err(py, alloc(class.as_type_ptr(), parent, None))? };
    drop(of(&object).run.replace(Some(run.into())));
    Ok(GreenletRef(object.into()))
}

/// The greenlet that stands for a thread's own stack.
pub fn new_main(py: Python<'_>, thread: &Rc<Thread>) -> PyResult<Ref> {
    let class = base_type(py)?;
    // SAFETY: as in `alloc`.
    unsafe {
        let object = ffi::PyType_GenericAlloc(class.as_type_ptr(), 0);
        let main = Bound::from_owned_ptr_or_err(py, object)?;
        let new = Inner::new(true, None);
        new.thread.set(Some(thread.clone()));
        (*object.cast::<PyGreenlet>()).pimpl = Box::into_raw(Box::new(new));
        Ok(main.into())
    }
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
            let current = Thread::current(py)?.current_ref();
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
            Ok(alloc(class, Thread::current(py)?.current_ref(), None))
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
    if let Some(run) = run.filter(|run| !run.is_none()) {
        set_run(slf, Some(run))?;
    }
    if let Some(parent) = parent.filter(|parent| !parent.is_none()) {
        set_parent(slf, Some(parent))?;
    }
    Ok(())
}

/// Frees a greenlet. One that is suspended is killed first, in its own thread, and may live on.
pub(super) unsafe extern "C" fn tp_dealloc(slf: *mut ffi::PyObject) {
    // SAFETY: CPython calls this with a dead (refcount 0) greenlet and the GIL held.
    unsafe {
        ffi::PyObject_GC_UnTrack(slf.cast());
        let greenlet: *mut PyGreenlet = slf.cast();
        if !(*greenlet).pimpl.is_null() {
            let me = inner(greenlet);
            if me.is_active() && !me.is_main && !bury_alive(greenlet) {
                return;
            }
        }
        if !(*greenlet).weakreflist.is_null() {
            ffi::PyObject_ClearWeakRefs(slf);
        }
        ffi::Py_CLEAR(&raw mut (*greenlet).dict);
        let pimpl = ptr::replace(&raw mut (*greenlet).pimpl, ptr::null_mut());
        if !pimpl.is_null() {
            let inner = Box::from_raw(pimpl);
            if inner.is_active()
                && let Some(stack) = inner.stack.take()
            {
                // It could not be unwound (its thread has ended): frames on it may still be
                // referred to, so the memory must stay.
                std::mem::forget(stack);
            }
            let context = (*inner.state.get()).replace_context(ptr::null_mut());
            drop(inner);
            ffi::Py_XDECREF(context);
        }
        let class = ffi::Py_TYPE(slf);
        ffi::PyObject_GC_Del(slf.cast());
        ffi::Py_DECREF(class.cast());
    }
}

/// Unwinds a suspended greenlet whose last reference is gone. False: it lives on.
///
/// # Safety
/// Called by `tp_dealloc` alone.
unsafe fn bury_alive(greenlet: *mut PyGreenlet) -> bool {
    // SAFETY: the object is whole; it is given a reference for the time that it runs.
    unsafe {
        let me = inner(greenlet);
        let Some(thread) = me.thread() else {
            return true;
        };
        if !thread.alive.get() {
            return true;
        }
        // Weak references are to see a live object again only if it survives.
        let slf: *mut ffi::PyObject = greenlet.cast();
        ffi::PyObject_GC_Track(slf.cast());
        ffi::Py_INCREF(slf);
        let py = Python::assume_attached();
        if thread.is_current() {
            switch::kill(py, thread, greenlet);
        } else if let Some(reference) = Ref::from_borrowed(slf) {
            thread.abandon(reference);
        }
        if ffi::Py_REFCNT(slf) > 1 {
            ffi::Py_DECREF(slf);
            return false;
        }
        set_refcount_zero(slf);
        ffi::PyObject_GC_UnTrack(slf.cast());
        // Still active although nothing refers to it: it swallowed GreenletExit and parked again.
        // Nobody can ever wake it; its stack stays as it is (see tp_dealloc).
        true
    }
}

/// # Safety
/// We hold the only reference to `object`.
unsafe fn set_refcount_zero(object: *mut ffi::PyObject) {
    // SAFETY: by contract nobody else looks at it.
    unsafe {
        #[cfg(Py_3_12)]
        {
            (*object).ob_refcnt.ob_refcnt = 0;
        }
        #[cfg(not(Py_3_12))]
        {
            (*object).ob_refcnt = 0;
        }
    }
}

pub(super) unsafe extern "C" fn tp_traverse(
    slf: *mut ffi::PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: called by the collector with a live greenlet; nothing here runs Python.
    unsafe {
        let greenlet: *mut PyGreenlet = slf.cast();
        let mut answer = 0;
        let mut see = |object: *mut ffi::PyObject| {
            if answer == 0 && !object.is_null() {
                answer = visit(object, arg);
            }
        };
        see(ffi::Py_TYPE(slf).cast());
        see((*greenlet).dict);
        if !(*greenlet).pimpl.is_null() {
            let me = inner(greenlet);
            see(me.parent.as_ptr());
            see(me.run.as_ptr());
            if !me.is_active() {
                see((*me.state.get()).context());
            }
            if let Some(task) = &me.task {
                task.each_object(&mut see);
            }
        }
        answer
    }
}

pub(super) unsafe extern "C" fn tp_clear(slf: *mut ffi::PyObject) -> c_int {
    // SAFETY: called by the collector with a live greenlet that only garbage refers to.
    unsafe {
        let greenlet: *mut PyGreenlet = slf.cast();
        ffi::Py_CLEAR(&raw mut (*greenlet).dict);
        if (*greenlet).pimpl.is_null() {
            return 0;
        }
        let me = inner(greenlet);
        // The parent stays: should a finalizer still switch, it has somewhere to go.
        drop(me.run.take());
        if let Some(task) = &me.task {
            task.clear();
        }
        0
    }
}

/// A started greenlet's references are on its stack, where the collector cannot see them: it is
/// no garbage as long as it is active.
unsafe extern "C" fn tp_is_gc(slf: *mut ffi::PyObject) -> c_int {
    // SAFETY: called by the collector with a live greenlet.
    unsafe {
        let greenlet: *mut PyGreenlet = slf.cast();
        c_int::from((*greenlet).pimpl.is_null() || !inner(greenlet).is_active())
    }
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

fn repr<'py>(slf: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let me = of(slf);
    let name = slf.get_type().fully_qualified_name()?;
    let address = slf.as_ptr();
    let thread: *const c_void =
        owner(slf).map_or(ptr::null(), |thread| ptr::from_ref(thread).cast());
    let state = match me.status.get() {
        Status::Dead => {
            return Ok(PyString::new(
                slf.py(),
                &format!("<{name} object at {address:p} (otid={thread:p}) dead>"),
            ));
        }
        Status::New => "pending",
        Status::Active if is_running(slf) => "current active started",
        Status::Active => "suspended active started",
    };
    let main = if me.is_main { " main" } else { "" };
    Ok(PyString::new(
        slf.py(),
        &format!("<{name} object at {address:p} (otid={thread:p}) {state}{main}>"),
    ))
}

/// Whether a greenlet is the running one of its thread.
fn is_running(slf: &Bound<'_, PyAny>) -> bool {
    of(slf)
        .thread()
        .is_some_and(|thread| thread.current.get().cast() == slf.as_ptr())
}

/// The thread that a greenlet runs in, or would start in: its parents', up to a started one.
pub fn owner<'a>(slf: &'a Bound<'_, PyAny>) -> Option<&'a Thread> {
    let mut at = of(slf);
    loop {
        if let Some(thread) = at.thread() {
            return Some(thread);
        }
        let parent = at.parent.as_ptr();
        if parent.is_null() {
            return None;
        }
        // SAFETY: a parent is a greenlet, kept alive by its child.
        at = unsafe { inner(parent.cast()) };
    }
}

fn set_run(slf: &Bound<'_, PyAny>, run: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let me = of(slf);
    if me.status.get() != Status::New {
        return Err(PyAttributeError::new_err(
            "run cannot be set after the start of the greenlet",
        ));
    }
    match run {
        Some(run) => drop(me.run.replace(Some(run.into()))),
        None if me.run.is_empty() => return Err(PyAttributeError::new_err("run")),
        None => drop(me.run.take()),
    }
    Ok(())
}

fn get_run(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let me = of(slf);
    match me.run.get(slf.py()) {
        Some(run) if me.status.get() == Status::New => Ok(run.unbind()),
        _ => Err(PyAttributeError::new_err("run")),
    }
}

/// `parent = value`, with its checks: a greenlet of the same thread, no cycle.
pub fn set_parent(slf: &Bound<'_, PyAny>, parent: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let me = of(slf);
    let Some(parent) = parent else {
        return Err(PyAttributeError::new_err("can't delete attribute 'parent'"));
    };
    if me.is_main {
        return Err(PyAttributeError::new_err(
            "cannot set the parent of a main greenlet",
        ));
    }
    if !is_greenlet(&parent) {
        return Err(PyTypeError::new_err(format!(
            "parent must be a greenlet, not {}",
            parent.get_type().name()?
        )));
    }
    let mut at = parent.as_ptr();
    while !at.is_null() {
        if at == slf.as_ptr() {
            return Err(PyValueError::new_err("cyclic parent chain"));
        }
        // SAFETY: parents are live greenlets.
        at = unsafe { inner(at.cast()) }.parent.as_ptr();
    }
    let Some(theirs) = owner(&parent) else {
        return Err(PyValueError::new_err(
            "parent must not be garbage collected",
        ));
    };
    if let Some(thread) = me.thread()
        && me.is_active()
        && !ptr::eq(theirs, thread)
    {
        return Err(PyValueError::new_err(
            "parent cannot be on a different thread",
        ));
    }
    drop(me.parent.replace(Some(parent.into())));
    Ok(())
}

fn get_parent(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    Ok(of(slf)
        .parent
        .get(py)
        .map_or_else(|| py.None(), Bound::unbind))
}

fn get_frame(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let me = of(slf);
    if !me.is_active() || is_running(slf) {
        return Ok(py.None());
    }
    // SAFETY: suspended, so its state is the saved one, and we hold the GIL.
    let frame = unsafe {
        let frame = (*me.state.get()).frame_object(ffi::PyThreadState_Get());
        Bound::from_owned_ptr_or_opt(py, frame)
    };
    Ok(frame.map_or_else(|| py.None(), Bound::unbind))
}

fn foreign_context() -> PyErr {
    PyValueError::new_err(
        "cannot get or set the context of a greenlet that is running in a different thread",
    )
}

fn get_context(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let me = of(slf);
    // SAFETY: the GIL is held; a context pointer is null or a live context.
    let context = unsafe {
        let pointer = if is_running(slf) {
            if !me.thread().is_some_and(Thread::is_current) {
                return Err(foreign_context());
            }
            current_context(ffi::PyThreadState_Get())
        } else {
            (*me.state.get()).context()
        };
        Bound::from_borrowed_ptr_or_opt(py, pointer)
    };
    Ok(context.map_or_else(|| py.None(), Bound::unbind))
}

fn set_context(slf: &Bound<'_, PyAny>, value: Option<Bound<'_, PyAny>>) -> PyResult<()> {
    let me = of(slf);
    let Some(value) = value else {
        return Err(PyAttributeError::new_err(
            "can't delete attribute 'gr_context'",
        ));
    };
    // SAFETY: the check macro reads the type of a live object.
    if !value.is_none() && unsafe { ffi::PyContext_CheckExact(value.as_ptr()) } == 0 {
        return Err(PyTypeError::new_err(
            "greenlet context must be a contextvars.Context or None",
        ));
    }
    let new = if value.is_none() {
        ptr::null_mut()
    } else {
        value.into_ptr()
    };
    // SAFETY: the new pointer carries a reference, which the thread state or the saved state
    // takes over; the old one's is dropped last, as that may run Python.
    unsafe {
        let old = if is_running(slf) {
            if !me.thread().is_some_and(Thread::is_current) {
                ffi::Py_XDECREF(new);
                return Err(foreign_context());
            }
            replace_current_context(ffi::PyThreadState_Get(), new)
        } else {
            (*me.state.get()).replace_context(new)
        };
        ffi::Py_XDECREF(old);
    }
    Ok(())
}

fn stack_saved(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    // Nothing is copied: a suspended greenlet's stack stays where it is. What callers ask is
    // whether it is suspended, so the answer is its size then.
    let me = of(slf);
    let suspended = me.is_active() && !is_running(slf);
    // SAFETY: the stack is only looked at, and changed by the switch alone.
    let size = unsafe { &*me.stack.as_ptr() }
        .as_ref()
        .map_or(1, Stack::usable);
    Ok((if suspended { size } else { 0 })
        .into_pyobject(slf.py())?
        .into_any()
        .unbind())
}

fn refuse_pickle<'py>(
    slf: &Bound<'py, PyAny>,
    _args: super::method::Args<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    Err(PyTypeError::new_err(format!(
        "cannot pickle '{}' object",
        slf.get_type().fully_qualified_name()?
    )))
}

fastcall!(method_throw, switch::throw_method);
fastcall!(method_getstate, refuse_pickle);
getter!(getter_dead, |slf| {
    let dead = of(slf).status.get() == Status::Dead;
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
