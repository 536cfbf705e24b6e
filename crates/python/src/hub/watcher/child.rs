//! `loop.child(pid)`: the end of a child process.
//!
//! Not by SIGCHLD (see `reactor`'s `children.rs`): there is no handler to fight over with the program, no other child is reaped
//! by accident, and it works in every thread's loop (where gevent's works in the default loop only).
//!
//! The end of a process is told even when its status is lost, because somebody else has waited for it, perhaps before the
//! watcher was started: who waits for the end would else wait for ever.

use std::os::fd::{AsRawFd, OwnedFd};

use pyo3::{exceptions::PyValueError, prelude::*};
use reactor::{Interest, Key, end_of_child, end_of_process};
use rustix::process::{Pid, WaitOptions, getpid, waitpid};

use super::{Kind, Watcher};
use crate::{
    error::os_error,
    hub::{EventLoop, io::Registered},
};

/// Fires once, when the process has ended; then `rpid` and `rstatus` say how. The process is reaped by it.
///
/// If somebody else has reaped it, or it is no child, `rstatus` is that of an exit with code 255. (gevent's never fires then.)
/// In a forked child the watchers that its parent had started do not fire: the processes are not its own.
#[pyclass(frozen, extends = Watcher, name = "child", module = "verdigris.core")]
pub struct Child;

pub struct Process {
    pid: Pid,
    /// What `waitpid` said, or zeroes.
    reaped: (i32, i32),
    /// While it is started and the process runs.
    watched: Option<(Key, OwnedFd)>,
    /// The process that has started it.
    starter: Option<Pid>,
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
            starter: None,
        };
        Ok(Watcher::new(r#loop, Kind::Child(process), r#ref, None).add_subclass(Child))
    }

    /// The process that it looks out for.
    #[getter]
    fn pid(slf: &Bound<'_, Self>) -> i32 {
        with(slf, |process| process.number())
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
    /// Returns whether the process has ended already, so that nothing is left to wait for.
    pub fn activate(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop) -> PyResult<bool> {
        self.starter = Some(getpid());
        match end_of_process(self.number()).map_err(os_error)? {
            Some(fd) => self.watch(slf, owner, fd).map(|()| false),
            None => {
                self.reaped = (self.number(), UNKNOWN);
                Ok(true)
            }
        }
    }

    fn watch(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop, fd: OwnedFd) -> PyResult<()> {
        let py = slf.py();
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

    /// The process has ended. Returns whether that is to be told.
    pub fn end(&mut self, slf: &Bound<'_, Watcher>, owner: &EventLoop) -> bool {
        let status = match waitpid(Some(self.pid), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => status.as_raw(),
            // A debugger has it: it can be waited for when that lets go.
            Ok(None) => {
                let later = end_of_child(self.number()).map_err(os_error);
                return later.and_then(|fd| self.watch(slf, owner, fd)).is_err();
            }
            Err(_) if self.starter != Some(getpid()) => return false,
            Err(_) => UNKNOWN,
        };
        self.reaped = (self.number(), status);
        true
    }

    fn number(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub fn details(&self) -> String {
        format!(" pid={} rstatus={}", self.number(), self.reaped.1)
    }
}

/// An exit with code 255, as `waitpid` tells it.
const UNKNOWN: i32 = 255 << 8;
