//! `loop.signal(signum)`: a signal sent to the process.

use pyo3::{exceptions::PyValueError, prelude::*};

use super::{
    Kind, Watcher,
    set::{put, take_out},
};
use crate::{error::os_error, hub::EventLoop};

/// Told in the loop's own time, not at whatever point the signal interrupts.
///
/// While it is started it stands in for the signal's handler, so that SIGINT, say, raises no KeyboardInterrupt; the handler
/// comes back when it is stopped (where gevent leaves the system's default behind). One thread's loop at a time can
/// watch a signal; OSError in another.
#[pyclass(frozen, extends = Watcher, name = "signal", module = "verdigris.core")]
pub struct Signal;

#[pymethods]
impl Signal {
    /// signal(loop, signum, ref=True, priority=None)
    ///
    /// Raises ValueError for a number that no signal has.
    #[new]
    #[pyo3(signature = (r#loop, signum, r#ref = true, priority = None))]
    pub fn new(
        r#loop: &Bound<'_, EventLoop>,
        signum: i32,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<PyClassInitializer<Signal>> {
        if !(1..=64).contains(&signum) {
            return Err(PyValueError::new_err(format!(
                "illegal signal number: {signum}"
            )));
        }
        Ok(Watcher::new(r#loop, Kind::Signal(signum), r#ref, priority).add_subclass(Signal))
    }
}

pub fn activate(slf: &Bound<'_, Watcher>, owner: &EventLoop, number: i32) -> PyResult<()> {
    owner
        .with_reactor(slf.py(), |reactor| reactor.add_signal(number))
        .map_err(os_error)?;
    put(
        &mut owner.watchers.borrow_mut(slf.py()).signals,
        number,
        slf,
    );
    Ok(())
}

pub fn deactivate(slf: &Bound<'_, Watcher>, owner: &EventLoop, number: i32) -> Option<Py<Watcher>> {
    let mut watchers = owner.watchers.borrow_mut(slf.py());
    let held = take_out(&mut watchers.signals, slf)?;
    if !watchers.signals.iter().any(|&(other, _)| other == number) {
        owner.with_reactor(slf.py(), |reactor| reactor.remove_signal(number));
    }
    Some(held)
}
