//! What the kernel knows: file descriptors, time, signals, and a call from another thread.
//!
//! A [`Reactor`] belongs to one event loop. The loop says what it waits for, waits, and is given a list of
//! [`Ready`]: plain data, never a callback, so nothing here can run the caller's code in the middle of its own.
//! Who is to run because of a `Ready` is the caller's business.
//!
//! Waiting takes three steps, so that the middle one, which borrows nothing from the reactor, can be done with a lock
//! of the caller's let go:
//!
//! ```
//! # use {reactor::*, std::time::Duration};
//! # fn main() -> std::io::Result<()> {
//! let mut reactor = Reactor::new()?;
//! let mut events = Events::with_capacity(256);
//! let mut ready = Vec::new();
//!
//! reactor.set_timer(reactor.now(), 7);
//! let (poller, timeout) = reactor.prepare(None); // how long may we wait?
//! poller.wait(&mut events, timeout)?; // the only call that blocks
//! reactor.collect(&events, &mut ready); // what does it mean?
//! assert_eq!(ready, [Ready::Timer { token: 7 }]);
//! # Ok(())
//! # }
//! ```
//!
//! | file | what |
//! | --- | --- |
//! | `reactor` | the three steps, and the one place where the other files meet |
//! | `ready` | all that leaves this crate |
//! | `table` | who wants what of which fd; the essay on epoll |
//! | `timers` | who has a deadline |
//! | `wheel` | when they are |
//! | `clock` | monotonic time, or a test's |
//! | `signals` | signals as data |
//! | `signal_pipe` | an end to the wait, for others' signal handlers |
//! | `children` | the end of a process as an fd |
//! | `waker` | wake-ups from other threads |
//! | `sys` | the contract with the kernel, and a file for each that meets it |

mod children;
mod clock;
mod reactor;
mod ready;
mod signal_pipe;
mod signals;
mod sys;
mod table;
mod timers;
mod waker;
mod wheel;

pub use crate::{
    children::{end_of_child, end_of_process},
    clock::Clock,
    reactor::{Reactor, Statistics},
    ready::{Interest, Key, Readiness, Ready},
    sys::{Events, Poller, check_open, forks, look, thread_id},
    timers::TimerKey,
    waker::{Ear, Waker},
};
