//! The public face of coro: switching, stacks, pools. One behaviour a module.

mod harness;
mod image;
mod many;
mod overflow;
mod planted;
mod pool;
mod registers;
mod switching;
mod unwinding;
