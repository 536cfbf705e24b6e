//! `_ThreadHandle`: what `threading.Thread` holds of its running thread, from Python 3.13, under monkey patching.
//!
//! It waits for the end of a greenlet, and is told of it by a link that runs no Python: a program that starts a
//! thread for each piece of work makes one of these, asks it and joins it each time.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::current::current_id;
use super::linkable;
use crate::gil::{GilCell, Ref};
use crate::greenlet::task;
use crate::hub::{NativeLink, WaitQueue};

/// Of a thread that is a greenlet: its number, and whether it has ended.
#[pyclass(
    frozen,
    subclass,
    weakref,
    name = "_ThreadHandle",
    module = "verdigris.thread"
)]
#[derive(Default)]
pub struct ThreadHandle {
    state: GilCell<State>,
    /// It has ended, or was declared to have.
    done: AtomicBool,
    joining: WaitQueue,
}

#[derive(Default)]
struct State {
    /// Kept alive until it ends, as a native thread would be.
    greenlet: Option<Ref>,
    /// 0 before it was started.
    ident: usize,
    /// After how many forks it was started: threads do not come along into the child of one.
    forks: Option<u32>,
}

impl ThreadHandle {
    fn has_ended(&self, py: Python<'_>) -> bool {
        let elsewhere = || {
            let forks = self.state.borrow(py).forks;
            forks.is_some_and(|forks| forks != reactor::forks())
        };
        self.done.load(Relaxed) || elsewhere()
    }

    /// The greenlet has ended, or is said to have: whoever waits for that goes on.
    pub fn end(slf: &Bound<'_, Self>) {
        let (py, handle) = (slf.py(), slf.get());
        handle.done.store(true, Relaxed);
        let greenlet = handle.state.borrow_mut(py).greenlet.take();
        handle.joining.notify_all(py, slf.as_any());
        drop(greenlet);
    }

    /// Makes it that of a greenlet that was just spawned.
    ///
    /// Raises:
    ///     TypeError: `greenlet` is no Greenlet.
    pub fn attach(slf: &Bound<'_, Self>, greenlet: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, handle) = (slf.py(), slf.get());
        let Some(task) = task::task_of(greenlet) else {
            return Err(PyTypeError::new_err("not a Greenlet"));
        };
        handle.live(py, greenlet.as_ptr().addr(), Some(greenlet.clone().into()));
        if task.is_done() {
            Self::end(slf);
        } else {
            let link = NativeLink::Thread(slf.clone().unbind());
            task.links().push_native(py, link);
        }
        Ok(())
    }

    /// Whether it is, or was, some greenlet's.
    pub fn is_started(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).ident != 0
    }

    fn live(&self, py: Python<'_>, ident: usize, greenlet: Option<Ref>) {
        *self.state.borrow_mut(py) = State {
            greenlet,
            ident,
            forks: Some(reactor::forks()),
        };
    }
}

#[pymethods]
impl ThreadHandle {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The `get_ident` of the greenlet; 0 before it was started.
    #[getter]
    fn ident(&self, py: Python<'_>) -> usize {
        self.state.borrow(py).ident
    }

    /// Whether the greenlet has ended, or been declared to have.
    ///
    /// In the child of a fork every thread counts as ended but the one that forked: `threading`
    /// asks for that.
    fn is_done(&self, py: Python<'_>) -> bool {
        self.has_ended(py)
    }

    /// Waits for the end.
    ///
    /// Args:
    ///     timeout: seconds to wait at most; None or below 0 is without limit.
    ///
    /// Raises:
    ///     RuntimeError: the greenlet waits for itself, or was not started.
    #[pyo3(signature = (timeout=None))]
    fn join(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let ident = self.state.borrow(py).ident;
        if ident == 0 {
            return Err(PyRuntimeError::new_err("thread not started"));
        }
        if self.has_ended(py) {
            return Ok(());
        }
        if ident == current_id(py)? {
            return Err(PyRuntimeError::new_err("Cannot join current thread"));
        }
        let endless = match timeout {
            None => true,
            Some(timeout) => timeout.lt(0)?,
        };
        let timeout = timeout.filter(|_| !endless);
        linkable::wait(py, &self.joining, timeout, || self.has_ended(py)).map(drop)
    }

    /// Declares it ended.
    ///
    /// Raises:
    ///     RuntimeError: it was not started.
    fn _set_done(slf: &Bound<'_, Self>) -> PyResult<()> {
        if !slf.get().is_started(slf.py()) {
            return Err(PyRuntimeError::new_err("thread not started"));
        }
        Self::end(slf);
        Ok(())
    }

    /// Makes it that of the running greenlet, whose end nobody tells.
    fn _attach_running(&self, py: Python<'_>) -> PyResult<()> {
        self.live(py, current_id(py)?, None);
        Ok(())
    }

    /// Is alive in the child of a fork: it was the thread of this handle that forked.
    fn survive_fork(&self, py: Python<'_>) {
        self.state.borrow_mut(py).forks = Some(reactor::forks());
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = linkable::class_name(slf.as_any())?;
        let ident = slf.get().ident(slf.py());
        Ok(format!("<{class} object: ident={ident}>"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.state
            .inspect(|state| visit.call(state.greenlet.as_ref().map(Ref::as_py)))?;
        self.joining.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        let greenlet = self.state.borrow_mut(py).greenlet.take();
        drop(greenlet);
        self.joining.clear(py);
    }
}
