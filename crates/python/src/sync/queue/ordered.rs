//! `LifoQueue` and `PriorityQueue`: a `Queue` that gives its items out in another order.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::items::Order;
use super::joinable::Queue;

/// A `Queue` that gives out what was put last.
#[pyclass(frozen, subclass, extends = Queue, module = "verdigris.queue")]
pub struct LifoQueue;

#[pymethods]
impl LifoQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        Queue::with_order(Order::Lifo).add_subclass(Self)
    }
}

/// A `Queue` that gives out the smallest item; usually items are (priority, data) tuples.
#[pyclass(frozen, subclass, extends = Queue, module = "verdigris.queue")]
pub struct PriorityQueue;

#[pymethods]
impl PriorityQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        Queue::with_order(Order::Priority).add_subclass(Self)
    }
}
