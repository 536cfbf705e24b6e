//! How greenlets wait for each other, less the greenlets: who is in line, and how a wait ends; and how native threads
//! wait for tasks.
//!
//! This is the part of waiting in which a mistake is a lost wake-up, and it knows no Python, so that tests can put it
//! through more orders of events than an interpreter ever would: see `tests/model`.
//!
//! | file | what |
//! | --- | --- |
//! | `cell` | what one greenlet knows of its own waiting |
//! | `wake` | how a wait ended, and what is owed to others when it ended badly |
//! | `fifo` | a line that one can leave from the middle |
//! | `promises` | what a queue owes to those it has called from its lines |
//! | `crew` | tasks, and the native threads that wait for one |
//! | `patience` | whether a native thread should stay awake for a moment before it sleeps |
//! | `counter` | a number |
//!
//! Nothing here locks. Several threads share it under a lock of the caller's, which is the GIL; what the model
//! varies is where the lock changes hands, and what has happened to a greenlet meanwhile.

#![forbid(unsafe_code)]

mod cell;
mod counter;
mod crew;
mod fifo;
mod patience;
mod promises;
mod wake;

pub use crate::{
    cell::{End, WaitCell},
    counter::Counter,
    crew::Crew,
    fifo::Fifo,
    patience::{Patience, Spell},
    promises::{Line, Promises},
    wake::Wake,
};
