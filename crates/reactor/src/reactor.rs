//! The reactor: books for fds, timers and signals, and the three steps of waiting.

use std::{
    fmt, io, mem,
    os::fd::{AsRawFd, RawFd},
    sync::Arc,
    time::Duration,
};

use crate::{
    clock::Clock,
    ready::{Interest, Key, Ready},
    signal_pipe::SignalPipe,
    signals::Signals,
    sys::{Events, Poller, check_open},
    table::Table,
    timers::{TimerKey, Timers},
    waker::Waker,
};

/// What one event loop waits for.
pub struct Reactor {
    clock: Clock,
    now: Duration,
    poller: Arc<Poller>,
    table: Table,
    timers: Timers,
    waker: Waker,
    signals: Signals,
    /// Made when first asked for.
    signal_pipe: Option<SignalPipe>,
    rebuilds: u64,
}

/// What a reactor has done so far, for tests and for the curious.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Statistics {
    /// System calls made to tell the kernel what to watch.
    pub controls: u64,
    /// Times that the kernel's set was thrown away and made anew.
    pub rebuilds: u64,
}

impl Reactor {
    /// A reactor on real time.
    pub fn new() -> io::Result<Reactor> {
        Reactor::with_clock(Clock::monotonic())
    }

    /// A reactor that has its time from `clock`. The kernel still waits in real time: with a clock that is moved by hand,
    /// wait with a timeout of zero.
    pub fn with_clock(clock: Clock) -> io::Result<Reactor> {
        let waker = Waker::new()?;
        Ok(Reactor {
            now: clock.now(),
            clock,
            poller: new_poller(&waker)?,
            table: Table::default(),
            timers: Timers::default(),
            signals: Signals::new(waker.clone()),
            signal_pipe: None,
            waker,
            rebuilds: 0,
        })
    }

    /// Makes a file descriptor known. Any number of registrations may name the same one. No system call.
    ///
    /// It should be non-blocking, and must be deregistered before it is closed, or forgotten when it is.
    pub fn register(&mut self, fd: RawFd) -> Key {
        self.table.register(fd)
    }

    /// Ends a registration; its key is never valid again. To be called before the fd is closed.
    pub fn deregister(&mut self, key: Key) {
        self.table.deregister(&self.poller, key);
    }

    /// Waits for `interest` as well as for what was armed before. Each direction is told once, and is then disarmed.
    ///
    /// Usually costs no system call if it was waited for before. A regular file is ready at once. Fails with EBADF for a
    /// closed fd, `NotFound` for a key that isn't valid, and ENOSPC or ENOMEM when the kernel will watch no more.
    pub fn arm(&mut self, key: Key, interest: Interest) -> io::Result<()> {
        self.table.arm(&self.poller, key, interest)
    }

    /// No longer waits for `interest`. No system call.
    pub fn disarm(&mut self, key: Key, interest: Interest) {
        self.table.disarm(key, interest);
    }

    /// Disarms whatever waits on an fd that is about to be closed, or was, and returns the keys that did wait. They stay
    /// valid: what is opened under the same number later can be waited for by them.
    pub fn forget_fd(&mut self, fd: RawFd) -> Vec<Key> {
        self.table.forget(&self.poller, fd)
    }

    /// How many registrations wait for something.
    pub fn armed(&self) -> usize {
        self.table.armed()
    }

    /// Sets a timer; `deadline` is in this reactor's time, and one that is past is told at the next opportunity.
    pub fn set_timer(&mut self, deadline: Duration, token: u64) -> TimerKey {
        self.timers.set(deadline, token)
    }

    /// Cancels a timer; false if it has fired or was cancelled before.
    pub fn cancel_timer(&mut self, key: TimerKey) -> bool {
        self.timers.cancel(key)
    }

    /// How many timers are set.
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Gives back memory that a peak of timers has taken.
    pub fn shrink(&mut self) {
        self.timers.shrink();
    }

    /// The time as of the last [`update_now`](Reactor::update_now), [`prepare`](Reactor::prepare) or
    /// [`collect`](Reactor::collect).
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Looks at the clock.
    pub fn update_now(&mut self) -> Duration {
        self.now = self.clock.now();
        self.now
    }

    /// Watches a signal in place of the handler that it has. Watching it twice is once.
    ///
    /// Fails with `InvalidInput` for a number that is none or can't be caught, and with `ResourceBusy` if another reactor
    /// watches it.
    pub fn add_signal(&mut self, number: i32) -> io::Result<()> {
        self.signals.add(number)
    }

    /// Ends a signal's watch, and puts back the handler that it had.
    pub fn remove_signal(&mut self, number: i32) {
        self.signals.remove(number);
    }

    /// How many signals are watched.
    pub fn signals(&self) -> usize {
        self.signals.watched()
    }

    /// How many of them have arrived and were not told yet.
    pub fn pending_signals(&self) -> u32 {
        self.signals.pending()
    }

    /// A descriptor for signal handlers that are not this crate's: a byte that one writes to it ends the wait, or the next,
    /// and is told as [`Ready::Handled`]. Writing never blocks. It is another one after `reinit` and `recover`.
    pub fn signal_pipe(&mut self) -> io::Result<RawFd> {
        if let Some(pipe) = &self.signal_pipe {
            return Ok(pipe.writer());
        }
        let pipe = SignalPipe::new()?;
        self.poller
            .add(pipe.reader.as_raw_fd(), SIGNAL_PIPE, Interest::READ)?;
        Ok(self.signal_pipe.insert(pipe).writer())
    }

    /// Something for other threads to end the wait with.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// First step: what to wait on, and for how long: until the next timer, but not longer than `max`; `None` is for ever.
    pub fn prepare(&mut self, max: Option<Duration>) -> (Arc<Poller>, Option<Duration>) {
        let poller = self.poller.clone();
        if self.table.has_instant() || max == Some(Duration::ZERO) {
            return (poller, Some(Duration::ZERO));
        }
        let Some(deadline) = self.timers.next() else {
            return (poller, max);
        };
        let wait = deadline.saturating_sub(self.update_now());
        (poller, Some(max.map_or(wait, |max| max.min(wait))))
    }

    /// Last step, after [`Poller::wait`]: looks at the clock and appends what has come to pass: fds, signals, a wake-up,
    /// and timers in the order of their deadlines, those of one deadline in the order in which they were set.
    pub fn collect(&mut self, events: &Events, out: &mut Vec<Ready>) {
        self.update_now();
        let mut woken = false;
        for (tag, readiness) in events.iter() {
            if tag == WAKER {
                self.waker.reset();
                woken = true;
            } else if tag == SIGNAL_PIPE {
                self.take_handled(out);
            } else {
                self.table.fire(&self.poller, tag, readiness, out);
            }
        }
        self.table.fire_instant(out);
        if self.table.is_haunted() {
            // Out of fds it can't be done now. Nothing is lost by that but the time to find the ghost again.
            let _ = self.rebuild();
        }
        self.signals.collect(out);
        if woken {
            out.push(Ready::Woken);
        }
        let tell = |token| out.push(Ready::Timer { token });
        self.timers.expire(self.now, tell);
    }

    fn take_handled(&self, out: &mut Vec<Ready>) {
        let mut numbers = Vec::new();
        if let Some(pipe) = &self.signal_pipe {
            pipe.drain(&mut numbers);
        }
        let handled = |number| Ready::Handled { number };
        out.extend(numbers.into_iter().map(handled));
    }

    /// In a forked child: parts from what it shares with its parent. Registrations, timers, signals and wakers stay.
    pub fn reinit(&mut self) -> io::Result<()> {
        self.waker.reinit()?;
        self.signal_pipe = None;
        self.rebuild()?;
        self.update_now();
        Ok(())
    }

    /// Goes on after [`Poller::wait`] has failed with EBADF: somebody closed the kernel's set under us, as programs do that
    /// close all they have open to become a daemon. What was armed stays armed, as far as it is open.
    pub fn recover(&mut self) -> io::Result<()> {
        if check_open(self.waker.fd().as_raw_fd()).is_err() {
            self.waker.reinit()?;
        }
        let poller = new_poller(&self.waker)?;
        // Their numbers may be other files' by now, which are not ours to close.
        mem::forget(mem::replace(&mut self.poller, poller));
        mem::forget(self.signal_pipe.take());
        self.rebuilds += 1;
        self.table.rebuild(&self.poller);
        Ok(())
    }

    /// What has been done so far.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            controls: self.table.controls(),
            rebuilds: self.rebuilds,
        }
    }

    fn rebuild(&mut self) -> io::Result<()> {
        self.poller = new_poller(&self.waker)?;
        if let Some(pipe) = &self.signal_pipe {
            self.poller
                .add(pipe.reader.as_raw_fd(), SIGNAL_PIPE, Interest::READ)?;
        }
        self.rebuilds += 1;
        self.table.rebuild(&self.poller);
        Ok(())
    }
}

/// The fd of the kernel's set, which is readable when something is ready. It changes when the set is made anew.
impl AsRawFd for Reactor {
    fn as_raw_fd(&self) -> RawFd {
        self.poller.as_raw_fd()
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("fd", &self.as_raw_fd())
            .field("armed", &self.armed())
            .field("timers", &self.timers())
            .field("signals", &self.signals())
            .finish_non_exhaustive()
    }
}

fn new_poller(waker: &Waker) -> io::Result<Arc<Poller>> {
    let poller = Poller::new()?;
    poller.add(waker.fd().as_raw_fd(), WAKER, Interest::READ)?;
    Ok(Arc::new(poller))
}

/// No fd's tag: as a number, its lower half is -1.
const WAKER: u64 = u64::MAX;

/// No fd's, either.
const SIGNAL_PIPE: u64 = u64::MAX - (1 << 32);
