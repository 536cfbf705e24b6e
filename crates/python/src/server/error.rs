//! The exceptions that a bad request becomes.

use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    verdigris.pywsgi,
    InvalidClientInput,
    PyOSError,
    "The body of a request is malformed or ended too early."
);

create_exception!(
    verdigris.pywsgi,
    InvalidClientRequest,
    PyValueError,
    "The head of a request is malformed. `formatted_message` says how."
);

/// The exception for an error in a request's body.
pub fn invalid_input(error: http::RequestError) -> PyErr {
    InvalidClientInput::new_err(error.to_string())
}
