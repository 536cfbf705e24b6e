//! What greenlets know of the thread they run in. One [`Thread`] for each `PyThreadState`.

#![expect(unsafe_code, reason = "pointers that live as long as the thread state")]

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::io;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use coro::{Pool, Stack};
use pyo3::exceptions::{PyImportError, PyMemoryError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::object::{self, PyGreenlet};
use super::overflow;
use super::roster::Roster;
use super::shared_stack::Lodgings;
use super::stack_size::stack_config;
use super::thread_state;
use crate::gil::{Ref, Slot};
use crate::hub::HubLink;

/// How many threads have greenlets: made and not ended.
static LIVING: AtomicUsize = AtomicUsize::new(0);

/// How many greenlets wait for their own thread to kill them.
static ABANDONED: AtomicUsize = AtomicUsize::new(0);

/// The Thread that was current when somebody asked last; null once that has ended. Guarded by the GIL.
///
/// Where one thread does nearly all the work it is the answer, and costs no look into thread-local storage, which from
/// a shared object is a call.
static LATEST: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());

const CAPSULE_NAME: &CStr = c"verdigris.thread";

/// The switching state of one thread.
///
/// The pointers `current` and `origin` own a reference each; `main` is kept alive by a slot.
/// `value` is what a switch carries: an owned reference, or null when the exception that is set
/// in the thread state is to be raised on the other side.
pub struct Thread {
    /// Null once the thread has ended: another one's may then get the same address.
    pub tstate: Cell<*mut ffi::PyThreadState>,
    /// The number of that, which no other ever has: the end is not told while somebody, such as a memory profiler, holds the
    /// dict that the capsule is in.
    id: u64,
    pub current: Cell<*mut PyGreenlet>,
    pub origin: Cell<*mut PyGreenlet>,
    pub value: Cell<*mut ffi::PyObject>,
    /// What a greenlet that is switched to for the first time is to call. Owned; null for none.
    pub start: Cell<Start>,
    pub tracer: Slot,
    /// There is something to do at each landing besides going on: a tracer to call, or greenlets
    /// to reap.
    pub attention: Cell<bool>,
    pub main: Slot,
    pub pool: RefCell<Pool>,
    /// Stacks that new greenlets may share.
    pub lodgings: Lodgings,
    /// Greenlets that another thread dropped: only this one can unwind them.
    abandoned: RefCell<Vec<Ref>>,
    /// Those that have a stack.
    pub roster: Roster,
    /// Its greenlets are being unwound, and must not wait any more.
    pub ending: Cell<bool>,
    pub alive: Cell<bool>,
    pub hub: RefCell<Option<HubLink>>,
}

/// A call to be made on a new stack: `run(*args, **kwargs)`.
#[derive(Clone, Copy)]
pub struct Start {
    pub run: *mut ffi::PyObject,
    pub args: *mut ffi::PyObject,
    pub kwargs: *mut ffi::PyObject,
}

impl Start {
    pub const NONE: Self = Self {
        run: ptr::null_mut(),
        args: ptr::null_mut(),
        kwargs: ptr::null_mut(),
    };
}

thread_local! {
    // The number of the thread state that has been cleared last on this OS thread: what finalizers
    // run then must not make a new Thread for it, which nobody would ever free.
    static ENDED: Cell<i64> = const { Cell::new(-1) };
    // A raw pointer, so that reading it is one load; the capsule owns what it points to.
    static THREAD: Cell<*const Thread> = const { Cell::new(ptr::null()) };
}

impl Thread {
    /// The current thread's.
    #[inline]
    pub fn current(py: Python<'_>) -> PyResult<&Thread> {
        let latest = LATEST.load(Ordering::Relaxed);
        // SAFETY: the GIL is held, so nobody ends a Thread meanwhile; its end is what takes it out of LATEST.
        unsafe {
            if !latest.is_null() && (*latest).is_current() {
                return Ok(&*latest);
            }
        }
        Self::change(py)
    }

    /// The same, where it was another one before.
    #[inline(never)]
    fn change(py: Python<'_>) -> PyResult<&Thread> {
        let known = THREAD.get();
        // SAFETY: a known Thread lives until its capsule, which is in its thread state's dict, is destroyed.
        let known = unsafe { known.as_ref() };
        // One OS thread can have several thread states, one after the other.
        let thread = match known.filter(|known| known.is_current()) {
            Some(known) => known,
            None => Self::enter(py)?,
        };
        LATEST.store(ptr::from_ref(thread).cast_mut(), Ordering::Relaxed);
        Ok(thread)
    }

    /// The current thread's, if it has had to do with greenlets; no new one is made.
    pub fn existing(_py: Python<'_>) -> Option<&Thread> {
        // SAFETY: as in `current` and `change`; the dict is borrowed from the thread state.
        unsafe {
            let known = [LATEST.load(Ordering::Relaxed).cast_const(), THREAD.get()];
            let known = known.into_iter().filter_map(|known| known.as_ref());
            known
                .into_iter()
                .find(|known| known.is_current())
                .or_else(|| Self::kept_in(ffi::PyThreadState_GetDict()))
        }
    }

    /// The one whose capsule a thread state's dict holds, if it does.
    ///
    /// # Safety
    /// `dict` is null or that of the running thread state, and the GIL is held.
    unsafe fn kept_in<'a>(dict: *mut ffi::PyObject) -> Option<&'a Thread> {
        // SAFETY: the capsule of that name is ours, and owns the Thread; the dict keeps it until the thread state is cleared.
        unsafe {
            if dict.is_null() {
                return None;
            }
            let known = ffi::PyDict_GetItemString(dict, CAPSULE_NAME.as_ptr());
            if known.is_null() {
                return None;
            }
            let thread = ffi::PyCapsule_GetPointer(known, CAPSULE_NAME.as_ptr());
            thread.cast::<Thread>().as_ref()
        }
    }

    /// The current thread's, after killing what other threads left for it: for calls that make
    /// or name greenlets, so that a thread that only does those is not kept from it.
    pub fn attended(py: Python<'_>) -> PyResult<&Thread> {
        let thread = Self::current(py)?;
        if thread.attention.get() {
            thread.reap();
        }
        Ok(thread)
    }

    /// Whether this is the running thread.
    #[inline]
    pub fn is_current(&self) -> bool {
        // SAFETY: who holds the GIL has a thread state.
        unsafe {
            let running = ffi::PyThreadState_Get();
            self.tstate.get() == running && self.id == thread_state::id(running)
        }
    }

    /// Whether a greenlet of this thread that is woken will run.
    pub fn wakes(&self) -> bool {
        self.alive.get() && !self.ending.get()
    }

    pub fn current_ref(&self) -> Ref {
        // SAFETY: `current` owns a reference while the thread lives.
        unsafe { Ref::from_borrowed(self.current.get().cast()) }.expect("a greenlet always runs")
    }

    #[cold]
    fn enter(py: Python<'_>) -> PyResult<&Thread> {
        // SAFETY: the GIL is held. The dict is borrowed from the thread state; the capsule takes
        // over one count of the Rc, which its destructor gives back.
        unsafe {
            let tstate = ffi::PyThreadState_Get();
            if ENDED.get() == ffi::PyThreadState_GetID(tstate) {
                return Err(PyRuntimeError::new_err(
                    "there are no greenlets in a thread that is ending",
                ));
            }
            let dict = ffi::PyThreadState_GetDict();
            if dict.is_null() {
                return Err(PyMemoryError::new_err("the thread state has no dict"));
            }
            if let Some(known) = Self::kept_in(dict) {
                THREAD.set(known);
                return Ok(known);
            }
            overflow::watch();
            let pool = Pool::new(stack_config()).map_err(|error| {
                PyMemoryError::new_err(format!("no stacks for greenlets: {error}"))
            })?;
            let thread = Rc::new(Thread {
                tstate: Cell::new(tstate),
                id: thread_state::id(tstate),
                current: Cell::new(ptr::null_mut()),
                origin: Cell::new(ptr::null_mut()),
                value: Cell::new(ptr::null_mut()),
                start: Cell::new(Start::NONE),
                tracer: Slot::empty(),
                attention: Cell::new(false),
                main: Slot::empty(),
                pool: RefCell::new(pool),
                lodgings: Lodgings::default(),
                abandoned: RefCell::new(Vec::new()),
                roster: Roster::default(),
                ending: Cell::new(false),
                alive: Cell::new(true),
                hub: RefCell::new(None),
            });
            LIVING.fetch_add(1, Ordering::Relaxed);
            let main = object::new_main(py, &thread)?;
            thread.current.set(main.clone_ref(py).into_ptr().cast());
            drop(thread.main.replace(Some(main)));
            let pointer = Rc::into_raw(thread);
            let capsule = Bound::from_owned_ptr_or_err(
                py,
                ffi::PyCapsule_New(
                    pointer.cast_mut().cast(),
                    CAPSULE_NAME.as_ptr(),
                    Some(leave),
                ),
            )?;
            if ffi::PyDict_SetItemString(dict, CAPSULE_NAME.as_ptr(), capsule.as_ptr()) < 0 {
                return Err(PyErr::fetch(py));
            }
            THREAD.set(pointer);
            Ok(&*pointer)
        }
    }

    /// A stack for a greenlet that starts, of the size that is set now.
    pub fn take_stack(&self) -> io::Result<Stack> {
        let mut pool = self.pool.borrow_mut();
        let config = stack_config();
        if pool.config() != config {
            *pool = Pool::new(config)?;
        }
        pool.take()
    }

    /// Whether a stack is of the size that is set now.
    pub fn has_size_of(&self, stack: &Stack) -> bool {
        let pool = self.pool.borrow();
        pool.config() == stack_config() && pool.fits(stack)
    }

    /// Whether a greenlet can be started without mapping memory.
    pub fn has_idle_stack(&self) -> bool {
        self.pool.borrow().has_idle()
    }

    /// Leaves a greenlet of this thread, dropped in another one, to be unwound here.
    pub fn abandon(&self, greenlet: Ref) {
        self.abandoned.borrow_mut().push(greenlet);
        ABANDONED.fetch_add(1, Ordering::Relaxed);
        self.attention.set(true);
    }

    /// Kills what other threads left for this one.
    pub fn reap(&self) {
        let greenlets = self.abandoned.take();
        if !greenlets.is_empty() {
            ABANDONED.fetch_sub(greenlets.len(), Ordering::Relaxed);
            self.update_attention();
            // Dropping the last references here, in their own thread, unwinds them.
            drop(greenlets);
        }
    }

    pub fn update_attention(&self) {
        self.attention
            .set(!self.tracer.is_empty() || !self.abandoned.borrow().is_empty());
    }
}

/// Runs when the thread state is cleared: the thread has ended, or the interpreter has.
unsafe extern "C" fn leave(capsule: *mut ffi::PyObject) {
    // SAFETY: the capsule is ours and holds one count of the Rc, given back here. CPython calls
    // this with the GIL held, on whatever thread clears the thread state.
    unsafe {
        let pointer: *const Thread =
            ffi::PyCapsule_GetPointer(capsule, CAPSULE_NAME.as_ptr()).cast();
        let thread = Rc::from_raw(pointer);
        thread.end(Python::assume_attached());
        LIVING.fetch_sub(1, Ordering::Relaxed);
        if ptr::eq(LATEST.load(Ordering::Relaxed), pointer) {
            LATEST.store(ptr::null_mut(), Ordering::Relaxed);
        }
        if ptr::eq(THREAD.get(), pointer) {
            THREAD.set(ptr::null());
            ENDED.set(ffi::PyThreadState_GetID(thread.tstate.get()));
        }
        thread.tstate.set(ptr::null_mut());
        drop(thread.tracer.take());
        // What could not be killed here is left as it is.
        let abandoned = thread.abandoned.take();
        ABANDONED.fetch_sub(abandoned.len(), Ordering::Relaxed);
        drop(abandoned);
        thread.release();
        drop(thread.hub.take());
    }
}

/// Whether the running thread is the only one that has ever run Python and not ended.
pub fn is_alone(_py: Python<'_>) -> bool {
    // SAFETY: a thread state leaves the interpreter's list with the GIL held, which we hold.
    unsafe {
        let first = ffi::PyInterpreterState_ThreadHead(ffi::PyInterpreterState_Main());
        ffi::PyThreadState_Next(first).is_null()
    }
}

/// A count of the Thread, for a greenlet that is bound to it.
pub fn share(thread: &Thread) -> Rc<Thread> {
    // SAFETY: every Thread is made by `enter`, in an Rc, and alive while it is borrowed.
    unsafe {
        Rc::increment_strong_count(thread);
        Rc::from_raw(thread)
    }
}

/// get_total_main_greenlets()
///
/// How many threads have greenlets, and so a main greenlet.
#[pyfunction]
pub fn get_total_main_greenlets() -> usize {
    LIVING.load(Ordering::Relaxed)
}

/// get_pending_cleanup_count()
///
/// How many greenlets were dropped by a thread that is not theirs, and wait for their own to kill
/// them.
#[pyfunction]
pub fn get_pending_cleanup_count() -> usize {
    ABANDONED.load(Ordering::Relaxed)
}

/// set_thread_local(key, value)
///
/// Keeps `value` in the thread state until the thread has ended.
#[pyfunction]
pub fn set_thread_local(key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: the GIL is held; the dict is borrowed from the thread state, null for want of memory.
    unsafe {
        let dict = ffi::PyThreadState_GetDict();
        if dict.is_null() || ffi::PyDict_SetItem(dict, key.as_ptr(), value.as_ptr()) < 0 {
            return Err(PyErr::fetch(key.py()));
        }
    }
    Ok(())
}

/// Refuses to load into a sub-interpreter: what is kept for each thread and type is one for the process. CPython asks
/// the module itself, and only of those with a GIL of their own.
pub fn refuse_subinterpreter() -> PyResult<()> {
    // SAFETY: the GIL is held; both only read pointers of the runtime.
    let is_main = unsafe {
        ptr::eq(
            ffi::PyInterpreterState_Get(),
            ffi::PyInterpreterState_Main(),
        )
    };
    match is_main {
        true => Ok(()),
        false => Err(PyImportError::new_err(
            "verdigris can only be imported in the main interpreter, not in sub-interpreters",
        )),
    }
}

/// RuntimeError while the interpreter is being finalized: threads and modules are half gone, and
/// a finalizer that switched now would run in what is left of them.
pub fn refuse_at_exit() -> PyResult<()> {
    // SAFETY: it only reads a flag of the runtime.
    #[cfg(Py_3_13)]
    let finalizing = unsafe { ffi::Py_IsFinalizing() };
    // SAFETY: it only reads a flag of the runtime.
    #[cfg(not(Py_3_13))]
    let finalizing = unsafe { _Py_IsFinalizing() };
    if finalizing != 0 {
        return Err(PyRuntimeError::new_err("greenlet is being finalized"));
    }
    Ok(())
}

#[cfg(not(Py_3_13))]
unsafe extern "C" {
    /// What 3.13 made public as `Py_IsFinalizing`.
    fn _Py_IsFinalizing() -> std::ffi::c_int;
}
