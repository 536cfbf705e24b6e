//! Which hub a thread has.

use std::mem;
use std::sync::atomic::Ordering;

use coro::thread_pointer;
use pyo3::prelude::*;

use super::event_loop::{EventLoop, HubLink};
use crate::greenlet::Thread;

/// set_hub(hub, loop)
///
/// Makes `hub`, a greenlet, and its loop those of this thread. None, None: this thread has none.
#[pyfunction]
#[pyo3(signature = (hub, r#loop))]
pub fn set_hub(hub: &Bound<'_, PyAny>, r#loop: Option<Bound<'_, EventLoop>>) -> PyResult<()> {
    let py = hub.py();
    let thread = Thread::current(py)?;
    let link = match r#loop {
        Some(event_loop) => {
            event_loop
                .get()
                .home
                .store(thread_pointer(), Ordering::Relaxed);
            let old = event_loop
                .get()
                .hub
                .borrow_mut(py)
                .replace(hub.clone().into());
            drop(old);
            Some(HubLink {
                greenlet: hub.clone().into(),
                event_loop: event_loop.unbind(),
            })
        }
        None => None,
    };
    let old = mem::replace(&mut *thread.hub.borrow_mut(), link);
    drop(old);
    Ok(())
}

/// hub_if_exists()
///
/// This thread's hub, or None.
#[pyfunction]
pub fn hub_if_exists(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let link = Thread::current(py)?.hub.borrow();
    Ok(link
        .as_ref()
        .map_or_else(|| py.None(), |link| link.greenlet.bind(py).clone().unbind()))
}
