//! Threads with hubs and greenlets that wait for each other, in thousands of schedules.
//!
//! What is tested is the crate itself: its line, its cell and its wakes are the ones that are built. Round them,
//! `world`, `greenlet` and `cast` have as little of a hub as there can be, and `semaphore`, `event` and `queue` do with
//! the crate what the primitives of those names do. Each thread of the model is shuttle's, the GIL is shuttle's mutex,
//! and it changes hands wherever Python may run. Greenlets are killed, and some survive it; timers expire, wake-ups
//! come too late, and a thread ends, at any point.
//!
//! A lost wake-up leaves somebody waiting for ever, which shuttle reports as a deadlock; the rest is asserted: a wait
//! is ended once, and by what names it; nobody waits while a permit, an item or a slot is free, and none is given out
//! twice; nobody is overtaken, or told of what came before the wait. Schedules come from fixed seeds, so a failure
//! comes again.
//!
//! Seen to fail with each of these in the crate: `conclude` says that nobody was notified, or leaves the cell as it
//! was; `is_on` or `is_due` does not ask for the number, or not for the state; `find` begins at the tail; `pop_before`
//! goes past its bound, or is bound by a count, which holes make too large; a promise of either kind is not counted,
//! not asked for or not redeemed; `make` stops after the first, `make_to_all` after the getters. The test named
//! The native threads of `crew` need no hub, and are a model of their own; it has failed with `leave` that takes out the
//! wrong one, with `put` that calls nobody while there are tasks, and with one who is called and leaves without a look.
//! `planted` shows with each run that a lost wake-up is seen.

mod cast;
mod crew;
mod event;
mod greenlet;
mod queue;
mod semaphore;
mod world;
