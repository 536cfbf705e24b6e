//! Watchers for moments in the loop's own turning, and for a call from another thread.

use pyo3::prelude::*;

use super::{Kind, Moment, Watcher};
use crate::hub::EventLoop;

/// What these classes have instead of bodies of their own.
macro_rules! without_arguments {
    ($($(#[$doc:meta])* $name:literal $class:ident $kind:expr;)*) => {$(
        $(#[$doc])*
        #[pyclass(frozen, extends = Watcher, name = $name, module = "verdigris.core")]
        pub struct $class;

        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(signature = (r#loop, r#ref = true, priority = None))]
            pub fn new(r#loop: &Bound<'_, EventLoop>, r#ref: bool, priority: Option<i32>) -> PyClassInitializer<$class> {
                Watcher::new(r#loop, $kind, r#ref, priority).add_subclass($class)
            }
        }
    )*};
}

without_arguments! {
    /// Called each time that the loop has nothing to do but to wait; while one is started it doesn't wait.
    "idle" Idle Kind::Moment(Moment::Idle);
    /// Called each turn, before the loop waits.
    "prepare" Prepare Kind::Moment(Moment::BeforeWait);
    /// Called each turn, after the loop has waited.
    "check" Check Kind::Moment(Moment::AfterWait);
    /// Called in a forked child, in the first turn after `loop.reinit()`.
    "fork" Fork Kind::Moment(Moment::AfterFork);
    /// Called when `send` was, from whatever thread.
    "async_" Async Kind::Moment(Moment::Sent);
}

#[pymethods]
impl Async {
    /// Has the callback called in the loop's thread, soon. Several calls before it is are one.
    fn send(slf: &Bound<'_, Self>) {
        let watcher = slf.as_super();
        if watcher.get().state.borrow(slf.py()).active {
            Watcher::pend(watcher, 0);
        }
    }

    /// `send`, for use as a callback that is given something.
    fn send_ignoring_arg(slf: &Bound<'_, Self>, _ignored: &Bound<'_, PyAny>) {
        Async::send(slf);
    }
}
