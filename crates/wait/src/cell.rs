//! One greenlet's waiting, as a number and a state.
//!
//! Each wait has a number of its own, so that a wake-up which comes too late (the greenlet was killed, or timed out,
//! or waits for something else by now) is seen to be void: it names another wait.

use std::cell::Cell;

use crate::wake::Wake;

/// What a greenlet knows of its own waiting.
#[derive(Default)]
pub struct WaitCell {
    number: Cell<u64>,
    state: Cell<State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Not waiting.
    #[default]
    Idle,
    Waiting,
    /// Ended by somebody; the greenlet has not run since.
    Ended(End),
}

/// What others can end a wait as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Notified,
    TimedOut,
}

impl WaitCell {
    /// Begins a wait, and returns its number.
    #[inline]
    pub fn begin(&self) -> u64 {
        let number = self.number.get() + 1;
        self.number.set(number);
        self.state.set(State::Waiting);
        number
    }

    /// There is nothing to wait for after all: the wait that was begun does not take place.
    pub fn call_off(&self) {
        self.state.set(State::Idle);
    }

    /// Ends that wait, if nothing has ended it yet. Says whether it did: of all who try, one succeeds.
    #[inline]
    pub fn end(&self, wait: u64, end: End) -> bool {
        let waiting = self.is_on(wait);
        if waiting {
            self.state.set(State::Ended(end));
        }
        waiting
    }

    /// Whether the greenlet is still at that wait, and nothing has ended it.
    #[inline]
    pub fn is_on(&self, wait: u64) -> bool {
        self.number.get() == wait && self.state.get() == State::Waiting
    }

    /// Whether the greenlet is still at that wait, and is to go on.
    #[inline]
    pub fn is_due(&self, wait: u64) -> bool {
        self.number.get() == wait && matches!(self.state.get(), State::Ended(_))
    }

    /// Whether the greenlet is at no wait, not even at the end of one.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.state.get() == State::Idle
    }

    /// The number of the wait that it is at, if nothing has ended it yet.
    #[inline]
    pub fn pending(&self) -> Option<u64> {
        (self.state.get() == State::Waiting).then(|| self.number.get())
    }

    /// The greenlet goes on: the wait is over, whatever still refers to it. `outcome` is what the switch brought, an error
    /// being one that was thrown in. `stray` makes an error of a value that came though nobody had ended the wait.
    #[inline]
    pub fn conclude<V, E>(&self, outcome: Result<V, E>, stray: impl FnOnce(V) -> E) -> Wake<E> {
        let state = self.state.replace(State::Idle);
        match (outcome, state) {
            (Err(error), state) => Wake::Thrown {
                error,
                notified: state == State::Ended(End::Notified),
            },
            (Ok(_), State::Ended(End::Notified)) => Wake::Notified,
            (Ok(_), State::Ended(End::TimedOut)) => Wake::TimedOut,
            (Ok(value), State::Waiting | State::Idle) => Wake::Thrown {
                error: stray(value),
                notified: false,
            },
        }
    }
}
