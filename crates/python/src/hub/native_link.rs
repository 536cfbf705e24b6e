//! Links that run no Python, so that whoever ends or becomes ready tells them at once.
//!
//! Any other callback is a job for the hub: an object, a place in the run queue, and a switch to the hub and back.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::callback::{Callback, Queued};
use super::event_loop::EventLoop;
use super::gather::Gather;
use super::job::Job;
use crate::gil::Ref;
use crate::greenlet::GreenletRef;
use crate::sync::{Group, Outcomes};

/// Who is told.
pub enum NativeLink {
    /// Whoever waits for several things at once.
    Gather(Py<Gather>),
    /// A group that the greenlet is a member of, and leaves when it ends.
    Group(Py<Group>),
    /// The results of a map, for which this is the call with that number.
    Outcome(Py<Outcomes>, u64),
}

impl NativeLink {
    /// The link that a callback is, if it is one that runs no Python.
    pub fn of(callback: &Bound<'_, PyAny>) -> Option<Self> {
        let gather = callback.cast::<Gather>().ok()?;
        Some(Self::Gather(gather.clone().unbind()))
    }

    /// Tells it that `source` has ended, or is ready. It is spent then.
    pub fn tell(self, py: Python<'_>, source: &Bound<'_, PyAny>) {
        match self {
            Self::Gather(gather) => gather.into_bound(py).get().arrive(py, source),
            Self::Group(group) => {
                let group = group.into_bound(py);
                if let Err(error) = leave(&group, source) {
                    error.write_unraisable(py, Some(&group));
                }
            }
            Self::Outcome(outcomes, number) => {
                let outcomes = outcomes.into_bound(py);
                outcomes.get().arrive(number, source);
            }
        }
    }

    /// The object that it is unlinked by.
    pub fn object(&self) -> &Py<PyAny> {
        match self {
            Self::Gather(gather) => gather.as_any(),
            Self::Group(group) => group.as_any(),
            Self::Outcome(outcomes, _) => outcomes.as_any(),
        }
    }

    /// The same, as a new reference.
    pub fn object_ref(&self, py: Python<'_>) -> Ref {
        self.object().clone_ref(py).into()
    }
}

/// Takes a greenlet that has ended out of its group.
///
/// One that was killed before it ran leaves in the next turn: whoever has killed it may be going through the members.
fn leave(group: &Bound<'_, Group>, greenlet: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = group.py();
    if GreenletRef::current(py)?.bind(py).is(greenlet) {
        return Group::let_go(group, greenlet).map(drop);
    }
    let discard = group.getattr(intern!(py, "_discard"))?;
    let callback = Queued(Callback::new(
        py,
        discard,
        Some(PyTuple::new(py, [greenlet])?),
    )?);
    EventLoop::current(py)?
        .get()
        .push(py, Job::Scheduled { callback });
    Ok(())
}
