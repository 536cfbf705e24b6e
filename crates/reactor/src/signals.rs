//! Signals as data: the handler notes the number and wakes the reactor, which tells its caller in its own time.
//!
//! A signal belongs to the process, and a handler has no argument to find its reactor by. So there is one table for
//! the process: for each signal, where to note it. One reactor at a time watches a signal.
//!
//! Our handler takes the place of the one that was there (Python's, say) and doesn't call it: a program that asks to be
//! told of SIGINT would otherwise get a KeyboardInterrupt as well. What was there comes back when the watch ends, unless
//! somebody put yet another handler in our place, which then stays.

#![expect(
    unsafe_code,
    reason = "sigaction(2), and what may be done in a signal handler"
)]

use std::{
    ffi::c_int,
    io,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};

use crate::{ready::Ready, waker::Waker};

/// The signals that one reactor watches.
pub(crate) struct Signals {
    waker: Waker,
    /// Made at the first watch. Never freed, since a handler may still be running in another thread when the watch
    /// ends, and nothing tells when it is done. Few reactors ever watch signals.
    arrivals: Option<&'static Arrivals>,
    previous: Vec<(i32, libc::sigaction)>,
}

struct Arrivals {
    /// Bit `n - 1` for signal `n`.
    pending: AtomicU64,
    waker: Waker,
}

impl Signals {
    pub(crate) fn new(waker: Waker) -> Signals {
        Signals {
            waker,
            arrivals: None,
            previous: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, number: i32) -> io::Result<()> {
        if self.previous.iter().any(|&(watched, _)| watched == number) {
            return Ok(());
        }
        let slot = slot(number).ok_or(io::ErrorKind::InvalidInput)?;
        let arrivals: &'static Arrivals = self.arrivals.get_or_insert_with(|| {
            Box::leak(Box::new(Arrivals {
                pending: AtomicU64::new(0),
                waker: self.waker.clone(),
            }))
        });
        let ours = ptr::from_ref(arrivals).cast_mut();
        slot.compare_exchange(ptr::null_mut(), ours, Ordering::AcqRel, Ordering::Relaxed)
            .map_err(|_| io::ErrorKind::ResourceBusy)?;
        match exchange(number, Some(&our_action())) {
            Ok(previous) => {
                self.previous.push((number, previous));
                Ok(())
            }
            Err(error) => {
                slot.store(ptr::null_mut(), Ordering::Release);
                Err(error)
            }
        }
    }

    pub(crate) fn remove(&mut self, number: i32) {
        let Some(at) = self
            .previous
            .iter()
            .position(|&(watched, _)| watched == number)
        else {
            return;
        };
        let (_, previous) = self.previous.swap_remove(at);
        // Neither call can fail: `add` succeeded for this number.
        if exchange(number, None).is_ok_and(|now| now.sa_sigaction == our_action().sa_sigaction) {
            let _ = exchange(number, Some(&previous));
        }
        if let Some(slot) = slot(number) {
            slot.store(ptr::null_mut(), Ordering::Release);
        }
        if let Some(arrivals) = self.arrivals {
            arrivals.pending.fetch_and(!bit(number), Ordering::AcqRel);
        }
    }

    pub(crate) fn collect(&self, out: &mut Vec<Ready>) {
        let Some(arrivals) = self.arrivals else {
            return;
        };
        let mut pending = arrivals.pending.swap(0, Ordering::AcqRel);
        while pending != 0 {
            out.push(Ready::Signal {
                number: pending.trailing_zeros() as i32 + 1,
            });
            pending &= pending - 1;
        }
    }

    /// How many have arrived and were not collected.
    pub(crate) fn pending(&self) -> u32 {
        self.arrivals.map_or(0, |arrivals| {
            arrivals.pending.load(Ordering::Acquire).count_ones()
        })
    }

    pub(crate) fn watched(&self) -> usize {
        self.previous.len()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        while let Some(&(number, _)) = self.previous.last() {
            self.remove(number);
        }
    }
}

/// The handler. It does what is async-signal-safe: atomics, and one bare write(2), which doesn't touch `errno`.
extern "C" fn arrived(number: c_int) {
    let Some(slot) = slot(number) else { return };
    // SAFETY: what is in a slot was leaked, so it lives for ever.
    if let Some(arrivals) = unsafe { slot.load(Ordering::Acquire).as_ref() } {
        arrivals.pending.fetch_or(bit(number), Ordering::AcqRel);
        arrivals.waker.wake();
    }
}

fn our_action() -> libc::sigaction {
    // SAFETY: a sigaction of zeroes is a valid one: no flags, an empty mask, the default action.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = arrived as extern "C" fn(c_int) as libc::sighandler_t;
    // System calls elsewhere in the process go on as if nothing had happened; an alternate stack is used if there is one.
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the mask is ours to write.
    unsafe { libc::sigfillset(&mut action.sa_mask) };
    action
}

/// Sets a signal's action, or only reads it, and returns the one before.
fn exchange(number: i32, action: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut previous = MaybeUninit::uninit();
    let action = action.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `action` is null or a whole sigaction, whose handler is ours or one that was in force before; `previous`
    // has room for one.
    match unsafe { libc::sigaction(number, action, previous.as_mut_ptr()) } {
        // SAFETY: the call succeeded, so it was written.
        0 => Ok(unsafe { previous.assume_init() }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn slot(number: i32) -> Option<&'static AtomicPtr<Arrivals>> {
    SLOTS.get(usize::try_from(number).ok()?.checked_sub(1)?)
}

fn bit(number: i32) -> u64 {
    1 << (number - 1)
}

static SLOTS: [AtomicPtr<Arrivals>; 64] = [const { AtomicPtr::new(ptr::null_mut()) }; 64];
