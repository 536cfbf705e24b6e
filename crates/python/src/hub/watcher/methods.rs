//! What Python sees of any watcher.

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyAttributeError, PyTypeError},
    prelude::*,
    types::PyTuple,
};

use super::{Watcher, check_callable, clamp};
use crate::hub::EventLoop;

#[pymethods]
impl Watcher {
    /// Looks out, and calls `callback(*args)` each time.
    ///
    /// On one that is started already, only replaces callback and arguments. Raises TypeError if `callback` can't be called.
    #[pyo3(signature = (callback, *args))]
    fn start(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        Self::begin(slf, callback, args, false)
    }

    /// No longer looks out, and forgets callback and arguments. It can be started again.
    fn stop(slf: &Bound<'_, Self>) {
        Self::end(slf);
    }

    /// Stops it for good; to be called when it is no longer needed.
    fn close(slf: &Bound<'_, Self>) {
        Self::end(slf);
        slf.get().release(slf.py());
    }

    /// Has `callback(*args)` called in the loop's next turn, as if `revents` had happened.
    #[pyo3(signature = (revents, callback, *args))]
    fn feed(
        slf: &Bound<'_, Self>,
        revents: i32,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        Self::assign(slf, callback, args, false)?;
        Self::pend(slf, revents);
        Ok(())
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exc_info))]
    fn __exit__(slf: &Bound<'_, Self>, _exc_info: &Bound<'_, PyTuple>) {
        Self::close(slf);
    }

    /// The loop that made it.
    #[getter(r#loop)]
    fn owning_loop(&self, py: Python<'_>) -> Py<EventLoop> {
        self.owner.clone_ref(py)
    }

    /// What is called, or None when it is neither started nor pending.
    #[getter]
    fn callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state
            .borrow(py)
            .callback
            .as_ref()
            .map(|callback| callback.clone_ref(py))
    }

    #[setter]
    fn set_callback(&self, py: Python<'_>, callback: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        callback.map_or(Ok(()), check_callable)?;
        let new = callback.map(|callback| callback.clone().unbind());
        let old = std::mem::replace(&mut self.state.borrow_mut(py).callback, new);
        drop(old);
        Ok(())
    }

    /// The arguments for the callback, a tuple or None.
    #[getter]
    fn args(&self, py: Python<'_>) -> Option<Py<PyTuple>> {
        self.state
            .borrow(py)
            .args
            .as_ref()
            .map(|args| args.clone_ref(py))
    }

    #[setter]
    fn set_args(&self, py: Python<'_>, args: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let new = match args {
            None => None,
            Some(args) => Some(
                args.cast::<PyTuple>()
                    .map_err(|_| expected_tuple(args))?
                    .clone()
                    .unbind(),
            ),
        };
        let old = std::mem::replace(&mut self.state.borrow_mut(py).args, new);
        drop(old);
        Ok(())
    }

    /// Whether it is started.
    #[getter]
    fn active(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).active
    }

    /// Whether its callback is about to be called.
    #[getter]
    fn pending(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).pending
    }

    /// Whether it keeps the loop running while it is started.
    #[getter(r#ref)]
    fn referenced(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).referenced
    }

    #[setter(r#ref)]
    fn set_referenced(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = value.is_truthy()?;
        let mut state = self.state.borrow_mut(py);
        let before = std::mem::replace(&mut state.referenced, value);
        let owner = self.owner(py).get();
        match (state.active, before, value) {
            (true, true, false) => owner.keep_alive(py, -1),
            (true, false, true) => owner.keep_alive(py, 1),
            _ => {}
        }
        Ok(())
    }

    /// Among those that are pending at one time, higher ones are called first. Can't be set while it is started.
    #[getter]
    fn priority(&self, py: Python<'_>) -> i32 {
        self.state.borrow(py).priority
    }

    #[setter]
    fn set_priority(&self, py: Python<'_>, priority: i32) -> PyResult<()> {
        let mut state = self.state.borrow_mut(py);
        if state.active {
            return Err(PyAttributeError::new_err(
                "Cannot set priority of an active watcher",
            ));
        }
        state.priority = clamp(priority);
        Ok(())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        let name = slf.get_type().name()?;
        let state = slf.get().state.borrow(py);
        let mut text = format!("<{name} at {:p}", slf.as_ptr());
        text.push_str(&state.kind.details());
        for (word, holds) in [(" active", state.active), (" pending", state.pending)] {
            text.push_str(if holds { word } else { "" });
        }
        let parts = [
            (
                " callback=",
                state
                    .callback
                    .as_ref()
                    .map(|callback| callback.clone_ref(py)),
            ),
            (
                " args=",
                state
                    .args
                    .as_ref()
                    .map(|args| args.clone_ref(py).into_any()),
            ),
        ];
        drop(state);
        for (label, part) in parts {
            if let Some(part) = part {
                text.push_str(label);
                text.push_str(part.bind(py).repr()?.to_str()?);
            }
        }
        text.push('>');
        Ok(text)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.owner)?;
        self.state.inspect(|state| {
            visit.call(&state.callback)?;
            visit.call(&state.args)
        })
    }

    fn __clear__(&self, py: Python<'_>) {
        self.forget_callback(py);
    }
}

fn expected_tuple(args: &Bound<'_, PyAny>) -> PyErr {
    match args.get_type().name() {
        Ok(name) => PyTypeError::new_err(format!("Expected tuple, got {name}")),
        Err(error) => error,
    }
}
