//! The application's response: checked when announced, framed and sent when it comes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{BodyLength, ResponseError, ResponseHead};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyOSError, PyUnicodeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::handler::Handler;
use super::seams::Seam;
use super::text::encode;
use crate::gil::GilCell;

/// The checked form of what the application gave to `start_response`.
pub fn response_head(
    status: &Bound<'_, PyAny>,
    headers: &Bound<'_, PyAny>,
) -> PyResult<ResponseHead> {
    let status = status
        .cast::<PyString>()
        .map_err(|_| PyUnicodeError::new_err("The status string must be a native string"))?;
    // The headers are judged first, as in gevent; they need a head to be added to.
    let mut head = ResponseHead::new(status.to_str().unwrap_or_default());
    let mut scratch = None;
    for pair in headers.try_iter()? {
        let pair = pair?;
        let (name, value) = match pair.cast_exact::<PyTuple>() {
            Ok(pair) if pair.len() == 2 => (pair.get_item(0)?, pair.get_item(1)?),
            _ => pair.extract()?,
        };
        let head = match &mut head {
            Ok(head) => head,
            Err(_) => scratch.get_or_insert_with(blank_head),
        };
        add_header(head, &name, &value)?;
    }
    head.map_err(|_| bad_status(status))
}

fn add_header(
    head: &mut ResponseHead,
    name: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let text = |object, what| native_string(object, what, name, value);
    let name_text = text(name, "The header must be a native string")?;
    let value_text = text(value, "The value must be a native string")?;
    let (Some(name_bytes), Some(value_bytes)) = (encode(name_text), encode(value_text)) else {
        let shown = (name.repr()?.unbind(), value.repr()?.unbind());
        return Err(PyUnicodeError::new_err((
            "Non-latin1 header",
            shown.0,
            shown.1,
        )));
    };
    head.header(&name_bytes, &value_bytes).map_err(|error| {
        let (bytes, object, part) = match error {
            ResponseError::HeaderName => (&name_bytes, name, "name"),
            _ => (&value_bytes, value, "value"),
        };
        let message = if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            format!("carriage return or newline in header {part}")
        } else {
            error.to_string()
        };
        PyValueError::new_err((message, object.clone().unbind()))
    })
}

fn native_string<'a, 'py>(
    object: &'a Bound<'py, PyAny>,
    complaint: &'static str,
    name: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<&'a Bound<'py, PyString>> {
    object.cast::<PyString>().map_err(|_| {
        let header = (name.clone().unbind(), value.clone().unbind());
        PyUnicodeError::new_err((complaint, header.0, header.1))
    })
}

/// Only to judge headers against.
fn blank_head() -> ResponseHead {
    match ResponseHead::new("200 OK") {
        Ok(head) => head,
        Err(error) => unreachable!("{error}"),
    }
}

fn bad_status(status: &Bound<'_, PyString>) -> PyErr {
    let has_line_end = status
        .to_str()
        .is_ok_and(|text| text.contains(['\r', '\n']));
    let message = if has_line_end {
        "carriage return or newline in status"
    } else {
        "malformed status"
    };
    PyValueError::new_err((message, status.clone().unbind()))
}

impl Handler {
    /// Sends all of a result whose chunks are there, head and body at once. False if it is
    /// not such a result, or a large one: nothing has happened then.
    pub(super) fn send_whole(slf: &Bound<'_, Self>, result: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = slf.py();
        let Some(chunks) = ready_chunks(result) else {
            return Ok(false);
        };
        let total: usize = chunks.iter().map(|chunk| chunk.as_bytes().len()).sum();
        if total > COPIED {
            return Ok(false);
        }
        Self::check_status(slf, total > 0)?;
        Self::check_length(slf, total)?;
        let mut out = Vec::with_capacity(total + HEAD_ROOM);
        Self::write_head(slf, Some(BodyLength::Known(total as u64)), &mut out)?;
        let connection = slf.get().connection(py)?;
        connection
            .get()
            .with_http(py, |http| {
                for chunk in &chunks {
                    http.send_data(chunk.as_bytes(), &mut out)?;
                }
                http.end_response(&mut out)
            })
            .map_err(|error| Self::application_error(slf, error.to_string()))?;
        Self::send(slf, &out)?;
        Ok(true)
    }

    /// Sends a chunk, and the head with it if it is the first.
    pub(super) fn send_chunk(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        Self::check_status(slf, data.is_truthy()?)?;
        let bytes = body_bytes(data)?;
        Self::check_length(slf, bytes.len())?;
        let mut out = Vec::with_capacity(bytes.len().min(COPIED) + CHUNK_ROOM);
        if !slf.get().state(py).headers_sent {
            if slf.get().state(py).head.is_none() {
                let message = "The application did not call start_response()";
                return Err(Self::application_error(slf, message));
            }
            Self::write_head(slf, None, &mut out)?;
        }
        let connection = slf.get().connection(py)?;
        let copied = bytes.len() <= COPIED;
        let sends = connection
            .get()
            .with_http(py, |http| match copied {
                true => http.send_data(&bytes, &mut out).map(|()| false),
                false => http.announce_data(bytes.len(), &mut out),
            })
            .map_err(|error| Self::application_error(slf, error.to_string()))?;
        Self::send(slf, &out)?;
        if sends {
            Self::send(slf, &bytes)?;
            out.clear();
            connection
                .get()
                .with_http(py, |http| http.conclude_data(&mut out));
            Self::send(slf, &out)?;
        }
        Ok(())
    }

    /// Says that the body is over, if the framing has a way to say it.
    pub(super) fn end_response(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let mut out = Vec::new();
        let connection = slf.get().connection(py)?;
        connection
            .get()
            .with_http(py, |http| http.end_response(&mut out))
            .map_err(|error| Self::application_error(slf, error.to_string()))?;
        Self::send(slf, &out)
    }

    /// Adds the date, unless there is one or a subclass says so.
    pub(super) fn add_date(&self, py: Python<'_>) {
        let mut state = self.state_mut(py);
        let provided = match state.assigned.value("provided_date") {
            Some(date) => !date.is_none(py),
            None => state.head.as_ref().is_none_or(ResponseHead::has_date),
        };
        if !provided && let Some(head) = &mut state.head {
            with_date(py, |date| head.header(b"Date", date.as_bytes())).unwrap_or_default();
        }
    }

    fn write_head(
        slf: &Bound<'_, Self>,
        length: Option<BodyLength>,
        out: &mut Vec<u8>,
    ) -> PyResult<()> {
        let py = slf.py();
        Self::step(slf, Seam::FinalizeHeaders)?;
        Self::take_up_changed_headers(slf)?;
        let length = match length {
            Some(length) => length,
            None => Self::body_length(slf)?,
        };
        let connection = slf.get().connection(py)?;
        let mut state = slf.get().state_mut(py);
        let closes = state.close_connection;
        let Some(head) = &mut state.head else {
            return Ok(());
        };
        let sent = connection.get().with_http(py, |http| {
            if closes {
                http.close_after_response();
            }
            http.send_head(head, length, out)
        });
        state.headers_sent = sent.is_ok();
        drop(state);
        sent.map_err(|error| Self::application_error(slf, error.to_string()))
    }

    /// The list of headers was given to somebody: what is in it now is what is sent.
    fn take_up_changed_headers(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let list = slf.get().state_mut(py).response_headers.take();
        let Some(list) = list else {
            return Ok(());
        };
        let status = slf
            .get()
            .state(py)
            .status
            .as_ref()
            .map(|it| it.clone_ref(py));
        let Some(status) = status else {
            return Ok(());
        };
        let mut head = ResponseHead::new(status.bind(py).to_str()?)
            .map_err(|_| bad_status(status.bind(py)))?;
        for pair in list.bind(py) {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
            let bytes = |object: &Bound<'_, PyAny>| match object.cast::<PyString>() {
                Ok(text) => Ok(encode(text).unwrap_or_default().into_owned()),
                Err(_) => object.extract::<Vec<u8>>(),
            };
            head.header(&bytes(&name)?, &bytes(&value)?)
                .map_err(|error| PyValueError::new_err(error.to_string()))?;
        }
        slf.get().state_mut(py).head = Some(head);
        Ok(())
    }

    /// What is known of the body before its first chunk is sent.
    fn body_length(slf: &Bound<'_, Self>) -> PyResult<BodyLength> {
        let py = slf.py();
        let (result, provided) = {
            let state = slf.get().state(py);
            let provided = state
                .assigned
                .value("provided_content_length")
                .is_some_and(|length| !length.is_none(py));
            let result = state.result.as_ref().map(|result| result.clone_ref(py));
            (result, provided)
        };
        if provided {
            return Ok(BodyLength::Verbatim);
        }
        let Some(result) = result else {
            return Ok(BodyLength::Unknown);
        };
        let result = result.bind(py);
        if !result.hasattr(intern!(py, "__len__"))? {
            return Ok(BodyLength::Unknown);
        }
        let mut total = 0;
        for chunk in result.try_iter()? {
            total += chunk?.len()? as u64;
        }
        Ok(BodyLength::Known(total))
    }

    /// Refuses a body to a status that has none.
    fn check_status(slf: &Bound<'_, Self>, has_data: bool) -> PyResult<()> {
        let status = slf
            .get()
            .state(slf.py())
            .head
            .as_ref()
            .map(ResponseHead::status);
        match status {
            Some(status @ (204 | 304)) if has_data => {
                let message = format!("The {status} response must have no body");
                Err(Self::application_error(slf, message))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a body longer than its head says, while there is still time to say so.
    fn check_length(slf: &Bound<'_, Self>, length: usize) -> PyResult<()> {
        let fits = {
            let state = slf.get().state(slf.py());
            let is_head = |request: &Arc<http::Request>| request.method() == b"HEAD";
            let announced = state.head.as_ref().and_then(ResponseHead::content_length);
            state.headers_sent
                || announced.is_none_or(|most| length as u64 <= most)
                || state.request.as_ref().is_some_and(is_head)
        };
        if fits {
            return Ok(());
        }
        Err(Self::application_error(
            slf,
            ResponseError::BodyTooLong.to_string(),
        ))
    }

    fn send(slf: &Bound<'_, Self>, bytes: &[u8]) -> PyResult<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let py = slf.py();
        let sent = slf.get().connection(py)?.get().send(py, bytes);
        match sent {
            Ok(()) => slf.get().state_mut(py).response_length += bytes.len() as u64,
            Err(error) => {
                if error.is_instance_of::<PyOSError>(py) {
                    let status = format!("socket error: {}", error.value(py));
                    slf.get()
                        .assign(py, "status", PyString::new(py, &status).into_any().unbind());
                }
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn application_error<'py>(
        slf: &Bound<'py, Self>,
        message: impl IntoPyObject<'py>,
    ) -> PyErr {
        let class = slf.getattr(intern!(slf.py(), "ApplicationError"));
        match class.and_then(|class| class.call1((message,))) {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        }
    }
}

/// The chunks of a list or tuple of bytes.
fn ready_chunks<'py>(result: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyBytes>>> {
    let bytes = |chunk: Bound<'py, PyAny>| chunk.cast_into_exact::<PyBytes>().ok();
    match (
        result.cast_exact::<PyList>(),
        result.cast_exact::<PyTuple>(),
    ) {
        (Ok(list), _) => list.iter().map(bytes).collect(),
        (_, Ok(tuple)) => tuple.iter().map(bytes).collect(),
        _ => None,
    }
}

fn body_bytes<'a>(data: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    match data.cast::<PyBytes>() {
        Ok(bytes) => Ok(Cow::Borrowed(bytes.as_bytes())),
        // Nothing, of whatever type, is fine.
        Err(_) if !data.is_truthy()? => Ok(Cow::Borrowed(&[])),
        Err(_) => Ok(Cow::Owned(PyBuffer::<u8>::get(data)?.to_vec(data.py())?)),
    }
}

/// Lends the current date. It changes once a second, so it is kept.
fn with_date<R>(py: Python<'_>, body: impl FnOnce(&str) -> R) -> R {
    static DATE: GilCell<(u64, String)> = GilCell::new((u64::MAX, String::new()));
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut date = DATE.borrow_mut(py);
    if date.0 != seconds {
        *date = (seconds, http::http_date(seconds));
    }
    body(&date.1)
}

/// Bodies up to this many bytes are copied behind their head, to be sent with it; copying
/// more costs more than a second system call.
const COPIED: usize = 64 * 1024;

/// Enough for what frames a chunk.
const CHUNK_ROOM: usize = 32;

/// Enough for most heads.
const HEAD_ROOM: usize = 512;
