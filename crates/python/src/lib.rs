//! `verdigris._core`: the Rust that knows Python.

use pyo3::prelude::*;

#[pymodule]
mod _core {}
