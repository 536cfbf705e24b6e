//! `loop.timer(after, repeat)`: a point in time, or a series of them.

use std::time::Duration;

use pyo3::{exceptions::PyValueError, prelude::*, types::PyTuple};

use super::{Kind, Watcher};
use crate::hub::{EventLoop, Limit, TimerId, TimerTarget};

/// Fires `after` seconds from its start, and then each `repeat` seconds if that isn't zero.
#[pyclass(frozen, extends = Watcher, name = "timer", module = "verdigris.core")]
pub struct Timer;

pub struct Countdown {
    after: Duration,
    repeat: Duration,
    /// The time is to run from the loop's last look at the clock.
    from_last_look: bool,
    /// While it is started.
    running: Option<Running>,
}

struct Running {
    deadline: Duration,
    timer: TimerId,
}

#[pymethods]
impl Timer {
    /// timer(loop, after, repeat=0.0, ref=True, priority=None)
    ///
    /// Times are in seconds. Raises ValueError for a negative `repeat`; a negative `after` has passed.
    #[new]
    #[pyo3(signature = (r#loop, after, repeat = 0.0, r#ref = true, priority = None))]
    pub fn new(
        r#loop: &Bound<'_, EventLoop>,
        after: f64,
        repeat: f64,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<PyClassInitializer<Timer>> {
        if repeat < 0.0 {
            return Err(PyValueError::new_err(format!(
                "repeat must be positive or zero: {repeat:?}"
            )));
        }
        let countdown = Countdown {
            after: Limit::duration(after),
            repeat: Limit::duration(repeat),
            from_last_look: false,
            running: None,
        };
        Ok(Watcher::new(r#loop, Kind::Timer(countdown), r#ref, priority).add_subclass(Timer))
    }

    /// Calls `callback(*args)` when the time has come.
    ///
    /// The time runs from now, but with `update=False` from `loop.now()`, when the loop last looked at the clock.
    #[pyo3(signature = (callback, *args, update = None))]
    fn start(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        update: Option<bool>,
    ) -> PyResult<()> {
        with(slf, |countdown| {
            countdown.from_last_look = update == Some(false)
        });
        Watcher::begin(slf.as_super(), callback, args, false)
    }

    /// Starts it, or has it start over, with `repeat` as the time to wait. Without `repeat` it is stopped.
    #[pyo3(signature = (callback, *args, update = true))]
    fn again(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        update: Option<bool>,
    ) -> PyResult<()> {
        let watcher = slf.as_super();
        Watcher::deactivate(watcher);
        let repeat = with(slf, |countdown| countdown.repeat);
        if repeat.is_zero() {
            return Watcher::assign(watcher, callback, args, false);
        }
        let after = with(slf, |countdown| {
            std::mem::replace(&mut countdown.after, repeat)
        });
        let started = Timer::start(slf, callback, args, update);
        with(slf, |countdown| countdown.after = after);
        started
    }

    /// When it will fire, in seconds as `loop.now()` tells them; or while it isn't started, how long it would take.
    #[getter]
    fn at(slf: &Bound<'_, Self>) -> f64 {
        let deadline = with(slf, |countdown| match &countdown.running {
            Some(running) => Ok(running.deadline),
            None => Err(countdown.after.as_secs_f64()),
        });
        deadline.map_or_else(
            |after| after,
            |deadline| {
                slf.as_super()
                    .get()
                    .owner(slf.py())
                    .get()
                    .date(slf.py(), deadline)
            },
        )
    }
}

fn with<R>(slf: &Bound<'_, Timer>, body: impl FnOnce(&mut Countdown) -> R) -> R {
    match &mut slf.as_super().get().state.borrow_mut(slf.py()).kind {
        Kind::Timer(countdown) => body(countdown),
        _ => unreachable!("a timer is made with this kind"),
    }
}

impl Countdown {
    pub fn activate(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop) {
        let wait = match self.from_last_look {
            false => self.after,
            true => owner.with_reactor(slf.py(), |reactor| {
                let due = reactor.now() + self.after;
                due.saturating_sub(reactor.update_now())
            }),
        };
        self.run(slf, owner, wait);
    }

    pub fn deactivate(&mut self, py: Python<'_>, owner: &EventLoop) {
        if let Some(running) = self.running.take() {
            owner.cancel_timer(py, running.timer);
        }
    }

    /// Its time has come. Returns whether there is a next time.
    pub fn elapse(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop) -> bool {
        let Some(running) = self.running.take().filter(|_| !self.repeat.is_zero()) else {
            return false;
        };
        // The next time is counted from this one's deadline, so that a series doesn't lag behind more and more.
        self.run(
            slf,
            owner,
            (running.deadline + self.repeat).saturating_sub(now(slf, owner)),
        );
        true
    }

    fn run(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop, wait: Duration) {
        let target = TimerTarget::Watcher(slf.clone().unbind());
        let timer = owner.start_timer(slf.py(), wait, target, false);
        self.running = Some(Running {
            deadline: now(slf, owner) + wait,
            timer,
        });
    }
}

fn now(slf: &Bound<'_, Watcher>, owner: &EventLoop) -> Duration {
    owner.with_reactor(slf.py(), |reactor| reactor.now())
}
