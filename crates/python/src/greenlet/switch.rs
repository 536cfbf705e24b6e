//! The one door: every switch between greenlets goes through [`transfer`] (or, for the last one
//! of a greenlet's life, [`depart`]).
//!
//! What is carried across is one word in [`Thread::value`]: an owned object, or null when the
//! exception set in the thread state is to be raised on the other side. Between saving one
//! greenlet's state and loading the other's nothing may run: no decref, no allocation, no
//! Python. The reference that kept the origin alive while it ran is dropped on landing.

#![expect(unsafe_code, reason = "the switch itself")]

use std::ffi::c_int;
use std::ptr;

use coro::Context;
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::attributes::owner;
use super::entry;
use super::method::Args;
use super::object::{PyGreenlet, Status, inner, of};
use super::thread::{Start, Thread, share};
use super::thread_state::{self, Tracing};
use super::trace;
use crate::error::{GreenletError, GreenletExit, ThreadExit};
use crate::gil::Ref;
use crate::hub::{Job, bring_later};

/// What a switch brings: an object, or the exception that is set in the thread state.
pub type Carried = *mut ffi::PyObject;

/// Suspends the running greenlet and goes on in `target`. Returns when somebody switches back.
///
/// # Safety
/// The GIL is held; `thread` is the current one; `target` is an active greenlet of it, or one
/// that `launch` has prepared, and comes with a reference, which is taken over: what a suspended
/// greenlet has on its stack lives as long as it waits. `value` is owned, or null with an
/// exception set.
#[inline(always)]
pub unsafe fn transfer(thread: &Thread, target: *mut PyGreenlet, value: Carried) -> Carried {
    // SAFETY: both greenlets are alive: `current` by the reference that Thread has, `target` by
    // the caller's, which becomes Thread's.
    unsafe {
        let origin = thread.current.get();
        if ptr::eq(origin, target) {
            // Thread has one reference of its own.
            ffi::Py_DECREF(target.cast());
            return landed_at_home(thread, target, value);
        }
        let (from, to) = (inner(origin), inner(target));
        if to.is_out() && !to.put_back(from) {
            (*from.state.get()).save(thread.tstate.get());
            be_carried(thread, target, value);
            return landed(thread);
        }
        thread.current.set(target);
        thread.origin.set(origin);
        thread.value.set(value);
        (*from.state.get()).save(thread.tstate.get());
        (*to.state.get()).load(thread.tstate.get(), Tracing::of(thread.tstate.get()));
        Context::switch(
            from.context.get(),
            to.context.get(),
            ptr::from_ref(thread).expose_provenance(),
        );
        landed(thread)
    }
}

/// Switches to a greenlet that was started on the very stack on which this is called, by way of the carrier, which copies one out
/// and the other in.
///
/// # Safety
/// As for `transfer`; the running greenlet's state has been saved, or it is dead.
#[cold]
#[inline(never)]
unsafe fn be_carried(thread: &Thread, target: *mut PyGreenlet, value: Carried) {
    // SAFETY: as in `transfer`; the carrier loads the target's state.
    unsafe {
        let origin = thread.current.get();
        thread.current.set(target);
        thread.origin.set(origin);
        thread.value.set(value);
        let carrier = thread.lodgings.carrier.to(inner(origin), inner(target));
        Context::switch(
            inner(origin).context.get(),
            carrier,
            ptr::from_ref(thread).expose_provenance(),
        );
    }
}

/// Leaves the running greenlet, which has finished, for good.
///
/// # Safety
/// As for `transfer`; and nothing on this stack needs to be dropped any more.
pub unsafe fn depart(thread: &Thread, target: *mut PyGreenlet, value: Carried) -> ! {
    // SAFETY: as in `transfer`. The stack stays in the origin, which `landed` takes it from.
    unsafe {
        let origin = thread.current.get();
        let (from, to) = (inner(origin), inner(target));
        ffi::Py_INCREF(target.cast());
        (*from.state.get()).keep_context(thread.tstate.get());
        if to.is_out() && !to.put_back(from) {
            // Nobody comes back from there to one that has ended.
            be_carried(thread, target, value);
        }
        thread.current.set(target);
        thread.origin.set(origin);
        thread.value.set(value);
        (*to.state.get()).load(thread.tstate.get(), Tracing::of(thread.tstate.get()));
        Context::switch(
            from.context.get(),
            to.context.get(),
            ptr::from_ref(thread).expose_provenance(),
        );
    }
    unreachable!("a dead greenlet was switched to");
}

/// The first thing on the other side: takes what was carried and lets go of the origin.
///
/// # Safety
/// Called once after each switch, in the greenlet that was switched to.
#[inline(always)]
pub unsafe fn landed(thread: &Thread) -> Carried {
    // SAFETY: `transfer` or `depart` has set both; the origin's reference is ours now.
    unsafe {
        let origin = thread.origin.get();
        let value = thread.value.get();
        if thread.attention.get() || inner(origin).status.get() == Status::Dead {
            return landed_slowly(thread, origin, value);
        }
        let_go(thread, origin, value);
        value
    }
}

/// # Safety
/// As for `landed`.
#[cold]
#[inline(never)]
unsafe fn landed_slowly(thread: &Thread, origin: *mut PyGreenlet, value: Carried) -> Carried {
    // SAFETY: the origin is kept alive by the reference that is ours.
    unsafe {
        let from = inner(origin);
        if from.status.get() == Status::Dead {
            // Nothing runs on it any more: the origin's last act was the switch to here.
            from.give_up_stack(thread);
        }
        let value = match thread.attention.get() {
            true => attend(thread, origin, value),
            false => value,
        };
        let_go(thread, origin, value);
        value
    }
}

/// Drops the origin, which may run Python, without losing an exception that is carried.
///
/// # Safety
/// The origin's reference is given up; `value` is null only if an exception is set.
#[inline(always)]
unsafe fn let_go(thread: &Thread, origin: *mut PyGreenlet, value: Carried) {
    // SAFETY: by contract.
    unsafe {
        if ffi::Py_REFCNT(origin.cast()) == 1 && leave_to_hub(thread, origin) {
            return;
        }
        if value.is_null() && ffi::Py_REFCNT(origin.cast()) == 1 {
            let saved = PyErr::take(Python::assume_attached());
            ffi::Py_DECREF(origin.cast());
            if let Some(error) = saved {
                error.restore(Python::assume_attached());
            }
            return;
        }
        ffi::Py_DECREF(origin.cast());
    }
}

/// Has the hub drop the last reference to the origin, if whoever has landed has not concluded its
/// wait yet: a finalizer that waits would begin another one in the middle of it. False: it may be
/// dropped here.
///
/// # Safety
/// The origin's reference is ours; it is given up if the answer is true.
#[cold]
unsafe fn leave_to_hub(thread: &Thread, origin: *mut PyGreenlet) -> bool {
    // SAFETY: by contract, and the GIL is held.
    unsafe {
        if inner(thread.current.get()).wait.is_idle() {
            return false;
        }
        let py = Python::assume_attached();
        let link = thread.hub.borrow();
        let Some(link) = link.as_ref() else {
            return false;
        };
        if let Some(object) = Ref::from_owned(origin.cast()) {
            link.event_loop.get().push(py, Job::Drop { object });
        }
        true
    }
}

/// Does what is due at a landing besides going on: the tracer, and greenlets to be reaped.
///
/// # Safety
/// As for `landed`.
unsafe fn attend(thread: &Thread, origin: *mut PyGreenlet, value: Carried) -> Carried {
    // SAFETY: the GIL is held; the origin is alive.
    unsafe {
        let py = Python::assume_attached();
        let error = value.is_null().then(|| PyErr::take(py)).flatten();
        let event = if value.is_null() { "throw" } else { "switch" };
        if inner(thread.current.get()).wait.is_idle() {
            // Else its own wait is not concluded yet, and what is reaped may wait, too.
            thread.reap();
        }
        let outcome = trace::call(py, thread, event, origin, thread.current.get());
        match (outcome, error) {
            (Ok(()), None) => value,
            (Ok(()), Some(error)) => {
                error.restore(py);
                ptr::null_mut()
            }
            (Err(tracer), _) => {
                ffi::Py_XDECREF(value);
                tracer.restore(py);
                ptr::null_mut()
            }
        }
    }
}

/// A switch to the running greenlet itself: nothing to do but to tell the tracer.
///
/// # Safety
/// As for `transfer`.
#[cold]
unsafe fn landed_at_home(thread: &Thread, here: *mut PyGreenlet, value: Carried) -> Carried {
    if !thread.attention.get() {
        return value;
    }
    // SAFETY: by contract.
    unsafe { attend(thread, here, value) }
}

/// Gives a new greenlet its stack and makes it ready to be transferred to.
///
/// `look_up_run` comes first. Fails for want of memory, with the greenlet still new. From here to
/// its first landing no Python may run: it might start another one. `depth` is how deep in Python
/// calls it begins.
pub(super) fn launch(
    thread: &Thread,
    target: &Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<Bound<'_, PyDict>>,
    run: Option<Ref>,
    depth: c_int,
) -> PyResult<()> {
    let me = of(target);
    match thread.lodgings.find(thread, me) {
        Some(shared) => me.move_in(shared),
        None => me.own_stack.set(Some(thread.take_stack().map_err(|error| {
            PyMemoryError::new_err(format!("no memory for the stack of a greenlet: {error}"))
        })?)),
    }
    let stack = me.stack().expect("it has got one just now");
    // SAFETY: the stack is unused, or free for a newcomer, and kept in the greenlet until its last switch; the state lies
    // in the boxed Inner, which does not move.
    unsafe {
        (*me.state.get()).begin(stack, depth, thread.tstate.get());
        thread_state::set_owner(stack, target.as_ptr().cast());
        *me.context.get() = Context::new(stack, entry::enter);
    }
    me.thread.set(Some(share(thread)));
    me.status.set(Status::Active);
    // SAFETY: `target` is a live greenlet that had no stack. `finish` takes it out, or tp_dealloc.
    unsafe { thread.roster.add(target.as_ptr().cast()) };
    thread.start.set(Start {
        run: run.map_or(ptr::null_mut(), Ref::into_ptr),
        args: args.into_ptr(),
        kwargs: kwargs.map_or(ptr::null_mut(), Bound::into_ptr),
    });
    Ok(())
}

/// What a new greenlet is to run; a `Greenlet` knows by itself. Fails if it has no `run`.
fn look_up_run(target: &Bound<'_, PyAny>) -> PyResult<Option<Ref>> {
    match of(target).task {
        Some(_) => Ok(None),
        None => target
            .getattr(intern!(target.py(), "run"))
            .map(|run| Some(run.into())),
    }
}

/// What `switch` or `throw` was given.
pub enum Payload<'py> {
    Args(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>),
    Value(Bound<'py, PyAny>),
    Error(PyErr),
    /// Nothing: its turn in the run queue has come.
    Turn,
}

impl<'py> Payload<'py> {
    /// How deep in Python calls a greenlet begins that this starts. A switch is a call: it goes on
    /// from the caller's depth, so that greenlets which start one another without end come to a
    /// RecursionError, as with greenlet. Who hands over a turn has nothing to do with whose it is.
    fn depth(&self, thread: &Thread) -> c_int {
        match self {
            // SAFETY: the thread is the current one.
            Payload::Args(..) => unsafe { thread_state::current_depth(thread.tstate.get()) },
            _ => 0,
        }
    }

    /// What the switch() that is waiting returns, by greenlet's rules.
    fn into_value(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Payload::Value(value) => Ok(value),
            Payload::Error(error) => Err(error),
            Payload::Args(args, Some(kwargs)) if args.is_empty() => Ok(kwargs.into_any()),
            Payload::Args(args, Some(kwargs)) => {
                Ok(PyTuple::new(py, [args.into_any(), kwargs.into_any()])?.into_any())
            }
            Payload::Turn => Ok(PyTuple::empty(py).into_any()),
            Payload::Args(args, None) if args.len() == 1 => args.get_item(0),
            Payload::Args(args, None) => Ok(args.into_any()),
        }
    }

    /// The same for a greenlet that waits: an object or an exception, whole, so that nothing is left to be allocated.
    fn for_active(self, py: Python<'py>) -> Self {
        match self.into_value(py) {
            Ok(value) => Payload::Value(value),
            Err(error) => Payload::Error(whole(py, error)),
        }
    }

    /// The same for a greenlet that starts: arguments or an exception, likewise.
    fn for_new(self, py: Python<'py>) -> PyResult<Self> {
        Ok(match self {
            Payload::Value(value) => Payload::Args(PyTuple::new(py, [value])?, None),
            Payload::Turn => Payload::Args(PyTuple::empty(py), None),
            Payload::Error(error) => Payload::Error(whole(py, error)),
            args @ Payload::Args(..) => args,
        })
    }

    /// A GreenletExit that nobody catches is a value: it is how a greenlet ends when killed. So is
    /// what unwinds the greenlets of a thread that ends.
    pub fn absorb_exit(self, py: Python<'py>) -> Self {
        match self {
            Payload::Error(error) if is_exit(py, &error) => {
                Payload::Value(into_exception(py, error))
            }
            other => other,
        }
    }
}

/// The error, of which there is an object now.
fn whole(py: Python<'_>, error: PyErr) -> PyErr {
    error.value(py);
    error
}

/// Whether an error is how a greenlet ends without one.
pub fn is_exit(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<GreenletExit>(py) || error.is_instance_of::<ThreadExit>(py)
}

/// The exception itself. Unlike PyO3's own conversion it drops no `Py`, which outside of PyO3's
/// methods would be put off, and with it the end of all that the traceback refers to.
fn into_exception(py: Python<'_>, error: PyErr) -> Bound<'_, PyAny> {
    error.restore(py);
    // SAFETY: an exception has been set just now; what is taken out of the thread state is owned.
    unsafe {
        #[cfg(Py_3_12)]
        let exception = ffi::PyErr_GetRaisedException();
        #[cfg(not(Py_3_12))]
        let exception = {
            let (mut class, mut value, mut traceback) =
                (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
            ffi::PyErr_Fetch(&raw mut class, &raw mut value, &raw mut traceback);
            ffi::PyErr_NormalizeException(&raw mut class, &raw mut value, &raw mut traceback);
            if !traceback.is_null() {
                ffi::PyException_SetTraceback(value, traceback);
            }
            ffi::Py_XDECREF(class);
            ffi::Py_XDECREF(traceback);
            value
        };
        Bound::from_owned_ptr(py, exception)
    }
}

/// Brings `payload` to `target`, or to the first of its parents that is not dead.
pub fn deliver<'py>(
    target: &Bound<'py, PyAny>,
    payload: Payload<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    deliver_owned(target.clone(), payload)
}

fn deliver_owned<'py>(
    target: Bound<'py, PyAny>,
    payload: Payload<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = target.py();
    let thread = Thread::current(py)?;
    let (at, value) = resolve(thread, target, payload)?;
    // SAFETY: `resolve` gives an active greenlet of this thread, or one just launched; the value
    // is owned, or null with the exception set.
    unsafe {
        let value = transfer(thread, at.into_ptr().cast(), value);
        Bound::from_owned_ptr_or_err(py, value)
    }
}

/// Finds who takes `payload`: walks from `target` up over the dead, launches what is new.
///
/// A failure to launch is raised in that greenlet's parent by the one who calls from a finishing
/// greenlet, and in the caller by `deliver`.
pub fn resolve<'py>(
    thread: &Thread,
    target: Bound<'py, PyAny>,
    payload: Payload<'py>,
) -> PyResult<(Bound<'py, PyAny>, Carried)> {
    let py = target.py();
    let (mut at, mut payload) = (target, payload);
    loop {
        let me = of(&at);
        if me.status.get() != Status::Dead {
            // Each one, not only the first: parents may be set to greenlets of other threads.
            check_thread(&at, thread)?;
        }
        match me.status.get() {
            Status::Active => {
                payload = payload.for_active(py);
                // On 3.11 an allocation may collect garbage, and so run Python, which may have ended this very greenlet.
                if me.status.get() != Status::Active {
                    continue;
                }
                if me.is_locked_out() {
                    at = bring_later(thread, &at, payload.into_value(py))?;
                    payload = Payload::Turn;
                    continue;
                }
                let value = match payload.into_value(py) {
                    Ok(value) => value.into_ptr(),
                    Err(error) => {
                        error.restore(py);
                        ptr::null_mut()
                    }
                };
                return Ok((at, value));
            }
            Status::New => {
                let depth = payload.depth(thread);
                let run = look_up_run(&at)?;
                payload = payload.for_new(py)?;
                thread.lodgings.prepare(py, thread);
                // All may have run Python, which may have started or killed this very greenlet,
                // or changed its parent.
                if me.status.get() != Status::New {
                    continue;
                }
                check_thread(&at, thread)?;
                match payload {
                    Payload::Args(args, kwargs) => {
                        launch(thread, &at, args, kwargs, run, depth)?;
                        return Ok((at, py.None().into_ptr()));
                    }
                    Payload::Error(error) if !thread.tracer.is_empty() => {
                        // The tracer is to hear of it in that greenlet, which runs for that alone.
                        launch(thread, &at, PyTuple::empty(py), None, run, depth)?;
                        error.restore(py);
                        return Ok((at, ptr::null_mut()));
                    }
                    // Thrown in before it started: it dies without having run.
                    other => payload = other,
                }
                me.status.set(Status::Dead);
                me.thread.set(Some(share(thread)));
                drop(me.run.take());
            }
            Status::Dead => {}
        }
        payload = payload.absorb_exit(py);
        at = me.parent.get(py).ok_or_else(|| {
            GreenletError::new_err(
                "cannot switch to a different thread (which happens to have exited)",
            )
        })?;
    }
}

fn check_thread(target: &Bound<'_, PyAny>, current: &Thread) -> PyResult<()> {
    match owner(target) {
        Some(thread) if ptr::eq(thread, current) => Ok(()),
        Some(thread) if thread.alive.get() => Err(GreenletError::new_err(format!(
            "Cannot switch to a different thread\n\tCurrent:  {}\n\tExpected: {}",
            current.current_ref().bind(target.py()).repr()?,
            thread.current_ref().bind(target.py()).repr()?,
        ))),
        _ => Err(GreenletError::new_err(
            "cannot switch to a different thread (which happens to have exited)",
        )),
    }
}

/// `greenlet.switch`, in general.
pub(super) fn switch_method<'py>(
    slf: &Bound<'py, PyAny>,
    args: Args<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    deliver(slf, Payload::Args(args.tuple_from(0)?, args.dict()?))
}

/// Throws `exit` into a suspended greenlet of this thread, and comes back here. What it raises
/// instead is reported, as there is nobody to raise it to.
pub fn kill(py: Python<'_>, thread: &Thread, greenlet: *mut PyGreenlet, exit: PyErr) {
    // SAFETY: the caller keeps the greenlet alive for the time of this call.
    let Some(target) = (unsafe { Ref::from_borrowed(greenlet.cast()) }) else {
        return;
    };
    let pending = PyErr::take(py);
    let target = target.bind(py);
    let parent = of(target).parent.replace(Some(thread.current_ref()));
    if let Err(error) = deliver(target, Payload::Error(exit)) {
        error.write_unraisable(py, Some(target));
    }
    if of(target).is_active() {
        // It refused to die, and goes on as before.
        drop(of(target).parent.replace(parent));
    }
    if let Some(error) = pending {
        error.restore(py);
    }
}

/// Goes on in `target`, or starts it: what the hub, and greenlets that hand over, do. `thread` is the running one.
#[inline]
pub fn resume<'py>(py: Python<'py>, thread: &Thread, target: Ref) -> PyResult<Bound<'py, PyAny>> {
    let me = of(target.bind(py));
    if me.thread().is_some_and(|home| ptr::eq(home, thread)) && me.is_active() {
        // SAFETY: just checked; the GIL is held, and None is owned.
        return unsafe {
            let value = transfer(thread, target.into_ptr().cast(), py.None().into_ptr());
            Bound::from_owned_ptr_or_err(py, value)
        };
    }
    let target = target.into_bound(py);
    deliver_owned(target, Payload::Turn)
}
