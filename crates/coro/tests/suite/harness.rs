//! Closures on stacks of their own: what the tests need of coro, in safe clothes.

#![expect(unsafe_code, reason = "wraps the switch")]

use std::cell::Cell;
use std::rc::Rc;

use coro::{Config, Context, Pool, Stack};

/// A closure on its own stack. It gets a [`Way`] back, and words in and out.
pub struct Coroutine {
    way: Rc<Way>,
    stack: Stack,
}

/// The two ends of a coroutine, and what it has to say at its end.
pub struct Way {
    outside: Cell<Context>,
    inside: Cell<Context>,
    body: Cell<Option<Box<Body>>>,
    finished: Cell<bool>,
}

type Body = dyn FnOnce(&Way, usize) -> usize;

impl Coroutine {
    pub fn new(stack: Stack, body: impl FnOnce(&Way, usize) -> usize + 'static) -> Coroutine {
        // SAFETY: the stack is fresh from a pool, and held as long as the coroutine.
        let context = unsafe { Context::new(&stack, entry) };
        let way = Way {
            outside: Cell::new(Context::empty()),
            inside: Cell::new(context),
            body: Cell::new(Some(Box::new(body))),
            finished: Cell::new(false),
        };
        Coroutine {
            way: Rc::new(way),
            stack,
        }
    }

    /// Lets the closure run on until it calls [`Way::leave`] or ends; returns its word.
    pub fn enter(&self, word: usize) -> usize {
        assert!(!self.way.finished.get());
        let way = &*self.way;
        let word = if self.started() {
            word
        } else {
            start_word(way, word)
        };
        // SAFETY: not finished, so `inside` is prepared or was saved by `leave`, on this thread.
        unsafe { Context::switch(way.outside.as_ptr(), way.inside.as_ptr(), word) }
    }

    pub fn finished(&self) -> bool {
        self.way.finished.get()
    }

    /// The stack that it runs on.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Where it is suspended.
    pub fn context(&self) -> Context {
        self.way.inside.get()
    }

    fn started(&self) -> bool {
        let body = self.way.body.take();
        let started = body.is_none();
        self.way.body.set(body);
        started
    }
}

impl Way {
    /// Goes back to whoever entered; returns the word that they enter with next.
    pub fn leave(&self, word: usize) -> usize {
        // SAFETY: `outside` was saved by `enter`, which is waiting.
        unsafe { Context::switch(self.inside.as_ptr(), self.outside.as_ptr(), word) }
    }
}

thread_local! {
    /// The word of a first entry, whose place in the switch is taken by the address of the `Way`.
    static FIRST: Cell<usize> = const { Cell::new(0) };
}

fn start_word(way: &Way, word: usize) -> usize {
    FIRST.set(word);
    std::ptr::from_ref(way).expose_provenance()
}

unsafe extern "C" fn entry(way: usize) -> ! {
    // SAFETY: `start_word` made it of a `Way` that `enter` borrows, and the coroutine keeps alive.
    let way = unsafe { &*std::ptr::with_exposed_provenance::<Way>(way) };
    let body = way.body.take().expect("a coroutine starts once");
    let word = body(way, FIRST.get());
    way.finished.set(true);
    way.leave(word);
    unreachable!("entered after its end")
}

/// A pool and one of its stacks, of the default size.
pub fn pool() -> Pool {
    Pool::new(Config::default()).unwrap()
}

/// A closure on a stack of its own pool.
pub fn coroutine(body: impl FnOnce(&Way, usize) -> usize + 'static) -> Coroutine {
    Coroutine::new(pool().take().unwrap(), body)
}
