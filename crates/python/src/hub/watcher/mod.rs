//! Watchers: gevent's lower layer, an object for each thing that a loop can be asked to look out for.
//!
//! A watcher has a callback while it is started. When what it looks out for comes to pass it is *pending*: a job in the
//! loop's queue, which calls the callback. Stopping the watcher voids the job, so a callback is never called after `stop`
//! has returned. The loop holds the watchers that are started, so one that nobody else refers to still fires.
//!
//! Of the watchers that become pending at one time those of the highest priority are called first (`hub/priority.rs`).
//!
//! All kinds are one class here, with an enum for what differs; the classes that users see add the methods that
//! only one kind has. None of this is on the path of verdigris's own waits: greenlets wait by `Waiter`, not by watcher.

mod child;
mod factory;
mod io;
mod methods;
mod moment;
mod set;
mod signal;
mod stat;
mod timer;

use pyo3::{exceptions::PyTypeError, prelude::*, types::PyTuple};

use reactor::Readiness;

use crate::{
    gil::GilCell,
    hub::{EventLoop, Job, io::Registered},
};

pub use self::{
    child::Child,
    io::Io,
    moment::{Async, Check, Fork, Idle, Prepare},
    set::{Moment, Watchers},
    signal::Signal,
    stat::Stat,
    timer::Timer,
};

/// What all watchers have in common. Made by the loop's methods, as `loop.timer(1.5)`.
#[pyclass(frozen, subclass, weakref, name = "watcher", module = "verdigris.core")]
pub struct Watcher {
    owner: Py<EventLoop>,
    state: GilCell<State>,
}

struct State {
    kind: Kind,
    callback: Option<Py<PyAny>>,
    args: Option<Py<PyTuple>>,
    /// The callback is given what happened before its arguments.
    pass_events: bool,
    /// While started, keeps the loop running.
    referenced: bool,
    priority: i32,
    active: bool,
    pending: bool,
}

/// What it looks out for.
enum Kind {
    Io(io::Watched),
    Timer(timer::Countdown),
    Signal(i32),
    Child(child::Process),
    Stat(stat::Path),
    Moment(Moment),
}

impl Watcher {
    fn new(
        owner: &Bound<'_, EventLoop>,
        kind: Kind,
        referenced: bool,
        priority: Option<i32>,
    ) -> PyClassInitializer<Watcher> {
        let state = State {
            kind,
            callback: None,
            args: None,
            pass_events: false,
            referenced,
            priority: clamp(priority.unwrap_or(0)),
            active: false,
            pending: false,
        };
        PyClassInitializer::from(Watcher {
            owner: owner.clone().unbind(),
            state: GilCell::new(state),
        })
    }

    fn owner<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, EventLoop> {
        self.owner.bind(py)
    }

    /// Starts it, or gives one that is started another callback.
    fn begin(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        pass_events: bool,
    ) -> PyResult<()> {
        Self::assign(slf, callback, args, pass_events)?;
        if slf.get().state.borrow(slf.py()).active {
            return Ok(());
        }
        let activated = Self::activate(slf);
        if activated.is_err() {
            slf.get().forget_callback(slf.py());
        }
        activated
    }

    fn assign(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        pass_events: bool,
    ) -> PyResult<()> {
        check_callable(callback)?;
        let mut state = slf.get().state.borrow_mut(slf.py());
        state.pass_events = pass_events;
        let old = (
            state.callback.replace(callback.clone().unbind()),
            state.args.replace(args.clone().unbind()),
        );
        drop(state);
        drop(old);
        Ok(())
    }

    fn activate(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, watcher) = (slf.py(), slf.get());
        let owner = watcher.owner(py).get();
        let seen = stat::look(slf);
        let mut state = watcher.state.borrow_mut(py);
        let mut is_due = false;
        match &mut state.kind {
            Kind::Io(watched) => watched.activate(slf, owner)?,
            Kind::Timer(countdown) => countdown.activate(slf, owner),
            Kind::Signal(number) => signal::activate(slf, owner, *number)?,
            Kind::Child(process) => is_due = process.activate(slf, owner)?,
            Kind::Stat(path) => path.activate(slf, owner, seen),
            Kind::Moment(moment) => {
                set::put(&mut owner.watchers.borrow_mut(py).moments, *moment, slf)
            }
        }
        state.active = true;
        if state.referenced {
            owner.keep_alive(py, 1);
        }
        drop(state);
        if is_due {
            Self::pend(slf, 0);
        }
        Ok(())
    }

    /// No longer looks out, whatever becomes of the callback.
    fn deactivate(slf: &Bound<'_, Self>) {
        let (py, watcher) = (slf.py(), slf.get());
        let owner = watcher.owner(py).get();
        let mut state = watcher.state.borrow_mut(py);
        if !std::mem::take(&mut state.active) {
            return;
        }
        if state.referenced {
            owner.keep_alive(py, -1);
        }
        // What the loop held of it is dropped after the borrows, though `slf` is another reference.
        let _held = match &mut state.kind {
            Kind::Io(watched) => watched.deactivate(py, owner),
            Kind::Timer(countdown) => {
                countdown.deactivate(py, owner);
                None
            }
            Kind::Signal(number) => {
                signal::deactivate(slf, owner, *number).map(Registered::Watcher)
            }
            Kind::Child(process) => process.deactivate(py, owner),
            Kind::Stat(path) => {
                path.deactivate(py, owner);
                None
            }
            Kind::Moment(_) => set::take_out(&mut owner.watchers.borrow_mut(py).moments, slf)
                .map(Registered::Watcher),
        };
        drop(state);
    }

    /// Its timer has run out.
    pub fn elapsed(slf: &Bound<'_, Self>) {
        let (py, watcher) = (slf.py(), slf.get());
        let owner = watcher.owner(py).get();
        let seen = stat::look(slf);
        let mut state = watcher.state.borrow_mut(py);
        let (fires, old) = match &mut state.kind {
            Kind::Timer(countdown) => {
                state.active = countdown.elapse(slf, owner);
                if !state.active && state.referenced {
                    owner.keep_alive(py, -1);
                }
                (true, None)
            }
            Kind::Stat(path) => path.elapse(slf, owner, seen),
            _ => (false, None),
        };
        drop(state);
        drop(old);
        if fires {
            Self::pend(slf, 0);
        }
    }

    /// Its fd is ready.
    pub fn ready(slf: &Bound<'_, Self>, readiness: Readiness) {
        let (py, watcher) = (slf.py(), slf.get());
        let owner = watcher.owner(py).get();
        let mut state = watcher.state.borrow_mut(py);
        let events = match &mut state.kind {
            Kind::Io(watched) => {
                watched.rearm(py, owner);
                i32::from(readiness.bits())
            }
            Kind::Child(process) => {
                let held = process.deactivate(py, owner);
                let is_told = process.end(slf, owner);
                drop(state);
                drop(held);
                if is_told {
                    Self::pend(slf, 0);
                }
                return;
            }
            _ => return,
        };
        drop(state);
        Self::pend(slf, events);
    }

    fn forget_callback(&self, py: Python<'_>) {
        let mut state = self.state.borrow_mut(py);
        let old = (state.callback.take(), state.args.take());
        drop(state);
        drop(old);
    }

    /// Has it called, when its turn comes.
    pub(super) fn pend(slf: &Bound<'_, Self>, events: i32) {
        let (py, watcher) = (slf.py(), slf.get());
        let mut state = watcher.state.borrow_mut(py);
        if std::mem::replace(&mut state.pending, true) {
            return;
        }
        let owner = watcher.owner(py).get();
        if state.priority != 0 {
            owner.note_priority(py);
        }
        drop(state);
        owner.push(
            py,
            Job::Fire {
                watcher: slf.clone().unbind(),
                events,
            },
        );
    }

    /// Higher ones are called first.
    pub(super) fn priority_of(&self, py: Python<'_>) -> i32 {
        self.state.borrow(py).priority
    }

    /// Calls it, if it is still pending.
    pub fn fire(slf: &Bound<'_, Self>, events: i32) {
        let (py, watcher) = (slf.py(), slf.get());
        let mut state = watcher.state.borrow_mut(py);
        if !std::mem::take(&mut state.pending) {
            return;
        }
        let callback = state
            .callback
            .as_ref()
            .map(|callback| callback.clone_ref(py));
        let args = state.args.as_ref().map(|args| args.clone_ref(py));
        let pass_events = state.pass_events;
        drop(state);
        if let Some(callback) = callback
            && let Err(error) = call(py, &callback, args, pass_events.then_some(events))
        {
            watcher.owner(py).get().report(py, slf.as_any(), error);
            if events & (io::READ | io::WRITE) != 0 {
                // A callback that fails leaves unread what it was called for, and would be called again at once.
                Self::end(slf);
            }
        }
        let state = watcher.state.borrow(py);
        let is_over = !state.active && !state.pending;
        drop(state);
        if is_over {
            watcher.forget_callback(py);
        }
    }

    /// Stops it, and lets go of its callback.
    pub(super) fn end(slf: &Bound<'_, Self>) {
        Self::deactivate(slf);
        slf.get().state.borrow_mut(slf.py()).pending = false;
        slf.get().forget_callback(slf.py());
    }
}

fn call(
    py: Python<'_>,
    callback: &Py<PyAny>,
    args: Option<Py<PyTuple>>,
    events: Option<i32>,
) -> PyResult<()> {
    let mut args = args.map_or_else(|| PyTuple::empty(py), |args| args.into_bound(py));
    if let Some(events) = events {
        args = (events,).into_pyobject(py)?.add(args)?.cast_into()?;
    }
    callback.call1(py, args).map(drop)
}

/// The nearest priority that there is.
fn clamp(priority: i32) -> i32 {
    priority.clamp(EventLoop::MINPRI, EventLoop::MAXPRI)
}

fn check_callable(callback: &Bound<'_, PyAny>) -> PyResult<()> {
    if callback.is_callable() {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!(
        "Expected callable, not {}",
        callback.repr()?
    )))
}

impl Watcher {
    /// Gives back what outlasts a stop: its registration with the reactor.
    fn release(&self, py: Python<'_>) {
        if let Kind::Io(watched) = &mut self.state.borrow_mut(py).kind {
            watched.release(py, self.owner(py).get());
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        Python::attach(|py| {
            self.release(py);
            // Started, and held by nobody: a child watcher that has fired.
            let state = self.state.borrow(py);
            if state.active && state.referenced {
                self.owner(py).get().keep_alive(py, -1);
            }
        });
    }
}

impl Kind {
    /// For `repr`.
    fn details(&self) -> String {
        match self {
            Kind::Io(watched) => watched.details(),
            Kind::Child(process) => process.details(),
            _ => String::new(),
        }
    }
}

/// Adds the watchers' classes to `_core`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Watcher>()?;
    module.add_class::<Io>()?;
    module.add_class::<Timer>()?;
    module.add_class::<Signal>()?;
    module.add_class::<Child>()?;
    module.add_class::<Stat>()?;
    module.add_class::<Idle>()?;
    module.add_class::<Prepare>()?;
    module.add_class::<Check>()?;
    module.add_class::<Fork>()?;
    module.add_class::<Async>()
}
