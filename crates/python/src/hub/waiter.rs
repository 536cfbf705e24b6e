//! One greenlet at one wait, and how it gives up the thread.
//!
//! A wait is a number in the greenlet itself (`wait::WaitCell`), so a waiter costs no Python object,
//! and a wake-up that comes too late (the greenlet was killed, or timed out, or waits for something
//! else by now) is seen to be void: it names another wait.

use pyo3::prelude::*;
use wait::End;

use super::event_loop::EventLoop;
use super::job::{Job, Throw};
use super::limit::{Clock, Limit};
use super::timers::TimerTarget;
use crate::error::InvalidSwitchError;
use crate::gil::Ref;
use crate::greenlet::{GreenletRef, Thread, switch};

/// How a greenlet's wait ended.
pub type Wake = wait::Wake<PyErr>;

/// The running greenlet, about to wait, or that greenlet at that wait.
pub struct Waiter {
    greenlet: GreenletRef,
    number: u64,
}

impl Waiter {
    /// Begins a wait of the running greenlet. Fails in the hub, which cannot wait for itself.
    pub fn current(py: Python<'_>) -> PyResult<Waiter> {
        let thread = Thread::current(py)?;
        EventLoop::for_blocking_in(py, thread)?;
        Ok(Waiter::of(thread))
    }

    /// The same for the thread that runs, in which it is known not to be the hub.
    pub fn of(thread: &Thread) -> Waiter {
        let greenlet = GreenletRef::current_of(thread);
        let number = greenlet.inner().wait.begin();
        Waiter { greenlet, number }
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Waiter {
        Waiter {
            greenlet: self.greenlet.clone_ref(py),
            number: self.number,
        }
    }

    /// Who waits.
    pub fn greenlet<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.greenlet.bind(py).clone()
    }

    pub fn greenlet_ref(&self) -> &GreenletRef {
        &self.greenlet
    }

    /// The greenlet does not wait after all.
    pub fn call_off(self) {
        self.greenlet.inner().wait.call_off();
    }

    /// Ends the wait: the greenlet is queued to run. From any thread. False if it has ended.
    pub fn wake(&self, py: Python<'_>) -> bool {
        self.end(py, End::Notified)
    }

    /// Ends the wait as timed out. False if it has ended.
    pub fn expire(&self, py: Python<'_>) -> bool {
        self.end(py, End::TimedOut)
    }

    /// Whether the greenlet can never go on: it is dead, or its thread has ended.
    pub fn is_gone(&self) -> bool {
        !self.greenlet.inner().is_active()
    }

    fn end(&self, py: Python<'_>, end: End) -> bool {
        // One whose thread has ended, or whose hub was destroyed, will not run: what it waited for
        // must go to somebody else.
        let Some(home) = self.home(py) else {
            return false;
        };
        if !self.greenlet.inner().wait.end(self.number, end) {
            return false;
        }
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
            Limit::Timeout(clock) => return self.park_under(py, clock),
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
            let is_next = &self.greenlet.inner().is_next;
            is_next.set(true);
            let outcome = give_up_thread(py);
            is_next.set(false);
            return outcome;
        }
        let target = TimerTarget::Waiter(self.clone_ref(py));
        let timer = event_loop.start_timer(py, Limit::duration(seconds), target, keeps_alive);
        let outcome = give_up_thread(py);
        event_loop.cancel_timer(py, timer);
        outcome
    }

    /// A Timeout object as the limit: if it is what ends the wait, that is a time-out.
    #[inline(never)]
    fn park_under(&self, py: Python<'_>, clock: &Clock) -> Wake {
        if let Err(error) = clock.start(py) {
            return self.conclude(py, Err(error));
        }
        let outcome = self.park_forever(py);
        let wake = self.conclude(py, outcome);
        if let Err(error) = clock.cancel(py) {
            return Wake::Thrown {
                error,
                notified: matches!(wake, Wake::Notified),
            };
        }
        match wake {
            Wake::Thrown { error, notified } if error.value(py).is(clock.bind(py)) => {
                match notified {
                    true => Wake::Notified,
                    false => Wake::TimedOut,
                }
            }
            other => other,
        }
    }

    /// Marks the wait as over, whatever still refers to it, and says how it ended.
    fn conclude(&self, py: Python<'_>, outcome: PyResult<Ref>) -> Wake {
        let cell = &self.greenlet.inner().wait;
        cell.conclude(outcome, |value| {
            InvalidSwitchError::new_err(format!(
                "Invalid switch into {}: got {} while it waited for something else",
                describe(self.greenlet.bind(py)),
                describe(value.bind(py)),
            ))
        })
    }
}

fn describe(object: &Bound<'_, PyAny>) -> String {
    object
        .repr()
        .map_or_else(|_| "an object".into(), |text| text.to_string())
}

/// Gives up the thread, which is for others than the hub: goes on in the next ready greenlet, or in the hub.
/// Returns what the switch back brings.
fn give_up_thread(py: Python<'_>) -> PyResult<Ref> {
    let thread = Thread::current(py)?;
    let event_loop = EventLoop::of(py, thread)?;
    // The hand-over: when the next job is a greenlet, no one needs the hub in between.
    let next = match event_loop.get().next_greenlet(py) {
        Some(next) => next,
        None => event_loop.get().hub(py)?,
    };
    drop(event_loop);
    switch::resume(py, thread, next).map(Ref::from)
}

/// switch_out()
///
/// Gives up the thread to whoever is ready, or to the hub, and returns what is switched back.
/// Raises BlockingSwitchOutError in the hub. What Hub.switch() does.
#[pyfunction]
pub fn switch_out(py: Python<'_>) -> PyResult<Py<PyAny>> {
    EventLoop::for_blocking(py)?;
    give_up_thread(py).map(|value| value.bind(py).clone().unbind())
}
