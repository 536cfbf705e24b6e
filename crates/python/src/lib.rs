//! `verdigris._core`: the Rust that knows Python.

mod error;
mod fast_method;
mod gil;
mod greenlet;
mod hub;
mod net;
mod server;
mod sync;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::error::register(module)?;
        crate::greenlet::register(module)?;
        crate::hub::register(module)?;
        crate::net::register(module)?;
        crate::server::register(module)?;
        crate::sync::register(module)
    }
}
