//! How large the stacks are that greenlets run on: a setting of the process.
//!
//! It may change at any time, and counts for every greenlet that starts from then on: a thread whose pool holds
//! stacks of another size finds out when it takes the next one (`Thread::take_stack`).

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use coro::{Config, Pool};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// CPython 3.11 has no count of its own for recursion in C, so a stack must hold whatever the recursion limit
/// allows: nested `sorted(key=…)` takes more than 1 MiB for it. From 3.12 on the count follows the stack
/// (`StackState::begin`).
const DEFAULT: usize = if cfg!(Py_3_12) { 1 << 20 } else { 4 << 20 };

static STACK_SIZE: AtomicUsize = AtomicUsize::new(DEFAULT);

/// What a stack that is made now is to be like.
#[inline]
pub fn stack_config() -> Config {
    Config {
        stack_size: STACK_SIZE.load(Relaxed),
        ..Config::default()
    }
}

/// get_stack_size()
///
/// How many bytes the next greenlet's stack is to have.
#[pyfunction]
pub fn get_stack_size() -> usize {
    STACK_SIZE.load(Relaxed)
}

/// set_stack_size(bytes)
///
/// Has every greenlet that starts from now on, in any thread, run on a stack of so many bytes. `verdigris.config`
/// checks the number more strictly. Raises ValueError for one that no stack can be made of.
#[pyfunction]
pub fn set_stack_size(bytes: usize) -> PyResult<()> {
    let config = Config {
        stack_size: bytes,
        ..Config::default()
    };
    Pool::new(config).map_err(|error| PyValueError::new_err(error.to_string()))?;
    STACK_SIZE.store(bytes, Relaxed);
    Ok(())
}
