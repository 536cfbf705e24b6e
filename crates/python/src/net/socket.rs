//! `Socket`: the descriptor, the timeout and the operations that run per message. The Python class
//! `verdigris.socket.socket` derives from it and adds the rest of the standard library's surface,
//! for which it asks `_sock`, a `_socket.socket` on the same descriptor that is made on first use.

use std::cell::Ref;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use reactor::Interest;
use rustix::io::Errno;
use rustix::net::{AddressFamily, connect, recv, send};

use super::buffer::{Buffer, close, receive, set_option};
use super::operation::Patience;
use super::{address, descriptor, python};
use crate::error::os_error;
use crate::gil::GilCell;
use crate::hub::io::Source;

/// The part of `verdigris.socket.socket` that runs per message.
#[pyclass(frozen, subclass, weakref, module = "verdigris.socket")]
pub struct Socket {
    /// Set once, by `__init__` or `accept`. It outlives the descriptor: a greenlet that waits when
    /// the socket is closed is still inside it.
    pub(super) identity: OnceLock<Identity>,
    pub(super) state: GilCell<State>,
}

/// What never changes.
pub(super) struct Identity {
    pub(super) source: Source,
    pub(super) family: i32,
    pub(super) kind: i32,
    pub(super) protocol: i32,
}

#[derive(Default)]
pub(super) struct State {
    /// None once closed or detached.
    pub(super) fd: Option<OwnedFd>,
    pub(super) timeout: Option<f64>,
    /// The `_socket.socket` on the same descriptor. While it is there, it has the descriptor too:
    /// it is detached before the descriptor is closed, and answers EBADF from then on.
    pub(super) inner: Option<Py<PyAny>>,
    /// The last message was long, so the next is likely to be.
    long: bool,
    /// Something was sent since the last attempt to receive.
    pub(super) has_sent: bool,
    /// `close()` was called; files made by `makefile` may keep the descriptor open.
    closed: bool,
    files: isize,
}

#[pymethods]
impl Socket {
    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(family=-1, type=-1, proto=-1, fileno=None)"
    )]
    fn __new__(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            identity: OnceLock::new(),
            state: GilCell::new(State::default()),
        }
    }

    #[pyo3(signature = (family = -1, r#type = -1, proto = -1, fileno = None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        family: i32,
        r#type: i32,
        proto: i32,
        fileno: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        python::audit(py, ("socket.__new__", slf, family, r#type, proto))?;
        let timeout = match descriptor::asks_not_to_wait(r#type) {
            true => Some(0.0),
            false => python::default_timeout(py)?,
        };
        let made = match fileno {
            None => descriptor::open(family, r#type, proto)?,
            Some(number) => descriptor::adopt(number, family, r#type, proto)?,
        };
        slf.get().start(py, made, timeout)
    }

    /// Receives at most `bufsize` bytes; waits until there are some, if any are asked for. Empty at the
    /// end of the stream.
    #[pyo3(signature = (bufsize, flags = 0, /))]
    fn recv<'py>(
        &self,
        py: Python<'py>,
        bufsize: isize,
        flags: i32,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let Ok(size) = usize::try_from(bufsize) else {
            return Err(PyValueError::new_err("negative buffersize in recv"));
        };
        if size == 0 {
            return self.with_fd(py, |_| ()).map(|()| PyBytes::new(py, b""));
        }
        let long = self.state.borrow(py).long;
        let bytes = self.receive_with(py, size, flags, |fd, flags| {
            receive(py, fd, size, flags, long)
        })?;
        let now_long = bytes.as_bytes().len() >= LONG;
        if now_long != long {
            self.state.borrow_mut(py).long = now_long;
        }
        Ok(bytes)
    }

    /// Receives into a writable buffer, at most `nbytes` (0: all of it). Returns how many.
    #[pyo3(signature = (buffer, nbytes = 0, flags = 0))]
    fn recv_into(
        &self,
        py: Python<'_>,
        buffer: &Bound<'_, PyAny>,
        nbytes: isize,
        flags: i32,
    ) -> PyResult<usize> {
        let mut buffer = Buffer::writable(buffer)?;
        let size = match usize::try_from(nbytes) {
            Err(_) => return Err(PyValueError::new_err("negative buffersize in recv_into")),
            Ok(0) => buffer.len(),
            Ok(size) if size > buffer.len() => {
                return Err(PyValueError::new_err(
                    "buffer too small for requested bytes",
                ));
            }
            Ok(size) => size,
        };
        if size == 0 {
            return self.with_fd(py, |_| 0);
        }
        self.receive_with(py, size, flags, |fd, flags| {
            buffer.with_mut(py, size, |room| Ok(recv(fd, room, flags)?.0))
        })
    }

    /// Sends at least one byte of `data`, waiting for room at most `timeout` seconds (default: the
    /// socket's timeout). Returns how many were sent.
    #[pyo3(signature = (data, flags = 0, timeout = Patience::Own))]
    fn send(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        flags: i32,
        timeout: Patience,
    ) -> PyResult<usize> {
        let mut deadline = self.deadline(py, timeout);
        if let Ok(bytes) = data.cast::<PyBytes>() {
            return self.send_with(py, flags, &mut deadline, |fd, flags| {
                send(fd, bytes.as_bytes(), flags)
            });
        }
        let buffer = Buffer::readable(data)?;
        self.send_with(py, flags, &mut deadline, |fd, flags| {
            buffer.with(py, |bytes| send(fd, bytes, flags))
        })
    }

    /// Sends all of `data`. The socket's timeout is for the whole of it; when it passes, it is not
    /// known how much was sent.
    #[pyo3(signature = (data, flags = 0))]
    fn sendall(&self, py: Python<'_>, data: &Bound<'_, PyAny>, flags: i32) -> PyResult<()> {
        if let Ok(bytes) = data.cast::<PyBytes>() {
            return self.send_rest(py, flags, bytes.as_bytes().len(), |sent, fd, flags| {
                send(fd, &bytes.as_bytes()[sent..], flags)
            });
        }
        let buffer = Buffer::readable(data)?;
        self.send_rest(py, flags, buffer.len(), |sent, fd, flags| {
            buffer.with(py, |bytes| send(fd, &bytes[sent..], flags))
        })
    }

    /// Waits for a connection and returns `(socket, address)`. The socket is always a plain
    /// `verdigris.socket.socket`, whatever class the listener has.
    fn accept<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (fd, peer) = self.accept_descriptor(py)?;
        let identity = self.identity()?;
        let object = python::bare_socket(py)?;
        let made = descriptor::Made {
            fd,
            family: identity.family,
            kind: identity.kind,
            protocol: identity.protocol,
        };
        object
            .cast::<Socket>()?
            .get()
            .start(py, made, python::default_timeout(py)?)?;
        let peer = match peer
            .as_ref()
            .map(|peer| address::to_python(py, peer))
            .transpose()?
        {
            Some(Some(peer)) => peer,
            Some(None) => object.call_method0("getpeername")?,
            None => py.None().into_bound(py),
        };
        Ok((object, peer))
    }

    /// Connects to an internet address that is a number. False, and nothing done, if `address` is
    /// something else.
    fn _connect_number(slf: &Bound<'_, Self>, address: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (py, this) = (slf.py(), slf.get());
        let target = u16::try_from(this.identity()?.family)
            .ok()
            .and_then(|family| address::from_python(AddressFamily::from_raw(family), address));
        let Some(target) = target else {
            return Ok(false);
        };
        python::audit(py, ("socket.connect", slf, address))?;
        match this.with_fd(py, |fd| connect(fd, &target))? {
            Ok(()) | Err(Errno::ISCONN) => Ok(true),
            Err(Errno::INPROGRESS | Errno::ALREADY | Errno::INTR) if this.getblocking(py) => {
                this.finish_connect(py)?;
                Ok(true)
            }
            Err(errno) => Err(os_error(errno.into())),
        }
    }

    /// Waits until a connection that was begun is there; raises if it failed.
    fn _finish_connect(&self, py: Python<'_>) -> PyResult<()> {
        self.finish_connect(py)
    }

    /// setsockopt(level, option, value) or setsockopt(level, option, None, length)
    ///
    /// Sets an option to a number, to bytes, or to nothing.
    #[pyo3(signature = (*args))]
    fn setsockopt(slf: &Bound<'_, Self>, args: &Bound<'_, PyTuple>) -> PyResult<()> {
        let py = slf.py();
        if let Ok((level, option, value)) = args.extract::<(i32, i32, i32)>() {
            return match slf
                .get()
                .with_fd(py, |fd| set_option(fd, level, option, value))?
            {
                Ok(()) => Ok(()),
                Err(errno) => Err(os_error(errno.into())),
            };
        }
        slf.get()
            ._sock(py)?
            .call_method1("setsockopt", args)
            .map(drop)
    }

    /// Waits until there is something to read, for at most `timeout` seconds (default: the socket's).
    #[pyo3(signature = (timeout = Patience::Own))]
    fn _wait_read(&self, py: Python<'_>, timeout: Patience) -> PyResult<()> {
        self.wait(py, Interest::READ, &mut self.deadline(py, timeout))
    }

    /// Waits until there is room to write, for at most `timeout` seconds (default: the socket's).
    #[pyo3(signature = (timeout = Patience::Own))]
    fn _wait_write(&self, py: Python<'_>, timeout: Patience) -> PyResult<()> {
        self.wait(py, Interest::WRITE, &mut self.deadline(py, timeout))
    }

    /// The descriptor, or -1 once closed or detached.
    fn fileno(&self, py: Python<'_>) -> RawFd {
        self.state
            .borrow(py)
            .fd
            .as_ref()
            .map_or(-1, AsRawFd::as_raw_fd)
    }

    /// Gives the descriptor away: it stays open, and the socket is as if closed. Greenlets that wait
    /// for it get `cancel_wait_ex`.
    fn detach(&self, py: Python<'_>) -> PyResult<RawFd> {
        self.state.borrow_mut(py).closed = true;
        Ok(self.release(py)?.map_or(-1, IntoRawFd::into_raw_fd))
    }

    fn _real_close(&self, py: Python<'_>) -> PyResult<()> {
        match self.release(py)? {
            None => Ok(()),
            Some(fd) => match close(fd) {
                // A connection that the peer has reset is closed all the same.
                Ok(()) | Err(Errno::CONNRESET) => Ok(()),
                Err(errno) => Err(os_error(errno.into())),
            },
        }
    }

    /// Closes the socket; the descriptor when the files made of it are closed too. Greenlets that
    /// wait for it get `cancel_wait_ex`. Closing twice does nothing.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let files = {
            let mut state = slf.get().state.borrow_mut(py);
            state.closed = true;
            state.files
        };
        if files <= 0 {
            slf.call_method0("_real_close")?;
        }
        Ok(())
    }

    /// Called by a file of `makefile` that is closed.
    fn _decref_socketios(slf: &Bound<'_, Self>) -> PyResult<()> {
        let closed = {
            let mut state = slf.get().state.borrow_mut(slf.py());
            state.files = (state.files - 1).max(0);
            state.closed
        };
        if closed {
            slf.call_method0("close")?;
        }
        Ok(())
    }

    /// Sets the timeout in seconds; None waits for ever, 0 does not wait.
    #[pyo3(signature = (value, /))]
    fn settimeout(&self, py: Python<'_>, value: Option<f64>) -> PyResult<()> {
        if value.is_some_and(f64::is_nan) {
            return Err(PyValueError::new_err("Invalid value NaN (not a number)"));
        }
        if value.is_some_and(|seconds| seconds < 0.0) {
            return Err(PyValueError::new_err("Timeout value out of range"));
        }
        if value.is_some_and(|seconds| seconds > LONGEST_TIMEOUT) {
            return Err(PyOverflowError::new_err(
                "timestamp out of range for platform time_t",
            ));
        }
        self.state.borrow_mut(py).timeout = value;
        Ok(())
    }

    /// The timeout in seconds; None waits for ever, 0.0 does not wait.
    fn gettimeout(&self, py: Python<'_>) -> Option<f64> {
        self.state.borrow(py).timeout
    }

    /// True: wait for ever. False: never wait, and raise BlockingIOError instead.
    #[pyo3(signature = (flag, /))]
    fn setblocking(&self, py: Python<'_>, flag: &Bound<'_, PyAny>) -> PyResult<()> {
        self.state.borrow_mut(py).timeout = if flag.is_truthy()? { None } else { Some(0.0) };
        Ok(())
    }

    /// False if the timeout is 0.
    fn getblocking(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).timeout != Some(0.0)
    }

    /// The timeout in seconds; None waits for ever, 0.0 does not wait.
    #[getter]
    fn timeout(&self, py: Python<'_>) -> Option<f64> {
        self.state.borrow(py).timeout
    }

    #[setter]
    fn set_timeout(&self, py: Python<'_>, value: Option<f64>) -> PyResult<()> {
        self.settimeout(py, value)
    }

    /// Whether `close` or `detach` was called.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).closed
    }

    #[getter(_closed)]
    fn closed_flag(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).closed
    }

    #[setter(_closed)]
    fn set_closed_flag(&self, py: Python<'_>, value: bool) {
        self.state.borrow_mut(py).closed = value;
    }

    /// How many files of `makefile` are open.
    #[getter]
    fn _io_refs(&self, py: Python<'_>) -> isize {
        self.state.borrow(py).files
    }

    #[setter(_io_refs)]
    fn set_io_refs(&self, py: Python<'_>, value: isize) {
        self.state.borrow_mut(py).files = value;
    }

    /// Whether greenlets that wait here keep the loop running. Setting it counts for the waits that
    /// begin afterwards.
    #[getter]
    fn r#ref(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.identity()?.source.keeps_alive(py))
    }

    #[setter]
    fn set_ref(&self, py: Python<'_>, value: bool) -> PyResult<()> {
        self.identity()?.source.set_keeps_alive(py, value);
        Ok(())
    }

    #[getter]
    fn _family(&self) -> i32 {
        self.identity.get().map_or(-1, |identity| identity.family)
    }

    #[getter]
    fn _type(&self) -> i32 {
        self.identity.get().map_or(-1, |identity| identity.kind)
    }

    /// The number of the protocol.
    #[getter]
    fn proto(&self) -> i32 {
        self.identity.get().map_or(-1, |identity| identity.protocol)
    }

    /// A `_socket.socket` on the same descriptor, for what is asked rarely. It never waits. It closes
    /// with this socket, and must not be closed or detached by others.
    #[getter]
    fn _sock<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(inner) = &self.state.borrow(py).inner {
            return Ok(inner.bind(py).clone());
        }
        let identity = self.identity()?;
        let fd = self.state.borrow(py).fd.as_ref().map(AsRawFd::as_raw_fd);
        let inner = python::inner(py, identity.family, identity.kind, identity.protocol, fd)?;
        self.state.borrow_mut(py).inner = Some(inner.clone().unbind());
        Ok(inner)
    }
}

impl Socket {
    pub(super) fn identity(&self) -> PyResult<&Identity> {
        self.identity
            .get()
            .ok_or_else(|| PyValueError::new_err("__init__ was not called"))
    }

    pub(super) fn state<'a>(&'a self, py: Python<'a>) -> Ref<'a, State> {
        self.state.borrow(py)
    }
}

/// A message of this many bytes is worth receiving in place: copying it costs more than shrinking
/// an object.
const LONG: usize = 8192;

/// Seconds that still fit the kernel's nanoseconds in 64 bits.
const LONGEST_TIMEOUT: f64 = 9.2e9;
