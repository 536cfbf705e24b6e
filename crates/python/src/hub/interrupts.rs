//! Signals whose handlers are Python's: they end the hub's sleep, whenever and to whichever thread they come.
//!
//! CPython's own handler, in C, only notes the signal. The function that the program has set for it is called by the main
//! thread between two steps of Python, of which there are none while the hub sleeps. The system ends that sleep if the
//! signal interrupts it, but it does not if the signal came just before, or if another thread was picked to run
//! the C handler. So the hub has that handler write to a pipe of its reactor: it can be told to write to *one* descriptor,
//! which is the program's to set (`signal.set_wakeup_fd`). Hence ours is lent to it for the sleep alone, and what is
//! written to it meanwhile is handed on to the program's, if there is one. Masking signals up to the sleep would do without,
//! but for two more system calls each time, and for processes of one thread only: others would get what is masked here.
//!
//! In order: lend, look for what was noted before, sleep. From the lending on nothing is missed.

#![expect(
    unsafe_code,
    reason = "which descriptor CPython's signal handler writes to"
)]

#[cfg(Py_3_13)]
use std::ffi::c_int;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use pyo3::prelude::*;
#[cfg(not(Py_3_13))]
use pyo3::sync::PyOnceLock;

use super::event_loop::EventLoop;

/// No descriptor.
const NONE: RawFd = -1;

/// What is lent now. There is one for the process: only the main thread runs handlers.
static LENT: AtomicI32 = AtomicI32::new(NONE);

/// The program's own, as it was when ours took its place last.
static PROGRAMS: AtomicI32 = AtomicI32::new(NONE);

/// Sets what CPython's handler writes to, and returns what that was.
#[cfg(Py_3_13)]
fn exchange(fd: RawFd) -> RawFd {
    unsafe extern "C" {
        /// It only stores a number.
        fn PySignal_SetWakeupFd(fd: c_int) -> c_int;
    }
    // SAFETY: any number may be set; ours is an open pipe's, which never blocks, and others are the program's.
    unsafe { PySignal_SetWakeupFd(fd) }
}

/// The same for the versions that keep that function to themselves. They refuse a descriptor that is closed by now, and
/// have none then.
#[cfg(not(Py_3_13))]
fn exchange(fd: RawFd) -> RawFd {
    /// Looked up once: the hub asks for it before each sleep and after.
    static SET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Python::attach(|py| {
        // Not the module `signal`, whose function a program may have replaced.
        let look_up = || Ok::<_, PyErr>(py.import("_signal")?.getattr("set_wakeup_fd")?.unbind());
        let set = SET.get_or_try_init(py, look_up)?.bind(py);
        set.call1((fd,)).or_else(|_| set.call1((NONE,)))?.extract()
    })
    .unwrap_or(NONE)
}

/// As long as it exists, a signal ends the reactor's wait.
pub struct Lent(());

impl Lent {
    fn new(fd: RawFd) -> Lent {
        let before = exchange(fd);
        match LENT.swap(fd, Relaxed) {
            // A handler runs the loop: ours is in the place of the program's already.
            lent if lent != NONE && lent == before => {}
            // A handler found ours there, and has put it back later.
            _ if before == fd => PROGRAMS.store(NONE, Relaxed),
            _ => PROGRAMS.store(before, Relaxed),
        }
        Lent(())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        take_back();
    }
}

fn take_back() {
    let ours = LENT.swap(NONE, Relaxed);
    if ours == NONE {
        return;
    }
    let found = exchange(PROGRAMS.load(Relaxed));
    if found != ours {
        // A handler has set another meanwhile.
        exchange(found);
        PROGRAMS.store(found, Relaxed);
    }
}

impl EventLoop {
    /// To be called when there is nothing to do but to wait. Calls the handlers of signals that have come.
    pub(super) fn hear_signals(&self, py: Python<'_>) -> Option<Lent> {
        if !self.in_main_thread.load(Relaxed) {
            return None;
        }
        loop {
            // Out of descriptors, a signal may be as late as the next event.
            let fd = self
                .with_reactor(py, |reactor| reactor.signal_pipe())
                .ok()?;
            let lent = Lent::new(fd);
            self.attend_signals(py);
            // A handler that has run the loop, or forked, has taken it back.
            if LENT.load(Relaxed) == fd {
                return Some(lent);
            }
        }
    }

    /// Calls the handlers of signals that have come. An error is one of the main greenlet's.
    pub(super) fn attend_signals(&self, py: Python<'_>) {
        if let Err(error) = py.check_signals() {
            self.report(py, py.None().bind(py), error);
        }
    }

    /// Whether this is the thread that the process began with, which runs Python's handlers.
    pub(super) fn look_at_thread(&self) {
        // SAFETY: both only return a number.
        let is_main = unsafe { libc::gettid() == libc::getpid() };
        self.in_main_thread.store(is_main, Relaxed);
    }
}

/// What the C handler has written is the program's to read, if it wants to.
pub fn hand_on(number: u8) {
    let fd = PROGRAMS.load(Relaxed);
    if fd == NONE {
        return;
    }
    // SAFETY: it is not -1. If it is closed by now, or no longer the program's, CPython would have written there as well.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    // As if CPython had been told not to complain of a full buffer.
    let _ = rustix::io::write(fd, &[number]);
}

/// take_back_wakeup_fd()
///
/// In a forked child: CPython's signal handler no longer writes to a pipe that a hub of the parent listens to.
#[pyfunction]
pub fn take_back_wakeup_fd() {
    take_back();
}
