//! `hub.loop`: the run queue, the reactor, and the turn that connects them.
//!
//! A turn runs a batch of jobs, then asks the reactor what has come to pass, which makes new
//! jobs. Jobs run in the order in which they were queued, but for those that sockets and signals
//! make: they go to the head, so that what waits for a socket is as late as one batch at most,
//! however long the queue is. A batch runs all of those, and then some of the others, so neither
//! kind can starve the other. Timers queue up like all the rest: whoever spawns greenlets and then
//! sleeps for a moment finds them started.
//!
//! Most jobs are greenlets to go on with, and those the hub need not run: a greenlet that gives
//! up the thread takes the next one off the queue and switches there directly (`next_greenlet`).
//! What needs the hub is a callback, an empty queue, and the end of the batch.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use coro::thread_pointer;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use reactor::{Events, Reactor, Ready, Waker};
use wait::End;

use super::anticipation::Anticipation;
use super::breaking::Break;
use super::calendar::Calendar;
use super::eagerness::Eagerness;
use super::facade;
use super::housekeeping::Housekeeping;
use super::interval::switch_interval;
use super::io::Sources;
use super::job::{Job, Throw};
use super::locked_out::LockedOut;
use super::lookahead::{self, look_ahead};
use super::timers::Timers;
use super::watcher::{Moment, Watcher, Watchers};
use crate::error::{BlockingSwitchOutError, os_error};
use crate::gil::{self, GilCell, Ref};
use crate::greenlet::{GreenletRef, Thread, switch, task};
use crate::sync::{Group, Timeout};

/// Jobs between two looks at the reactor. An empty poll costs about as much as five switches, so
/// with this many it is lost in the noise, and a ready socket still waits for no more of them.
const BATCH: u32 = 100;

/// Jobs between two looks at the clock, which costs about a tenth of a switch; a power of two.
const CLOCK_EVERY: u32 = 16;

/// When this part of the time that a batch may last is over, the jobs are so long that the clock is looked at after each.
const LONG_JOBS: u32 = 16;

/// A thread's hub: its greenlet, and its loop.
pub struct HubLink {
    pub greenlet: Ref,
    pub event_loop: Py<EventLoop>,
}

#[derive(Default)]
pub(super) struct Turn {
    /// How many more jobs may run before the reactor is asked.
    pub(super) budget: u32,
    /// When the batch began.
    began: Duration,
    /// How long it may last, if others than those at the head have run by then. Most batches are over before
    /// anybody looks at the clock: who looks first asks for this.
    interval: Option<Duration>,
    /// The bits of the budget that are zero when the clock is to be looked at.
    clock_mask: u32,
    /// The thread has so many greenlets that it pays to fetch them ahead.
    has_many: bool,
    /// How many jobs at the head of the queue were put there.
    pub(super) at_head: u32,
    /// Something has become due that does not take its turn by when it became so: see `priority`.
    pub(super) uneven: bool,
    /// The hub is inside the turn, suspended in favour of a greenlet.
    dispatching: bool,
    /// How many things that may still happen keep the loop running.
    references: isize,
    destroyed: bool,
    pub(super) eagerness: Eagerness,
    /// How many calls of `run` are under way, one in another.
    pub(super) depth: u32,
    /// How many times the reactor was asked.
    pub(super) iteration: u64,
    /// Which of them are to return.
    pub(super) broken: Break,
}

impl Turn {
    /// Counts one more job. Says whether it is time to look at the clock.
    #[inline]
    fn spend(&mut self) -> bool {
        self.budget -= 1;
        self.budget < BATCH && self.budget & self.clock_mask == 0
    }
}

/// The event loop of one thread. `Hub` makes it and runs it.
#[pyclass(
    frozen,
    subclass,
    dict,
    weakref,
    name = "loop",
    module = "verdigris.core"
)]
pub struct EventLoop {
    pub(super) jobs: GilCell<VecDeque<Job>>,
    pub(super) turn: GilCell<Turn>,
    pub(super) reactor: GilCell<Reactor>,
    pub(super) calendar: Calendar,
    pub(super) waker: Waker,
    pub(super) anticipation: GilCell<Anticipation>,
    pub(super) buffers: GilCell<Option<(Events, Vec<Ready>)>>,
    /// What was thrown into the hub itself, to end it: `run` raises it.
    pub(super) ending: GilCell<Option<PyErr>>,
    /// What handles errors in place of the hub.
    pub(super) error_handler: GilCell<Option<Ref>>,
    pub(super) timers: GilCell<Timers>,
    pub(super) locked_out: GilCell<LockedOut>,
    pub(super) housekeeping: GilCell<Housekeeping>,
    pub(super) sources: GilCell<Sources>,
    pub(super) watchers: GilCell<Watchers>,
    pub(super) hub: GilCell<Option<Ref>>,
    pub(super) stand_in: GilCell<Option<Ref>>,
    /// Which thread runs it, as `thread_pointer` tells: others must wake it.
    pub(super) home: AtomicUsize,
    /// It runs in the thread that runs the handlers of signals.
    pub(super) in_main_thread: AtomicBool,
    is_default: bool,
    /// What `backend` says.
    pub(super) backend: &'static str,
}

impl EventLoop {
    /// This thread's loop; its hub is made if there is none yet.
    pub fn current(py: Python<'_>) -> PyResult<Bound<'_, EventLoop>> {
        Self::of(py, Thread::current(py)?)
    }

    /// `thread`'s, which is this one.
    #[inline]
    pub fn of<'py>(py: Python<'py>, thread: &Thread) -> PyResult<Bound<'py, EventLoop>> {
        if let Some(link) = &*thread.hub.borrow() {
            return Ok(link.event_loop.bind(py).clone());
        }
        Self::make(py, thread)
    }

    #[cold]
    fn make<'py>(py: Python<'py>, thread: &Thread) -> PyResult<Bound<'py, EventLoop>> {
        if thread.ending.get() {
            return Err(PyRuntimeError::new_err(
                "there is no hub in a thread that is ending",
            ));
        }
        get_hub(py)?;
        match &*thread.hub.borrow() {
            Some(link) => Ok(link.event_loop.bind(py).clone()),
            None => Err(PyRuntimeError::new_err(
                "get_hub() has made no hub for this thread",
            )),
        }
    }

    /// This thread's loop, if it has one yet.
    pub fn existing(py: Python<'_>) -> Option<Bound<'_, EventLoop>> {
        let thread = Thread::current(py).ok()?;
        let link = thread.hub.borrow();
        link.as_ref().map(|link| link.event_loop.bind(py).clone())
    }

    /// This thread's loop, unless the caller is the hub, which cannot wait for itself.
    pub fn for_blocking(py: Python<'_>) -> PyResult<Bound<'_, EventLoop>> {
        Self::for_blocking_in(py, Thread::current(py)?)
    }

    /// The same, for one that knows the running thread.
    pub fn for_blocking_in<'py>(
        py: Python<'py>,
        thread: &Thread,
    ) -> PyResult<Bound<'py, EventLoop>> {
        if thread.ending.get() {
            return Err(BlockingSwitchOutError::new_err(
                "Impossible to call blocking function in a thread that is ending",
            ));
        }
        let event_loop = Self::of(py, thread)?;
        let running = thread.current.get();
        let is_hub = event_loop
            .get()
            .hub
            .borrow(py)
            .as_ref()
            .is_some_and(|hub| hub.as_ptr() == running.cast());
        if is_hub {
            return Err(BlockingSwitchOutError::new_err(
                "Impossible to call blocking function in the event loop callback",
            ));
        }
        Ok(event_loop)
    }

    /// The greenlet of its hub.
    pub fn hub(&self, py: Python<'_>) -> PyResult<Ref> {
        match &*self.hub.borrow(py) {
            Some(hub) => Ok(hub.clone_ref(py)),
            None => Err(PyRuntimeError::new_err(
                "this loop belongs to no hub, or to one that was destroyed",
            )),
        }
    }

    /// Queues a job. From any thread.
    #[inline]
    pub fn push(&self, py: Python<'_>, job: Job) {
        self.jobs.borrow_mut(py).push_back(job);
        self.wake_from_afar();
    }

    /// Ends its poll, if this is not the thread that it runs in.
    #[inline]
    pub(super) fn wake_from_afar(&self) {
        if self.is_elsewhere() {
            self.waker.wake();
        }
    }

    /// Whether it is another thread that runs it.
    #[inline]
    pub fn is_elsewhere(&self) -> bool {
        self.home.load(Ordering::Relaxed) != thread_pointer()
    }

    /// The greenlet that is to run next, if the next job is one and the batch is not at its end.
    /// Only for a greenlet that gives up the thread while the hub is inside its turn.
    pub fn next_greenlet(&self, py: Python<'_>) -> Option<Ref> {
        let (looks_at_clock, job) = {
            let mut turn = self.turn.borrow_mut(py);
            let mut jobs = self.jobs.borrow_mut(py);
            // What is void is left to the hub, too: dropping it may run a finalizer, which must
            // not wait in a greenlet that is about to. So is who has to be put back on a stack, which may be this one.
            let direct = match jobs.front() {
                Some(Job::Resume { greenlet, wait }) => {
                    greenlet.inner().wait.is_due(*wait) && !greenlet.inner().is_out()
                }
                Some(Job::Expire { greenlet, wait }) => {
                    greenlet.inner().wait.is_on(*wait) && !greenlet.inner().is_out()
                }
                // A fresh stack is the hub's business: to map one takes more C stack than to
                // wait does, and a parked greenlet that has to hold that much takes up a
                // second page for it.
                Some(Job::Start { greenlet }) => has_idle_stack(py) && is_startable(greenlet),
                _ => false,
            };
            if !turn.dispatching || turn.budget == 0 || !direct {
                return None;
            }
            let job = jobs.pop_front()?;
            look_ahead(&jobs, &job, turn.has_many);
            (turn.spend(), job)
        };
        if looks_at_clock {
            self.look_at_clock(py);
        }
        due(job)
    }

    /// Something that may still happen begins (or ends) to keep the loop running.
    pub fn keep_alive(&self, py: Python<'_>, by: isize) {
        self.turn.borrow_mut(py).references += by;
    }

    /// Whether it was made as the default loop, which the main thread's is, and not destroyed.
    pub fn is_default(&self, py: Python<'_>) -> bool {
        self.is_default && !self.turn.borrow(py).destroyed
    }

    pub fn is_destroyed(&self, py: Python<'_>) -> bool {
        self.turn.borrow(py).destroyed
    }

    /// How many things keep it running.
    pub fn references(&self, py: Python<'_>) -> isize {
        self.turn.borrow(py).references
    }

    /// How many jobs are queued.
    pub fn queued(&self, py: Python<'_>) -> usize {
        self.jobs.borrow(py).len()
    }

    pub fn with_reactor<T>(&self, py: Python<'_>, body: impl FnOnce(&mut Reactor) -> T) -> T {
        body(&mut self.reactor.borrow_mut(py))
    }

    /// Ends the batch if it has lasted long enough.
    #[inline(never)]
    fn look_at_clock(&self, py: Python<'_>) {
        let known = self.turn.borrow(py).interval;
        let interval = known.unwrap_or_else(|| switch_interval(py));
        let now = self.reactor.borrow_mut(py).update_now();
        let mut turn = self.turn.borrow_mut(py);
        turn.interval = Some(interval);
        let lasted = now.saturating_sub(turn.began);
        if lasted >= interval {
            turn.budget = 0;
        } else if lasted >= interval / LONG_JOBS {
            turn.clock_mask = 0;
        }
    }

    /// What `run` does.
    fn turn_round(
        &self,
        py: Python<'_>,
        thread: &Thread,
        nowait: bool,
        once: bool,
    ) -> PyResult<()> {
        loop {
            self.readmit(py);
            self.run_jobs(py, thread);
            if let Some(error) = self.ending.borrow_mut(py).take() {
                return Err(error);
            }
            if self.turn.borrow(py).broken.is_set() {
                return Ok(());
            }
            if self.mark_moment(py, Moment::BeforeWait) {
                self.run_jobs(py, thread);
            }
            let lent = (!nowait && self.queued(py) == 0).then(|| self.hear_signals(py));
            if self.is_to_stop(py) {
                continue;
            }
            let idle = self.queued(py) == 0;
            let patience = self.patience(py);
            if idle && patience.is_none() && self.turn.borrow(py).references <= 0 {
                return Ok(());
            }
            let restless = idle && self.mark_moment(py, Moment::Idle);
            self.turn.borrow_mut(py).iteration += 1;
            let limit = match idle && !restless && !nowait {
                false => Some(Duration::ZERO),
                true if patience.is_some() => patience,
                true if once => None,
                true if self.anticipate(py) => Some(Duration::ZERO),
                true => self.tidy(py)?,
            };
            self.poll(py, limit, lent.flatten())?;
            self.mark_moment(py, Moment::AfterWait);
            if nowait || once {
                self.run_jobs(py, thread);
                return Ok(());
            }
        }
    }

    /// Runs jobs until the queue is empty or the batch is at its end.
    fn run_jobs(&self, py: Python<'_>, thread: &Thread) {
        {
            let mut turn = self.turn.borrow_mut(py);
            turn.budget = BATCH + mem::take(&mut turn.at_head);
            turn.began = self.reactor.borrow(py).now();
            turn.interval = None;
            turn.has_many = lookahead::is_many(thread);
            turn.clock_mask = CLOCK_EVERY - 1;
        }
        loop {
            let (looks_at_clock, job) = {
                let mut turn = self.turn.borrow_mut(py);
                if turn.budget == 0 {
                    return;
                }
                let mut jobs = self.jobs.borrow_mut(py);
                let Some(job) = jobs.pop_front() else { return };
                look_ahead(&jobs, &job, turn.has_many);
                (turn.spend(), job)
            };
            if looks_at_clock {
                self.look_at_clock(py);
            }
            self.run_job(py, thread, job);
        }
    }

    fn run_job(&self, py: Python<'_>, thread: &Thread, job: Job) {
        let Some(job) = self.admit(py, job) else {
            return;
        };
        match job {
            Job::Resume { .. } | Job::Expire { .. } | Job::Start { .. } => {
                if let Some(greenlet) = due(job) {
                    self.dispatch(py, greenlet.bind(py), |greenlet| {
                        switch::resume(py, thread, greenlet.clone().into())
                    });
                }
            }
            Job::Throw(throw) => {
                let Throw {
                    greenlet,
                    wait,
                    error,
                } = *throw;
                if greenlet.inner().is_active()
                    && wait.is_none_or(|wait| greenlet.inner().wait.is_on(wait))
                {
                    self.dispatch(py, greenlet.bind(py), |greenlet| {
                        switch::deliver(greenlet, switch::Payload::Error(error))
                    });
                }
            }
            Job::Bring { greenlet, value } => {
                if greenlet.inner().is_active() {
                    let value = switch::Payload::Value(value.into_bound(py));
                    self.dispatch(py, greenlet.bind(py), |greenlet| {
                        switch::deliver(greenlet, value)
                    });
                }
            }
            Job::Drop { object } => drop(object),
            Job::Fire { watcher, events } => Watcher::fire(watcher.bind(py), events),
            Job::Timeout { timeout } => {
                let timeout = timeout.bind(py);
                if let Err(error) = Timeout::expire(timeout) {
                    self.report(py, timeout, error);
                }
            }
            Job::Scheduled { callback } => {
                if let Some(Err(error)) = callback.0.run(py) {
                    self.report(py, callback.0.bind(py), error);
                }
            }
            Job::Leave { group, greenlet } => {
                let group = group.into_bound(py);
                if let Err(error) = Group::let_go(&group, greenlet.bind(py)) {
                    self.report(py, &group, error);
                }
            }
            Job::Link { callback } => {
                let function = callback.0.function(py);
                if let Some(Err(error)) = callback.0.run(py)
                    && let Some(function) = function
                {
                    self.report(py, &function, error);
                }
            }
        }
    }

    /// Switches from the hub into a greenlet. Meanwhile those that give up the thread hand it on
    /// among themselves. What comes back is an error only if a greenlet without a keeper failed.
    fn dispatch<'py>(
        &self,
        py: Python<'py>,
        greenlet: &Bound<'py, PyAny>,
        go: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) {
        self.turn.borrow_mut(py).dispatching = true;
        let outcome = go(greenlet);
        self.turn.borrow_mut(py).dispatching = false;
        match outcome {
            // A greenlet that ends by GreenletExit ends without an error: this is for the hub.
            Err(error) if switch::is_exit(py, &error) => self.end(py, error),
            // It could not even be launched, for want of memory: so it has ended.
            Err(error) if task::is_unstarted(greenlet) => task::die_unstarted(greenlet, error),
            Err(error) => self.report(py, greenlet, error),
            Ok(_) => {}
        }
    }
}

/// This thread's hub, which is made if there is none yet.
pub fn get_hub(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // The first to ask imports the module, for which others wait.
    let module = gil::import(py, c"verdigris.hub")?;
    gil::call_without_arguments(&module.getattr("get_hub")?)
}

/// Whether a greenlet can be started on a stack that has been used before.
fn has_idle_stack(py: Python<'_>) -> bool {
    Thread::current(py).is_ok_and(Thread::has_idle_stack)
}

/// Whether a queued start is still wanted.
fn is_startable(greenlet: &GreenletRef) -> bool {
    let task = greenlet.inner().task.as_ref();
    task.is_none_or(|task| task.is_scheduled())
}

/// The greenlet that a job is to go on with; None if the job is void.
fn due(job: Job) -> Option<Ref> {
    match job {
        Job::Resume { greenlet, wait } => {
            let due = greenlet.inner().wait.is_due(wait);
            due.then(|| greenlet.into_ref())
        }
        Job::Expire { greenlet, wait } => {
            let ended = greenlet.inner().wait.end(wait, End::TimedOut);
            ended.then(|| greenlet.into_ref())
        }
        Job::Start { greenlet } => {
            let starts = greenlet
                .inner()
                .task
                .as_ref()
                .is_none_or(|task| task.begin());
            starts.then(|| greenlet.into_ref())
        }
        _ => None,
    }
}

#[pymethods]
impl EventLoop {
    #[new]
    #[pyo3(signature = (flags = None, default = None))]
    fn new(flags: Option<&Bound<'_, PyAny>>, default: Option<bool>) -> PyResult<Self> {
        let reactor = Reactor::new().map_err(os_error)?;
        Ok(Self {
            jobs: GilCell::default(),
            turn: GilCell::default(),
            waker: reactor.waker(),
            reactor: GilCell::new(reactor),
            anticipation: GilCell::default(),
            calendar: Calendar::default(),
            buffers: GilCell::default(),
            ending: GilCell::default(),
            error_handler: GilCell::default(),
            timers: GilCell::default(),
            locked_out: GilCell::default(),
            housekeeping: GilCell::default(),
            sources: GilCell::default(),
            watchers: GilCell::default(),
            hub: GilCell::default(),
            stand_in: GilCell::default(),
            home: AtomicUsize::new(thread_pointer()),
            in_main_thread: AtomicBool::new(false),
            is_default: default.unwrap_or(true),
            backend: facade::backend(flags)?,
        })
    }

    /// run(nowait=False, once=False)
    ///
    /// Runs until nothing that keeps it alive is left: jobs, timers, waits for file descriptors.
    /// nowait: does not wait. once: waits at most once.
    #[pyo3(signature = (nowait = false, once = false))]
    fn run(&self, py: Python<'_>, nowait: bool, once: bool) -> PyResult<()> {
        if self.turn.borrow(py).destroyed {
            return Err(PyValueError::new_err("operation on destroyed loop"));
        }
        let thread = Thread::current(py)?;
        self.home.store(thread_pointer(), Ordering::Relaxed);
        self.look_at_thread();
        self.turn.borrow_mut(py).depth += 1;
        let outcome = self.turn_round(py, thread, nowait, once);
        let mut turn = self.turn.borrow_mut(py);
        turn.depth -= 1;
        turn.broken = turn.broken.after_return(turn.depth);
        outcome
    }

    /// destroy()
    ///
    /// Stops all watchers, drops everything that is queued, and parts from the hub. True if it was not destroyed yet.
    pub fn destroy(&self, py: Python<'_>) -> bool {
        for watcher in self.started(py) {
            Watcher::end(watcher.bind(py));
        }
        let dropped = (
            mem::take(&mut *self.jobs.borrow_mut(py)),
            self.hub.borrow_mut(py).take(),
            self.error_handler.borrow_mut(py).take(),
            self.stand_in.borrow_mut(py).take(),
            mem::take(&mut *self.timers.borrow_mut(py)),
            mem::take(&mut *self.locked_out.borrow_mut(py)),
        );
        drop(dropped);
        let mut turn = self.turn.borrow_mut(py);
        turn.references = 0;
        !mem::replace(&mut turn.destroyed, true)
    }
}
