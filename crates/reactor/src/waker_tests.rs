//! Every interleaving of threads that wake and one that waits, and every order in which they may see each other's
//! writes: loom tries all in which threads are interrupted three times at most. A wake-up that is lost leaves everybody
//! waiting, which loom reports.
//!
//! The `Bell` is the one that is built; the kernel's part is a counter under a lock. Seen to fail with `reset` lowering
//! the flag before it drains, with `reset` not lowering it at all, with `Relaxed` in `ring` or in `reset`, with a hub
//! that resets before it waits and not after, and with a job that is pushed after the call; of listening, with
//! `stop_listening` leaving a state that is not `LISTENING` as it is, and with a hub that sleeps on what it has heard.

use loom::{
    model::Builder,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    thread,
};

use super::{Bell, Flag, Line, QUIET};

impl Flag for AtomicU8 {
    fn load(&self, order: Ordering) -> u8 {
        AtomicU8::load(self, order)
    }

    fn swap(&self, value: u8, order: Ordering) -> u8 {
        AtomicU8::swap(self, value, order)
    }

    fn replace(&self, current: u8, new: u8, order: Ordering) -> bool {
        self.compare_exchange(current, new, order, Ordering::Acquire)
            .is_ok()
    }
}

/// An eventfd, and the epoll that watches it.
#[derive(Default)]
struct Counter {
    count: Mutex<u64>,
    readable: Condvar,
}

impl Counter {
    /// What `Poller::wait` does without a timeout.
    fn wait(&self) {
        let mut count = self.count.lock().unwrap();
        while *count == 0 {
            count = self.readable.wait(count).unwrap();
        }
    }

    /// What it does with a timeout of zero: whether there is something to drain.
    fn look(&self) -> bool {
        *self.count.lock().unwrap() > 0
    }
}

impl Line for Counter {
    fn write(&self) {
        *self.count.lock().unwrap() += 1;
        self.readable.notify_one();
    }

    fn drain(&self) {
        *self.count.lock().unwrap() = 0;
    }
}

/// Without a bound these take minutes. Each fault named above needs one interruption.
fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

fn bell() -> Bell<AtomicU8, Counter> {
    Bell {
        fd: Counter::default(),
        state: AtomicU8::new(QUIET),
    }
}

/// What signal handlers rely on: there is no lock, and what was written before a call is seen after it, also by the
/// caller who finds that another has called already.
#[test]
fn what_was_written_before_a_wake_is_seen_after_it() {
    model(|| {
        let bell = Arc::new(bell());
        let posted = Arc::new(AtomicUsize::new(0));
        let wakers: Vec<_> = [1, 2]
            .map(|times| {
                let (bell, posted) = (bell.clone(), posted.clone());
                thread::spawn(move || {
                    for _ in 0..times {
                        posted.fetch_add(1, Ordering::Relaxed);
                        bell.ring();
                    }
                })
            })
            .into();
        while posted.load(Ordering::Relaxed) < 3 {
            bell.fd.wait();
            bell.reset();
        }
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
    });
}

/// A hub that is about to sleep, as `EventLoop::turn_round` and `poll` do it, and others that give it jobs, as `push`
/// does: under the GIL it finds nothing to do; it lets go of the GIL, and waits; it takes it again, and resets.
#[test]
fn a_hub_does_not_sleep_on_a_job() {
    model(|| {
        let bell = Arc::new(bell());
        let jobs = Arc::new(Mutex::new(0)); // the mutex is the GIL
        let others: Vec<_> = [1, 2]
            .map(|times| {
                let (bell, jobs) = (bell.clone(), jobs.clone());
                thread::spawn(move || {
                    for _ in 0..times {
                        let mut jobs = jobs.lock().unwrap();
                        *jobs += 1;
                        bell.ring();
                    }
                })
            })
            .into();
        let mut done = 0;
        let mut gil = jobs.lock().unwrap();
        loop {
            done += std::mem::take(&mut *gil);
            if done == 3 {
                break;
            }
            drop(gil);
            bell.fd.wait();
            gil = jobs.lock().unwrap();
            bell.reset();
        }
        drop(gil);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// A hub that expects to be woken, as `EventLoop::anticipate` does it: it listens without the GIL, looks what there is,
/// and waits the next time.
#[test]
fn a_hub_that_listens_does_not_sleep_on_a_job() {
    model(|| {
        let bell = Arc::new(bell());
        let jobs = Arc::new(Mutex::new(0)); // the mutex is the GIL
        let others: Vec<_> = [1, 1]
            .map(|times| {
                let (bell, jobs) = (bell.clone(), jobs.clone());
                thread::spawn(move || {
                    for _ in 0..times {
                        *jobs.lock().unwrap() += 1;
                        bell.ring();
                    }
                })
            })
            .into();
        let mut done = 0;
        let mut listens = true;
        let mut gil = jobs.lock().unwrap();
        loop {
            done += std::mem::take(&mut *gil);
            if done == 2 {
                break;
            }
            drop(gil);
            if listens && bell.listen() {
                bell.is_heard();
                bell.stop_listening();
                gil = jobs.lock().unwrap();
                if bell.fd.look() {
                    bell.reset();
                }
            } else {
                bell.fd.wait();
                gil = jobs.lock().unwrap();
                bell.reset();
            }
            listens = !listens;
        }
        drop(gil);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}
