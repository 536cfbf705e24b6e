//! `loop.break_()`: how a call of `loop.run()` is made to return before there is nothing left to do.

use pyo3::prelude::*;

use super::event_loop::EventLoop;

/// Which calls of `run` are to return.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Break {
    #[default]
    None,
    Innermost,
    All,
}

impl Break {
    pub fn is_set(self) -> bool {
        self != Break::None
    }

    /// What is left of it when a call of `run` has returned, out of `depth` others.
    pub fn after_return(self, depth: u32) -> Break {
        match self {
            Break::All if depth > 0 => Break::All,
            _ => Break::None,
        }
    }
}

impl EventLoop {
    /// Whether `run` is to return now.
    pub(super) fn is_to_stop(&self, py: Python<'_>) -> bool {
        self.turn.borrow(py).broken.is_set() || self.ending.borrow(py).is_some()
    }
}

#[pymethods]
impl EventLoop {
    /// break_(how=1)
    ///
    /// Has `run` return when the callback that calls this is done. `how`, in libev's numbers: 1 is the innermost call of
    /// `run`, 2 is all of them, 0 takes a break back that has not happened yet. Without effect while nothing runs the loop.
    #[pyo3(signature = (how = 1))]
    fn break_(&self, py: Python<'_>, how: i32) {
        let mut turn = self.turn.borrow_mut(py);
        if turn.depth == 0 {
            return;
        }
        turn.broken = match how {
            0 => Break::None,
            1 => Break::Innermost,
            _ => Break::All,
        };
        if turn.broken.is_set() {
            turn.budget = 0;
        }
    }

    /// How many calls of `run` are under way: 0 outside, 1 in a callback, more where a callback runs the loop again.
    #[getter]
    fn depth(&self, py: Python<'_>) -> u32 {
        self.turn.borrow(py).depth
    }

    /// How many times the loop has looked for what is ready.
    #[getter]
    fn iteration(&self, py: Python<'_>) -> u64 {
        self.turn.borrow(py).iteration
    }
}
