//! What gevent's `Greenlet` adds to a raw greenlet: it is started by the hub, keeps its result,
//! and tells those who are linked to it when it ends.
//!
//! `_core.Greenlet` is a subtype of the raw greenlet with the same C layout; what it adds is a
//! [`Task`] behind `pimpl`. `verdigris.greenlet.Greenlet` derives from it in Python and adds what
//! is rarely called.

#![expect(unsafe_code, reason = "a hand-written CPython type")]

use std::cell::Cell;
use std::ffi::c_int;
use std::ptr;

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::method::{
    Args, GETSETS_END, METHODS_END, Table, def, enter, fastcall, getset, getter, setter, slot,
};
use super::object::{self, GreenletRef, PyGreenlet, Status, inner, of};
use super::switch::{self, Carried};
use crate::error::GreenletExit;
use crate::gil::{GilCell, Ref, Slot};
use crate::hub::TimerId;
use crate::hub::{EventLoop, Job, Limit, TimerTarget, WaitQueue, Wake};

/// A `Greenlet`'s own data.
pub struct Task {
    phase: Cell<Phase>,
    function: Slot,
    args: Slot,
    kwargs: Slot,
    value: Slot,
    error: Slot,
    links: WaitQueue,
    timer: Cell<Option<TimerId>>,
    spawner: Slot,
    tree_locals: Slot,
}

/// How far a `Greenlet` has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    New,
    /// Queued, or waiting for `start_later`'s time.
    Scheduled,
    Running,
    /// Ended: it has a value or an error.
    Done,
}

impl Task {
    fn new() -> Self {
        Self {
            phase: Cell::new(Phase::New),
            function: Slot::empty(),
            args: Slot::empty(),
            kwargs: Slot::empty(),
            value: Slot::empty(),
            error: Slot::empty(),
            links: WaitQueue::default(),
            timer: Cell::new(None),
            spawner: Slot::empty(),
            tree_locals: Slot::empty(),
        }
    }

    /// Called when its turn to start has come. False: it was killed meanwhile.
    pub fn begin(&self) -> bool {
        let due = self.phase.get() == Phase::Scheduled;
        if due {
            self.phase.set(Phase::Running);
            self.timer.set(None);
        }
        due
    }

    /// Whether it has a result.
    pub fn is_done(&self) -> bool {
        self.phase.get() == Phase::Done
    }

    /// Those who wait for its end.
    pub fn links(&self) -> &WaitQueue {
        &self.links
    }

    /// The error that ended it, with its traceback.
    pub fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        self.error.get(py).map(PyErr::from_value)
    }

    pub fn each_object(&self, see: &mut impl FnMut(*mut ffi::PyObject)) {
        let slots = [
            &self.function,
            &self.args,
            &self.kwargs,
            &self.value,
            &self.error,
            &self.spawner,
            &self.tree_locals,
        ];
        for slot in slots {
            see(slot.as_ptr());
        }
        self.links.each_object(see);
    }

    pub fn clear(&self) {
        let slots = [
            &self.function,
            &self.args,
            &self.kwargs,
            &self.value,
            &self.error,
            &self.spawner,
            &self.tree_locals,
        ];
        for slot in slots {
            drop(slot.take());
        }
        // SAFETY: the collector holds the GIL.
        self.links.clear(unsafe { Python::assume_attached() });
    }

    /// Calls off a start that has not happened. False: it runs, or has run.
    fn cancel_start(&self, py: Python<'_>) -> PyResult<bool> {
        if !matches!(self.phase.get(), Phase::New | Phase::Scheduled) {
            return Ok(false);
        }
        if let Some(timer) = self.timer.take() {
            EventLoop::current(py)?.get().cancel_timer(py, timer);
        }
        Ok(true)
    }
}

/// Runs a `Greenlet`'s function and keeps what comes of it. The entry of a started task.
///
/// # Safety
/// `me` is the running greenlet and has a task.
pub unsafe fn run(py: Python<'_>, me: *mut PyGreenlet) -> Carried {
    // SAFETY: Thread keeps the running greenlet alive.
    let slf = unsafe { Bound::from_borrowed_ptr(py, me.cast::<ffi::PyObject>()) };
    let task = task(&slf);
    task.phase.set(Phase::Running);
    let outcome = call(&slf, task);
    finish(&slf, outcome);
    py.None().into_ptr()
}

/// Calls `_run(*args, **kwargs)`.
#[inline(always)]
fn call<'py>(slf: &Bound<'py, PyAny>, task: &Task) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let function = if overrides_run(slf) {
        Some(slf.getattr(intern!(py, "_run"))?)
    } else {
        task.function.get(py)
    };
    let Some(function) = function else {
        return Ok(py.None().into_bound(py));
    };
    let args = task
        .args
        .get(py)
        .unwrap_or_else(|| PyTuple::empty(py).into_any());
    // SAFETY: all are alive; `args` is a tuple and `kwargs` a dict or null, as `set_call` stored.
    unsafe {
        let result = ffi::PyObject_Call(function.as_ptr(), args.as_ptr(), task.kwargs.as_ptr());
        Bound::from_owned_ptr_or_err(py, result)
    }
}

/// Keeps the outcome, tells those who are linked, and reports an error to the hub.
fn finish(slf: &Bound<'_, PyAny>, outcome: PyResult<Bound<'_, PyAny>>) {
    let py = slf.py();
    let task = task(slf);
    let mut failure = None;
    match outcome {
        Ok(value) => drop(task.value.replace(Some(value.into()))),
        Err(error) if error.is_instance_of::<GreenletExit>(py) => {
            drop(task.value.replace(Some(error.into_value(py).into())));
        }
        Err(error) => {
            // With the traceback it has now; being raised again elsewhere would lengthen it.
            drop(task.error.replace(Some(error.value(py).clone().into())));
            failure = Some(error);
        }
    }
    task.phase.set(Phase::Done);
    task.links.notify_all(py, slf);
    if let Some(error) = failure {
        report(slf, error);
    }
    // Last, since the report names them.
    drop((task.function.take(), task.args.take(), task.kwargs.take()));
}

/// Hands an error to the `handle_error` of the greenlet's parent, which is its hub.
fn report(slf: &Bound<'_, PyAny>, error: PyErr) {
    let py = slf.py();
    let value = error.value(py);
    let reported = slf.getattr(intern!(py, "parent")).and_then(|hub| {
        let args = (slf, value.get_type(), value, error.traceback(py));
        hub.call_method1(intern!(py, "handle_error"), args)
    });
    if let Err(failure) = reported {
        failure.write_unraisable(py, Some(slf));
    }
}

unsafe extern "C" {
    /// The attribute that a type has by itself or by its bases, borrowed, through CPython's method
    /// cache; null without an exception if it has none. PyO3 does not declare it.
    fn _PyType_Lookup(
        class: *mut ffi::PyTypeObject,
        name: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

/// Whether a subclass has a `_run` of its own.
fn overrides_run(slf: &Bound<'_, PyAny>) -> bool {
    static NAME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = slf.py();
    let name = NAME.get_or_init(py, || intern!(py, "_run").clone().unbind().into_any());
    let ours = run_descriptor(py);
    // SAFETY: a type look-up through the method cache gives a borrowed pointer, only compared.
    let found = unsafe { _PyType_Lookup(ffi::Py_TYPE(slf.as_ptr()), name.as_ptr()) };
    found != ours
}

/// The descriptor of `_run` in our own type.
fn run_descriptor(py: Python<'_>) -> *mut ffi::PyObject {
    static DESCRIPTOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    DESCRIPTOR
        .get_or_init(py, || {
            let class = task_type(py).expect("the type was made when the module was imported");
            let dict = class.getattr("__dict__").expect("types have a dict");
            dict.get_item("_run")
                .expect("_run is in the table below")
                .unbind()
        })
        .as_ptr()
}

/// The task of a `Greenlet`.
pub fn task<'a>(slf: &'a Bound<'_, PyAny>) -> &'a Task {
    of(slf)
        .task
        .as_deref()
        .expect("only Greenlet's methods ask for its task")
}

/// The task of an object, if it is a `Greenlet`.
pub fn task_of<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a Task> {
    object::is_greenlet(object)
        .then(|| of(object).task.as_deref())
        .flatten()
}

/// The type object, made once.
pub fn task_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let made = TYPE.get_or_try_init(py, || {
        let base = object::base_type(py)?;
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
    let new = Box::new(Task::new());
    note_spawner(py, &new)?;
    // SAFETY: the class is ours or a subtype: it is the one that tp_new or a classmethod got.
    unsafe {
        let object = object::alloc(class.as_type_ptr(), hub, Some(new));
        Bound::from_owned_ptr_or_err(py, object)
    }
}

/// Remembers who spawned it (weakly), and shares that greenlet's tree locals.
fn note_spawner(py: Python<'_>, new: &Task) -> PyResult<()> {
    let spawner = GreenletRef::current(py)?;
    // SAFETY: greenlets can be weakly referred to; CPython gives the same reference each time.
    let weak = unsafe {
        Bound::from_owned_ptr_or_err(
            py,
            ffi::PyWeakref_NewRef(spawner.bind(py).as_ptr(), ptr::null_mut()),
        )?
    };
    drop(new.spawner.replace(Some(weak.into())));
    if let Some(theirs) = &spawner.inner().task {
        let locals = match theirs.tree_locals.get(py) {
            Some(locals) => locals,
            None => {
                let locals = PyDict::new(py).into_any();
                drop(theirs.tree_locals.replace(Some(locals.clone().into())));
                locals
            }
        };
        drop(new.tree_locals.replace(Some(locals.into())));
    }
    Ok(())
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
fn is_plain(class: &Bound<'_, PyType>) -> bool {
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

/// Makes `cls(*args, **kwargs)`; `first` arguments are left out.
fn construct<'py>(
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

fn spawn<'py>(class: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let slf = construct(class, args, 0)?;
    if is_plain(class.cast::<PyType>()?) {
        start_now(&slf)?;
    } else {
        slf.call_method0(intern!(slf.py(), "start"))?;
    }
    Ok(slf)
}

fn spawn_later<'py>(class: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let Some(seconds) = args.get(0) else {
        return Err(PyTypeError::new_err(
            "spawn_later() needs the number of seconds and a function",
        ));
    };
    let slf = construct(class, args, 1)?;
    slf.call_method1(intern!(slf.py(), "start_later"), (seconds,))?;
    Ok(slf)
}

fn start_now(slf: &Bound<'_, PyAny>) -> PyResult<()> {
    let task = task(slf);
    if task.phase.get() == Phase::New {
        let event_loop = EventLoop::current(slf.py())?;
        tell_spawn_callbacks(slf)?;
        task.phase.set(Phase::Scheduled);
        event_loop.get().push(
            slf.py(),
            Job::Start {
                greenlet: GreenletRef::new(slf)?,
            },
        );
    }
    Ok(())
}

/// Functions to be told of each greenlet that is started: `Greenlet.add_spawn_callback`.
static SPAWN_CALLBACKS: GilCell<Vec<Ref>> = GilCell::new(Vec::new());

/// set_spawn_callbacks(callbacks)
///
/// Replaces the functions that are called with each Greenlet when it is started.
#[pyfunction]
pub fn set_spawn_callbacks(py: Python<'_>, callbacks: Vec<Py<PyAny>>) {
    let new = callbacks.into_iter().map(Ref::from).collect();
    let old = std::mem::replace(&mut *SPAWN_CALLBACKS.borrow_mut(py), new);
    drop(old);
}

fn tell_spawn_callbacks(slf: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = slf.py();
    if SPAWN_CALLBACKS.borrow(py).is_empty() {
        return Ok(());
    }
    let callbacks: Vec<Ref> = SPAWN_CALLBACKS
        .borrow(py)
        .iter()
        .map(|callback| callback.clone_ref(py))
        .collect();
    for callback in callbacks {
        callback.bind(py).call1((slf,))?;
    }
    Ok(())
}

fn start<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    args.bind::<0>("start", [])?;
    start_now(slf)?;
    Ok(slf.py().None().into_bound(slf.py()))
}

fn start_later<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [seconds] = args.bind("start_later", ["seconds"])?;
    let seconds = seconds
        .ok_or_else(|| PyTypeError::new_err("start_later() needs the number of seconds"))?
        .extract()?;
    let task = task(slf);
    if task.phase.get() == Phase::New {
        let event_loop = EventLoop::current(py)?;
        let target = TimerTarget::Start(GreenletRef::new(slf)?);
        tell_spawn_callbacks(slf)?;
        task.phase.set(Phase::Scheduled);
        task.timer.set(Some(event_loop.get().start_timer(
            py,
            Limit::duration(seconds),
            target,
            true,
        )));
    }
    Ok(py.None().into_bound(py))
}

/// Waits for its end. False: the limit was reached.
fn wait(slf: &Bound<'_, PyAny>, limit: &Limit) -> PyResult<bool> {
    let task = task(slf);
    if task.is_done() {
        return Ok(true);
    }
    match task.links.wait(slf.py(), limit)? {
        Wake::Notified => Ok(true),
        Wake::TimedOut => Ok(task.is_done()),
        Wake::Thrown { error, .. } => Err(error),
    }
}

fn join<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [timeout] = args.bind("join", ["timeout"])?;
    wait(slf, &limit(timeout)?)?;
    Ok(py.None().into_bound(py))
}

fn get<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [block, timeout] = args.bind("get", ["block", "timeout"])?;
    let block = block.map_or(Ok(true), |block| block.is_truthy())?;
    let limit = limit(timeout)?;
    if !task(slf).is_done() && !(block && wait(slf, &limit)?) {
        return Err(if block {
            limit.error(py)
        } else {
            Limit::None.error(py)
        });
    }
    match task(slf).failure(py) {
        Some(error) => Err(error),
        None => Ok(task(slf)
            .value
            .get(py)
            .unwrap_or_else(|| py.None().into_bound(py))),
    }
}

fn limit(timeout: Option<Bound<'_, PyAny>>) -> PyResult<Limit> {
    timeout.map_or(Ok(Limit::None), |timeout| timeout.extract())
}

fn kill<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [exception, block, timeout] = args.bind("kill", ["exception", "block", "timeout"])?;
    let block = block.map_or(Ok(true), |block| block.is_truthy())?;
    let limit = limit(timeout)?;
    let error = switch::exception(py, exception, None, None)?;
    schedule_kill(slf, error)?;
    if block {
        wait(slf, &limit)?;
    }
    Ok(py.None().into_bound(py))
}

/// Makes `error` be raised in a greenlet at its turn. One that has not started dies at once.
pub fn schedule_kill(slf: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    let py = slf.py();
    if let Some(task) = task_of(slf) {
        if task.is_done() {
            return Ok(());
        }
        if task.cancel_start(py)? {
            die_unstarted(slf, error);
            return Ok(());
        }
    }
    if of(slf).status.get() != Status::Dead {
        let greenlet = GreenletRef::new(slf)?;
        EventLoop::current(py)?.get().push(
            py,
            Job::Throw {
                greenlet,
                wait: None,
                error,
            },
        );
    }
    Ok(())
}

fn die_unstarted(slf: &Bound<'_, PyAny>, error: PyErr) {
    of(slf).status.set(Status::Dead);
    finish(slf, Err(error));
}

fn throw<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    if task(slf).cancel_start(py)? {
        let [kind, value, traceback] = args.bind("throw", ["type", "value", "traceback"])?;
        die_unstarted(slf, switch::exception(py, kind, value, traceback)?);
        return Ok(py.None().into_bound(py));
    }
    switch::throw_method(slf, args)
}

fn rawlink<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [callback] = args.bind("rawlink", ["callback"])?;
    let callback = callback
        .filter(|callback| callback.is_callable())
        .ok_or_else(|| PyTypeError::new_err("Expected callable: the callback of rawlink()"))?;
    task(slf).links.rawlink(py, callback.unbind());
    if task(slf).is_done() {
        task(slf).links.notify_all(py, slf);
    }
    Ok(py.None().into_bound(py))
}

fn unlink<'py>(slf: &Bound<'py, PyAny>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let [callback] = args.bind("unlink", ["callback"])?;
    if let Some(callback) = callback {
        task(slf).links.unlink(py, &callback)?;
    }
    Ok(py.None().into_bound(py))
}

fn unlink_all<'py>(slf: &Bound<'py, PyAny>, _args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
    task(slf).links.unlink_all(slf.py());
    Ok(slf.py().None().into_bound(slf.py()))
}

fn truth(slf: &Bound<'_, PyAny>, value: bool) -> PyResult<Py<PyAny>> {
    Ok(value
        .into_pyobject(slf.py())?
        .to_owned()
        .into_any()
        .unbind())
}

fn method_truth<'py>(slf: &Bound<'py, PyAny>, value: bool) -> PyResult<Bound<'py, PyAny>> {
    truth(slf, value).map(|value| value.into_bound(slf.py()))
}

fn is_started(slf: &Bound<'_, PyAny>) -> bool {
    matches!(task(slf).phase.get(), Phase::Scheduled | Phase::Running)
}

fn is_dead(slf: &Bound<'_, PyAny>) -> bool {
    of(slf).status.get() == Status::Dead
}

fn or_none(slf: &Bound<'_, PyAny>, slot: &Slot) -> Py<PyAny> {
    slot.get(slf.py())
        .map_or_else(|| slf.py().None(), Bound::unbind)
}

fn exc_info(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let triple = match task(slf).failure(py) {
        Some(error) => {
            let traceback = error
                .traceback(py)
                .map_or_else(|| py.None(), |tb| tb.into_any().unbind());
            [
                error.get_type(py).into_any().unbind(),
                error.value(py).clone().into_any().unbind(),
                traceback,
            ]
        }
        None => [py.None(), py.None(), py.None()],
    };
    Ok(PyTuple::new(py, triple)?.into_any().unbind())
}

fn tree_locals(slf: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let task = task(slf);
    if task.tree_locals.is_empty() {
        drop(task.tree_locals.replace(Some(PyDict::new(py).into())));
    }
    Ok(or_none(slf, &task.tree_locals))
}

fn set_slot(slot: &Slot, value: Option<Bound<'_, PyAny>>) {
    drop(slot.replace(value.map(Ref::from)));
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
getter!(getter_spawner, |slf| Ok(or_none(slf, &task(slf).spawner)));
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
    set_slot(&task(slf).tree_locals, value);
    Ok(())
});

static METHODS: Table<[ffi::PyMethodDef; 15]> = Table([
    def(c"spawn", method_spawn, ffi::METH_CLASS, c"spawn(run, *args, **kwargs)\n\nMakes a greenlet and starts it."),
    def(c"spawn_later", method_spawn_later, ffi::METH_CLASS, c"spawn_later(seconds, run, *args, **kwargs)\n\nMakes a greenlet that starts after `seconds`."),
    def(c"start", method_start, 0, c"start()\n\nSchedules it to run in the next turn of the loop. Without effect if it was started before."),
    def(c"start_later", method_start_later, 0, c"start_later(seconds)\n\nSchedules it to run after `seconds`."),
    def(c"join", method_join, 0, c"join(timeout=None)\n\nWaits until it ends, for at most `timeout` seconds. Never raises what ended it."),
    def(c"get", method_get, 0, c"get(block=True, timeout=None)\n\nReturns its value, or raises what ended it. Waits for its end, at most `timeout` seconds;\nraises Timeout if it has not ended by then, or with block=False now."),
    def(c"kill", method_kill, 0, c"kill(exception=GreenletExit, block=True, timeout=None)\n\nRaises `exception` in it, in the next turn, and with `block` waits until it is dead, for at\nmost `timeout` seconds. One that has not started never runs."),
    def(c"throw", method_throw, 0, c"throw([type, [value, [traceback]]])\n\nRaises in it at once, from here. One that has not started never runs."),
    def(c"rawlink", method_rawlink, 0, c"rawlink(callback)\n\ncallback(greenlet) is called in the hub when it has ended; it must not block."),
    def(c"unlink", method_unlink, 0, c"unlink(callback)\n\nTakes back a link."),
    def(c"unlink_all", method_unlink_all, 0, c"unlink_all()\n\nTakes back all links."),
    def(c"ready", method_ready, 0, c"ready()\n\nTrue if it has ended."),
    def(c"successful", method_successful, 0, c"successful()\n\nTrue if it has ended without an error; being killed by GreenletExit is none."),
    def(c"has_links", method_has_links, 0, c"has_links()\n\nTrue if somebody waits for its end."),
    METHODS_END,
]);

static GETSETS: Table<[ffi::PyGetSetDef; 12]> = Table([
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
        c"The exception that ended it as (type, value, traceback).",
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
