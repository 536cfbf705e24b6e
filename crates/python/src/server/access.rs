//! How the parts of the server reach a handler's state.

use std::cell::{Ref, RefMut};
use std::sync::Arc;

use pyo3::exceptions::{PyAttributeError, PyOSError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::connection::Connection;
use super::handler::Handler;
use super::seams::SilentLog;
use super::state::State;
use super::text::decode;

impl Handler {
    pub(super) fn state<'a>(&'a self, py: Python<'a>) -> Ref<'a, State> {
        self.cell.borrow(py)
    }

    pub(super) fn state_mut<'a>(&'a self, py: Python<'a>) -> RefMut<'a, State> {
        self.cell.borrow_mut(py)
    }

    pub(super) fn server<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        clone(py, &self.state(py).server)
            .map(|server| server.into_bound(py))
            .ok_or_else(|| PyAttributeError::new_err("this handler has no server"))
    }

    pub(super) fn connection(&self, py: Python<'_>) -> PyResult<Py<Connection>> {
        self.rfile(py)
            .ok_or_else(|| PyOSError::new_err((libc::EBADF, "the connection is closed")))
    }

    pub(super) fn request(&self, py: Python<'_>) -> Option<Arc<http::Request>> {
        self.state(py).request.clone()
    }

    pub(super) fn assigned(&self, py: Python<'_>, name: &'static str) -> Option<Py<PyAny>> {
        let state = self.state(py);
        if state.assigned.is_empty() {
            return None;
        }
        state.assigned.value(name).map(|value| value.clone_ref(py))
    }

    pub(super) fn assign(&self, py: Python<'_>, name: &'static str, value: Py<PyAny>) {
        self.put(py, |state| state.assigned.assign(name, value));
    }

    pub(super) fn log(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let log = slf.get().server(py)?.getattr(intern!(py, "log"))?;
        if log.cast::<SilentLog>().is_ok() {
            return Ok(());
        }
        let line = slf.call_method0(intern!(py, "format_request"))?;
        log.call_method1(intern!(py, "write"), (format!("{line}\n"),))?;
        Ok(())
    }

    pub(super) fn assigned_or<'py>(
        &self,
        py: Python<'py>,
        name: &'static str,
        derive: impl FnOnce(&http::Request) -> Bound<'py, PyString>,
    ) -> Option<Bound<'py, PyAny>> {
        match self.assigned(py, name) {
            Some(value) => Some(value.into_bound(py)),
            None => Some(derive(&*self.request(py)?).into_any()),
        }
    }

    pub(super) fn provided<'py>(
        &self,
        py: Python<'py>,
        name: &'static str,
        header: &[u8],
    ) -> Option<Bound<'py, PyAny>> {
        if let Some(value) = self.assigned(py, name) {
            return Some(value.into_bound(py));
        }
        let head = self.state(py).head.clone()?;
        let mut values = head
            .headers()
            .filter(|(key, _)| key.eq_ignore_ascii_case(header));
        values.next().map(|(_, value)| decode(py, value).into_any())
    }

    pub(super) fn ask_http(&self, py: Python<'_>, question: fn(&http::Connection) -> bool) -> bool {
        let connection = self.rfile(py);
        connection.is_some_and(|connection| connection.get().with_http(py, |http| question(http)))
    }

    /// Change the state and drop what was there only afterwards, since that may run Python.
    pub(super) fn put<T>(&self, py: Python<'_>, change: impl FnOnce(&mut State) -> T) {
        let before = change(&mut self.state_mut(py));
        drop(before);
    }
}

pub fn clone(py: Python<'_>, object: &Option<Py<PyAny>>) -> Option<Py<PyAny>> {
    object.as_ref().map(|object| object.clone_ref(py))
}

/// An internet address as the environ has it: host and port, as strings.
pub fn remote(address: &Bound<'_, PyAny>) -> PyResult<Option<(Py<PyString>, Py<PyString>)>> {
    match address.cast::<PyTuple>() {
        Ok(parts) if parts.len() >= 2 => {
            let host = parts.get_item(0)?.str()?.unbind();
            Ok(Some((host, parts.get_item(1)?.str()?.unbind())))
        }
        _ => Ok(None),
    }
}

/// Whether asking the server for an environ would only copy a plain dict.
pub fn makes_plain_environs(server: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = server.py();
    let Some(class) = server.getattr_opt(intern!(py, "environ_class"))? else {
        return Ok(false);
    };
    let ours = py
        .import(intern!(py, "verdigris.pywsgi"))?
        .getattr(intern!(py, "WSGIServer"))?
        .getattr(intern!(py, "get_environ"))?;
    let theirs = server.get_type().getattr_opt(intern!(py, "get_environ"))?;
    Ok(class.is(py.get_type::<PyDict>()) && theirs.is_some_and(|method| method.is(&ours)))
}
