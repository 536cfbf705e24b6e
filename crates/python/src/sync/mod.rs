//! What greenlets synchronise with: events, locks, queues, greenlet-local storage, timeouts.
//!
//! Everything here stands on two things of [`crate::hub`]: a `WaitQueue`, where greenlets wait in
//! order, and what waking one of them came to (`Wake`). The rules that all the files share:
//!
//! - The GIL makes each step atomic; a step ends where Python code or another greenlet may run,
//!   so nothing is borrowed there.
//! - A permit, a slot or an item is *handed over*: whoever gives it up gives it to the first that
//!   waits, so nobody overtakes, and nobody is woken for nothing.
//! - A greenlet that was handed something and killed before it ran hands it on.

mod async_result;
mod bounded_semaphore;
mod current;
mod event;
mod fresh_refs;
mod group;
mod linkable;
mod local;
mod lock;
mod native_rlock;
mod outcomes;
mod queue;
mod rlock;
mod semaphore;
mod task_queue;
mod thread_handle;
mod threading;
mod timeout;

use pyo3::prelude::*;

pub use group::Group;
pub use outcomes::Outcomes;
pub use thread_handle::ThreadHandle;
pub use timeout::Timeout;

/// Adds the names of this module to `_core`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<event::Event>()?;
    module.add_class::<async_result::AsyncResult>()?;
    module.add_class::<semaphore::Semaphore>()?;
    module.add_class::<bounded_semaphore::BoundedSemaphore>()?;
    module.add_class::<rlock::RLock>()?;
    lock::register(module.py())?;
    module.add_class::<lock::Lock>()?;
    module.add_class::<local::Local>()?;
    module.add_function(wrap_pyfunction!(local::local_dict_of, module)?)?;
    module.add_class::<ThreadHandle>()?;
    native_rlock::register(module.py())?;
    module.add_class::<native_rlock::NativeRLock>()?;
    fresh_refs::register(module.py())?;
    module.add_class::<fresh_refs::FreshRefs>()?;
    module.add_function(wrap_pyfunction!(current::get_ident, module)?)?;
    module.add_function(wrap_pyfunction!(threading::new_thread_name, module)?)?;
    module.add_function(wrap_pyfunction!(threading::current_thread, module)?)?;
    module.add_function(wrap_pyfunction!(threading::start_joinable_thread, module)?)?;
    module.add_function(wrap_pyfunction!(threading::thread_methods, module)?)?;
    timeout::register(module.py())?;
    module.add_class::<Timeout>()?;
    group::register(module.py())?;
    module.add_class::<Group>()?;
    module.add_class::<Outcomes>()?;
    module.add_class::<task_queue::TaskQueue>()?;
    queue::register(module)
}
