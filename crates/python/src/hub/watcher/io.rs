//! `loop.io(fd, events)`: a file descriptor that can be read from or written to.

use std::os::fd::RawFd;

use pyo3::{
    exceptions::{PyAttributeError, PyValueError},
    prelude::*,
    types::PyTuple,
};
use reactor::{Interest, Key};

use super::{Kind, Watcher};
use crate::{
    error::os_error,
    hub::{EventLoop, io::Registered},
};

/// Told as long as the fd is ready, at each turn of the loop, until it is stopped.
#[pyclass(frozen, extends = Watcher, name = "io", module = "verdigris.core")]
pub struct Io;

pub struct Watched {
    fd: RawFd,
    interest: Interest,
    /// Its registration, from the first start to the close: stopping and starting again costs no system call.
    key: Option<Key>,
}

pub const READ: i32 = 1;
pub const WRITE: i32 = 2;
/// A bit that libev sets among a watcher's events; accepted, and not kept.
const IOFDSET: i32 = 0x80;

#[pymethods]
impl Io {
    /// io(loop, fd, events, ref=True, priority=None)
    ///
    /// `events` is 1 for reading, 2 for writing, 3 for both. Raises ValueError for others and for a negative fd, OSError
    /// for one that isn't open.
    #[new]
    #[pyo3(signature = (r#loop, fd, events, r#ref = true, priority = None))]
    pub fn new(
        r#loop: &Bound<'_, EventLoop>,
        fd: RawFd,
        events: i32,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<PyClassInitializer<Io>> {
        let watched = Watched {
            fd: check_fd(fd)?,
            interest: check_events(events)?,
            key: None,
        };
        Ok(Watcher::new(r#loop, Kind::Io(watched), r#ref, priority).add_subclass(Io))
    }

    /// Calls `callback(*args)` when the fd is ready; with `pass_events`, `callback(events, *args)`.
    #[pyo3(signature = (callback, *args, pass_events = false))]
    fn start(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        pass_events: bool,
    ) -> PyResult<()> {
        Watcher::begin(slf.as_super(), callback, args, pass_events)
    }

    /// The file descriptor. Can't be set while it is started.
    #[getter]
    fn fd(slf: &Bound<'_, Self>) -> RawFd {
        with(slf, |watched| watched.fd)
    }

    #[setter]
    fn set_fd(slf: &Bound<'_, Self>, fd: RawFd) -> PyResult<()> {
        let fd = check_fd(fd)?;
        check_stopped(slf, "fd")?;
        slf.as_super().get().release(slf.py());
        with(slf, |watched| watched.fd = fd);
        Ok(())
    }

    /// 1 for reading, 2 for writing, 3 for both. Can't be set while it is started.
    #[getter]
    fn events(slf: &Bound<'_, Self>) -> u8 {
        with(slf, |watched| watched.interest.bits())
    }

    #[setter]
    fn set_events(slf: &Bound<'_, Self>, events: i32) -> PyResult<()> {
        let interest = check_events(events)?;
        check_stopped(slf, "events")?;
        with(slf, |watched| watched.interest = interest);
        Ok(())
    }

    /// The events in words.
    #[getter]
    fn events_str(slf: &Bound<'_, Self>) -> &'static str {
        with(slf, |watched| in_words(watched.interest))
    }
}

fn with<R>(slf: &Bound<'_, Io>, body: impl FnOnce(&mut Watched) -> R) -> R {
    match &mut slf.as_super().get().state.borrow_mut(slf.py()).kind {
        Kind::Io(watched) => body(watched),
        _ => unreachable!("an io watcher is made with this kind"),
    }
}

fn check_stopped(slf: &Bound<'_, Io>, name: &str) -> PyResult<()> {
    if slf.as_super().get().state.borrow(slf.py()).active {
        return Err(PyAttributeError::new_err(format!(
            "'io' watcher attribute '{name}' is read-only while watcher is active"
        )));
    }
    Ok(())
}

fn check_fd(fd: RawFd) -> PyResult<RawFd> {
    if fd < 0 {
        return Err(PyValueError::new_err(format!(
            "fd must be non-negative: {fd}"
        )));
    }
    reactor::check_open(fd).map_err(os_error)?;
    Ok(fd)
}

fn check_events(events: i32) -> PyResult<Interest> {
    if events & !(READ | WRITE | IOFDSET) != 0 {
        return Err(PyValueError::new_err(format!(
            "illegal event mask: {events}"
        )));
    }
    Ok(Interest::from_bits((events & (READ | WRITE)) as u8))
}

fn in_words(interest: Interest) -> &'static str {
    ["", "READ", "WRITE", "READ|WRITE"][usize::from(interest.bits())]
}

impl Watched {
    pub fn activate(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop) -> PyResult<()> {
        let py = slf.py();
        let (fd, interest) = (self.fd, self.interest);
        let key = *self
            .key
            .get_or_insert_with(|| owner.with_reactor(py, |reactor| reactor.register(fd)));
        owner
            .with_reactor(py, |reactor| reactor.arm(key, interest))
            .map_err(os_error)?;
        owner
            .sources
            .borrow_mut(py)
            .insert(key, Registered::Watcher(slf.clone().unbind()));
        Ok(())
    }

    pub fn deactivate(&mut self, py: Python<'_>, owner: &EventLoop) -> Option<Registered> {
        let key = self.key?;
        owner.with_reactor(py, |reactor| reactor.disarm(key, Interest::BOTH));
        owner.sources.borrow_mut(py).remove(key)
    }

    /// Ends its registration; not to be called while it is started.
    pub fn release(&mut self, py: Python<'_>, owner: &EventLoop) {
        if let Some(key) = self.key.take() {
            owner.with_reactor(py, |reactor| reactor.deregister(key));
        }
    }

    /// Looks out again for what was just told. If that fails the fd is closed, and there is nothing more to tell.
    pub fn rearm(&self, py: Python<'_>, owner: &EventLoop) {
        if let Some(key) = self.key {
            let _ = owner.with_reactor(py, |reactor| reactor.arm(key, self.interest));
        }
    }

    pub fn details(&self) -> String {
        format!(" fd={} events={}", self.fd, in_words(self.interest))
    }
}
