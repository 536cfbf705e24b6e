//! A greenlet as an object: what it holds, how it is made, and how it dies.
//!
//! Written by hand, not with PyO3's classes, since its C layout is a public interface (C code
//! compiled against `greenlet.h` sees `{PyObject_HEAD; weakreflist; dict; pimpl}`), and since an
//! object that owns a running computation needs its own rules for dying: dropping the last
//! reference to a suspended greenlet throws GreenletExit in it, and it may refuse.

#![expect(unsafe_code, reason = "a hand-written CPython object")]

use std::cell::{Cell, OnceCell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use coro::{Context, Image, Stack};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;
use wait::WaitCell;

use super::class::base_type;
use super::greenlet_ref::GreenletRef;
use super::roster::Place;
use super::shared_stack::SharedStack;
use super::spawn_tree::Origin;
use super::switch;
use super::task::Task;
use super::thread::Thread;
use super::thread_state::StackState;
use super::tracked::tracked_type;
use crate::error::GreenletExit;
use crate::gil::{Ref, Slot};
/// What C code sees of a greenlet; everything else is behind `pimpl`.
#[repr(C)]
pub struct PyGreenlet {
    ob_base: ffi::PyObject,
    pub(super) weakreflist: *mut ffi::PyObject,
    pub(super) dict: *mut ffi::PyObject,
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
    /// The stack that it runs on; one of the two, from its start to its end.
    pub own_stack: Cell<Option<Stack>>,
    pub shared_stack: Cell<Option<Rc<SharedStack>>>,
    /// What was on the stack, while it is compacted, or another greenlet is there.
    pub image: Cell<Option<Image>>,
    pub status: Cell<Status>,
    pub is_main: bool,
    pub place: Place,
    pub thread: Cell<Option<Rc<Thread>>>,
    pub parent: Slot,
    pub run: Slot,
    pub wait: WaitCell,
    /// It waits, and its next turn is queued already.
    pub is_next: Cell<bool>,
    /// The wait that compaction has found it at last.
    pub seen_at: Cell<u64>,
    pub task: Option<TaskRef>,
    /// Where it comes from, if `spawn_raw` made it; a `Greenlet` has that in its task.
    pub spawned: OnceCell<Box<Origin>>,
    /// The greenlet that was ready before it, in a list of such: when that is freed, from its end, it comes next. For the processor
    /// alone: it may be gone by then.
    ready_before: Cell<*const Inner>,
}

impl Inner {
    fn new(is_main: bool) -> Self {
        Self {
            context: UnsafeCell::new(Context::empty()),
            state: UnsafeCell::new(StackState::new()),
            own_stack: Cell::new(None),
            shared_stack: Cell::new(None),
            image: Cell::new(None),
            status: Cell::new(if is_main { Status::Active } else { Status::New }),
            is_main,
            place: Place::default(),
            thread: Cell::new(None),
            parent: Slot::empty(),
            run: Slot::empty(),
            wait: WaitCell::default(),
            is_next: Cell::new(false),
            seen_at: Cell::new(0),
            task: None,
            spawned: OnceCell::new(),
            ready_before: Cell::new(ptr::null()),
        }
    }

    /// Where it comes from, if that is noted for its kind.
    pub fn origin(&self) -> Option<&Origin> {
        let spawned = self.spawned.get().map(Box::as_ref);
        spawned.or_else(|| self.task.as_ref().map(|task| &task.origin))
    }

    /// Its status as others see it: one whose thread has ended can never go on.
    pub fn life(&self) -> Status {
        match (self.status.get(), self.thread()) {
            (Status::Active, Some(thread)) if !thread.alive.get() => Status::Dead,
            (status, _) => status,
        }
    }

    pub fn is_active(&self) -> bool {
        self.life() == Status::Active
    }

    /// The thread it is bound to, once started.
    #[inline]
    pub fn thread(&self) -> Option<&Thread> {
        // SAFETY: set once, when the greenlet starts, and kept until it is freed.
        unsafe { (*self.thread.as_ptr()).as_deref() }
    }
}

/// A `Greenlet`'s two parts: they come and go together, so they are one piece of memory.
#[repr(C)]
pub(super) struct WithTask {
    inner: Inner,
    task: Task,
}

impl WithTask {
    fn make(inner: Inner, task: Task) -> *mut Inner {
        let both = Box::into_raw(Box::new(Self { inner, task }));
        // SAFETY: just made; the task stays where it is for as long as the inner part, which is the first.
        unsafe {
            (*both).inner.task = NonNull::new(&raw mut (*both).task).map(TaskRef);
        }
        both.cast()
    }
}

/// The task beside an inner part, which has this.
pub struct TaskRef(NonNull<Task>);

impl Deref for TaskRef {
    type Target = Task;

    #[inline(always)]
    fn deref(&self) -> &Task {
        // SAFETY: `WithTask::make` has put both into one piece of memory.
        unsafe { self.0.as_ref() }
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

/// Whether an object is a greenlet of ours.
pub fn is_greenlet(object: &Bound<'_, PyAny>) -> bool {
    // Not by isinstance(), which asks the object: it may say that it is one, as a proxy does.
    // SAFETY: both are alive; the types' bases are only read.
    base_type(object.py()).is_ok_and(
        |base| unsafe { ffi::PyObject_TypeCheck(object.as_ptr(), base.as_type_ptr()) } != 0,
    )
}

/// Notes that one object was ready before another, if both are greenlets. Of a list of many that is freed, each otherwise waits for
/// memory: that was a twelfth of all the time of greenlets that sleep once.
pub fn note_order(earlier: &Bound<'_, PyAny>, later: &Bound<'_, PyAny>) {
    if is_greenlet(earlier) && is_greenlet(later) {
        of(later).ready_before.set(of(earlier));
    }
}

/// The inner part of the greenlet that a method or slot was called on.
pub fn of<'a>(slf: &'a Bound<'_, PyAny>) -> &'a Inner {
    // SAFETY: only the tables of the greenlet types name functions that call this, so CPython has
    // checked that `slf` is one; it lives as long as the borrow.
    unsafe { inner(slf.as_ptr().cast()) }
}

/// Allocates a greenlet of `class`, with `parent` or the running greenlet as its parent.
///
/// # Safety
/// `class` is the greenlet type or a subtype of it, and the GIL is held.
pub unsafe fn alloc(
    class: *mut ffi::PyTypeObject,
    parent: Ref,
    task: Option<Task>,
) -> *mut ffi::PyObject {
    // SAFETY: PyType_GenericAlloc zeroes the object and tracks it; pimpl is set before anything
    // else can run.
    unsafe {
        if (*class).tp_flags & ffi::Py_TPFLAGS_IS_ABSTRACT != 0
            && let Some(refuse) = ffi::PyBaseObject_Type.tp_new
        {
            return refuse(class, ffi::PyTuple_New(0), ptr::null_mut());
        }
        let object = ffi::PyType_GenericAlloc(class, 0);
        if !object.is_null() {
            let new = Inner::new(false);
            drop(new.parent.replace(Some(parent)));
            (*object.cast::<PyGreenlet>()).pimpl = match task {
                Some(task) => WithTask::make(new, task),
                None => Box::into_raw(Box::new(new)),
            };
        }
        object
    }
}

/// A raw greenlet that is to run `run`, or whatever its `run` is set to.
pub fn new_raw(
    py: Python<'_>,
    parent: Ref,
    run: Option<Bound<'_, PyAny>>,
) -> PyResult<GreenletRef> {
    new_of(base_type(py)?, parent, run)
}

/// A raw greenlet as `spawn_raw` makes them: the running greenlet is noted as the one that made it.
pub fn new_tracked(py: Python<'_>, parent: Ref, run: Bound<'_, PyAny>) -> PyResult<GreenletRef> {
    let made = new_of(tracked_type(py)?, parent, Some(run))?;
    if let Some(origin) = Origin::here(py)? {
        let _ = made.inner().spawned.set(Box::new(origin));
    }
    Ok(made)
}

fn new_of(
    class: &Bound<'_, PyType>,
    parent: Ref,
    run: Option<Bound<'_, PyAny>>,
) -> PyResult<GreenletRef> {
    let py = class.py();
    // SAFETY: the class is the greenlet type or the one derived from it that adds nothing to its layout.
    let object =
        unsafe { Bound::from_owned_ptr_or_err(py, alloc(class.as_type_ptr(), parent, None))? };
    drop(of(&object).run.replace(run.map(Ref::from)));
    GreenletRef::new(&object)
}

/// The greenlet that stands for a thread's own stack.
pub fn new_main(py: Python<'_>, thread: &Rc<Thread>) -> PyResult<Ref> {
    let class = base_type(py)?;
    // SAFETY: as in `alloc`. On 3.11 an allocation may collect garbage, and a finalizer ask for this very thread's main
    // greenlet, which would then have two: the collector is held off.
    unsafe {
        let enabled = ffi::PyGC_Disable();
        let object = ffi::PyType_GenericAlloc(class.as_type_ptr(), 0);
        if enabled != 0 {
            ffi::PyGC_Enable();
        }
        let main = Bound::from_owned_ptr_or_err(py, object)?;
        let new = Inner::new(true);
        new.thread.set(Some(thread.clone()));
        (*object.cast::<PyGreenlet>()).pimpl = Box::into_raw(Box::new(new));
        Ok(main.into())
    }
}

/// Frees a greenlet. One that is suspended is killed first, in its own thread, and may live on.
pub(super) unsafe extern "C" fn tp_dealloc(slf: *mut ffi::PyObject) {
    // SAFETY: CPython calls this with a dead (refcount 0) greenlet and the GIL held.
    unsafe {
        ffi::PyObject_GC_UnTrack(slf.cast());
        let greenlet: *mut PyGreenlet = slf.cast();
        let class = ffi::Py_TYPE(slf);
        if !(*greenlet).pimpl.is_null() {
            let me = inner(greenlet);
            if me.is_active() && !me.is_main {
                if !bury_alive(greenlet) {
                    if !counts_its_class(slf)
                        && ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HEAPTYPE) != 0
                    {
                        // CPython's dealloc of the subtype, which has called this, drops one.
                        ffi::Py_INCREF(class.cast());
                    }
                    return;
                }
                if let (true, Some(thread)) = (me.is_active(), me.thread()) {
                    thread.roster.remove(greenlet);
                }
            }
        }
        if !(*greenlet).weakreflist.is_null() {
            ffi::PyObject_ClearWeakRefs(slf);
        }
        ffi::Py_CLEAR(&raw mut (*greenlet).dict);
        let pimpl = ptr::replace(&raw mut (*greenlet).pimpl, ptr::null_mut());
        if !pimpl.is_null() {
            let inner = &*pimpl;
            coro::prefetch(inner.ready_before.get().cast::<WithTask>());
            if inner.status.get() == Status::Active {
                // It could not be unwound.
                inner.abandon_stack();
            }
            let context = (*inner.state.get()).replace_context(ptr::null_mut());
            let parent = inner.parent.take();
            match inner.task {
                Some(_) => drop(Box::from_raw(pimpl.cast::<WithTask>())),
                None => drop(Box::from_raw(pimpl)),
            }
            ffi::Py_XDECREF(context);
            drop_ancestors(parent);
        }
        let class = ffi::Py_TYPE(slf);
        let drop_class = counts_its_class(slf);
        ffi::PyObject_GC_Del(slf.cast());
        if drop_class {
            ffi::Py_DECREF(class.cast());
        }
    }
}

/// Drops the parent of a greenlet that is freed, and what goes with it: one after the other, as a long line of them,
/// each inside the dealloc of its child, would run off the stack.
///
/// # Safety
/// The GIL is held.
unsafe fn drop_ancestors(mut next: Option<Ref>) {
    while let Some(ancestor) = next {
        let object = ancestor.as_ptr();
        // SAFETY: a parent is a greenlet, alive by this reference; if there is no other, and no finalizer of a subtype or
        // exit of its own, nobody can ask it for its parent any more.
        next = unsafe {
            let me = inner(object.cast());
            let goes = ffi::Py_REFCNT(object) == 1
                && ffi::PyType_HasFeature(ffi::Py_TYPE(object), ffi::Py_TPFLAGS_HEAPTYPE) == 0
                && !me.is_active();
            if goes { me.parent.take() } else { None }
        };
        drop(ancestor);
    }
}

/// Whether `tp_dealloc` and `tp_traverse` answer for the reference that an instance has to its
/// class. CPython's rule: where the type that they are of is a heap type, as `Greenlet` and
/// `TrackedRawGreenlet` are. With a static one, the raw greenlet's, the slots of the subtype do.
///
/// # Safety
/// The object is a greenlet, alive or being freed.
unsafe fn counts_its_class(slf: *mut ffi::PyObject) -> bool {
    // SAFETY: by contract; among the bases of its class is the raw greenlet's, which has this slot.
    unsafe {
        let ours = tp_dealloc as *const ();
        let mut class = ffi::Py_TYPE(slf);
        while !(*class)
            .tp_dealloc
            .is_some_and(|slot| ptr::eq(slot as *const (), ours))
        {
            class = (*class).tp_base;
        }
        ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HEAPTYPE) != 0
    }
}

/// Unwinds a suspended greenlet whose last reference is gone. False: it lives on.
///
/// # Safety
/// Called by `tp_dealloc` alone.
unsafe fn bury_alive(greenlet: *mut PyGreenlet) -> bool {
    // SAFETY: the object is whole; it is given a reference for the time that it runs.
    unsafe {
        // Weak references are to see a live object again only if it survives.
        let slf: *mut ffi::PyObject = greenlet.cast();
        ffi::PyObject_GC_Track(slf.cast());
        ffi::Py_INCREF(slf);
        unwind(greenlet);
        if ffi::Py_REFCNT(slf) == 1 && inner(greenlet).is_active() {
            report_survivor(Python::assume_attached(), slf);
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

/// Throws GreenletExit into a suspended greenlet, or has its own thread do so.
///
/// # Safety
/// The greenlet is alive, with a reference that lasts until the end of the call, and the GIL is held.
unsafe fn unwind(greenlet: *mut PyGreenlet) {
    // SAFETY: by contract.
    unsafe {
        let Some(thread) = inner(greenlet).thread() else {
            return;
        };
        if thread.is_current() {
            let exit =
                GreenletExit::new_err("Killing the greenlet because all references have vanished.");
            switch::kill(Python::assume_attached(), thread, greenlet, exit);
        } else if let Some(reference) = Ref::from_borrowed(greenlet.cast()) {
            thread.abandon(reference);
        }
    }
}

/// Takes back the last reference without deallocating.
///
/// Says on stderr, as greenlet does, that a greenlet has caught its GreenletExit and waits again:
/// its stack, and all that is on it, is lost.
///
/// # Safety
/// The object is alive.
#[cold]
unsafe fn report_survivor(py: Python<'_>, greenlet: *mut ffi::PyObject) {
    let pending = PyErr::take(py);
    // SAFETY: by contract.
    let greenlet = unsafe { Bound::from_borrowed_ptr(py, greenlet) };
    let write = || {
        let text = format!("GreenletExit did not kill {}\n", greenlet.repr()?);
        let stderr = py
            .import(intern!(py, "sys"))?
            .getattr(intern!(py, "stderr"))?;
        if stderr.is_none() {
            return Ok(());
        }
        stderr.call_method1(intern!(py, "write"), (text,)).map(drop)
    };
    if let Err(error) = write() {
        error.write_unraisable(py, None);
    }
    drop(greenlet);
    if let Some(error) = pending {
        error.restore(py);
    }
}

/// # Safety
/// We hold the only reference to `object`.
unsafe fn set_refcount_zero(object: *mut ffi::PyObject) {
    // SAFETY: by contract nobody else looks at it. Subtracting from one leaves alone the flags that
    // CPython keeps in the upper half from 3.14 on.
    unsafe {
        #[cfg(Py_3_12)]
        {
            (*object).ob_refcnt.ob_refcnt -= 1;
        }
        #[cfg(not(Py_3_12))]
        {
            (*object).ob_refcnt -= 1;
        }
        // A debug build counts the references of the whole process.
        #[cfg(all(py_sys_config = "Py_REF_DEBUG", Py_3_12))]
        _Py_DECREF_DecRefTotal();
        #[cfg(all(py_sys_config = "Py_REF_DEBUG", not(Py_3_12)))]
        {
            _Py_RefTotal -= 1;
        }
    }
}

#[cfg(py_sys_config = "Py_REF_DEBUG")]
unsafe extern "C" {
    #[cfg(Py_3_12)]
    fn _Py_DECREF_DecRefTotal();
    #[cfg(not(Py_3_12))]
    static mut _Py_RefTotal: ffi::Py_ssize_t;
}

/// What is on a started greenlet's stack the collector cannot see, so it takes it for something that is referred to
/// from outside: safe, but circles through locals last. What it does see, as `__dict__`, `parent` and `run`, may
/// make a suspended greenlet garbage; it is unwound here, before anything is cleared.
pub(super) unsafe extern "C" fn tp_finalize(slf: *mut ffi::PyObject) {
    // SAFETY: called by the collector, or by a subtype's dealloc, with a greenlet that has a reference for the time.
    unsafe {
        let greenlet: *mut PyGreenlet = slf.cast();
        if !(*greenlet).pimpl.is_null() && inner(greenlet).is_active() && !inner(greenlet).is_main {
            unwind(greenlet);
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
        see((*greenlet).dict);
        if counts_its_class(slf) {
            see(ffi::Py_TYPE(slf).cast());
        }
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
            if let Some(origin) = me.spawned.get() {
                origin.each_object(&mut see);
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
        if me.is_active() {
            // A finalizer has started it meanwhile, or it has refused to exit, or cannot here. It still needs what it
            // runs with; without its attributes it may be freed, and is unwound then.
            return 0;
        }
        // The parent stays: should a finalizer still switch, it has somewhere to go.
        drop(me.run.take());
        if let Some(task) = &me.task {
            task.clear();
        }
        if let Some(origin) = me.spawned.get() {
            origin.clear();
        }
        0
    }
}
