//! How long a batch of jobs may last before sockets have their turn: Python's own switch interval.
//!
//! As in gevent, it is what `sys.setswitchinterval` says: the setting that also says how long a thread may keep the others
//! waiting. It is asked in each batch that comes to look at the clock, so that a change is seen at once.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

pub fn switch_interval(py: Python<'_>) -> Duration {
    static ASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let asked = ASK
        .get_or_try_init(py, || {
            let sys = py.import("sys")?;
            sys.getattr("getswitchinterval").map(Bound::unbind)
        })
        .and_then(|ask| ask.bind(py).call0()?.extract());
    // It can't fail; a batch that lasts no time would still run some jobs.
    asked.map_or(Duration::ZERO, Duration::from_secs_f64)
}
