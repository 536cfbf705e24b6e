//! The Python objects that sockets reach for.

use std::ffi::CString;
use std::os::fd::RawFd;

use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyResourceWarning;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Tells the interpreter's audit hooks, as the standard library's sockets do. The event comes first.
pub fn audit<'py>(py: Python<'py>, event: impl PyCallArgs<'py>) -> PyResult<()> {
    static AUDIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    AUDIT.import(py, "sys", "audit")?.call1(event).map(drop)
}

/// The timeout that new sockets have: `socket.setdefaulttimeout`.
pub fn default_timeout(py: Python<'_>) -> PyResult<Option<f64>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION
        .import(py, "_socket", "getdefaulttimeout")?
        .call0()?
        .extract()
}

/// A `verdigris.socket.socket` whose `__init__` has not run.
pub fn bare_socket(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.import(py, "verdigris.socket", "socket")?;
    class.call_method1("__new__", (class,))
}

/// A `_socket.socket` that does not block, on descriptor `fd`; or a closed one.
pub fn inner(
    py: Python<'_>,
    family: i32,
    kind: i32,
    protocol: i32,
    fd: Option<RawFd>,
) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.import(py, "verdigris._socketcommon", "RawSocket")?;
    let inner = class.call1((family, kind, protocol, fd))?;
    match fd {
        Some(_) => inner.call_method1("setblocking", (false,))?,
        None => inner.call_method0("close")?,
    };
    Ok(inner)
}

/// What waiting greenlets get when the descriptor is closed: `cancel_wait_ex`.
pub fn cancel_wait_error(py: Python<'_>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    match CLASS.import(py, "verdigris._socketcommon", "cancel_wait_ex") {
        Ok(class) => PyErr::from_type(class.clone(), ()),
        Err(error) => error,
    }
}

/// Warns that nobody closed a socket. Exceptions that are under way are left as they are.
pub fn warn_unclosed(py: Python<'_>, description: &str) {
    let under_way = PyErr::take(py);
    let category = py.get_type::<PyResourceWarning>();
    let message = CString::new(format!("unclosed {description}")).unwrap_or_default();
    if let Err(error) = PyErr::warn(py, &category, &message, 1) {
        error.write_unraisable(py, None);
    }
    if let Some(error) = under_way {
        error.restore(py);
    }
}
