//! A request's head to the environ that its application is called with.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::handler::Handler;
use super::input::Input;
use super::text::{decode, encode, unquote};
use crate::gil::GilCell;

/// A new environ for the request that `handler` has read, on top of the server's.
pub fn environ<'py>(handler: &Bound<'py, Handler>) -> PyResult<Bound<'py, PyAny>> {
    let py = handler.py();
    let environ = base(handler)?;
    let dict = environ
        .cast::<PyDict>()
        .map_err(|_| PyTypeError::new_err("the server's environ must be a dict"))?;
    let Some(request) = handler.get().request(py) else {
        return Ok(environ);
    };
    dict.set_item(intern!(py, "SCRIPT_NAME"), intern!(py, ""))?;
    set_request_line(handler, &request, dict)?;
    set_remote(handler, dict)?;
    let upgrade = set_headers(handler, &request, dict)?;
    set_input(handler, &request, dict, upgrade)?;
    Ok(environ)
}

fn base<'py>(handler: &Bound<'py, Handler>) -> PyResult<Bound<'py, PyAny>> {
    let py = handler.py();
    let server = handler.get().server(py)?;
    if handler.get().state(py).plain_environ
        && let Ok(dict) = server
            .getattr(intern!(py, "environ"))?
            .cast_exact::<PyDict>()
    {
        return Ok(dict.copy()?.into_any());
    }
    server.call_method0(intern!(py, "get_environ"))
}

fn set_request_line(
    handler: &Bound<'_, Handler>,
    request: &Arc<http::Request>,
    environ: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let py = handler.py();
    environ.set_item(intern!(py, "REQUEST_METHOD"), handler.get().command(py))?;
    environ.set_item(
        intern!(py, "SERVER_PROTOCOL"),
        handler.get().request_version(py),
    )?;
    let assigned = match handler.get().assigned(py, "path") {
        Some(path) => Some(path.bind(py).extract::<Vec<u8>>().or_else(|_| {
            let path = path.bind(py).cast::<PyString>()?;
            Ok::<_, PyErr>(encode(path).unwrap_or_default().into_owned())
        })?),
        None => None,
    };
    let target = assigned.as_deref().unwrap_or(request.target());
    let (path, query) = match target.iter().position(|&byte| byte == b'?') {
        Some(mark) => (&target[..mark], &target[mark + 1..]),
        None => (target, &[][..]),
    };
    environ.set_item(intern!(py, "PATH_INFO"), decode(py, &unquote(path)))?;
    environ.set_item(intern!(py, "QUERY_STRING"), decode(py, query))
}

fn set_remote(handler: &Bound<'_, Handler>, environ: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = handler.py();
    let remote = {
        let state = handler.get().state(py);
        let remote = state.remote.as_ref();
        remote.map(|(address, port)| (address.clone_ref(py), port.clone_ref(py)))
    };
    let Some((address, port)) = remote else {
        return Ok(());
    };
    environ.set_item(intern!(py, "REMOTE_ADDR"), address)?;
    environ.set_item(intern!(py, "REMOTE_PORT"), port)
}

/// Set what headers there are; true if the client wants to leave HTTP.
fn set_headers(
    handler: &Bound<'_, Handler>,
    request: &Arc<http::Request>,
    environ: &Bound<'_, PyDict>,
) -> PyResult<bool> {
    let py = handler.py();
    let message = {
        let state = handler.get().state(py);
        state.headers.as_ref().map(|headers| headers.clone_ref(py))
    };
    let mut upgrade = false;
    match message {
        None => {
            for (name, value) in request.headers().iter() {
                upgrade |= asks_for_upgrade(name, value);
                set_header(environ, name, value)?;
            }
        }
        Some(message) => {
            for item in message.bind(py).call_method0("items")?.try_iter()? {
                let (name, value): (Bound<'_, PyString>, Bound<'_, PyString>) = item?.extract()?;
                let name = encode(&name).unwrap_or_default();
                let value = encode(&value).unwrap_or_default();
                upgrade |= asks_for_upgrade(&name, &value);
                set_header(environ, &name, &value)?;
            }
        }
    }
    Ok(upgrade)
}

fn asks_for_upgrade(name: &[u8], value: &[u8]) -> bool {
    match name.len() {
        10 => name.eq_ignore_ascii_case(b"connection") && value.eq_ignore_ascii_case(b"upgrade"),
        7 => name.eq_ignore_ascii_case(b"upgrade") && value.eq_ignore_ascii_case(b"websocket"),
        _ => false,
    }
}

/// Set one header. A name with an underscore is dropped: its key would be that of another.
fn set_header(environ: &Bound<'_, PyDict>, name: &[u8], value: &[u8]) -> PyResult<()> {
    let py = environ.py();
    let Some(key) = key(py, name) else {
        return Ok(());
    };
    let value = decode(py, value);
    let once = key.is(intern!(py, "CONTENT_TYPE")) || key.is(intern!(py, "CONTENT_LENGTH"));
    match environ.get_item(&key)? {
        None => environ.set_item(key, value),
        Some(_) if once => Ok(()),
        Some(before) => {
            let separator = if key.to_str()?.contains("COOKIE") {
                "; "
            } else {
                ","
            };
            environ.set_item(key, format!("{before}{separator}{value}"))
        }
    }
}

/// The environ's key for a header; None if it has none. Clients spell the same few names
/// again and again, so keys are kept, up to a limit because clients choose them.
fn key<'py>(py: Python<'py>, name: &[u8]) -> Option<Bound<'py, PyString>> {
    static KEYS: GilCell<Option<Keys>> = GilCell::new(None);
    {
        let keys = KEYS.borrow(py);
        if let Some(key) = keys.as_ref().and_then(|keys| keys.get(name)) {
            return Some(key.bind(py).clone());
        }
    }
    let key = make_key(py, name)?;
    let mut keys = KEYS.borrow_mut(py);
    let keys = keys.get_or_insert_default();
    if keys.len() < KEPT_KEYS {
        keys.insert(name.into(), key.clone().unbind());
    }
    Some(key)
}

fn make_key<'py>(py: Python<'py>, name: &[u8]) -> Option<Bound<'py, PyString>> {
    let mut key = String::from("HTTP_");
    for &byte in name {
        match byte {
            b'_' => return None,
            b'-' => key.push('_'),
            _ => key.push(char::from(byte.to_ascii_uppercase())),
        }
    }
    Some(match key.as_str() {
        "HTTP_CONTENT_TYPE" => intern!(py, "CONTENT_TYPE").clone(),
        "HTTP_CONTENT_LENGTH" => intern!(py, "CONTENT_LENGTH").clone(),
        key => PyString::intern(py, key),
    })
}

/// The request's body. A client that leaves HTTP gets the bare connection instead: what it
/// sends has no end that HTTP knows.
fn set_input(
    handler: &Bound<'_, Handler>,
    request: &Arc<http::Request>,
    environ: &Bound<'_, PyDict>,
    upgrade: bool,
) -> PyResult<()> {
    let py = handler.py();
    let connection = handler.get().connection(py)?;
    let input = Input::of_request(connection.clone_ref(py), request).into_pyobject(py)?;
    if upgrade {
        environ.set_item(intern!(py, "wsgi.input"), connection)?;
    } else {
        environ.set_item(intern!(py, "wsgi.input"), &input)?;
    }
    environ.set_item(intern!(py, "wsgi.input_terminated"), !upgrade)?;
    let before = {
        let mut state = handler.get().state_mut(py);
        state.wsgi_input.replace(input.into_any().unbind())
    };
    drop(before);
    Ok(())
}

type Keys = HashMap<Box<[u8]>, Py<PyString>>;

/// More spellings of header names than this are not kept.
const KEPT_KEYS: usize = 512;
