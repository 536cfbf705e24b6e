//! What the run queue holds.

use pyo3::{Py, PyErr};

use crate::gil::Ref;
use crate::greenlet::GreenletRef;
use crate::hub::callback::Queued;
use crate::hub::watcher::Watcher;
use crate::sync::{Group, Timeout};

/// Something to be done at its turn, in the order in which jobs were queued.
///
/// The first three can be done by any greenlet that gives up the thread (it switches there
/// straight away); the others run in the hub.
pub enum Job {
    /// A greenlet whose wait has ended. Void if it is no longer at that wait.
    Resume { greenlet: GreenletRef, wait: u64 },
    /// A wait that may last no longer. Void if it has ended.
    Expire { greenlet: GreenletRef, wait: u64 },
    /// A greenlet to run for the first time. Void if it was killed meanwhile.
    Start { greenlet: GreenletRef },
    /// An exception to raise in a greenlet. Boxed, since the others are a third as large.
    Throw(Box<Throw>),
    /// A value to bring to a greenlet, by a switch that somebody could not make at once.
    Bring { greenlet: GreenletRef, value: Ref },
    /// A reference to be dropped by the hub, which cannot be made to wait by a finalizer.
    Drop { object: Ref },
    /// A `Callback` object, whose `stop()` makes it void.
    Scheduled { callback: Queued },
    /// The same for a link of a `WaitQueue`, where it is the function that an error is reported of.
    Link { callback: Queued },
    /// A member that has ended leaves its group.
    Leave { group: Py<Group>, greenlet: Ref },
    /// A watcher's callback. Void if the watcher was stopped meanwhile.
    Fire { watcher: Py<Watcher>, events: i32 },
    /// A `Timeout` whose time is up. Void if it was ended meanwhile.
    Timeout { timeout: Py<Timeout> },
}

/// What `Job::Throw` is to do.
pub struct Throw {
    pub greenlet: GreenletRef,
    /// The wait that it is to end: void if the greenlet is no longer at that one.
    pub wait: Option<u64>,
    pub error: PyErr,
}
