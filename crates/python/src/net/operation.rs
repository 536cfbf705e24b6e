//! One operation on a socket: try, and while the kernel says `EAGAIN`, wait and try again.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use pyo3::exceptions::PyTimeoutError;
use pyo3::prelude::*;
use reactor::Interest;
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendFlags, SocketAddrAny, SocketFlags, acceptfrom_with, recv, send, sockopt,
};

use super::buffer::{Refusal, SCRATCH, with_scratch};
use super::socket::Socket;
use crate::error::os_error;
use crate::hub::{EventLoop, Limit, Wake};

/// The timeout of one operation: that of the socket, unless one is given.
#[derive(Clone, Copy)]
pub enum Patience {
    Own,
    Given(Option<f64>),
}

impl FromPyObject<'_, '_> for Patience {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        value.extract().map(Self::Given)
    }
}

/// The end of one operation, counted from when it first has to wait: what need not wait need not
/// look at the clock.
pub struct Deadline {
    seconds: Option<f64>,
    began: Option<Instant>,
}

impl Deadline {
    fn allows_waiting(&self) -> bool {
        self.seconds != Some(0.0)
    }

    /// Seconds left, counted from the first call; None for no end.
    fn left(&mut self) -> Option<f64> {
        let seconds = self.seconds?;
        match self.began {
            Some(began) => Some(seconds - began.elapsed().as_secs_f64()),
            None => {
                self.began = Some(Instant::now());
                Some(seconds)
            }
        }
    }
}

impl Socket {
    /// Sends all of `bytes`, which Python cannot reach: for servers written in Rust.
    pub fn send_all(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        self.send_rest(py, 0, bytes.len(), |sent, fd, flags| {
            send(fd, &bytes[sent..], flags)
        })
    }

    /// Receives what there is, waiting for it, and lends it to `take`, which must not run Python.
    /// Nothing is the end of the stream.
    pub fn receive_some<T>(&self, py: Python<'_>, mut take: impl FnMut(&[u8]) -> T) -> PyResult<T> {
        self.receive_with(py, SCRATCH, 0, |fd, flags| {
            with_scratch(|scratch| Ok(take(recv(fd, scratch, flags)?.0.0)))
        })
    }

    /// Throws away what has been received, without waiting.
    pub fn discard_received(&self, py: Python<'_>) -> PyResult<()> {
        self.with_fd(py, |fd| {
            with_scratch(|scratch| recv(fd, scratch, RecvFlags::DONTWAIT).is_ok())
        })
        .map(drop)
    }

    /// Waits for a connection. Its descriptor does not block.
    pub fn accept_descriptor(&self, py: Python<'_>) -> PyResult<(OwnedFd, Option<SocketAddrAny>)> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        self.retry(
            py,
            Interest::READ,
            &mut self.deadline(py, Patience::Own),
            |fd| acceptfrom_with(fd, flags).map_err(Refusal::Kernel),
        )
    }

    pub(super) fn deadline(&self, py: Python<'_>, patience: Patience) -> Deadline {
        let seconds = match patience {
            Patience::Own => self.state(py).timeout,
            Patience::Given(seconds) => seconds,
        };
        Deadline {
            seconds,
            began: None,
        }
    }

    /// Asks the kernel about the descriptor. `question` must not run Python.
    pub(super) fn with_fd<R>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(BorrowedFd<'_>) -> R,
    ) -> PyResult<R> {
        match &self.state(py).fd {
            Some(fd) => Ok(question(fd.as_fd())),
            None => Err(os_error(Errno::BADF.into())),
        }
    }

    /// Tries `attempt` until it has an answer. The descriptor is looked up anew each time: while the
    /// greenlet waited, the socket may have been closed and the number given to another.
    fn retry<T>(
        &self,
        py: Python<'_>,
        interest: Interest,
        deadline: &mut Deadline,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> Result<T, Refusal>,
    ) -> PyResult<T> {
        loop {
            match self.with_fd(py, &mut attempt)? {
                Ok(answer) => return Ok(answer),
                Err(Refusal::Kernel(Errno::INTR)) => {}
                Err(Refusal::Kernel(Errno::AGAIN)) if deadline.allows_waiting() => {
                    self.wait(py, interest, deadline)?;
                }
                Err(Refusal::Kernel(errno)) => return Err(os_error(errno.into())),
                Err(Refusal::Python(error)) => return Err(error),
            }
        }
    }

    pub(super) fn receive_with<T>(
        &self,
        py: Python<'_>,
        size: usize,
        flags: i32,
        mut attempt: impl FnMut(BorrowedFd<'_>, RecvFlags) -> Result<T, Refusal>,
    ) -> PyResult<T> {
        let flags = RecvFlags::from_bits_retain(flags.cast_unsigned());
        let dont_wait = flags.bits() & DONT_WAIT != 0;
        let mut deadline = self.deadline(py, if dont_wait { NOT_AT_ALL } else { Patience::Own });
        let has_sent = std::mem::take(&mut self.state.borrow_mut(py).has_sent);
        if has_sent && size > 0 && flags.is_empty() && deadline.allows_waiting() {
            self.wait_for_answer(py, &mut deadline)?;
        }
        self.retry(py, Interest::READ, &mut deadline, |fd| attempt(fd, flags))
    }

    pub(super) fn send_with(
        &self,
        py: Python<'_>,
        flags: i32,
        deadline: &mut Deadline,
        mut attempt: impl FnMut(BorrowedFd<'_>, SendFlags) -> Result<usize, Errno>,
    ) -> PyResult<usize> {
        let flags = SendFlags::from_bits_retain(flags.cast_unsigned());
        if flags.bits() & DONT_WAIT != 0 {
            deadline.seconds = Some(0.0);
        }
        let sent = self.retry(py, Interest::WRITE, deadline, |fd| {
            attempt(fd, flags).map_err(Refusal::Kernel)
        });
        self.state.borrow_mut(py).has_sent = true;
        sent
    }

    /// Sends `length` bytes, of which `attempt` sends some from a given place on. The timeout is for
    /// all of them.
    pub(super) fn send_rest(
        &self,
        py: Python<'_>,
        flags: i32,
        length: usize,
        mut attempt: impl FnMut(usize, BorrowedFd<'_>, SendFlags) -> Result<usize, Errno>,
    ) -> PyResult<()> {
        let mut deadline = self.deadline(py, Patience::Own);
        let mut sent = 0;
        while sent < length {
            let so_far = sent;
            sent += self.send_with(py, flags, &mut deadline, |fd, flags| {
                attempt(so_far, fd, flags)
            })?;
        }
        Ok(())
    }

    /// Waits before the first try: who has just sent something waits for the answer to it, and asking
    /// the kernel whether it is there already would nearly always cost a call for nothing. If it is
    /// there, the loop says so at once. In the hub nothing is waited for, and if the time runs out, the
    /// try has the last word.
    fn wait_for_answer(&self, py: Python<'_>, deadline: &mut Deadline) -> PyResult<()> {
        if EventLoop::for_blocking(py).is_err() {
            return Ok(());
        }
        match self.park(py, Interest::READ, deadline)? {
            Wake::Notified | Wake::TimedOut => Ok(()),
            Wake::Thrown { error, .. } => Err(error),
        }
    }

    pub(super) fn wait(
        &self,
        py: Python<'_>,
        interest: Interest,
        deadline: &mut Deadline,
    ) -> PyResult<()> {
        match self.park(py, interest, deadline)? {
            Wake::Notified => Ok(()),
            Wake::TimedOut => Err(PyTimeoutError::new_err("timed out")),
            Wake::Thrown { error, .. } => Err(error),
        }
    }

    fn park(&self, py: Python<'_>, interest: Interest, deadline: &mut Deadline) -> PyResult<Wake> {
        let limit = match deadline.left() {
            None => Limit::None,
            Some(left) if left > 0.0 => Limit::Seconds(left),
            Some(_) => return Ok(Wake::TimedOut),
        };
        if self.state(py).fd.is_none() {
            return Err(os_error(Errno::BADF.into()));
        }
        self.identity()?.source.wait(py, interest, &limit)
    }

    /// Waits until a connection that was begun is there; raises if it failed.
    pub(super) fn finish_connect(&self, py: Python<'_>) -> PyResult<()> {
        self.wait(py, Interest::WRITE, &mut self.deadline(py, Patience::Own))?;
        match self.with_fd(py, |fd| sockopt::socket_error(fd))? {
            Ok(Ok(())) => Ok(()),
            Ok(Err(errno)) | Err(errno) => Err(os_error(errno.into())),
        }
    }
}

const NOT_AT_ALL: Patience = Patience::Given(Some(0.0));
const DONT_WAIT: u32 = libc::MSG_DONTWAIT.cast_unsigned();
