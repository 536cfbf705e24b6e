//! What `imap` and `imap_unordered` iterate over: the outcomes of calls, in the order of the calls or as they come.
//!
//! A greenlet feeds calls as long as there are places; each call, as it ends, leaves its outcome here, at once and
//! without the hub. A place is given back when an outcome is taken, so the number of places bounds what is running
//! together with what has piled up.

use std::collections::VecDeque;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::semaphore::Semaphore;
use crate::gil::{GilCell, Ref};
use crate::greenlet::task;
use crate::hub::{Limit, NativeLink, WaitQueue, Wake};

/// An iterator over the outcomes of calls. An exception is raised in its turn, and the iteration can go on after it.
///
/// Args:
///     ordered: in the order of the calls.
///     places: how many calls may be running or waiting to be taken; None and 0 are no bound.
#[pyclass(frozen, module = "verdigris._core")]
pub struct Outcomes {
    ordered: bool,
    places: Option<Py<Semaphore>>,
    state: GilCell<State>,
    takers: WaitQueue,
}

#[derive(Default)]
struct State {
    /// Where they are in order, the place of a call is its number less those taken; it is empty until the call ends.
    found: VecDeque<Option<Outcome>>,
    taken: u64,
    /// How many calls there have been.
    count: u64,
    running: u64,
    /// There will be no more calls.
    fed: bool,
}

enum Outcome {
    Value(Ref),
    Error(Ref),
}

impl State {
    fn take(&mut self) -> Option<Outcome> {
        self.found.front()?.as_ref()?;
        self.taken += 1;
        self.found.pop_front()?
    }

    fn put(&mut self, number: Option<u64>, outcome: Outcome) {
        let Some(number) = number else {
            self.found.push_back(Some(outcome));
            return;
        };
        let place = (number - self.taken) as usize;
        if place >= self.found.len() {
            self.found.resize_with(place + 1, || None);
        }
        self.found[place] = Some(outcome);
    }

    fn is_over(&self) -> bool {
        self.fed && self.running == 0
    }
}

impl Outcomes {
    /// A call has ended.
    pub fn arrive(&self, number: u64, call: &Bound<'_, PyAny>) {
        let outcome = match outcome_of(call) {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Error(error.into_value(call.py()).into()),
        };
        self.state.borrow_mut(call.py()).running -= 1;
        self.put(call.py(), number, outcome);
    }

    fn put(&self, py: Python<'_>, number: u64, outcome: Outcome) {
        let number = self.ordered.then_some(number);
        self.state.borrow_mut(py).put(number, outcome);
        self.call_takers(py);
    }

    /// Wakes who waits for what is there now: one, or all when nothing more will come.
    fn call_takers(&self, py: Python<'_>) {
        let (over, any) = {
            let state = self.state.borrow(py);
            (
                state.is_over(),
                matches!(state.found.front(), Some(Some(_))),
            )
        };
        if any {
            self.takers.notify_one(py);
        }
        while over && self.takers.notify_one(py) {}
    }

    /// Notes one more call, whose outcome is to come.
    fn begin(&self, py: Python<'_>) -> u64 {
        let mut state = self.state.borrow_mut(py);
        state.running += 1;
        state.count += 1;
        state.count - 1
    }

    fn expect(slf: &Bound<'_, Self>, call: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, outcomes) = (slf.py(), slf.get());
        let number = outcomes.begin(py);
        match task::task_of(call) {
            Some(task) if task.is_done() => outcomes.arrive(number, call),
            Some(task) => {
                let link = NativeLink::Outcome(slf.clone().unbind(), number);
                task.links().push_native(py, link);
            }
            None => {
                let outcomes = slf.clone().unbind();
                call.call_method1(intern!(py, "rawlink"), (Arrival { outcomes, number },))?;
            }
        }
        Ok(())
    }
}

/// The outcome of a greenlet that has ended, or of an `AsyncResult`.
fn outcome_of(call: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    let py = call.py();
    if let Some(task) = task::task_of(call) {
        return Ok(match task.outcome(py) {
            Ok(value) => Outcome::Value(value.into()),
            Err(error) => Outcome::Error(error.into()),
        });
    }
    if call.call_method0(intern!(py, "successful"))?.is_truthy()? {
        return Ok(Outcome::Value(call.getattr(intern!(py, "value"))?.into()));
    }
    Ok(Outcome::Error(
        call.getattr(intern!(py, "exception"))?.into(),
    ))
}

#[pymethods]
impl Outcomes {
    #[new]
    #[pyo3(signature = (ordered, places=None))]
    fn new(py: Python<'_>, ordered: bool, places: Option<isize>) -> PyResult<Self> {
        let places = places.filter(|places| *places != 0).map(|places| {
            let semaphore = Bound::new(py, Semaphore::with_permits(0))?;
            semaphore.get().__init__(places, None)?;
            Ok::<_, PyErr>(semaphore.unbind())
        });
        Ok(Self {
            ordered,
            places: places.transpose()?,
            state: GilCell::default(),
            takers: WaitQueue::default(),
        })
    }

    /// Calls `spawn(func, *args)` for each tuple in `iterable`, as soon as there is a place for it, and expects an
    /// outcome of what it returns. Waits for places.
    fn feed<'py>(
        slf: &Bound<'py, Self>,
        spawn: &Bound<'py, PyAny>,
        func: &Bound<'py, PyAny>,
        iterable: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        for args in iterable.try_iter()? {
            let args = args?.cast_into::<PyTuple>()?;
            if let Some(places) = &slf.get().places {
                let owner = places.bind(py).as_any();
                places.get().acquire_permit(py, owner, true, None)?;
            }
            let call = if args.len() == 1 {
                spawn.call1((func, args.get_item(0)?))?
            } else {
                let all: Vec<_> = std::iter::once(func.clone()).chain(args.iter()).collect();
                spawn.call1(PyTuple::new(py, all)?)?
            };
            drop(args);
            Self::expect(slf, &call)?;
        }
        Ok(())
    }

    /// Adds an exception as the outcome of one more call.
    fn fail(&self, error: Bound<'_, PyAny>) {
        let py = error.py();
        let number = self.begin(py);
        self.state.borrow_mut(py).running -= 1;
        self.put(py, number, Outcome::Error(error.into()));
    }

    /// Tells that there will be no more calls: the iteration ends with those that are running.
    fn close(&self, py: Python<'_>) {
        self.state.borrow_mut(py).fed = true;
        self.call_takers(py);
    }

    /// How many have come and were not taken.
    fn __len__(&self, py: Python<'_>) -> usize {
        self.state.borrow(py).found.iter().flatten().count()
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            let (outcome, over) = {
                let mut state = self.state.borrow_mut(py);
                (state.take(), state.is_over())
            };
            if let Some(outcome) = outcome {
                if let Some(places) = &self.places {
                    places.get().release_permit(py, places.bind(py).as_any());
                }
                return match outcome {
                    Outcome::Value(value) => Ok(Some(value.into_bound(py))),
                    Outcome::Error(error) => Err(PyErr::from_value(error.into_bound(py))),
                };
            }
            if over {
                return Ok(None);
            }
            if let Wake::Thrown { error, notified } = self.takers.wait(py, &Limit::None)? {
                if notified {
                    self.call_takers(py);
                }
                return Err(error);
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.places)?;
        self.state.inspect(|state| {
            state.found.iter().flatten().try_for_each(|outcome| {
                let (Outcome::Value(object) | Outcome::Error(object)) = outcome;
                visit.call(object.as_py())
            })
        })
    }

    fn __clear__(&self, py: Python<'_>) {
        let state = std::mem::take(&mut *self.state.borrow_mut(py));
        drop(state);
    }
}

/// The link to a call that is no greenlet.
#[pyclass(frozen, module = "verdigris._core")]
struct Arrival {
    outcomes: Py<Outcomes>,
    number: u64,
}

#[pymethods]
impl Arrival {
    fn __call__(&self, call: &Bound<'_, PyAny>) {
        self.outcomes.get().arrive(self.number, call);
    }
}
