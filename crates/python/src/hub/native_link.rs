//! Links that run no Python, so that whoever ends or becomes ready tells them without an object made for it.
//!
//! Any other callback is a `Callback` object, a place in the run queue, and a call.

use pyo3::prelude::*;

use super::event_loop::EventLoop;
use super::gather::Gather;
use super::job::Job;
use crate::gil::Ref;
use crate::sync::{Group, Outcomes, ThreadHandle};

/// Who is told.
pub enum NativeLink {
    /// Whoever waits for several things at once.
    Gather(Py<Gather>),
    /// A group that the greenlet is a member of, and leaves when it ends.
    Group(Py<Group>),
    /// The results of a map, for which this is the call with that number.
    Outcome(Py<Outcomes>, u64),
    /// The handle of a thread that is this greenlet.
    Thread(Py<ThreadHandle>),
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
            // In its turn, as any callback would: those who run before it still see the member, and whoever has
            // killed it may be going through the members. The job spares the callback's object and Python's call.
            Self::Group(group) => match EventLoop::current(py) {
                Ok(event_loop) => event_loop.get().push(
                    py,
                    Job::Leave {
                        group,
                        greenlet: source.clone().into(),
                    },
                ),
                Err(error) => error.write_unraisable(py, Some(group.bind(py))),
            },
            Self::Outcome(outcomes, number) => {
                let outcomes = outcomes.into_bound(py);
                outcomes.get().arrive(number, source);
            }
            Self::Thread(handle) => ThreadHandle::end(&handle.into_bound(py)),
        }
    }

    /// The object that it is unlinked by.
    pub fn object(&self) -> &Py<PyAny> {
        match self {
            Self::Gather(gather) => gather.as_any(),
            Self::Group(group) => group.as_any(),
            Self::Outcome(outcomes, _) => outcomes.as_any(),
            Self::Thread(handle) => handle.as_any(),
        }
    }

    /// The same, as a new reference.
    pub fn object_ref(&self, py: Python<'_>) -> Ref {
        self.object().clone_ref(py).into()
    }
}
