//! `NativeRLock`: what guards `threading`'s lists of threads under monkey patching.
//!
//! It keeps native threads out, not greenlets: nobody switches while he has it, and it may be asked for where nobody
//! can wait for a greenlet, such as in the hub. So does CPython's own, which takes twice the time, for a semaphore that
//! hardly anybody waits for: the GIL makes each step one. Only where two threads meet, because the one that has the lock
//! had to let go of the GIL before its few lines were over, the system has to help.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use coro::thread_pointer;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::fast_method::{self, FastMethod};
use crate::greenlet::method::Args;

/// A lock for short with-blocks, that the native thread which has it can take again.
#[pyclass(
    frozen,
    subclass,
    name = "_NativeRLock",
    module = "verdigris.threading"
)]
#[derive(Default)]
pub struct NativeRLock {
    // Relaxed is enough for these: the GIL orders all accesses.
    /// The native thread that has it, by a number that a fork does not change: the child may be in the midst of a with-block.
    /// 0 is none.
    holder: AtomicUsize,
    /// How often that has taken it.
    depth: AtomicU32,
    waiting: AtomicU32,
    /// How often it was given up while somebody waited.
    released: Mutex<u64>,
    changed: Condvar,
}

#[pymethods]
impl NativeRLock {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Takes the lock, as an RLock of CPython does: for programs that look at the lists of threads themselves.
    ///
    /// Args:
    ///     blocking: whether to wait if another native thread has it. This one waits with all its greenlets.
    ///     timeout: seconds to wait at most; -1 is without limit.
    ///
    /// Returns whether it has it now.
    ///
    /// Raises:
    ///     ValueError: a timeout without blocking, or one below 0.
    #[pyo3(signature = (blocking = true, timeout = -1.0))]
    fn acquire(&self, py: Python<'_>, blocking: bool, timeout: f64) -> PyResult<bool> {
        let endless = timeout == -1.0;
        if !(endless || blocking) {
            let message = "can't specify a timeout for a non-blocking call";
            return Err(PyValueError::new_err(message));
        }
        if !endless && (timeout.is_nan() || timeout < 0.0) {
            let message = "timeout value must be a non-negative number";
            return Err(PyValueError::new_err(message));
        }
        // One that is too long for the clock is without limit.
        let end = Duration::try_from_secs_f64(timeout)
            .ok()
            .and_then(|limit| Instant::now().checked_add(limit));
        while !self.try_take() {
            if !blocking || end.is_some_and(|end| end <= Instant::now()) {
                return Ok(false);
            }
            self.wait(py, end);
        }
        Ok(true)
    }

    /// Gives the lock up once.
    ///
    /// Raises:
    ///     RuntimeError: this native thread does not have it.
    fn release(&self) -> PyResult<()> {
        if self.try_give_up() {
            return Ok(());
        }
        self.give_up_to_others()
    }
}

impl NativeRLock {
    /// Takes it, unless another thread has it.
    #[inline]
    fn try_take(&self) -> bool {
        let (me, holder) = (thread_pointer(), self.holder.load(Relaxed));
        let free = holder == 0 || holder == me;
        if free {
            self.holder.store(me, Relaxed);
            self.depth.store(self.depth.load(Relaxed) + 1, Relaxed);
        }
        free
    }

    /// Gives it up once; false if that thread does not have it, or somebody waits for the end of this.
    #[inline]
    fn try_give_up(&self) -> bool {
        let depth = self.depth.load(Relaxed);
        let alone = self.holder.load(Relaxed) == thread_pointer()
            && (depth > 1 || self.waiting.load(Relaxed) == 0);
        if alone {
            self.lower(depth);
        }
        alone
    }

    fn lower(&self, depth: u32) {
        self.depth.store(depth - 1, Relaxed);
        if depth == 1 {
            self.holder.store(0, Relaxed);
        }
    }

    /// Gives it up once, and tells who waits.
    fn give_up_to_others(&self) -> PyResult<()> {
        if self.holder.load(Relaxed) != thread_pointer() {
            return Err(PyRuntimeError::new_err("cannot release un-acquired lock"));
        }
        self.lower(self.depth.load(Relaxed));
        *self.releases() += 1;
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until somebody gives it up or `end` has come, with the GIL let go. It may be another's again by then.
    fn wait(&self, py: Python<'_>, end: Option<Instant>) {
        // While the GIL is held, so that no release comes between.
        let before = *self.releases();
        self.waiting.fetch_add(1, Relaxed);
        py.detach(|| {
            let mut now = self.releases();
            while *now == before {
                let Some(end) = end else {
                    now = self
                        .changed
                        .wait(now)
                        .unwrap_or_else(PoisonError::into_inner);
                    continue;
                };
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let woken = self.changed.wait_timeout(now, left);
                now = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        });
        self.waiting.fetch_sub(1, Relaxed);
    }

    fn releases(&self) -> MutexGuard<'_, u64> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the class the methods of a with-block.
pub fn register(py: Python<'_>) -> PyResult<()> {
    fast_method::add::<Enter>(py)?;
    fast_method::add::<Exit>(py)
}

struct Enter;

impl FastMethod for Enter {
    type Class = NativeRLock;
    const NAME: &'static CStr = c"__enter__";
    const DOC: &'static CStr =
        c"__enter__($self, /)\n--\n\nTakes the lock. If another native thread has it, this one waits, with all its greenlets.";

    #[inline(always)]
    fn shortcut<'py>(slf: &Bound<'py, NativeRLock>, args: Args<'py>) -> Option<Bound<'py, PyAny>> {
        let taken = args.is_empty() && slf.get().try_take();
        taken.then(|| PyBool::new(slf.py(), true).to_owned().into_any())
    }

    fn call<'py>(slf: &Bound<'py, NativeRLock>, args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        args.bind::<0>("__enter__", [])?;
        while !slf.get().try_take() {
            slf.get().wait(slf.py(), None);
        }
        Ok(PyBool::new(slf.py(), true).to_owned().into_any())
    }
}

struct Exit;

impl FastMethod for Exit {
    type Class = NativeRLock;
    const NAME: &'static CStr = c"__exit__";
    const DOC: &'static CStr = c"__exit__($self, /, *exc_info)\n--\n\nGives the lock up once.\n\nRaises:\n    RuntimeError: this native thread does not have it.";

    #[inline(always)]
    fn shortcut<'py>(slf: &Bound<'py, NativeRLock>, _args: Args<'py>) -> Option<Bound<'py, PyAny>> {
        let given_up = slf.get().try_give_up();
        given_up.then(|| slf.py().None().into_bound(slf.py()))
    }

    fn call<'py>(slf: &Bound<'py, NativeRLock>, _args: Args<'py>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().give_up_to_others()?;
        Ok(slf.py().None().into_bound(slf.py()))
    }
}
