//! What a program has put in place of `hub.loop`: an object that passes on to the loop, and does something besides.
//!
//! What the core asks of a loop it asks of the real one, and a stand-in is not seen; but for the two calls that such objects
//! are made for. It is told when the clock is looked at for a timer, and asked when another thread schedules a callback.

use pyo3::prelude::*;

use super::event_loop::EventLoop;
use crate::gil::Ref;

impl EventLoop {
    fn stand_in(&self, py: Python<'_>) -> Option<Ref> {
        let stand_in = self.stand_in.borrow(py);
        stand_in.as_ref().map(|object| object.clone_ref(py))
    }

    /// Whether something stands in for it, and is to be asked first.
    #[inline]
    pub fn has_stand_in(&self, py: Python<'_>) -> bool {
        self.stand_in.borrow(py).is_some()
    }

    /// The clock is about to be looked at for a timer.
    #[cold]
    pub fn tell_of_look(&self, py: Python<'_>) {
        if let Some(stand_in) = self.stand_in(py)
            && let Err(error) = stand_in.bind(py).call_method0("update_now")
        {
            error.write_unraisable(py, Some(stand_in.bind(py)));
        }
    }

    /// Has the stand-in schedule `callback(argument)`, which it passes on to the loop.
    #[cold]
    pub fn schedule_by_stand_in(
        &self,
        callback: &Bound<'_, PyAny>,
        argument: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = callback.py();
        match self.stand_in(py) {
            Some(stand_in) => stand_in
                .bind(py)
                .call_method1("run_callback_threadsafe", (callback, argument))
                .map(drop),
            None => Ok(()),
        }
    }
}

#[pymethods]
impl EventLoop {
    /// Something stands in for it from now on, or nothing does, if it is None. `Hub.loop` calls this when it is assigned.
    fn _set_stand_in(&self, py: Python<'_>, stand_in: Option<Py<PyAny>>) {
        let stand_in = stand_in.map(Ref::from);
        let old = std::mem::replace(&mut *self.stand_in.borrow_mut(py), stand_in);
        drop(old);
    }
}
