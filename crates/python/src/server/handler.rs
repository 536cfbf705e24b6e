//! The class behind `pywsgi.WSGIHandler`: its methods and attributes.
//!
//! gevent's handler is all plain attributes, which subclasses read and write. Most of them
//! are derived here when somebody asks, and only what is assigned is kept as an object.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::access::{clone, makes_plain_environs, remote};
use super::connection::Connection;
use super::environ::environ;
use super::response::response_head;
use super::seams::Replaced;
use super::state::State;
use super::text::{decode, encode};
use crate::gil::GilCell;

/// Serves the requests of one connection; `pywsgi.WSGIHandler` derives from it.
#[pyclass(
    frozen,
    subclass,
    dict,
    weakref,
    module = "verdigris.pywsgi",
    name = "_Handler"
)]
pub struct Handler {
    pub(super) cell: GilCell<State>,
}

#[pymethods]
impl Handler {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn __new__(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            cell: GilCell::default(),
        }
    }

    /// A handler for the client at the other end of `sock`. `rfile` is a file to read the
    /// requests from instead.
    #[pyo3(signature = (sock, address, server, rfile = None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        sock: &Bound<'_, PyAny>,
        address: &Bound<'_, PyAny>,
        server: &Bound<'_, PyAny>,
        rfile: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let connection = match rfile {
            None => Connection::of_socket(sock)?,
            Some(file) => {
                let http = http::Connection::new(http::Limits::default());
                Connection::of_file(file, Some(sock), http)
            }
        };
        let state = State {
            socket: Some(sock.clone().unbind()),
            client_address: Some(address.clone().unbind()),
            server: Some(server.clone().unbind()),
            connection: Some(Py::new(py, connection)?),
            remote: remote(address)?,
            replaced: Replaced::of(&slf.get_type())?,
            plain_environ: makes_plain_environs(server)?,
            ..State::default()
        };
        slf.get().put(py, |before| std::mem::replace(before, state));
        Ok(())
    }

    /// Serves requests until the connection is over, then closes it.
    fn handle(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::serve(slf)
    }

    /// Serves one request. Returns None if the connection is over, True if another request
    /// may follow, or (status, response) with all that is to be sent before closing.
    fn handle_one_request(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::one_request(slf)?.to_python(slf.py())
    }

    /// Waits for a request and returns its first line, or '' if the connection is over.
    fn read_requestline<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyString>> {
        Self::read_line(slf)
    }

    /// Takes up the request that begins with this line: sets `command`, `path`, `headers` and
    /// so on. Raises ValueError if it is malformed.
    fn read_request(slf: &Bound<'_, Self>, raw_requestline: &Bound<'_, PyAny>) -> PyResult<bool> {
        Self::take_up_request(slf, raw_requestline)?;
        Ok(true)
    }

    /// A new environ for the current request.
    fn get_environ<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        environ(slf)
    }

    /// Has the application answer the current request, and logs it.
    fn handle_one_response(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::one_response(slf)
    }

    /// Calls the application and sends what it returns.
    fn run_application(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::call_application(slf)
    }

    /// Sends `result`.
    fn process_result(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::send_result(slf)
    }

    /// Announces the response: PEP 3333's `start_response`. Returns `write`.
    #[pyo3(signature = (status, headers, exc_info = None))]
    fn start_response<'py>(
        slf: &Bound<'py, Self>,
        status: &Bound<'py, PyAny>,
        headers: &Bound<'py, PyAny>,
        exc_info: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Some(exc_info) = exc_info
            && exc_info.is_truthy()?
            && slf.get().state(py).headers_sent
        {
            return Err(PyErr::from_value(exc_info.get_item(1)?));
        }
        let head = response_head(status, headers)?;
        let code = head.status();
        let length = head.content_length();
        let finished = {
            let mut state = slf.get().state_mut(py);
            state.close_connection |= head.says_close();
            state.head = Some(head);
            (
                state
                    .status
                    .replace(status.cast::<PyString>()?.clone().unbind()),
                state.response_headers.take(),
                state.assigned.take(&["status", "code"]),
            )
        };
        drop(finished);
        if matches!(code, 204 | 304) && length.is_some_and(|length| length > 0) {
            let length = length.unwrap_or_default();
            let message = format!(
                "Invalid Content-Length for {code} response: '{length}' (must be absent or zero)"
            );
            // Bytes, as gevent has it: applications send it to the client.
            let message = PyBytes::new(py, message.as_bytes());
            return Err(Self::application_error(slf, message));
        }
        slf.getattr(intern!(py, "write"))
    }

    /// Sends a piece of the body, and the head before the first.
    fn write(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::send_chunk(slf, data)
    }

    /// Completes the headers, just before they are sent.
    fn finalize_headers(&self, py: Python<'_>) {
        self.add_date(py);
    }

    /// Writes the current request to the server's log.
    fn log_request(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::log(slf)
    }

    #[getter]
    fn socket(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        clone(py, &self.state(py).socket)
    }

    #[setter]
    fn set_socket(&self, py: Python<'_>, socket: Option<Py<PyAny>>) {
        self.put(py, |state| std::mem::replace(&mut state.socket, socket));
    }

    /// The connection as a file.
    #[getter]
    pub(super) fn rfile(&self, py: Python<'_>) -> Option<Py<Connection>> {
        let state = self.state(py);
        state.connection.as_ref().map(|it| it.clone_ref(py))
    }

    #[getter]
    pub(super) fn client_address(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        clone(py, &self.state(py).client_address)
    }

    #[setter]
    fn set_client_address(&self, py: Python<'_>, address: &Bound<'_, PyAny>) -> PyResult<()> {
        let remote = remote(address)?;
        self.put(py, |state| {
            let before = std::mem::replace(&mut state.remote, remote);
            (
                before,
                state.client_address.replace(address.clone().unbind()),
            )
        });
        Ok(())
    }

    #[getter(server)]
    fn python_server(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        clone(py, &self.state(py).server)
    }

    #[setter]
    fn set_server(&self, py: Python<'_>, server: Option<Py<PyAny>>) {
        self.put(py, |state| std::mem::replace(&mut state.server, server));
    }

    #[getter(environ)]
    fn python_environ(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        clone(py, &self.state(py).environ)
    }

    #[setter]
    fn set_environ(&self, py: Python<'_>, environ: Option<Py<PyAny>>) {
        self.put(py, |state| std::mem::replace(&mut state.environ, environ));
    }

    #[getter]
    fn application(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        clone(py, &self.state(py).application)
    }

    #[setter]
    fn set_application(&self, py: Python<'_>, application: Option<Py<PyAny>>) {
        self.put(py, |state| {
            std::mem::replace(&mut state.application, application)
        });
    }

    #[getter]
    fn wsgi_input(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        clone(py, &self.state(py).wsgi_input)
    }

    #[setter]
    fn set_wsgi_input(&self, py: Python<'_>, input: Option<Py<PyAny>>) {
        self.put(py, |state| std::mem::replace(&mut state.wsgi_input, input));
    }

    /// What the application returned, while it is being sent.
    #[getter]
    fn result(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        clone(py, &self.state(py).result)
    }

    #[setter]
    fn set_result(&self, py: Python<'_>, result: Option<Py<PyAny>>) {
        self.put(py, |state| std::mem::replace(&mut state.result, result));
    }

    /// Whether the connection ends with the current request.
    #[getter]
    fn close_connection(&self, py: Python<'_>) -> bool {
        self.state(py).close_connection
    }

    #[setter]
    fn set_close_connection(&self, py: Python<'_>, closes: bool) {
        self.state_mut(py).close_connection = closes;
    }

    #[getter]
    fn headers_sent(&self, py: Python<'_>) -> bool {
        self.state(py).headers_sent
    }

    #[setter]
    fn set_headers_sent(&self, py: Python<'_>, sent: bool) {
        self.state_mut(py).headers_sent = sent;
    }

    /// Bytes sent for the current response, head and framing included.
    #[getter]
    fn response_length(&self, py: Python<'_>) -> u64 {
        self.state(py).response_length
    }

    #[setter]
    fn set_response_length(&self, py: Python<'_>, length: u64) {
        self.state_mut(py).response_length = length;
    }

    #[getter]
    fn time_start(&self, py: Python<'_>) -> f64 {
        self.state(py).time_start
    }

    #[setter]
    fn set_time_start(&self, py: Python<'_>, seconds: f64) {
        self.state_mut(py).time_start = seconds;
    }

    #[getter]
    fn time_finish(&self, py: Python<'_>) -> f64 {
        self.state(py).time_finish
    }

    #[setter]
    fn set_time_finish(&self, py: Python<'_>, seconds: f64) {
        self.state_mut(py).time_finish = seconds;
    }

    /// The method.
    #[getter]
    pub(super) fn command<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        if let Some(command) = self.assigned(py, "command") {
            return Some(command.into_bound(py));
        }
        let request = self.request(py)?;
        Some(match request.method() {
            b"GET" => intern!(py, "GET").clone().into_any(),
            b"POST" => intern!(py, "POST").clone().into_any(),
            method => decode(py, method).into_any(),
        })
    }

    #[setter]
    fn set_command(&self, py: Python<'_>, command: Py<PyAny>) {
        self.assign(py, "command", command);
    }

    /// The request's target, as received.
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.assigned_or(py, "path", |request| decode(py, request.target()))
    }

    #[setter]
    fn set_path(&self, py: Python<'_>, path: Py<PyAny>) {
        self.assign(py, "path", path);
    }

    /// 'HTTP/1.1' or 'HTTP/1.0'.
    #[getter]
    pub(super) fn request_version<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.assigned_or(py, "request_version", |request| match request.version() {
            http::Version::Http11 => intern!(py, "HTTP/1.1").clone(),
            http::Version::Http10 => intern!(py, "HTTP/1.0").clone(),
        })
    }

    #[setter]
    fn set_request_version(&self, py: Python<'_>, version: Py<PyAny>) {
        self.assign(py, "request_version", version);
    }

    #[getter]
    fn requestline<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.assigned_or(py, "requestline", |request| decode(py, request.line()))
    }

    #[setter]
    fn set_requestline(&self, py: Python<'_>, line: Py<PyAny>) {
        self.assign(py, "requestline", line);
    }

    /// The request's Content-Length, or None.
    #[getter]
    fn content_length(&self, py: Python<'_>) -> Option<u64> {
        self.request(py)?.content_length()
    }

    /// The request's headers, as an `http.client` message.
    #[getter]
    fn headers(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Some(headers) = clone(py, &slf.get().state(py).headers) {
            return Ok(headers);
        }
        let pairs = PyList::empty(py);
        if let Some(request) = slf.get().request(py) {
            for (name, value) in request.headers().iter() {
                pairs.append((decode(py, name), decode(py, value)))?;
            }
        }
        let headers = slf
            .call_method1(intern!(py, "_make_headers"), (pairs,))?
            .unbind();
        slf.get()
            .put(py, |state| state.headers.replace(headers.clone_ref(py)));
        Ok(headers)
    }

    #[setter]
    fn set_headers(&self, py: Python<'_>, headers: Option<Py<PyAny>>) {
        self.put(py, |state| std::mem::replace(&mut state.headers, headers));
    }

    /// The response's status as bytes; None before `start_response`.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        if let Some(status) = self.assigned(py, "status") {
            return Some(status.into_bound(py));
        }
        let status = self._orig_status(py)?;
        let bytes = encode(status.bind(py))?;
        Some(PyBytes::new(py, &bytes).into_any())
    }

    #[setter]
    fn set_status(&self, py: Python<'_>, status: Py<PyAny>) {
        self.assign(py, "status", status);
    }

    /// The response's status as it was given.
    #[getter]
    fn _orig_status(&self, py: Python<'_>) -> Option<Py<PyString>> {
        let state = self.state(py);
        state.status.as_ref().map(|status| status.clone_ref(py))
    }

    /// The response's code; None before `start_response`.
    #[getter]
    fn code<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(code) = self.assigned(py, "code") {
            return Ok(Some(code.into_bound(py)));
        }
        let code = self.state(py).head.as_ref().map(http::ResponseHead::status);
        Ok(match code {
            Some(code) => Some(code.into_pyobject(py)?.into_any()),
            None => None,
        })
    }

    #[setter]
    fn set_code(&self, py: Python<'_>, code: Py<PyAny>) {
        self.assign(py, "code", code);
    }

    /// The response's headers as a list of pairs of bytes, which may be changed until they
    /// are sent; None before `start_response`.
    #[getter]
    fn response_headers<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        if let Some(list) = &self.state(py).response_headers {
            return Ok(Some(list.bind(py).clone()));
        }
        let head = self.state(py).head.clone();
        let Some(head) = head else {
            return Ok(None);
        };
        let list = PyList::empty(py);
        for (name, value) in head.headers() {
            list.append((PyBytes::new(py, name), PyBytes::new(py, value)))?;
        }
        self.state_mut(py).response_headers = Some(list.clone().unbind());
        Ok(Some(list))
    }

    #[setter]
    fn set_response_headers(&self, py: Python<'_>, headers: Option<Py<PyList>>) {
        let before = std::mem::replace(&mut self.state_mut(py).response_headers, headers);
        drop(before);
    }

    /// The Date that the application gave, or None. Anything assigned but None keeps us from
    /// adding one.
    #[getter]
    fn provided_date<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.provided(py, "provided_date", b"date")
    }

    #[setter]
    fn set_provided_date(&self, py: Python<'_>, date: Py<PyAny>) {
        self.assign(py, "provided_date", date);
    }

    /// The Content-Length that the application gave, or None. Anything assigned but None
    /// keeps us from framing the body: it is sent as it is, and the connection closed.
    #[getter]
    fn provided_content_length<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.provided(py, "provided_content_length", b"content-length")
    }

    #[setter]
    fn set_provided_content_length(&self, py: Python<'_>, length: Py<PyAny>) {
        self.assign(py, "provided_content_length", length);
    }

    /// Whether the response is sent in chunks.
    #[getter]
    fn response_use_chunked(&self, py: Python<'_>) -> bool {
        self.ask_http(py, http::Connection::is_response_chunked) && self.state(py).headers_sent
    }

    /// Accepted, as gevent's subclasses assign it, and without effect: the framing follows
    /// from the headers.
    #[setter]
    fn set_response_use_chunked(&self, _chunked: bool) {}

    /// Whether the connection has left HTTP.
    #[getter]
    fn connection_upgraded(&self, py: Python<'_>) -> bool {
        self.ask_http(py, http::Connection::is_switched)
    }
}
