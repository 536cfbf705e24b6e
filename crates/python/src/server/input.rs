//! `wsgi.input`: the body of one request, as a file that ends where the body does.

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::connection::Connection;
use crate::gil::GilCell;

/// The body of a request. Reading waits for the client; if its connection ends before its
/// body, or the body is malformed, reading raises an `OSError`.
#[pyclass(frozen, weakref, module = "verdigris.pywsgi")]
pub struct Input {
    connection: Py<Connection>,
    content_length: Option<u64>,
    chunked: bool,
    progress: GilCell<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Received for a line, but after its end.
    ahead: Vec<u8>,
    /// So many of them are read.
    taken: usize,
    /// Bytes handed out.
    position: u64,
    silent: bool,
}

impl Progress {
    fn ahead(&self) -> &[u8] {
        &self.ahead[self.taken..]
    }

    /// Move up to `wanted` bytes out.
    fn take(&mut self, wanted: usize) -> Vec<u8> {
        let taken = self.ahead()[..wanted.min(self.ahead().len())].to_vec();
        self.taken += taken.len();
        if self.taken == self.ahead.len() {
            self.ahead.clear();
            self.taken = 0;
        }
        taken
    }
}

#[pymethods]
impl Input {
    /// A body of `content_length` bytes, or a chunked one, read from the file `rfile`.
    /// `socket` is accepted and not needed: `rfile` knows its socket.
    #[new]
    #[pyo3(signature = (rfile, content_length, socket = None, chunked_input = false))]
    fn new(
        rfile: &Bound<'_, PyAny>,
        content_length: Option<u64>,
        socket: Option<&Bound<'_, PyAny>>,
        chunked_input: bool,
    ) -> PyResult<Self> {
        let _ = socket;
        let connection = match rfile.cast::<Connection>() {
            Ok(connection) => connection.clone().unbind(),
            Err(_) => {
                let limits = http::Limits::default();
                let http = http::Connection::in_body(limits, content_length, chunked_input);
                Py::new(rfile.py(), Connection::of_file(rfile, None, http))?
            }
        };
        Ok(Self {
            connection,
            content_length,
            chunked: chunked_input,
            progress: GilCell::default(),
        })
    }

    /// Reads `length` bytes, fewer only at the end of the body; the rest of it if `length`
    /// is None or negative.
    #[pyo3(signature = (length = None))]
    fn read<'py>(&self, py: Python<'py>, length: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        let wanted = size(length);
        let mut data = self.progress.borrow_mut(py).take(wanted);
        if data.len() < wanted {
            self.send_continue(py)?;
        }
        while data.len() < wanted {
            let rest = wanted - data.len();
            if !self.connection.get().read_body(py, rest, &mut data)? {
                break;
            }
        }
        Ok(self.hand_out(py, &data))
    }

    /// Reads up to and with the next line end, or `size` bytes, or the rest of the body.
    #[pyo3(signature = (size = None))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        let wanted = self::size(size);
        let mut searched = 0;
        let length = loop {
            {
                let progress = self.progress.borrow(py);
                let ahead = progress.ahead();
                let newline = ahead[searched..].iter().position(|&byte| byte == b'\n');
                if let Some(at) = newline {
                    break (searched + at + 1).min(wanted);
                }
                if ahead.len() >= wanted {
                    break wanted;
                }
                searched = ahead.len();
            }
            if !self.read_ahead(py)? {
                break wanted;
            }
        };
        let line = self.progress.borrow_mut(py).take(length);
        Ok(self.hand_out(py, &line))
    }

    /// The rest of the body as a list of lines. `hint` is accepted and ignored.
    #[pyo3(signature = (hint = None))]
    fn readlines<'py>(
        &self,
        py: Python<'py>,
        hint: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let _ = hint;
        let lines = PyList::empty(py);
        while let Some(line) = self.__next__(py)? {
            lines.append(line)?;
        }
        Ok(lines)
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.readline(py, None)?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }

    /// The next line.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.__next__(py)?
            .ok_or_else(|| PyStopIteration::new_err(()))
    }

    /// The connection that the body comes from, as a file.
    #[getter]
    fn rfile(&self, py: Python<'_>) -> Py<Connection> {
        self.connection.clone_ref(py)
    }

    #[getter]
    fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    #[getter]
    fn chunked_input(&self) -> bool {
        self.chunked
    }

    /// How many bytes of the body have been read.
    #[getter]
    fn position(&self, py: Python<'_>) -> u64 {
        self.progress.borrow(py).position
    }

    /// Whether the first read asks a client that waits for `100 Continue` to go on.
    #[getter]
    fn send_100_continue_enabled(&self, py: Python<'_>) -> bool {
        !self.progress.borrow(py).silent
    }

    #[setter]
    fn set_send_100_continue_enabled(&self, py: Python<'_>, enabled: bool) {
        self.progress.borrow_mut(py).silent = !enabled;
    }
}

impl Input {
    pub fn of_request(connection: Py<Connection>, request: &http::Request) -> Self {
        Self {
            connection,
            content_length: request.content_length(),
            chunked: request.is_chunked(),
            progress: GilCell::default(),
        }
    }

    fn hand_out<'py>(&self, py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
        self.progress.borrow_mut(py).position += data.len() as u64;
        PyBytes::new(py, data)
    }

    /// Wait for more of the body; false at its end.
    fn read_ahead(&self, py: Python<'_>) -> PyResult<bool> {
        self.send_continue(py)?;
        let mut more = Vec::new();
        let read = self.connection.get().read_body(py, usize::MAX, &mut more)?;
        let mut progress = self.progress.borrow_mut(py);
        let progress = &mut *progress;
        progress.ahead.drain(..progress.taken);
        progress.taken = 0;
        progress.ahead.append(&mut more);
        Ok(read)
    }

    fn send_continue(&self, py: Python<'_>) -> PyResult<()> {
        if self.progress.borrow(py).silent {
            return Ok(());
        }
        let connection = self.connection.get();
        let mut out = Vec::new();
        connection.with_http(py, |http| http.send_continue(&mut out));
        if out.is_empty() {
            return Ok(());
        }
        connection.send(py, &out)
    }
}

/// A size argument; None and negative ones ask for everything.
fn size(argument: Option<i64>) -> usize {
    argument
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(usize::MAX)
}
