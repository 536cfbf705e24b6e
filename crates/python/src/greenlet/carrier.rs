//! What copies greenlets out and in while one of them runs on the stack that they share: a context on a stack of its own.

#![expect(unsafe_code, reason = "a context, and pointers to greenlets")]

use std::cell::Cell;
use std::ptr;

use coro::{Context, Stack};

use super::object::{Inner, Status};
use super::thread::Thread;
use super::thread_state::Tracing;

/// One a thread.
#[derive(Default)]
pub struct Carrier {
    stack: Cell<Option<Stack>>,
    context: Cell<Option<Box<Context>>>,
    /// Who has been switched away from, and to.
    order: Cell<Option<[*const Inner; 2]>>,
}

impl Carrier {
    /// Makes it, unless that has been done. False for want of memory.
    pub fn prepare(&self, thread: &Thread) -> bool {
        if !self.context().is_null() {
            return true;
        }
        let Ok(stack) = thread.take_stack() else {
            return false;
        };
        // SAFETY: the stack is unused, and kept with the context.
        let context = unsafe { Context::new(&stack, carry) };
        self.context.set(Some(Box::new(context)));
        self.stack.set(Some(stack));
        true
    }

    /// Where to switch to, to go on in `to`, on whose stack `from` runs, or has ended. It was prepared before any shared one.
    pub fn to(&self, from: &Inner, to: &Inner) -> *mut Context {
        self.order.set(Some([from, to]));
        self.context()
    }

    /// Its context, which stays where it is; null before it is made.
    fn context(&self) -> *mut Context {
        // SAFETY: only looked at.
        unsafe { (*self.context.as_ptr()).as_mut() }
            .map_or(ptr::null_mut(), |context| &raw mut **context)
    }

    /// Gives up its stack, as the thread ends.
    pub fn close(&self) {
        drop((self.context.take(), self.stack.take()));
    }
}

/// What it runs.
///
/// # Safety
/// Reached by a switch to what `Carrier::to` has returned, with the thread as its word, as in every switch; the state of who runs
/// has been saved, unless it has ended, and none has been loaded.
unsafe extern "C" fn carry(mut word: usize) -> ! {
    loop {
        // SAFETY: by contract. Both greenlets are alive: Thread holds them as the running one and the origin.
        unsafe {
            let thread = &*ptr::with_exposed_provenance::<Thread>(word);
            let carrier = &thread.lodgings.carrier;
            let Some([from, to]) = carrier.order.take() else {
                unreachable!("the carrier was switched to for nothing");
            };
            let (from, to) = (&*from, &*to);
            let tstate = thread.tstate.get();
            let tracing = Tracing::of(tstate);
            match from.status.get() {
                Status::Dead => from.leave_shared(),
                _ => from.make_way(),
            }
            to.put_back(from);
            (*to.state.get()).load(tstate, tracing);
            word = Context::switch(carrier.context(), to.context.get(), word);
        }
    }
}
