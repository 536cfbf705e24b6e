//! `TaskQueue`: the tasks of a pool of native threads, and the threads that wait for one.
//!
//! To hand something over between threads is all that a small call in a thread costs, so this is made for it. A thread
//! that has just done something stays awake for a moment (`wait::Patience`), and so does the hub that waits for the
//! outcome; who is awake is called by writing a flag. And since whoever gives it a task holds the GIL at that time, the
//! thread that is called does not ask for the GIL at once, which would put it to sleep after all, but when the
//! giver's hub has let go of it.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use wait::{Crew, Patience, Spell};

use crate::gil::{self, GilCell, Ref};
use crate::hub::{EventLoop, Limit};

/// How long a thread that was called waits for the caller's hub to let go of the GIL: most do within a few microseconds.
const COURTESY: Duration = Duration::from_micros(20);

/// Tasks, taken by native threads in the order in which they were put.
#[pyclass(frozen, module = "verdigris.threadpool")]
#[derive(Default)]
pub struct TaskQueue {
    crew: GilCell<Crew<Ref, Arc<Seat>>>,
    patience: GilCell<Patience>,
}

/// Where one thread waits once.
struct Seat {
    thread: Thread,
    called: AtomicBool,
    /// How often the GIL had been let go of when it was called.
    releases: AtomicU64,
}

impl Seat {
    fn of_this_thread() -> Self {
        Self {
            thread: thread::current(),
            called: AtomicBool::new(false),
            releases: AtomicU64::new(0),
        }
    }

    fn call(&self) {
        self.releases.store(gil::releases(), Ordering::Relaxed);
        self.called.store(true, Ordering::Release);
        self.thread.unpark();
    }

    fn is_called(&self) -> bool {
        self.called.load(Ordering::Acquire)
    }

    /// Sleeps until it is called, or until `deadline`.
    fn sleep(&self, deadline: Option<Instant>) {
        while !self.is_called() {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return,
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    /// Gives the hub of the caller time to let go of the GIL.
    fn let_hub_go_first(&self) {
        let before = self.releases.load(Ordering::Relaxed);
        let began = Instant::now();
        while gil::releases() == before && began.elapsed() < COURTESY {
            hint::spin_loop();
        }
    }
}

impl TaskQueue {
    /// Lets go of the GIL until `seat` is called, or until `deadline`.
    fn wait(&self, py: Python<'_>, seat: &Seat, deadline: Option<Instant>) {
        let stays_awake = self.patience.borrow_mut(py).allows();
        let spell = py.detach(|| {
            let spell = stays_awake.then(|| Spell::pass(|| seat.is_called()));
            seat.sleep(deadline);
            if seat.is_called() {
                seat.let_hub_go_first();
            }
            spell
        });
        if let Some(spell) = spell {
            self.patience.borrow_mut(py).book(spell);
        }
    }
}

#[pymethods]
impl TaskQueue {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Adds a task, and calls a thread that waits for one. The hub of the caller, if it has one, is what waits for the
    /// outcome.
    fn put(&self, py: Python<'_>, task: Bound<'_, PyAny>) {
        let seat = self.crew.borrow_mut(py).put(task.into());
        if let Some(event_loop) = EventLoop::existing(py) {
            event_loop.get().expect_answer(py);
        }
        if let Some(seat) = seat {
            seat.call();
        }
    }

    /// Takes the first task; waits for one, with the whole thread.
    ///
    /// Args:
    ///     timeout: seconds to wait at most; None waits for ever.
    ///
    /// Returns:
    ///     The task, or None if there was none in time.
    #[pyo3(signature = (timeout=None))]
    fn get(&self, py: Python<'_>, timeout: Option<f64>) -> Option<Py<PyAny>> {
        let deadline = timeout.map(|seconds| Instant::now() + Limit::duration(seconds));
        loop {
            let task = self.crew.borrow_mut(py).take();
            if let Some(task) = task {
                return Some(task.into_bound(py).unbind());
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            let seat = Arc::new(Seat::of_this_thread());
            self.crew.borrow_mut(py).wait(seat.clone());
            self.wait(py, &seat, deadline);
            if !seat.is_called() {
                let mut crew = self.crew.borrow_mut(py);
                crew.leave(|other| Arc::ptr_eq(other, &seat));
            }
        }
    }

    /// Whether there is no task to take.
    fn empty(&self, py: Python<'_>) -> bool {
        self.crew.borrow(py).tasks().len() == 0
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.crew
            .inspect(|crew| crew.tasks().try_for_each(|task| visit.call(task.as_py())))
    }

    fn __clear__(&self, py: Python<'_>) {
        let crew = std::mem::take(&mut *self.crew.borrow_mut(py));
        drop(crew);
    }
}
