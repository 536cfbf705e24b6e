//! Wake-ups from other threads, and from signal handlers.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::sys::WakeFd;

/// Ends a reactor's wait, or the next one if it isn't waiting.
///
/// Any number of calls before the reactor looks are one: the first writes to the kernel, the rest find it written.
#[derive(Clone)]
pub struct Waker(Arc<Inner>);

struct Inner {
    fd: WakeFd,
    /// Set when the fd has been written to and not yet drained.
    written: AtomicBool,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Waker> {
        Ok(Waker(Arc::new(Inner {
            fd: WakeFd::new()?,
            written: AtomicBool::new(false),
        })))
    }

    /// Wakes the reactor. What this thread wrote before the call is visible to the one that gets [`Ready::Woken`].
    ///
    /// [`Ready::Woken`]: crate::Ready::Woken
    pub fn wake(&self) {
        if !self.0.written.swap(true, Ordering::AcqRel) {
            self.0.fd.write();
        }
    }

    pub(crate) fn fd(&self) -> &WakeFd {
        &self.0.fd
    }

    /// Makes ready for the next call. The fd is drained *before* the flag falls: the other way round, a `wake` between
    /// the two would be drained with its flag left up, and all later ones would believe that it is still written.
    pub(crate) fn reset(&self) {
        self.0.fd.drain();
        self.0.written.swap(false, Ordering::AcqRel);
    }

    /// In a forked child: parts from the parent's fd. Every clone keeps working.
    pub(crate) fn reinit(&self) -> io::Result<()> {
        self.0.fd.reinit()?;
        self.0.written.store(false, Ordering::Release);
        Ok(())
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker")
            .field("written", &self.0.written)
            .finish()
    }
}
