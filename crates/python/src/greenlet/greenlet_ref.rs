//! A reference to an object that is known to be a greenlet, and what of it the processor can be told to fetch.

#![expect(unsafe_code, reason = "looks into greenlets")]

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::object::{Inner, PyGreenlet, WithTask, inner, is_greenlet};
use super::thread::Thread;
use crate::gil::Ref;

/// A reference to an object that is known to be a greenlet.
pub struct GreenletRef(Ref);

impl GreenletRef {
    /// Checks the type.
    pub fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if !is_greenlet(object) {
            return Err(PyTypeError::new_err(format!(
                "a greenlet is needed, not {}",
                object.get_type().name()?
            )));
        }
        Ok(Self(object.clone().into()))
    }

    /// The running greenlet.
    pub fn current(py: Python<'_>) -> PyResult<Self> {
        Thread::current(py).map(Self::current_of)
    }

    /// The same, for one that knows the running thread.
    pub fn current_of(thread: &Thread) -> Self {
        Self(thread.current_ref())
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.clone_ref(py))
    }

    pub fn bind<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        self.0.bind(py)
    }

    pub fn as_ptr(&self) -> *mut PyGreenlet {
        self.0.as_ptr().cast()
    }

    pub fn inner(&self) -> &Inner {
        // SAFETY: it was checked to be a greenlet, and we keep it alive.
        unsafe { inner(self.as_ptr()) }
    }

    pub fn into_ref(self) -> Ref {
        self.0
    }

    /// Has the processor fetch the object, which `prefetch_inner` will look at.
    #[inline]
    pub fn prefetch(&self) {
        coro::prefetch(self.as_ptr());
    }

    /// Has the processor fetch what is behind it, which `prefetch_stack` will look at.
    #[inline]
    pub fn prefetch_inner(&self) {
        // Most have a task behind it.
        coro::prefetch(std::ptr::from_ref(self.inner()).cast::<WithTask>());
    }

    /// Has the processor fetch what it touches first when it goes on.
    #[inline]
    pub fn prefetch_stack(&self) {
        // SAFETY: nobody switches while this reads where the stack was left, or what was copied of it.
        unsafe {
            match &*self.inner().image.as_ptr() {
                Some(image) => image.prefetch(),
                None => (*self.inner().context.get()).prefetch(STACK_LINES),
            }
        }
    }

    /// Has the processor fetch what it touches if it ends.
    #[inline]
    pub fn prefetch_end(&self) {
        if let Some(task) = &self.inner().task {
            task.prefetch();
        }
    }

    /// And what that leads to.
    #[inline]
    pub fn prefetch_argument(&self) {
        if let Some(task) = &self.inner().task {
            coro::prefetch(task.first_argument());
        }
    }
}

/// Cache lines that a greenlet touches on its way back from a wait into Python, and on to its end if its function was the
/// wait itself. Some of those above a short stack are its Python frames. Every return from a function is guessed wrong
/// after a switch and put right by the address on the stack, so a line that is missing stops everything: with 8 a
/// greenlet among 50,000 takes twice as long to wake, with 24 to 40 it is the same.
const STACK_LINES: usize = 28;
