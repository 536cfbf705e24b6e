//! What else `hub.loop` shows of itself under the names that gevent's loops have.
//!
//! Much of it says how libev was set up. We have one backend and nothing to set up, and say so in libev's words.

use std::os::fd::{AsRawFd, RawFd};

use pyo3::{
    prelude::*,
    types::{PyInt, PyType},
};
use reactor::Readiness;

use super::{
    EventLoop,
    io::notify,
    watcher::{Moment, Watcher},
};
use crate::error::os_error;

#[pymethods]
impl EventLoop {
    /// The lowest priority of a watcher.
    #[classattr]
    pub const MINPRI: i32 = -2;
    /// The highest priority of a watcher.
    #[classattr]
    pub const MAXPRI: i32 = 2;

    /// What timers can tell apart, in seconds.
    #[classattr]
    #[pyo3(name = "approx_timer_resolution")]
    const TIMER_RESOLUTION: f64 = 0.001;

    /// The class of which all watchers are.
    #[classattr]
    #[pyo3(name = "WatcherType")]
    fn watcher_type(py: Python<'_>) -> Py<PyType> {
        py.get_type::<Watcher>().unbind()
    }

    /// Whether it is the default loop, as the main thread's is. It makes no difference here.
    #[getter]
    fn default(&self, py: Python<'_>) -> bool {
        self.is_default(py)
    }

    /// The name of what the loop waits with; "default" if another was asked for, of which there is none.
    #[getter(backend)]
    fn backend_name(&self) -> &'static str {
        self.backend
    }

    /// The backend as libev's number for it.
    #[getter]
    fn backend_int(&self) -> u32 {
        EPOLL
    }

    /// A number of its own, 0 once it is destroyed: what the address of libev's structure is used for.
    #[getter]
    fn ptr(slf: &Bound<'_, Self>) -> usize {
        if slf.get().is_destroyed(slf.py()) {
            return 0;
        }
        slf.as_ptr() as usize
    }

    /// No flags: there are none.
    #[getter]
    fn origflags(&self) -> Vec<String> {
        Vec::new()
    }

    /// No flags: there are none.
    #[getter]
    fn origflags_int(&self) -> u32 {
        0
    }

    /// How many watchers, timers and waits keep it running.
    #[getter]
    fn activecnt(&self, py: Python<'_>) -> isize {
        self.references(py)
    }

    /// How many jobs are queued.
    #[getter]
    fn pendingcnt(&self, py: Python<'_>) -> usize {
        self.queued(py)
    }

    /// The fd of the kernel's set of what is watched, which is readable when something is ready. It may change.
    fn fileno(&self, py: Python<'_>) -> RawFd {
        self.with_reactor(py, |reactor| reactor.as_raw_fd())
    }

    /// How many signals have arrived whose watchers were not told yet.
    #[getter]
    fn sig_pending(&self, py: Python<'_>) -> u32 {
        self.with_reactor(py, |reactor| reactor.pending_signals())
    }

    /// now()
    ///
    /// When the loop last looked at the clock, in seconds since the epoch, as `time.time()` tells it.
    fn now(&self, py: Python<'_>) -> f64 {
        let now = self.reactor.borrow(py).now();
        self.date(py, now)
    }

    /// update_now()
    ///
    /// Looks at the clock, so that now() is exact.
    fn update_now(&self, py: Python<'_>) {
        self.reactor.borrow_mut(py).update_now();
    }

    /// ref()
    ///
    /// Keeps the loop running although nothing is pending, until unref().
    fn r#ref(&self, py: Python<'_>) {
        self.keep_alive(py, 1);
    }

    /// unref()
    ///
    /// Takes one ref() back.
    fn unref(&self, py: Python<'_>) {
        self.keep_alive(py, -1);
    }

    /// The same as `update_now()`.
    fn update(&self, py: Python<'_>) {
        self.with_reactor(py, |reactor| reactor.update_now());
    }

    /// Nothing can be wrong with it that a call could find.
    fn verify(&self) {}

    /// Nothing: children are watched without SIGCHLD.
    fn install_sigchld(&self) {}

    /// Nothing: children are watched without SIGCHLD.
    fn reset_sigchld(&self) {}

    /// An fd is about to be closed: who waits for it, or watches it, is told that it is ready, and will find it closed.
    /// Returns whether there was anybody.
    pub fn closing_fd(&self, py: Python<'_>, fd: RawFd) -> bool {
        let keys = self.with_reactor(py, |reactor| reactor.forget_fd(fd));
        for &key in &keys {
            notify(self, py, key, Readiness::BOTH);
        }
        !keys.is_empty()
    }

    /// The watchers that are started, for messages about a loop in which nothing can happen.
    fn debug(&self, py: Python<'_>) -> Vec<Py<Watcher>> {
        self.started(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let (py, event_loop) = (slf.py(), slf.get());
        if event_loop.is_destroyed(py) {
            return format!("<loop at {:p} destroyed>", slf.as_ptr());
        }
        format!(
            "<loop at {:p} epoll{} pending={} ref={} fileno={}>",
            slf.as_ptr(),
            if event_loop.is_default(py) {
                " default"
            } else {
                ""
            },
            event_loop.queued(py),
            event_loop.references(py),
            event_loop.fileno(py),
        )
    }

    /// In a forked child: parts from what is shared with the parent, and has the fork watchers called.
    fn reinit(&self, py: Python<'_>) -> PyResult<()> {
        self.with_reactor(py, |reactor| reactor.reinit())
            .map_err(os_error)?;
        self.look_at_thread();
        self.mark_moment(py, Moment::AfterFork);
        Ok(())
    }
}

/// What a loop that was made with these flags says that it waits with: a name or several, or libev's bits, or nothing.
pub fn backend(flags: Option<&Bound<'_, PyAny>>) -> PyResult<&'static str> {
    let Some(flags) = flags.filter(|flags| !flags.is_instance_of::<PyInt>()) else {
        return Ok("epoll");
    };
    let is_there = !flags.is_truthy()? || flags.str()?.to_str()?.contains("epoll");
    Ok(if is_there { "epoll" } else { "default" })
}

/// libev's `EVBACKEND_EPOLL`.
const EPOLL: u32 = 4;
