//! Wake-ups from other threads, and from signal handlers.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use crate::sys::WakeFd;

/// Ends a reactor's wait, or the next one if it isn't waiting.
///
/// Any number of calls before the reactor looks are one: the first writes to the kernel, the rest find it written.
/// While the reactor's thread listens it hears them itself, and nobody writes.
#[derive(Clone)]
pub struct Waker(Arc<Bell<AtomicU8, WakeFd>>);

impl Waker {
    pub(crate) fn new() -> io::Result<Waker> {
        Ok(Waker(Arc::new(Bell {
            fd: WakeFd::new()?,
            state: AtomicU8::new(QUIET),
        })))
    }

    /// Wakes the reactor. What this thread wrote before the call is visible to the one that gets [`Ready::Woken`].
    ///
    /// [`Ready::Woken`]: crate::Ready::Woken
    pub fn wake(&self) {
        self.0.ring();
    }

    /// Begins to listen: for one who expects to be woken so soon that it pays to wait awake. Only for the reactor's own
    /// thread. None if the reactor has been woken already.
    ///
    /// To listen is no wait: before the next one the reactor is to be asked once with a timeout of zero.
    pub fn listen(&self) -> Option<Ear<'_>> {
        self.0.listen().then_some(Ear(&self.0))
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
        self.0.state.store(QUIET, Ordering::Release);
        Ok(())
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker")
            .field("state", &self.0.state)
            .finish()
    }
}

/// A reactor that listens to its wakers, until this is dropped.
pub struct Ear<'a>(&'a Bell<AtomicU8, WakeFd>);

impl Ear<'_> {
    /// Whether it has been woken.
    pub fn hears(&self) -> bool {
        self.0.is_heard()
    }
}

impl Drop for Ear<'_> {
    fn drop(&mut self) {
        self.0.stop_listening();
    }
}

impl fmt::Debug for Ear<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ear").field("hears", &self.hears()).finish()
    }
}

/// What threads share without a lock. It knows its two halves by what they do, so that its tests can have others, in
/// which every interleaving is tried.
struct Bell<F, W> {
    fd: W,
    state: F,
}

/// Nobody has rung: who does writes to the fd.
const QUIET: u8 = 0;
/// Somebody has rung since it was last quiet. The fd has been written to and not yet drained, unless somebody listened.
const RUNG: u8 = 1;
/// Nobody has rung, and the one who waits is awake: who rings need not write.
const LISTENING: u8 = 2;

/// An atomic number.
trait Flag {
    fn load(&self, order: Ordering) -> u8;
    fn swap(&self, value: u8, order: Ordering) -> u8;
    /// Whether it was `current`, and is `new` now.
    fn replace(&self, current: u8, new: u8, order: Ordering) -> bool;
}

/// What a waiting thread is woken through.
trait Line {
    fn write(&self);
    fn drain(&self);
}

impl<F: Flag, W: Line> Bell<F, W> {
    #[inline]
    fn ring(&self) {
        if self.state.swap(RUNG, Ordering::AcqRel) == QUIET {
            self.fd.write();
        }
    }

    /// The fd is drained *before* the flag falls: the other way round, a `ring` between the two would be drained with its
    /// flag left up, and all later ones would believe that it is still written.
    #[inline]
    fn reset(&self) {
        self.fd.drain();
        self.state.swap(QUIET, Ordering::AcqRel);
    }

    fn listen(&self) -> bool {
        self.state.replace(QUIET, LISTENING, Ordering::AcqRel)
    }

    fn is_heard(&self) -> bool {
        self.state.load(Ordering::Acquire) != LISTENING
    }

    /// Nothing was written meanwhile, so nothing is drained.
    fn stop_listening(&self) {
        self.state.swap(QUIET, Ordering::AcqRel);
    }
}

impl Flag for AtomicU8 {
    #[inline]
    fn load(&self, order: Ordering) -> u8 {
        AtomicU8::load(self, order)
    }

    #[inline]
    fn swap(&self, value: u8, order: Ordering) -> u8 {
        AtomicU8::swap(self, value, order)
    }

    #[inline]
    fn replace(&self, current: u8, new: u8, order: Ordering) -> bool {
        self.compare_exchange(current, new, order, Ordering::Acquire)
            .is_ok()
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
