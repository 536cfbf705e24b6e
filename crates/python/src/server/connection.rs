//! One client: its socket, and what HTTP makes of the bytes. Python sees it as the
//! handler's `rfile`, a file of the bytes that no request has claimed.

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::error::invalid_input;
use crate::gil::GilCell;
use crate::net::Socket;

/// The bytes of a client, for the handler and its input; see the module.
#[pyclass(frozen, module = "verdigris.pywsgi", name = "_ClientFile")]
pub struct Connection {
    peer: GilCell<Option<Peer>>,
    http: GilCell<http::Connection>,
}

/// Where bytes come from and go to.
enum Peer {
    /// A socket of ours, whose methods nobody has replaced.
    Socket(Py<Socket>),
    /// Anything with `recv` and `sendall`: TLS, a wrapper.
    Wrapped(Py<PyAny>),
    /// A file to read from, and perhaps a socket to write to.
    File(Py<PyAny>, Option<Py<PyAny>>),
}

impl Peer {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Socket(socket) => Self::Socket(socket.clone_ref(py)),
            Self::Wrapped(socket) => Self::Wrapped(socket.clone_ref(py)),
            Self::File(file, socket) => {
                let socket = socket.as_ref().map(|socket| socket.clone_ref(py));
                Self::File(file.clone_ref(py), socket)
            }
        }
    }

    fn object<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        match self {
            Self::Socket(socket) => socket.bind(py),
            Self::Wrapped(object) | Self::File(_, Some(object)) | Self::File(object, None) => {
                object.bind(py)
            }
        }
    }
}

#[pymethods]
impl Connection {
    /// Reads `size` bytes, fewer only at the end of the stream; all of it if `size` is
    /// None or negative.
    #[pyo3(signature = (size = None))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let size = size.and_then(|size| usize::try_from(size).ok());
        let mut read = Vec::new();
        while size.is_none_or(|size| read.len() < size) {
            let wanted = size.map_or(usize::MAX, |size| size - read.len());
            if !self.take_unread(py, wanted, &mut read) && !self.receive(py)? {
                break;
            }
        }
        Ok(PyBytes::new(py, &read))
    }

    /// Reads up to and with the next line end, or `size` bytes, or the end of the stream.
    #[pyo3(signature = (size = None))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let size = size.and_then(|size| usize::try_from(size).ok());
        let mut line = Vec::new();
        while size.is_none_or(|size| line.len() < size) && line.last() != Some(&b'\n') {
            let to_newline = {
                let http = self.http.borrow(py);
                let newline = http.unread().iter().position(|&byte| byte == b'\n');
                newline.map_or(usize::MAX, |at| at + 1)
            };
            let wanted = to_newline.min(size.map_or(usize::MAX, |size| size - line.len()));
            if !self.take_unread(py, wanted, &mut line) && !self.receive(py)? {
                break;
            }
        }
        Ok(PyBytes::new(py, &line))
    }

    /// Reads what is there, at least one byte and at most `size`; waits only for the first.
    #[pyo3(signature = (size = -1))]
    fn read1<'py>(&self, py: Python<'py>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let wanted = usize::try_from(size).unwrap_or(usize::MAX);
        let mut read = Vec::new();
        while wanted > 0 && !self.take_unread(py, wanted, &mut read) {
            if !self.receive(py)? {
                break;
            }
        }
        Ok(PyBytes::new(py, &read))
    }

    /// Closes the file, not the socket.
    pub fn close(&self, py: Python<'_>) {
        let peer = self.peer.borrow_mut(py).take();
        drop(peer);
    }

    #[getter]
    pub fn closed(&self, py: Python<'_>) -> bool {
        self.peer.borrow(py).is_none()
    }

    /// This very object: there is no layer below. Here because `rfile.raw._sock` is where
    /// others look for the socket.
    #[getter]
    fn raw(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// The socket; None once closed.
    #[getter]
    fn _sock<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let peer = self.peer.borrow(py);
        peer.as_ref().map(|peer| peer.object(py).clone())
    }
}

impl Connection {
    /// The connection of a socket, which may be of any class.
    pub fn of_socket(socket: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = socket.py();
        let class = py
            .import(intern!(py, "verdigris.socket"))?
            .getattr(intern!(py, "socket"))?;
        let peer = match socket.cast::<Socket>() {
            Ok(ours) if socket.get_type().is(&class) => Peer::Socket(ours.clone().unbind()),
            _ => Peer::Wrapped(socket.clone().unbind()),
        };
        Ok(Self::new(
            peer,
            http::Connection::new(http::Limits::default()),
        ))
    }

    /// A connection that reads from a file, and writes to a socket if there is one.
    pub fn of_file(
        file: &Bound<'_, PyAny>,
        socket: Option<&Bound<'_, PyAny>>,
        http: http::Connection,
    ) -> Self {
        let socket = socket.map(|socket| socket.clone().unbind());
        Self::new(Peer::File(file.clone().unbind(), socket), http)
    }

    const fn new(peer: Peer, http: http::Connection) -> Self {
        Self {
            peer: GilCell::new(Some(peer)),
            http: GilCell::new(http),
        }
    }

    /// Ask the protocol something. `question` must not run Python.
    pub fn with_http<R>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&mut http::Connection) -> R,
    ) -> R {
        question(&mut self.http.borrow_mut(py))
    }

    /// The head of the next request, waiting for it; None if the client is done. The outer
    /// error is the socket's, the inner one the client's.
    pub fn next_request(
        &self,
        py: Python<'_>,
    ) -> PyResult<Result<Option<http::Request>, http::RequestError>> {
        loop {
            let event = self.with_http(py, |http| match http.next_event() {
                Ok(http::Event::Request(request)) => Some(Ok(Some(request))),
                Ok(http::Event::NeedData) => None,
                Ok(_) => Some(Ok(None)),
                Err(error) => Some(Err(error)),
            });
            match event {
                Some(event) => return Ok(event),
                None => {
                    self.receive(py)?;
                }
            }
        }
    }

    /// Append at most `wanted` bytes of the request's body to `into`, waiting until there
    /// are some. False at its end.
    pub fn read_body(&self, py: Python<'_>, wanted: usize, into: &mut Vec<u8>) -> PyResult<bool> {
        loop {
            let read = self.with_http(py, |http| match http.next_event_within(wanted) {
                Ok(http::Event::Data(data)) => {
                    into.extend_from_slice(data);
                    Some(Ok(true))
                }
                Ok(http::Event::NeedData) => None,
                Ok(_) => Some(Ok(false)),
                Err(error) => Some(Err(error)),
            });
            match read {
                Some(read) => return read.map_err(invalid_input),
                None => {
                    self.receive(py)?;
                }
            }
        }
    }

    /// Send `bytes`, waiting for room.
    pub fn send(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        match self.peer(py)? {
            Peer::Socket(socket) => socket.get().send_all(py, bytes),
            Peer::Wrapped(socket) | Peer::File(_, Some(socket)) => {
                let bytes = PyBytes::new(py, bytes);
                socket.call_method1(py, intern!(py, "sendall"), (bytes,))?;
                Ok(())
            }
            Peer::File(_, None) => Err(PyOSError::new_err("nothing to write to")),
        }
    }

    /// Take what has come without waiting, and forget it: a socket that is closed with bytes
    /// unread resets the connection, and the client may lose the end of the answer.
    pub fn drain(&self, py: Python<'_>) -> PyResult<()> {
        if let Peer::Socket(socket) = self.peer(py)? {
            socket.get().discard_received(py)?;
        }
        Ok(())
    }

    /// Wait for bytes and feed them; false at the end of the stream.
    fn receive(&self, py: Python<'_>) -> PyResult<bool> {
        let received = match self.peer(py)? {
            Peer::Socket(socket) => socket
                .get()
                .receive_some(py, |bytes| self.feed(py, bytes))?,
            Peer::Wrapped(socket) => {
                let bytes = socket.call_method1(py, intern!(py, "recv"), (PIECE,))?;
                self.feed(py, bytes.extract(py)?)
            }
            Peer::File(file, _) => {
                let file = file.bind(py);
                // `read` of a buffered file waits for all that it was asked for.
                let name = if file.hasattr(intern!(py, "read1"))? {
                    intern!(py, "read1")
                } else {
                    intern!(py, "readline")
                };
                let bytes = file.call_method1(name, (PIECE,))?;
                self.feed(py, bytes.extract()?)
            }
        };
        received.ok_or_else(|| PyOSError::new_err("too much data was received and not read"))
    }

    /// Feed what was received; nothing is the end. None if it did not fit, which it always
    /// does: bytes are received only when those before them were not enough.
    fn feed(&self, py: Python<'_>, bytes: &[u8]) -> Option<bool> {
        self.with_http(py, |http| {
            if bytes.is_empty() {
                http.feed_end();
            }
            (http.feed(bytes) == bytes.len()).then_some(!bytes.is_empty())
        })
    }

    fn take_unread(&self, py: Python<'_>, wanted: usize, into: &mut Vec<u8>) -> bool {
        self.with_http(py, |http| {
            let taken = wanted.min(http.unread().len());
            into.extend_from_slice(&http.unread()[..taken]);
            http.consume_unread(taken);
            taken > 0
        })
    }

    fn peer(&self, py: Python<'_>) -> PyResult<Peer> {
        match &*self.peer.borrow(py) {
            Some(peer) => Ok(peer.clone_ref(py)),
            None => Err(PyValueError::new_err("I/O operation on closed file")),
        }
    }
}

/// How many bytes to ask a wrapped socket for.
const PIECE: usize = 65536;
