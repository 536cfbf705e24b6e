//! The hub: who runs next.
//!
//! `event_loop` is `hub.loop`: the run queue and the reactor, and the turn that connects them.
//! `waiter` is one greenlet at one wait, `wait_queue` a FIFO of them, which every primitive
//! stands on; `io` is waiting for file descriptors; `sleep` and `spawn` are what their names say.

mod anticipation;
mod breaking;
mod calendar;
mod callback;
mod eagerness;
pub mod event_loop;
mod facade;
mod gather;
mod housekeeping;
mod interrupts;
mod interval;
pub mod io;
mod job;
mod limit;
mod locked_out;
mod lookahead;
mod native_link;
mod of_thread;
mod poll;
mod priority;
mod report;
mod run_callback;
mod sleep;
mod spawn;
mod stand_in;
mod timers;
mod wait_queue;
mod waiter;
pub mod watcher;

use pyo3::prelude::*;

pub use event_loop::{EventLoop, HubLink};
pub use job::{Job, Throw};
pub use limit::{Limit, truth};
pub use locked_out::bring_later;
pub use native_link::NativeLink;
pub use of_thread::hub_if_exists;
pub use timers::{TimerId, TimerTarget};
pub use wait_queue::WaitQueue;
pub use waiter::{Waiter, Wake};

/// Adds the names of this module to `_core`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<EventLoop>()?;
    run_callback::register(module.py())?;
    module.add("callback", callback::class(module.py())?)?;
    watcher::register(module)?;
    module.add_function(wrap_pyfunction!(sleep::sleep, module)?)?;
    module.add_function(wrap_pyfunction!(of_thread::set_hub, module)?)?;
    module.add_function(wrap_pyfunction!(of_thread::hub_if_exists, module)?)?;
    module.add_function(wrap_pyfunction!(waiter::switch_out, module)?)?;
    module.add_function(wrap_pyfunction!(interrupts::take_back_wakeup_fd, module)?)?;
    module.add_function(wrap_pyfunction!(spawn::spawn_raw, module)?)?;
    module.add_function(wrap_pyfunction!(spawn::kill, module)?)?;
    module.add_function(wrap_pyfunction!(spawn::killall, module)?)?;
    module.add_function(wrap_pyfunction!(gather::wait, module)?)?;
    module.add_function(wrap_pyfunction!(gather::iwait, module)?)?;
    module.add_function(wrap_pyfunction!(gather::joinall, module)?)?;
    Ok(())
}
