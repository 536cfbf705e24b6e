//! Which native thread this is, and whether the process is the one it was, without asking the kernel each time: either
//! only changes in the child of a fork, of which libc tells.
//!
//! It does not tell of a bare clone(2), in whose child libc itself doesn't know who it is.

#![expect(unsafe_code, reason = "pthread_atfork(3) is given a C function")]

use std::{
    cell::Cell,
    sync::{
        Once,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

// Relaxed is enough: it is changed where there is one thread, the one that forked.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// How many forks lie between this process and the one that asked first.
pub fn forks() -> u32 {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // SAFETY: the function is there as long as the library, with which libc forgets it, and it does what a child of
        // a process with threads may do: it changes an atomic.
        let failed = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        assert_eq!(failed, 0, "there is memory to note what to do at a fork");
    });
    FORKS.load(Relaxed)
}

extern "C" fn in_child() {
    FORKS.fetch_add(1, Relaxed);
}

/// The number that the kernel has given the running thread.
pub fn thread_id() -> i32 {
    thread_local! {
        /// With how many forks there had been when it was asked for.
        static KNOWN: Cell<Option<(u32, i32)>> = const { Cell::new(None) };
    }
    let forks = forks();
    match KNOWN.get() {
        Some((then, id)) if then == forks => id,
        _ => {
            let id = rustix::thread::gettid().as_raw_nonzero().get();
            KNOWN.set(Some((forks, id)));
            id
        }
    }
}
