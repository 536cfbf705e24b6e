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
pub struct Waker(Arc<Bell<AtomicBool, WakeFd>>);

impl Waker {
    pub(crate) fn new() -> io::Result<Waker> {
        Ok(Waker(Arc::new(Bell {
            fd: WakeFd::new()?,
            written: AtomicBool::new(false),
        })))
    }

    /// Wakes the reactor. What this thread wrote before the call is visible to the one that gets [`Ready::Woken`].
    ///
    /// [`Ready::Woken`]: crate::Ready::Woken
    pub fn wake(&self) {
        self.0.ring();
    }

    pub(crate) fn fd(&self) -> &WakeFd {
        &self.0.fd
    }

    /// Makes ready for the next call.
    pub(crate) fn reset(&self) {
        self.0.reset();
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

/// What threads share without a lock. It knows its two halves by what they do, so that its tests can have others, in
/// which every interleaving is tried.
struct Bell<F, W> {
    fd: W,
    /// Set when the fd has been written to and not yet drained.
    written: F,
}

/// An atomic flag.
trait Flag {
    fn swap(&self, value: bool, order: Ordering) -> bool;
}

/// What a waiting thread is woken through.
trait Line {
    fn write(&self);
    fn drain(&self);
}

impl<F: Flag, W: Line> Bell<F, W> {
    #[inline]
    fn ring(&self) {
        if !self.written.swap(true, Ordering::AcqRel) {
            self.fd.write();
        }
    }

    /// The fd is drained *before* the flag falls: the other way round, a `ring` between the two would be drained with its
    /// flag left up, and all later ones would believe that it is still written.
    #[inline]
    fn reset(&self) {
        self.fd.drain();
        self.written.swap(false, Ordering::AcqRel);
    }
}

impl Flag for AtomicBool {
    #[inline]
    fn swap(&self, value: bool, order: Ordering) -> bool {
        AtomicBool::swap(self, value, order)
    }
}

impl Line for WakeFd {
    #[inline]
    fn write(&self) {
        WakeFd::write(self);
    }

    #[inline]
    fn drain(&self) {
        WakeFd::drain(self);
    }
}

#[cfg(test)]
#[path = "waker_tests.rs"]
mod tests;
