//! On whose stack the garbage collector runs.
//!
//! Its lists lie there while a finalizer that it has called waits, so that greenlet cannot make way for another one on its
//! stack. The collector says itself that it begins, and that it has ended, to the functions in `gc.callbacks`, of which ours is one
//! as soon as any greenlets share stacks.

#![expect(unsafe_code, reason = "pointers to greenlets")]

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use super::frames;
use super::object::{Inner, inner};
use super::thread::Thread;

/// On whose stack a collection of garbage is under way; null if there is none, or it is on nobody's that could share.
static COLLECTOR: AtomicPtr<Inner> = AtomicPtr::new(ptr::null_mut());

/// Whether the garbage collector runs on a greenlet's stack; or may, as nobody has said where it runs.
pub fn is_collector(greenlet: &Inner) -> bool {
    // SAFETY: the GIL is held by whoever switches greenlets.
    let py = unsafe { Python::assume_attached() };
    let collector = COLLECTOR.load(Relaxed);
    if !frames::is_collecting(py) {
        if !collector.is_null() {
            // Nobody has said that it has ended.
            COLLECTOR.store(ptr::null_mut(), Relaxed);
        }
        return false;
    }
    collector.is_null() || ptr::eq(collector, greenlet) || !is_watched(py)
}

/// The collector's list of whom to call, and our function in there.
static WATCH: PyOnceLock<(Py<PyList>, Py<PyAny>)> = PyOnceLock::new();

/// Has the garbage collector say on whose stack it runs.
pub fn watch(py: Python<'_>) -> PyResult<()> {
    let (callbacks, watch) = WATCH.get_or_try_init(py, || {
        let gc = py.import(intern!(py, "gc"))?;
        let callbacks = gc.getattr(intern!(py, "callbacks"))?.cast_into()?.unbind();
        let watch = wrap_pyfunction!(note_collection, py)?;
        PyResult::Ok((callbacks, watch.into_any().unbind()))
    })?;
    if !is_watched(py) {
        callbacks.bind(py).append(watch)?;
    }
    Ok(())
}

/// Whether it still does: anybody may take our function from the list, and then what was said last is worth nothing. This
/// runs no Python.
fn is_watched(py: Python<'_>) -> bool {
    WATCH.get(py).is_some_and(|(callbacks, watch)| {
        let mut all = callbacks.bind(py).iter();
        all.any(|callback| callback.is(watch))
    })
}

/// What the garbage collector calls when it begins and when it has ended, where it runs.
#[pyfunction]
#[expect(unused_variables, reason = "the collector says more than is asked")]
fn note_collection(py: Python<'_>, phase: &str, info: &Bound<'_, PyAny>) {
    let collector: *const Inner = match (phase, Thread::existing(py)) {
        // SAFETY: the running greenlet is alive.
        ("start", Some(thread)) => unsafe { inner(thread.current.get()) },
        ("start", None) => ptr::dangling(),
        _ => ptr::null(),
    };
    COLLECTOR.store(collector.cast_mut(), Relaxed);
}
