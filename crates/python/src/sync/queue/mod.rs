//! Queues between greenlets.
//!
//! `items` is what a queue holds and in which order it gives it out, `flow` who may put and get
//! now and who is next; `simple` joins the two into `SimpleQueue`, whose `methods` `put` and `get` are fast. `Queue` adds tasks and
//! shutdown; `LifoQueue` and `PriorityQueue` are `Queue`s in another order. `Channel` holds
//! nothing, and shares only the exceptions with them.

mod channel;
mod errors;
mod flow;
mod items;
mod joinable;
mod methods;
mod ordered;
mod simple;

use pyo3::prelude::*;

/// Adds the names of this module to `_core`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<simple::SimpleQueue>()?;
    methods::register(module.py())?;
    module.add_class::<joinable::Queue>()?;
    module.add_class::<ordered::LifoQueue>()?;
    module.add_class::<ordered::PriorityQueue>()?;
    module.add_class::<channel::Channel>()
}
