//! Raw greenlets: what greenlet 3.5 calls `greenlet.greenlet`, on stacks of their own.
//!
//! `object` is a greenlet's data and life, `class` its type with its `attributes`, `switch` the one door that every switch goes through, `quick` its two common cases, `throw` what brings an exception there, `entry` what a
//! greenlet runs first and last, `thread_state` the part of CPython's thread state that moves
//! with a stack, `stack_size` how large those are, `overflow` what is said when one was too small, `compaction` how they are
//! taken from those that wait for long (`frames` says when that may be), `shared_stack` how greenlets take turns on one (with the `carrier`, and what is known of the `collector`), `thread` what is kept for
//! each thread, with the `roster` of those that have stacks, `thread_end` what becomes of them, `trace` the tracer, `task` what gevent's
//! `Greenlet` adds, `tracked` what its raw ones add, `spawn_tree` where either comes from.

mod attributes;
mod c_api;
mod carrier;
mod class;
mod collector;
pub mod compaction;
mod entry;
mod frames;
mod greenlet_ref;
pub mod local_dict;
pub mod method;
pub mod object;
mod overflow;
mod quick;
mod roster;
mod shared_stack;
mod spawn_tree;
mod stack_size;
pub mod switch;
pub mod task;
mod task_class;
mod task_methods;
pub mod thread;
mod thread_end;
mod thread_state;
mod throw;
pub mod trace;
mod tracked;

use pyo3::prelude::*;

pub use greenlet_ref::GreenletRef;
pub use object::note_order;
pub use task_class::construct;
pub use task_methods::{killer, spawn_for};
pub use thread::Thread;

/// Adds the names of this module to `_core`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    thread::refuse_subinterpreter()?;
    thread_state::check_layout(py)?;
    module.add("greenlet", class::base_type(py)?)?;
    module.add("Greenlet", task_class::task_type(py)?)?;
    module.add("TrackedRawGreenlet", tracked::tracked_type(py)?)?;
    module.add_function(wrap_pyfunction!(thread::get_total_main_greenlets, module)?)?;
    module.add_function(wrap_pyfunction!(thread::get_pending_cleanup_count, module)?)?;
    module.add_function(wrap_pyfunction!(thread::set_thread_local, module)?)?;
    module.add("_C_API", c_api::capsule(py)?)?;
    module.add_function(wrap_pyfunction!(compaction::compact, module)?)?;
    module.add_function(wrap_pyfunction!(compaction::get_compact_after, module)?)?;
    module.add_function(wrap_pyfunction!(compaction::set_compact_after, module)?)?;
    module.add_function(wrap_pyfunction!(shared_stack::get_share_above, module)?)?;
    module.add_function(wrap_pyfunction!(shared_stack::set_share_above, module)?)?;
    module.add_function(wrap_pyfunction!(shared_stack::count_evicted, module)?)?;
    module.add_function(wrap_pyfunction!(stack_size::get_stack_size, module)?)?;
    module.add_function(wrap_pyfunction!(stack_size::set_stack_size, module)?)?;
    module.add_function(wrap_pyfunction!(spawn_tree::track_greenlet_tree, module)?)?;
    module.add_function(wrap_pyfunction!(getcurrent, module)?)?;
    module.add_function(wrap_pyfunction!(trace::settrace, module)?)?;
    module.add_function(wrap_pyfunction!(trace::gettrace, module)?)?;
    class::add_functions(module)?;
    module.add_function(wrap_pyfunction!(task_methods::set_spawn_callbacks, module)?)?;
    Ok(())
}

/// getcurrent()
///
/// The greenlet that is running; in a thread that never switched, its main greenlet. Raises
/// RuntimeError while the interpreter is being finalized.
#[pyfunction]
fn getcurrent(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    thread::refuse_at_exit()?;
    Ok(Thread::attended(py)?.current_ref().bind(py).clone())
}
