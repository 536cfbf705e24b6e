//! Waiting awake for a native thread that will answer at once.
//!
//! Who has just given a thread something to do, and has nothing else to do, is often called back before it were asleep.
//! So the loop waits awake for a moment, without the GIL, and hears the thread without the kernel. It does so once for
//! what it has given away, and not at all for a while where that did not pay (`wait::Patience`): a loop that is idle
//! sleeps.

use std::mem;

use pyo3::prelude::*;
use wait::{Patience, Spell};

use super::event_loop::EventLoop;
use crate::gil;

#[derive(Default)]
pub(super) struct Anticipation {
    /// Something was given to a native thread since the last wait.
    expects: bool,
    patience: Patience,
}

impl EventLoop {
    /// A native thread, which will wake this loop when it is done, has been given something to do.
    pub fn expect_answer(&self, py: Python<'_>) {
        self.anticipation.borrow_mut(py).expects = true;
    }

    /// Waits awake for a moment, if an answer is expected. Says whether it did: then it is to look at what has come to
    /// pass, and not to wait.
    pub(super) fn anticipate(&self, py: Python<'_>) -> bool {
        let expects = {
            let mut anticipation = self.anticipation.borrow_mut(py);
            mem::take(&mut anticipation.expects) && anticipation.patience.allows()
        };
        if !expects {
            return false;
        }
        let spell = gil::release(py, || {
            let ear = self.waker.listen()?;
            Some(Spell::pass(|| ear.hears()))
        });
        if let Some(spell) = spell {
            self.anticipation.borrow_mut(py).patience.book(spell);
        }
        self.attend_signals(py);
        true
    }
}
