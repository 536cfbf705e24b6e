//! A socket's descriptor from first to last: made by the kernel or given by the program as a number, closed by the
//! program or, with a warning, by nobody.

use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, OwnedFd};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, socket_with, sockopt};

use super::socket::{Identity, Socket};
use super::{buffer, python};
use crate::error::os_error;
use crate::hub::EventLoop;
use crate::hub::io::Source;

/// A descriptor that does not block and is not inherited, and what kind of socket it is.
pub struct Made {
    pub fd: OwnedFd,
    pub family: i32,
    pub kind: i32,
    pub protocol: i32,
}

/// Asks the kernel for a socket. -1 stands for IPv4, a stream, and the usual protocol.
pub fn open(family: i32, kind: i32, protocol: i32) -> PyResult<Made> {
    let family = if family == -1 { libc::AF_INET } else { family };
    let kind = if kind == -1 {
        libc::SOCK_STREAM
    } else {
        kind & !FLAGS
    };
    let protocol = protocol.max(0);
    let fd = u16::try_from(family)
        .map_err(|_| Errno::AFNOSUPPORT)
        .and_then(|number| {
            socket_with(
                AddressFamily::from_raw(number),
                SocketType::from_raw(kind.cast_unsigned()),
                SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
                NonZeroU32::new(protocol.cast_unsigned()).map(Protocol::from_raw),
            )
        });
    match fd {
        Ok(fd) => Ok(Made {
            fd,
            family,
            kind,
            protocol,
        }),
        Err(errno) => Err(os_error(errno.into())),
    }
}

/// Takes over a descriptor given as a number; what is -1 is asked of the kernel.
pub fn adopt(number: &Bound<'_, PyAny>, family: i32, kind: i32, protocol: i32) -> PyResult<Made> {
    let number: i32 = number.extract()?;
    if number < 0 {
        return Err(PyValueError::new_err("negative file descriptor"));
    }
    // All questions come before the number is taken over: if one fails, it stays the caller's.
    let asked: Result<_, Errno> = buffer::with_descriptor(number, |fd| {
        let real_kind = sockopt::socket_type(fd)?.as_raw().cast_signed();
        let kind = if kind == -1 { real_kind } else { kind & !FLAGS };
        let family = match family {
            -1 => i32::from(sockopt::socket_domain(fd)?.as_raw()),
            given => given,
        };
        let protocol = match protocol {
            -1 => sockopt::socket_protocol(fd)?.map_or(0, |it| it.as_raw().get().cast_signed()),
            given => given,
        };
        ioctl_fionbio(fd, true)?;
        Ok((family, kind, protocol))
    });
    match asked {
        Ok((family, kind, protocol)) => Ok(Made {
            fd: buffer::adopt(number),
            family,
            kind,
            protocol,
        }),
        Err(errno) => Err(os_error(errno.into())),
    }
}

impl Socket {
    /// Begins a socket's life.
    pub(super) fn start(&self, py: Python<'_>, made: Made, timeout: Option<f64>) -> PyResult<()> {
        let identity = Identity {
            source: Source::new(made.fd.as_raw_fd()),
            family: made.family,
            kind: made.kind,
            protocol: made.protocol,
        };
        if self.identity.set(identity).is_err() {
            return Err(PyValueError::new_err("this socket was initialised before"));
        }
        let mut state = self.state.borrow_mut(py);
        state.timeout = timeout;
        state.fd = Some(made.fd);
        Ok(())
    }

    /// Takes the descriptor out, from here and from `_sock`, and wakes whoever waits for it.
    pub(super) fn release(&self, py: Python<'_>) -> PyResult<Option<OwnedFd>> {
        let (fd, inner) = {
            let mut state = self.state.borrow_mut(py);
            (
                state.fd.take(),
                state.inner.as_ref().map(|inner| inner.clone_ref(py)),
            )
        };
        if let (Some(fd), Some(identity)) = (&fd, self.identity.get()) {
            identity.source.close(py, || python::cancel_wait_error(py));
            // Others may watch the number without our help, as select does.
            if let Some(event_loop) = EventLoop::existing(py) {
                event_loop.get().closing_fd(py, fd.as_raw_fd());
            }
        }
        if let Some(inner) = inner {
            inner.call_method0(py, "detach")?;
        }
        Ok(fd)
    }
}

impl Drop for Socket {
    /// A socket that nobody closed: says so, as the standard library does, and closes it.
    fn drop(&mut self) {
        Python::try_attach(|py| {
            let number = self.state(py).fd.as_ref().map(AsRawFd::as_raw_fd);
            let (Some(number), Some(identity)) = (number, self.identity.get()) else {
                return;
            };
            let Identity {
                family,
                kind,
                protocol,
                ..
            } = identity;
            let description = format!(
                "<verdigris.socket.socket fd={number}, family={family}, type={kind}, proto={protocol}>"
            );
            python::warn_unclosed(py, &description);
            if let Err(error) = self.release(py) {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// Whether a type given to `socket()` asks for a socket that does not wait.
pub fn asks_not_to_wait(kind: i32) -> bool {
    kind != -1 && kind & libc::SOCK_NONBLOCK != 0
}

const FLAGS: i32 = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
