//! What a handler knows: its client, the request at hand, the response so far.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::connection::Connection;
use super::seams::Replaced;

/// The fields of a [`super::Handler`].
///
/// What is taken out before Python may run is taken as a new reference: nothing is borrowed
/// across a call.
#[derive(Default)]
pub struct State {
    pub socket: Option<Py<PyAny>>,
    pub client_address: Option<Py<PyAny>>,
    pub server: Option<Py<PyAny>>,
    pub connection: Option<Py<Connection>>,
    /// The client's address and port as the environ has them.
    pub remote: Option<(Py<PyString>, Py<PyString>)>,
    pub replaced: Replaced,
    /// The server's `get_environ` is ours and makes plain dicts.
    pub plain_environ: bool,

    /// Read by `read_requestline`, not yet taken up by `read_request`.
    pub pending: Option<Result<http::Request, http::RequestError>>,
    pub request: Option<Arc<http::Request>>,
    /// The request's headers as a message, once somebody has asked for them; from then on
    /// they count, because they may have been changed.
    pub headers: Option<Py<PyAny>>,
    pub environ: Option<Py<PyAny>>,
    pub application: Option<Py<PyAny>>,
    pub wsgi_input: Option<Py<PyAny>>,
    pub close_connection: bool,

    pub result: Option<Py<PyAny>>,
    pub status: Option<Py<PyString>>,
    pub head: Option<http::ResponseHead>,
    /// The response's headers as a list, on the same terms as `headers`.
    pub response_headers: Option<Py<PyList>>,
    pub headers_sent: bool,
    pub response_length: u64,
    pub time_start: f64,
    pub time_finish: f64,

    pub assigned: Assigned,
}

impl State {
    /// A new request has been read.
    pub fn begin_request(&mut self, request: http::Request) -> Finished {
        let finished = self.finish_request();
        self.close_connection = !request.keep_alive();
        self.request = Some(Arc::new(request));
        finished
    }

    /// A new response to the request is about to be made.
    pub fn begin_response(&mut self) -> Finished {
        self.time_start = now();
        self.headers_sent = false;
        self.response_length = 0;
        self.head = None;
        Finished {
            objects: [self.result.take(), None, None, None, None],
            status: self.status.take(),
            list: self.response_headers.take(),
            assigned: self.assigned.take(&RESPONSE_NAMES),
        }
    }

    /// Forget the request and its response.
    pub fn finish_request(&mut self) -> Finished {
        self.head = None;
        self.request = None;
        Finished {
            objects: [
                self.result.take(),
                self.headers.take(),
                self.environ.take(),
                self.application.take(),
                self.wsgi_input.take(),
            ],
            status: self.status.take(),
            list: self.response_headers.take(),
            assigned: std::mem::take(&mut self.assigned),
        }
    }
}

/// What a subclass has assigned in place of what we would say, by attribute. Nearly always
/// nothing, never much.
#[derive(Default)]
pub struct Assigned(Vec<(&'static str, Py<PyAny>)>);

impl Assigned {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn value(&self, name: &str) -> Option<&Py<PyAny>> {
        let entry = self.0.iter().find(|(key, _)| *key == name);
        entry.map(|(_, value)| value)
    }

    /// Gives back what was there.
    pub fn assign(&mut self, name: &'static str, value: Py<PyAny>) -> Self {
        let before = self.take(&[name]);
        self.0.push((name, value));
        before
    }

    /// Take out what is assigned to some attributes.
    pub fn take(&mut self, names: &[&str]) -> Self {
        Self(
            self.0
                .extract_if(.., |(name, _)| names.contains(name))
                .collect(),
        )
    }
}

/// References that are no longer needed, to be dropped after the borrow has ended.
#[must_use = "drop it where nothing is borrowed"]
#[expect(dead_code, reason = "held only to be dropped")]
pub struct Finished {
    objects: [Option<Py<PyAny>>; 5],
    status: Option<Py<PyString>>,
    list: Option<Py<PyList>>,
    assigned: Assigned,
}

/// Seconds since 1970, as `time.time()`.
pub fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Attributes that belong to one response.
const RESPONSE_NAMES: [&str; 4] = ["status", "code", "provided_date", "provided_content_length"];
