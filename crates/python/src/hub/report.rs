//! Errors that nobody waits for, on their way to the hub's `handle_error`, or to what was put in its place.

use pyo3::prelude::*;

use super::event_loop::EventLoop;
use crate::error::GreenletExit;
use crate::gil::Ref;

impl EventLoop {
    /// Has `run` raise an error as soon as the current job is done.
    pub(super) fn end(&self, py: Python<'_>, error: PyErr) {
        let previous = self.ending.borrow_mut(py).replace(error);
        self.turn.borrow_mut(py).budget = 0;
        drop(previous);
    }

    /// Hands an error to `handle_error`.
    pub fn report(&self, py: Python<'_>, context: &Bound<'_, PyAny>, error: PyErr) {
        let handled = self.handler(py).and_then(|handler| {
            let value = error.value(py);
            handler.bind(py).call_method1(
                "handle_error",
                (context, value.get_type(), value, error.traceback(py)),
            )
        });
        match handled {
            // handle_error lets HubDestroyed through.
            Err(failure) if failure.is_instance_of::<GreenletExit>(py) => self.end(py, failure),
            Err(failure) => {
                error.write_unraisable(py, Some(context));
                failure.write_unraisable(py, Some(context));
            }
            Ok(_) => {}
        }
    }

    /// What errors are handed to.
    fn handler(&self, py: Python<'_>) -> PyResult<Ref> {
        match &*self.error_handler.borrow(py) {
            Some(handler) => Ok(handler.clone_ref(py)),
            None => self.hub(py),
        }
    }
}

#[pymethods]
impl EventLoop {
    /// handle_error(context, type, value, tb)
    ///
    /// Passes an error to the `error_handler`, or to the hub.
    fn handle_error(
        &self,
        py: Python<'_>,
        context: &Bound<'_, PyAny>,
        r#type: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        tb: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.handler(py)?
            .bind(py)
            .call_method1("handle_error", (context, r#type, value, tb))?;
        Ok(())
    }

    /// What errors of callbacks are handed to, as `error_handler.handle_error(context, type, value, tb)`: what was
    /// assigned, else the hub while it runs the loop, else None.
    #[getter(error_handler)]
    fn get_error_handler(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let running = self.turn.borrow(py).depth > 0;
        let assigned = self.error_handler.borrow(py);
        let handler = match &*assigned {
            Some(handler) => Some(handler.clone_ref(py)),
            None if running => self.hub.borrow(py).as_ref().map(|hub| hub.clone_ref(py)),
            None => None,
        };
        handler.map(|handler| handler.bind(py).clone().unbind())
    }

    #[setter(error_handler)]
    fn set_error_handler(&self, py: Python<'_>, handler: Option<Py<PyAny>>) {
        let handler = handler.map(Ref::from);
        let old = std::mem::replace(&mut *self.error_handler.borrow_mut(py), handler);
        drop(old);
    }
}
