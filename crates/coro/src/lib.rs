//! Stacks, and the switch from one to another.
//!
//! A *switch* stops the running computation where it stands, keeps what it needs to go on (its stack pointer; all
//! else lies on its own stack), and lets another go on from where that one had stopped. It is symmetric: any
//! computation may switch to any other, and each switch carries one word across. Who may run, when, and what the word
//! means is the caller's affair: this crate knows no scheduler and no Python.
//!
//! ```text
//!   Pool ──take──▶ Stack ──Context::new──▶ Context ──switch──▶ …
//!     ▲              │                     (a stack pointer)
//!     └─────give─────┘
//! ```
//!
//! A [`Pool`] belongs to one thread and hands out [`Stack`]s, which are slots of large mappings with a guard below
//! each. A [`Context`] is a computation that is not running at present. A handler of SIGSEGV asks [`Overflow`] whether
//! one of them has run off its stack.
//!
//! ```
//! use coro::{Config, Context, Pool};
//! use std::cell::Cell;
//!
//! thread_local! {
//!     static MAIN: Cell<Context> = const { Cell::new(Context::empty()) };
//!     static DOUBLER: Cell<Context> = const { Cell::new(Context::empty()) };
//! }
//!
//! unsafe extern "C" fn doubler(mut word: usize) -> ! {
//!     loop {
//!         let (me, main) = (DOUBLER.with(Cell::as_ptr), MAIN.with(Cell::as_ptr));
//!         word = unsafe { Context::switch(me, main, word * 2) };
//!     }
//! }
//!
//! let mut pool = Pool::new(Config::default())?;
//! let stack = pool.take()?;
//! DOUBLER.set(unsafe { Context::new(&stack, doubler) });
//! let (main, doubler) = (MAIN.with(Cell::as_ptr), DOUBLER.with(Cell::as_ptr));
//! assert_eq!(unsafe { Context::switch(main, doubler, 21) }, 42);
//! assert_eq!(unsafe { Context::switch(main, doubler, 4) }, 8);
//! # Ok::<(), std::io::Error>(())
//! ```

mod arch;
mod context;
mod image;
mod overflow;
mod pool;
mod sanitizer;
mod signal_stack;
mod spare;
mod stack;

pub use context::{Context, call_as_outermost, prefetch, thread_pointer};
pub use image::{Image, release};
pub use overflow::Overflow;
pub use pool::{Config, Pool};
pub use signal_stack::ensure_signal_stack;
pub use spare::Spare;
pub use stack::Stack;
