//! The exceptions that Rust raises, with the bases that gevent gives them.

use pyo3::create_exception;
use pyo3::exceptions::{PyAssertionError, PyBaseException, PyException, PyOSError, PyRuntimeError};
use pyo3::prelude::*;

create_exception!(
    greenlet,
    GreenletExit,
    PyBaseException,
    "Ends a greenlet silently, and becomes its value."
);
create_exception!(
    greenlet,
    ThreadExit,
    PyBaseException,
    "Unwinds a raw greenlet that is suspended when its thread ends: its finally clauses run, but may not wait."
);
create_exception!(
    greenlet,
    GreenletError,
    PyException,
    "A switch that cannot be made."
);
create_exception!(
    verdigris.exceptions,
    BlockingSwitchOutError,
    PyAssertionError,
    "A blocking function was called where nothing may block: in a callback that the hub runs."
);
create_exception!(
    verdigris.exceptions,
    InvalidSwitchError,
    PyAssertionError,
    "A greenlet was switched to in a way that would lose its place."
);
create_exception!(
    verdigris.exceptions,
    ConcurrentObjectUseError,
    PyAssertionError,
    "Two greenlets wait for the same object in a way that only one may."
);
create_exception!(
    verdigris.exceptions,
    InvalidThreadUseError,
    PyRuntimeError,
    "An object of one thread's hub was used from another thread."
);
create_exception!(
    verdigris.exceptions,
    HubDestroyed,
    GreenletExit,
    "Thrown into a hub that is being destroyed, to end it."
);
/// An operating system error as the OSError subclass that its number means.
pub fn os_error(error: std::io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            // Rust adds the number to the system's words, and so does Python.
            let text = std::io::Error::from_raw_os_error(number).to_string();
            let words = text.split(" (os error").next().unwrap_or_default();
            PyOSError::new_err((number, words.to_owned()))
        }
        None => PyErr::from(error),
    }
}

/// Adds the exceptions to `_core`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let error = py.get_type::<GreenletError>();
    error.setattr("__name__", "error")?;
    error.setattr("__qualname__", "error")?;
    module.add("error", error)?;
    module.add("GreenletExit", py.get_type::<GreenletExit>())?;
    module.add("ThreadExit", py.get_type::<ThreadExit>())?;
    module.add(
        "BlockingSwitchOutError",
        py.get_type::<BlockingSwitchOutError>(),
    )?;
    module.add("InvalidSwitchError", py.get_type::<InvalidSwitchError>())?;
    module.add(
        "ConcurrentObjectUseError",
        py.get_type::<ConcurrentObjectUseError>(),
    )?;
    module.add(
        "InvalidThreadUseError",
        py.get_type::<InvalidThreadUseError>(),
    )?;
    module.add("HubDestroyed", py.get_type::<HubDestroyed>())?;
    Ok(())
}
