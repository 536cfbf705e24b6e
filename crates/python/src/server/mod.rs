//! Serving WSGI: where HTTP, sockets and Python applications meet.
//!
//! `http` understands the bytes, `net` moves them, and here is the loop between the two
//! and the application, as the class behind `pywsgi.WSGIHandler`. Its methods are the
//! steps of a request; they are Rust, and a subclass may replace any of them.
//!
//! ```text
//!   handle ─► handle_one_request ─► read_requestline, read_request
//!                     │             get_environ
//!                     └► handle_one_response ─► run_application ─► process_result
//!                                │                                  └► write
//!                                └► log_request
//! ```

mod access;
mod connection;
mod environ;
mod error;
mod handler;
mod input;
mod lifecycle;
mod response;
mod seams;
mod state;
mod text;

use pyo3::prelude::*;

use error::{InvalidClientInput, InvalidClientRequest};

/// Adds the names of this module to `_core`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<handler::Handler>()?;
    module.add_class::<input::Input>()?;
    module.add_class::<connection::Connection>()?;
    module.add_class::<seams::SilentLog>()?;
    module.add("InvalidClientInput", py.get_type::<InvalidClientInput>())?;
    module.add(
        "InvalidClientRequest",
        py.get_type::<InvalidClientRequest>(),
    )
}
