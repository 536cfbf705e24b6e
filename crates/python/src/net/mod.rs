//! Sockets: what runs per message and per wait. The rest of the socket module is Python.
//!
//! A descriptor is never blocking. Each operation is tried first, and only when the kernel says
//! `EAGAIN` does the greenlet wait for the descriptor in its hub.

mod address;
mod buffer;
mod descriptor;
mod operation;
mod python;
mod select;
mod socket;

use pyo3::prelude::*;

pub use socket::Socket;

/// Adds the names of this module to `_core`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Socket>()?;
    module.add_function(wrap_pyfunction!(select::look, module)?)
}
