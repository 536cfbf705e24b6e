//! The steps of a connection and of each request on it, in their order.

use std::borrow::Cow;

use http::{BodyLength, RequestError, ResponseHead};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use super::connection::Connection;
use super::environ::environ;
use super::error::{InvalidClientInput, InvalidClientRequest};
use super::handler::Handler;
use super::seams::Seam;
use super::state::now;
use super::text::{decode, encode};
use crate::gil::call;

/// What a request leaves of its connection.
pub enum Outcome {
    /// It is over.
    Close,
    /// Another request may follow.
    Again,
    /// The request cannot be understood: a status, and the whole response.
    Refuse(String, Vec<u8>),
}

impl Outcome {
    /// The value by which `handle_one_request` says it in Python.
    pub fn to_python(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(match self {
            Self::Close => py.None(),
            Self::Again => true.into_pyobject(py)?.to_owned().into_any().unbind(),
            Self::Refuse(status, response) => {
                let response = PyBytes::new(py, response);
                (status, response).into_pyobject(py)?.into_any().unbind()
            }
        })
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            return Ok(Self::Close);
        }
        match value.cast::<PyTuple>() {
            Ok(pair) => {
                let (status, response): (String, Vec<u8>) = pair.extract()?;
                Ok(Self::Refuse(status, response))
            }
            Err(_) => Ok(Self::Again),
        }
    }
}

impl Handler {
    /// Serves requests until the connection is over, then closes it.
    pub(super) fn serve(slf: &Bound<'_, Self>) -> PyResult<()> {
        let served = Self::serve_requests(slf);
        let closed = Self::close(slf);
        served.and(closed)
    }

    fn serve_requests(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        loop {
            let replaced = {
                let mut state = slf.get().state_mut(py);
                if state.socket.is_none() {
                    return Ok(());
                }
                state.time_start = now();
                state.time_finish = 0.0;
                state.replaced
            };
            let outcome = if replaced.has(Seam::HandleOneRequest) {
                Outcome::from_python(&slf.call_method0(Seam::HandleOneRequest.name())?)?
            } else {
                Self::one_request(slf)?
            };
            match outcome {
                Outcome::Close => return Ok(()),
                Outcome::Again => {}
                Outcome::Refuse(status, response) => {
                    return Self::send_refusal(slf, &status, &response);
                }
            }
        }
    }

    pub(super) fn one_request(slf: &Bound<'_, Self>) -> PyResult<Outcome> {
        let py = slf.py();
        let Ok(connection) = slf.get().connection(py) else {
            return Ok(Outcome::Close);
        };
        if let Some(outcome) = Self::read_head(slf, connection.get())? {
            return Ok(outcome);
        }
        let environ = Self::step(slf, Seam::GetEnviron)?;
        let application = slf
            .get()
            .server(py)?
            .getattr(intern!(py, "application"))?
            .unbind();
        let before = {
            let mut state = slf.get().state_mut(py);
            (
                state.environ.replace(environ),
                state.application.replace(application),
            )
        };
        drop(before);
        Self::step(slf, Seam::HandleOneResponse)?;
        let (closes, finished) = {
            let mut state = slf.get().state_mut(py);
            (state.close_connection, state.finish_request())
        };
        drop(finished);
        let goes_on = !closes
            && !connection.get().closed(py)
            && connection
                .get()
                .with_http(py, http::Connection::start_next_cycle);
        Ok(if goes_on {
            Outcome::Again
        } else {
            Outcome::Close
        })
    }

    /// Reads the head of the next request. Gives the outcome if there is none to be served.
    fn read_head(slf: &Bound<'_, Self>, connection: &Connection) -> PyResult<Option<Outcome>> {
        let py = slf.py();
        let replaced = slf.get().state(py).replaced;
        if replaced.has(Seam::ReadRequestline) || replaced.has(Seam::ReadRequest) {
            return Self::read_head_by_steps(slf);
        }
        match connection.next_request(py) {
            Ok(Ok(Some(request))) => {
                let finished = slf.get().state_mut(py).begin_request(request);
                drop(finished);
                Ok(None)
            }
            Ok(Ok(None)) => Ok(Some(Outcome::Close)),
            Ok(Err(error)) => {
                let message = error.to_string();
                Self::log_bad_request(slf, &message)?;
                Ok(Some(refusal(error.status_hint())))
            }
            Err(error) if error.is_instance_of::<PyOSError>(py) => Ok(Some(Outcome::Close)),
            Err(error) => Err(error),
        }
    }

    fn read_head_by_steps(slf: &Bound<'_, Self>) -> PyResult<Option<Outcome>> {
        let py = slf.py();
        let line = match Self::step(slf, Seam::ReadRequestline) {
            Ok(line) => line,
            Err(error) if error.is_instance_of::<PyOSError>(py) => return Ok(Some(Outcome::Close)),
            Err(error) => return Err(error),
        };
        if !line.is_truthy(py)? {
            return Ok(Some(Outcome::Close));
        }
        let refused = slf
            .get()
            .state(py)
            .pending
            .as_ref()
            .and_then(|pending| pending.as_ref().err().copied());
        let status = refused
            .as_ref()
            .map_or(BAD_REQUEST, RequestError::status_hint);
        match slf.call_method1(Seam::ReadRequest.name(), (line,)) {
            Ok(understood) if understood.is_truthy()? => Ok(None),
            Ok(_) => Ok(Some(refusal(status))),
            Err(error) if error.is_instance_of::<PyOSError>(py) => Ok(Some(Outcome::Close)),
            Err(error) => {
                slf.call_method1(intern!(py, "_handle_client_error"), (error.into_value(py),))?;
                Ok(Some(refusal(status)))
            }
        }
    }

    /// Reads a head and keeps it for `read_request`. Gives the request line.
    pub(super) fn read_line<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyString>> {
        let py = slf.py();
        let connection = slf.get().connection(py)?;
        let read = connection.get().next_request(py)?;
        let line = match &read {
            Ok(None) => return Ok(PyString::new(py, "")),
            Ok(Some(request)) => format!("{}\r\n", decode(py, request.line())),
            // The line may be anything, even incomplete; `read_request` will refuse it.
            Err(error) => format!("{error}\r\n"),
        };
        slf.get().state_mut(py).pending = read.transpose();
        Ok(PyString::new(py, &line))
    }

    /// Takes up the head that `read_line` has read; or, if the line comes from elsewhere,
    /// reads the head that it begins.
    pub(super) fn take_up_request(slf: &Bound<'_, Self>, line: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let line = match line.cast::<PyString>() {
            Ok(text) => encode(text).unwrap_or_default(),
            Err(_) => Cow::Owned(line.extract::<Vec<u8>>()?),
        };
        let pending = slf.get().state_mut(py).pending.take();
        let read = match pending {
            Some(read) => read.map(Some),
            None => {
                let connection = slf.get().connection(py)?;
                connection.get().with_http(py, |http| http.put_back(&line));
                connection.get().next_request(py)?
            }
        };
        match read {
            Ok(Some(request)) => {
                let finished = slf.get().state_mut(py).begin_request(request);
                drop(finished);
                Ok(())
            }
            Ok(None) => Err(InvalidClientRequest::new_err("the connection was closed")),
            Err(error) => Err(InvalidClientRequest::new_err(error.to_string())),
        }
    }

    /// Has the application answer, and sees to what can go wrong.
    pub(super) fn one_response(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let finished = slf.get().state_mut(py).begin_response();
        drop(finished);
        let mut answered = Self::step(slf, Seam::RunApplication).map(drop);
        match Self::discard_body(slf) {
            Err(error) if error.is_instance_of::<InvalidClientInput>(py) => answered = Err(error),
            Err(error) if error.is_instance_of::<PyOSError>(py) => {
                slf.get().state_mut(py).close_connection = true;
            }
            Err(error) => answered = answered.and(Err(error)),
            Ok(()) => {}
        }
        let seen_to = match answered {
            Ok(()) => Ok(()),
            Err(error) => Self::see_to_error(slf, error),
        };
        slf.get().state_mut(py).time_finish = now();
        Self::step(slf, Seam::LogRequest)?;
        seen_to
    }

    fn see_to_error(slf: &Bound<'_, Self>, error: PyErr) -> PyResult<()> {
        let py = slf.py();
        if error.is_instance_of::<InvalidClientInput>(py) {
            slf.get().state_mut(py).close_connection = true;
            slf.call_method1(intern!(py, "_handle_client_error"), (error.into_value(py),))?;
            slf.call_method1(intern!(py, "_send_error_response_if_possible"), (400,))?;
            return Ok(());
        }
        if error.is_instance_of::<PyOSError>(py) {
            let number = error.value(py).getattr(intern!(py, "errno"))?;
            let ignored = slf.getattr(intern!(py, "ignored_socket_errors"))?;
            if ignored.contains(number)? {
                slf.get().state_mut(py).close_connection = true;
                return Ok(());
            }
        }
        let traceback = error.traceback(py);
        let arguments = (error.get_type(py), error.value(py), traceback);
        slf.call_method1(intern!(py, "handle_error"), arguments)?;
        Ok(())
    }

    pub(super) fn call_application(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let (application, environ) = {
            let state = slf.get().state(py);
            let of = |object: &Option<Py<PyAny>>| object.as_ref().map(|it| it.clone_ref(py));
            (of(&state.application), of(&state.environ))
        };
        let application = application.ok_or_else(|| PyValueError::new_err("no application"))?;
        let start_response = slf.getattr(intern!(py, "start_response"))?;
        let result = call(
            application.bind(py),
            &(environ, start_response).into_pyobject(py)?,
            None,
        )?;
        let before = slf.get().state_mut(py).result.replace(result.unbind());
        drop(before);
        let processed = Self::step(slf, Seam::ProcessResult).map(drop);
        let result = slf.get().state_mut(py).result.take();
        let closed = match result {
            Some(result) => close_result(result.bind(py)),
            None => Ok(()),
        };
        processed.and(closed)
    }

    pub(super) fn send_result(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let (result, is_first, replaced) = {
            let state = slf.get().state(py);
            let result = state.result.as_ref().map(|result| result.clone_ref(py));
            (
                result,
                state.head.is_some() && !state.headers_sent && state.assigned.is_empty(),
                state.replaced,
            )
        };
        let Some(result) = result else {
            return Ok(());
        };
        let result = result.bind(py);
        let writes = replaced.has(Seam::Write);
        if is_first && !writes && Self::send_whole(slf, result)? {
            return Ok(());
        }
        for chunk in result.try_iter()? {
            let chunk = chunk?;
            if chunk.is_truthy()? {
                Self::write_step(slf, &chunk, writes)?;
            }
        }
        let (has_head, headers_sent) = {
            let state = slf.get().state(py);
            (state.head.is_some(), state.headers_sent)
        };
        if has_head && !headers_sent {
            Self::write_step(slf, &PyBytes::new(py, b"").into_any(), writes)?;
        }
        if has_head {
            Self::end_response(slf)?;
        }
        Ok(())
    }

    fn write_step(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>, replaced: bool) -> PyResult<()> {
        if replaced {
            slf.call_method1(Seam::Write.name(), (data,))?;
            return Ok(());
        }
        Self::send_chunk(slf, data)
    }

    /// One step without arguments: ours, or the subclass's.
    pub(super) fn step(slf: &Bound<'_, Self>, seam: Seam) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if slf.get().state(py).replaced.has(seam) {
            return Ok(slf.call_method0(seam.name())?.unbind());
        }
        match seam {
            Seam::ReadRequestline => return Ok(Self::read_line(slf)?.into_any().unbind()),
            Seam::GetEnviron => return Ok(environ(slf)?.unbind()),
            Seam::HandleOneResponse => Self::one_response(slf)?,
            Seam::RunApplication => Self::call_application(slf)?,
            Seam::ProcessResult => Self::send_result(slf)?,
            Seam::FinalizeHeaders => slf.get().add_date(py),
            Seam::LogRequest => Self::log(slf)?,
            Seam::HandleOneRequest => return Self::one_request(slf)?.to_python(py),
            // These take arguments: Python says that they are missing.
            Seam::ReadRequest | Seam::Write => {
                return Ok(slf.call_method0(seam.name())?.unbind());
            }
        }
        Ok(py.None())
    }

    /// Reads what the application left of the request's body, so that the next request can
    /// be found. A client that still holds the body back, or has too much of it, is not
    /// waited for: its connection ends.
    fn discard_body(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let connection = slf.get().connection(py)?;
        let connection = connection.get();
        let mut left = DISCARDED;
        let mut discarded = Vec::new();
        let closes = loop {
            let (complete, unread) = connection.with_http(py, |http| {
                let complete = http.is_request_complete() || http.is_switched();
                (complete, http.awaits_continue())
            });
            if complete {
                break false;
            }
            if unread && connection.with_http(py, |http| http.unread().is_empty()) || left == 0 {
                break true;
            }
            discarded.clear();
            connection.read_body(py, left, &mut discarded)?;
            left -= discarded.len();
        };
        if closes {
            slf.get().state_mut(py).close_connection = true;
        }
        Ok(())
    }

    fn send_refusal(slf: &Bound<'_, Self>, status: &str, response: &[u8]) -> PyResult<()> {
        let py = slf.py();
        let sent = slf.get().connection(py)?.get().send(py, response);
        {
            let mut state = slf.get().state_mut(py);
            state.status = Some(PyString::new(py, status).unbind());
            state.close_connection = true;
            if state.time_finish == 0.0 {
                state.time_finish = now();
            }
        }
        match sent {
            Err(error) if !error.is_instance_of::<PyOSError>(py) => return Err(error),
            _ => {}
        }
        Self::step(slf, Seam::LogRequest).map(drop)
    }

    fn log_bad_request(slf: &Bound<'_, Self>, message: &str) -> PyResult<()> {
        let py = slf.py();
        let address = slf.get().client_address(py);
        slf.call_method1(
            intern!(py, "log_error"),
            ("Invalid request (from %s): %s", address, message),
        )?;
        Ok(())
    }

    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let (socket, connection, finished) = {
            let mut state = slf.get().state_mut(py);
            let finished = state.finish_request();
            (state.socket.take(), state.connection.take(), finished)
        };
        drop(finished);
        if let (Some(_), Some(connection)) = (&socket, &connection) {
            // The client may be gone, or its socket closed by the application.
            connection.get().drain(py).unwrap_or_default();
            connection.get().close(py);
        }
        match socket.map(|socket| socket.call_method0(py, intern!(py, "close"))) {
            Some(Err(error)) if !error.is_instance_of::<PyOSError>(py) => Err(error),
            _ => Ok(()),
        }
    }
}

/// A response with a status and nothing else, which ends the connection.
fn refusal(status: &str) -> Outcome {
    let mut out = Vec::new();
    // Any connection will do that has something to answer; this one has an empty body.
    let mut http = http::Connection::in_body(http::Limits::default(), None, false);
    if let Ok(mut head) = ResponseHead::new(status) {
        http.send_head(&mut head, BodyLength::Known(0), &mut out)
            .unwrap_or_default();
    }
    Outcome::Refuse(status.to_owned(), out)
}

fn close_result(result: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(close) = result.getattr_opt(intern!(result.py(), "close"))? {
        close.call0()?;
    }
    Ok(())
}

const BAD_REQUEST: &str = "400 Bad Request";

/// More of an unread body than this is not worth waiting for.
const DISCARDED: usize = 1 << 20;
