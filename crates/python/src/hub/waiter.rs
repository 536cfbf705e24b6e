//! One greenlet at one wait, and how it gives up the thread.
//!
//! A wait is a number in the greenlet itself, so a waiter costs no Python object, and a wake-up
//! that comes too late (the greenlet was killed, or timed out, or waits for something else by
//! now) is seen to be void: it names another wait.

use std::cell::Cell;

use pyo3::prelude::*;

use super::event_loop::EventLoop;
use super::job::{Job, Throw};
use super::limit::Limit;
use super::timers::TimerTarget;
use crate::error::InvalidSwitchError;
use crate::gil::Ref;
use crate::greenlet::{GreenletRef, switch};

/// What a greenlet knows of its own waiting.
#[derive(Default)]
pub struct WaitCell {
    number: Cell<u64>,
    state: Cell<State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Not waiting.
    #[default]
    Idle,
    Waiting,
    /// Woken, and queued to run.
    Notified,
    /// Timed out, and queued to run.
    TimedOut,
}

impl WaitCell {
    /// Whether its greenlet is at no wait, not even at the end of one.
    pub fn is_idle(&self) -> bool {
        self.state.get() == State::Idle
    }

    /// The wait that its greenlet is at, if nothing has ended it yet: each has another number.
    pub fn pending(&self) -> Option<u64> {
        (self.state.get() == State::Waiting).then(|| self.number.get())
    }
}

/// How a wait ended.
pub enum Wake {
    Notified,
    TimedOut,
    /// An exception was thrown in. If it was `notified` as well, whoever handed something over
    /// believes that it was taken: pass it on.
    Thrown {
        error: PyErr,
        notified: bool,
    },
}

/// The running greenlet, about to wait, or that greenlet at that wait.
pub struct Waiter {
    greenlet: GreenletRef,
    number: u64,
}

impl Waiter {
    /// Begins a wait of the running greenlet. Fails in the hub, which cannot wait for itself.
    pub fn current(py: Python<'_>) -> PyResult<Waiter> {
        EventLoop::for_blocking(py)?;
        let greenlet = GreenletRef::current(py)?;
        let cell = &greenlet.inner().wait;
        let number = cell.number.get() + 1;
        cell.number.set(number);
        cell.state.set(State::Waiting);
        Ok(Waiter { greenlet, number })
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Waiter {
        Waiter {
            greenlet: self.greenlet.clone_ref(py),
            number: self.number,
        }
    }

    /// Ends the wait: the greenlet is queued to run. From any thread. False if it has ended.
    pub fn wake(&self, py: Python<'_>) -> bool {
        self.end(py, State::Notified)
    }

    /// Ends the wait as timed out. False if it has ended.
    pub fn expire(&self, py: Python<'_>) -> bool {
        self.end(py, State::TimedOut)
    }

    /// Whether nobody has ended the wait yet.
    pub fn is_waiting(&self) -> bool {
        is_on(&self.greenlet, self.number)
    }

    /// Whether the greenlet can never go on: it is dead, or its thread has ended.
    pub fn is_gone(&self) -> bool {
        !self.greenlet.inner().is_active()
    }

    fn end(&self, py: Python<'_>, state: State) -> bool {
        // One whose thread has ended, or whose hub was destroyed, will not run: what it waited for
        // must go to somebody else.
        let Some(home) = self.home(py).filter(|_| self.is_waiting()) else {
            return false;
        };
        self.greenlet.inner().wait.state.set(state);
        let job = Job::Resume {
            greenlet: self.greenlet.clone_ref(py),
            wait: self.number,
        };
        home.get().push(py, job);
        true
    }

    /// Ends the wait with an exception, unless something else ends it first. From any thread.
    pub fn fail(self, py: Python<'_>, error: PyErr) {
        if let Some(home) = self.home(py) {
            let greenlet = self.greenlet.clone_ref(py);
            let wait = Some(self.number);
            home.get().push(
                py,
                Job::Throw(Box::new(Throw {
                    greenlet,
                    wait,
                    error,
                })),
            );
        }
    }

    /// The loop that it can be run by: that of its own thread, if both are still there.
    fn home<'py>(&self, py: Python<'py>) -> Option<Bound<'py, EventLoop>> {
        let me = self.greenlet.inner();
        let thread = me
            .thread()
            .filter(|thread| thread.wakes() && me.is_active())?;
        let link = thread.hub.borrow();
        let event_loop = &link.as_ref()?.event_loop;
        (!event_loop.get().is_destroyed(py)).then(|| event_loop.bind(py).clone())
    }

    /// The greenlet's repr, for messages.
    pub fn describe(&self, py: Python<'_>) -> String {
        describe(self.greenlet.bind(py))
    }

    /// Gives up the thread until the wait ends, in one of the three ways.
    pub fn park(&self, py: Python<'_>, limit: &Limit) -> Wake {
        let outcome = match limit {
            Limit::None => self.park_forever(py),
            Limit::Seconds(seconds) => self.park_for(py, *seconds, true),
            Limit::Timeout(timeout) => return self.park_under(py, timeout.bind(py)),
        };
        self.conclude(py, outcome)
    }

    /// As `park` with seconds; with `keeps_alive` false the timer does not keep the loop running.
    pub fn park_seconds(&self, py: Python<'_>, seconds: f64, keeps_alive: bool) -> Wake {
        let outcome = self.park_for(py, seconds, keeps_alive);
        self.conclude(py, outcome)
    }

    fn park_forever(&self, py: Python<'_>) -> PyResult<Ref> {
        give_up_thread(py)
    }

    #[inline(never)] // what only some waits need takes no room on the stacks of all
    fn park_for(&self, py: Python<'_>, seconds: f64, keeps_alive: bool) -> PyResult<Ref> {
        let event_loop = EventLoop::current(py)?;
        let event_loop = event_loop.get();
        if seconds <= 0.0 {
            let greenlet = self.greenlet.clone_ref(py);
            event_loop.push(
                py,
                Job::Expire {
                    greenlet,
                    wait: self.number,
                },
            );
            return give_up_thread(py);
        }
        let target = TimerTarget::Waiter(self.clone_ref(py));
        let timer = event_loop.start_timer(py, Limit::duration(seconds), target, keeps_alive);
        let outcome = give_up_thread(py);
        event_loop.cancel_timer(py, timer);
        outcome
    }

    /// A Timeout object as the limit: it is started unless it runs already; if it is what ends
    /// the wait, that is a time-out.
    #[inline(never)]
    fn park_under(&self, py: Python<'_>, timeout: &Bound<'_, PyAny>) -> Wake {
        let started = match start_timeout(timeout) {
            Ok(started) => started,
            Err(error) => return self.conclude(py, Err(error)),
        };
        let outcome = self.park_forever(py);
        let wake = self.conclude(py, outcome);
        if started && let Err(error) = timeout.call_method0("cancel") {
            return Wake::Thrown {
                error,
                notified: matches!(wake, Wake::Notified),
            };
        }
        match wake {
            Wake::Thrown { error, notified } if error.value(py).is(timeout) => match notified {
                true => Wake::Notified,
                false => Wake::TimedOut,
            },
            other => other,
        }
    }

    /// Marks the wait as over, whatever still refers to it, and says how it ended.
    fn conclude(&self, py: Python<'_>, outcome: PyResult<Ref>) -> Wake {
        let cell = &self.greenlet.inner().wait;
        let state = cell.state.replace(State::Idle);
        match (outcome, state) {
            (Err(error), state) => Wake::Thrown {
                error,
                notified: state == State::Notified,
            },
            (Ok(_), State::Notified) => Wake::Notified,
            (Ok(_), State::TimedOut) => Wake::TimedOut,
            (Ok(value), State::Waiting | State::Idle) => {
                let text = format!(
                    "Invalid switch into {}: got {} while it waited for something else",
                    describe(self.greenlet.bind(py)),
                    describe(value.bind(py)),
                );
                Wake::Thrown {
                    error: InvalidSwitchError::new_err(text),
                    notified: false,
                }
            }
        }
    }
}

/// Whether a queued job still has its greenlet at that wait, ready to go on.
pub fn is_due(greenlet: &GreenletRef, wait: u64) -> bool {
    let cell = &greenlet.inner().wait;
    cell.number.get() == wait && matches!(cell.state.get(), State::Notified | State::TimedOut)
}

/// Whether a greenlet is still at that wait, and nothing has ended it.
pub fn is_on(greenlet: &GreenletRef, wait: u64) -> bool {
    let cell = &greenlet.inner().wait;
    cell.number.get() == wait && cell.state.get() == State::Waiting
}

/// Turns a wait that is still on into a timed-out one. False if it has ended.
pub fn time_out(greenlet: &GreenletRef, wait: u64) -> bool {
    let waiting = is_on(greenlet, wait);
    if waiting {
        greenlet.inner().wait.state.set(State::TimedOut);
    }
    waiting
}

/// Starts a Timeout that is not pending; says whether it was started here.
fn start_timeout(timeout: &Bound<'_, PyAny>) -> PyResult<bool> {
    if timeout.getattr("pending")?.is_truthy()? {
        return Ok(false);
    }
    timeout.call_method0("start")?;
    Ok(true)
}

fn describe(object: &Bound<'_, PyAny>) -> String {
    object
        .repr()
        .map_or_else(|_| "an object".into(), |text| text.to_string())
}

/// Gives up the thread: goes on in the next ready greenlet, or in the hub. Returns what the
/// switch back brings.
fn give_up_thread(py: Python<'_>) -> PyResult<Ref> {
    let event_loop = EventLoop::for_blocking(py)?;
    // The hand-over: when the next job is a greenlet, no one needs the hub in between.
    let next = match event_loop.get().next_greenlet(py) {
        Some(next) => next,
        None => event_loop.get().hub(py)?,
    };
    drop(event_loop);
    switch::resume(py, next).map(Ref::from)
}

/// switch_out()
///
/// Gives up the thread to whoever is ready, or to the hub, and returns what is switched back.
/// Raises BlockingSwitchOutError in the hub. What Hub.switch() does.
#[pyfunction]
pub fn switch_out(py: Python<'_>) -> PyResult<Py<PyAny>> {
    give_up_thread(py).map(|value| value.bind(py).clone().unbind())
}
