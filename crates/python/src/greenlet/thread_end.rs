//! What becomes of a thread's greenlets when it ends.
//!
//! Those that are suspended are unwound, here and now: what lies on their stacks (locals, `finally` clauses to be
//! run, a lock that was handed over a moment ago) can be released by nobody but themselves, in their own thread, and
//! this is the last moment of it. It is late: CPython is clearing the thread state, and that a finalizer may still
//! run Python then is all that it promises. So greenlets may do what they like but wait.
//!
//! A spawned greenlet gets GreenletExit, as if killed, and a hub HubDestroyed. A raw one gets [`ThreadExit`], which is
//! no GreenletExit: greenlet leaves its own as they are, never to go on, and programs rely on seeing no GreenletExit
//! then. Greenlet's price is that the `finally` clauses don't run, and that what the stack refers to is lost.
//!
//! There are two ends at which nothing is unwound. In a forked child the threads of the parent are cleared by
//! another thread, which cannot run on their stacks; and when the interpreter is ending there is little left to run
//! in. There greenlets stay as they are, and so does their memory.

#![expect(
    unsafe_code,
    reason = "greenlets that are running in a thread which is gone"
)]

use std::ptr;

use coro::Pool;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use super::collector::is_collector;
use super::object::{Status, inner, of};
use super::stack_size::stack_config;
use super::switch;
use super::thread::{Thread, refuse_at_exit};
use crate::error::{GreenletExit, HubDestroyed, ThreadExit};
use crate::gil::Ref;
use crate::hub::HubLink;

/// How often a thread's greenlets are unwound: while they are, some may start others, or refuse. As often as POSIX
/// has the destructors of a thread's own data called.
const ROUNDS: usize = 4;

impl Thread {
    /// Ends the thread's part in greenlets, while its thread state is being cleared.
    pub(super) fn end(&self, py: Python<'_>) {
        // SAFETY: the GIL is held, so there is a current thread state.
        let is_running = ptr::eq(self.tstate.get(), unsafe { ffi::PyThreadState_Get() });
        let in_main = ptr::eq(self.current.get().cast(), self.main.as_ptr());
        if is_running && in_main && refuse_at_exit().is_ok() {
            self.ending.set(true);
            let pending = PyErr::take(py);
            self.reap();
            self.unwind(py);
            self.end_hub(py);
            if let Some(error) = pending {
                error.restore(py);
            }
        }
        self.alive.set(false);
        self.lodgings.close();
        // Greenlets that live on keep the Thread, and it need not keep the memory of the others.
        if let Ok(empty) = Pool::new(stack_config()) {
            drop(self.pool.replace(empty));
        }
    }

    /// Makes all that are suspended exit, the hub excepted, whose turn comes when nobody can need it any more.
    fn unwind(&self, py: Python<'_>) {
        for _ in 0..ROUNDS {
            let mut some = false;
            let mut all = self.roster.all(py);
            // The others may need the stack that the collector runs on.
            all.sort_by_key(|greenlet| !is_collector(of(greenlet.bind(py))));
            for greenlet in all {
                let me = of(greenlet.bind(py));
                if me.status.get() != Status::Active || self.is_hub(&greenlet) {
                    continue;
                }
                let exit = match me.task {
                    Some(_) => PyErr::new::<GreenletExit, _>(()),
                    None => PyErr::new::<ThreadExit, _>(()),
                };
                switch::kill(py, self, greenlet.as_ptr().cast(), exit);
                some = true;
            }
            if !some {
                return;
            }
        }
    }

    fn is_hub(&self, greenlet: &Ref) -> bool {
        let link = self.hub.borrow();
        link.as_ref()
            .is_some_and(|link| link.greenlet.as_ptr() == greenlet.as_ptr())
    }

    /// Ends the hub by its own `destroy`, which also ends the native threads that it lends out; and parts it from its
    /// loop, whatever `destroy` has come to, as they refer to each other.
    fn end_hub(&self, py: Python<'_>) {
        let link = self.hub.borrow().as_ref().map(|link| HubLink {
            greenlet: link.greenlet.clone_ref(py),
            event_loop: link.event_loop.clone_ref(py),
        });
        let Some(HubLink {
            greenlet,
            event_loop,
        }) = link
        else {
            return;
        };
        if let Ok(destroy) = greenlet.bind(py).getattr(intern!(py, "destroy"))
            && let Err(error) = destroy.call1((true,))
        {
            error.write_unraisable(py, Some(greenlet.bind(py)));
        }
        drop(self.hub.take());
        if of(greenlet.bind(py)).status.get() == Status::Active {
            let exit = PyErr::new::<HubDestroyed, _>(());
            switch::kill(py, self, greenlet.as_ptr().cast(), exit);
        }
        event_loop.get().destroy(py);
    }

    /// Lets go of the main greenlet, and of the one that was running, usually the same. To be done once it has ended.
    pub(super) fn release(&self) {
        let main = self.main.take();
        if let Some(main) = &main {
            // SAFETY: the slot held a greenlet. From now on what refers to it can be garbage.
            unsafe { inner(main.as_ptr().cast()) }
                .status
                .set(Status::Dead);
        }
        // SAFETY: `current` owned a reference, which is taken over.
        let current = unsafe { Ref::from_owned(self.current.replace(ptr::null_mut()).cast()) };
        if let Some(current) = &current {
            // SAFETY: it is a greenlet that will never go on, though its thread was cut off while it ran. The thread
            // state has its context and its frames: what was saved of them when it was last suspended is stale, and no
            // reference, so none of it may be walked, or released.
            unsafe {
                let me = inner(current.as_ptr().cast());
                me.status.set(Status::Dead);
                (*me.state.get()).replace_context(ptr::null_mut());
                std::mem::forget((me.own_stack.take(), me.shared_stack.take()));
            }
        }
    }
}
