//! `sleep`.

use pyo3::prelude::*;

use super::waiter::{Waiter, Wake};

/// sleep(seconds=0, ref=True)
///
/// Lets the others run for at least `seconds`. 0 or less: lets those that are ready run once.
/// With ref=False the sleep does not keep the loop running.
#[pyfunction]
#[pyo3(signature = (seconds = 0.0, r#ref = true))]
pub fn sleep(py: Python<'_>, seconds: f64, r#ref: bool) -> PyResult<()> {
    let waiter = Waiter::current(py)?;
    match waiter.park_seconds(py, seconds, r#ref) {
        Wake::Thrown { error, .. } => Err(error),
        Wake::Notified | Wake::TimedOut => Ok(()),
    }
}
