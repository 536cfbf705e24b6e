//! `loop.child(pid)`: the end of a child process.
//!
//! By a pidfd, not by SIGCHLD: there is no handler to fight over with the program, no other child is reaped by accident,
//! and it works in every thread's loop (where gevent's works in the default loop only).

use std::os::fd::{AsRawFd, OwnedFd};

use pyo3::{exceptions::PyValueError, prelude::*};
use reactor::{Interest, Key};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, WaitOptions, pidfd_open, waitpid},
};

use super::{Kind, Watcher};
use crate::{
    error::os_error,
    hub::{EventLoop, io::Registered},
};

/// Fires once, when the process has ended; then `rpid` and `rstatus` say how.
#[pyclass(frozen, extends = Watcher, name = "child", module = "verdigris.core")]
pub struct Child;

pub struct Process {
    pid: Pid,
    /// What `waitpid` said, or zeroes.
    reaped: (i32, i32),
    /// While it is started and the process runs.
    watched: Option<(Key, OwnedFd)>,
}

#[pymethods]
impl Child {
    /// child(loop, pid, trace=0, ref=True)
    ///
    /// `trace` is not used: stopping and continuing a process is no end. Raises ValueError for a pid that isn't positive
    /// (gevent takes 0 for any child).
    #[new]
    #[pyo3(signature = (r#loop, pid, trace = 0, r#ref = true))]
    pub fn new(
        r#loop: &Bound<'_, EventLoop>,
        pid: i32,
        trace: i32,
        r#ref: bool,
    ) -> PyResult<PyClassInitializer<Child>> {
        let _ = trace;
        let pid = Some(pid)
            .filter(|pid| *pid > 0)
            .and_then(Pid::from_raw)
            .ok_or_else(|| PyValueError::new_err(format!("pid must be positive: {pid}")))?;
        let process = Process {
            pid,
            reaped: (0, 0),
            watched: None,
        };
        Ok(Watcher::new(r#loop, Kind::Child(process), r#ref, None).add_subclass(Child))
    }

    /// The process that it looks out for.
    #[getter]
    fn pid(slf: &Bound<'_, Self>) -> i32 {
        with(slf, |process| process.pid.as_raw_nonzero().get())
    }

    /// The process that ended, or 0.
    #[getter]
    fn rpid(slf: &Bound<'_, Self>) -> i32 {
        with(slf, |process| process.reaped.0)
    }

    #[setter]
    fn set_rpid(slf: &Bound<'_, Self>, value: i32) {
        with(slf, |process| process.reaped.0 = value);
    }

    /// How it ended, as `os.waitpid` tells it, or 0.
    #[getter]
    fn rstatus(slf: &Bound<'_, Self>) -> i32 {
        with(slf, |process| process.reaped.1)
    }

    #[setter]
    fn set_rstatus(slf: &Bound<'_, Self>, value: i32) {
        with(slf, |process| process.reaped.1 = value);
    }
}

fn with<R>(slf: &Bound<'_, Child>, body: impl FnOnce(&mut Process) -> R) -> R {
    match &mut slf.as_super().get().state.borrow_mut(slf.py()).kind {
        Kind::Child(process) => body(process),
        _ => unreachable!("a child watcher is made with this kind"),
    }
}

impl Process {
    pub fn activate(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop) -> PyResult<()> {
        let py = slf.py();
        let fd = match pidfd_open(self.pid, PidfdFlags::NONBLOCK) {
            Ok(fd) => fd,
            // Nobody's process, or one that was waited for already: like one that never ends.
            Err(Errno::SRCH) => return Ok(()),
            Err(error) => return Err(os_error(error.into())),
        };
        let key = owner.with_reactor(py, |reactor| {
            let key = reactor.register(fd.as_raw_fd());
            reactor
                .arm(key, Interest::READ)
                .inspect_err(|_| reactor.deregister(key))
                .map(|()| key)
        });
        let key = key.map_err(os_error)?;
        owner
            .sources
            .borrow_mut(py)
            .insert(key, Registered::Watcher(slf.clone().unbind()));
        self.watched = Some((key, fd));
        Ok(())
    }

    pub fn deactivate(&mut self, py: Python<'_>, owner: &EventLoop) -> Option<Registered> {
        let (key, _fd) = self.watched.take()?;
        owner.with_reactor(py, |reactor| reactor.deregister(key));
        owner.sources.borrow_mut(py).remove(key)
    }

    /// The process has ended. Returns whether it was ours to wait for, and nobody else did before.
    pub fn reap(&mut self) -> bool {
        match waitpid(Some(self.pid), WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                self.reaped = (pid.as_raw_nonzero().get(), status.as_raw());
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    pub fn details(&self) -> String {
        format!(
            " pid={} rstatus={}",
            self.pid.as_raw_nonzero(),
            self.reaped.1
        )
    }
}
