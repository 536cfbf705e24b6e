//! Hubs, greenlets and the GIL, as small as they can be.

use std::{
    collections::{HashSet, VecDeque},
    ops::{Deref, DerefMut},
};

use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};
use wait::{End, WaitCell};

/// A greenlet at a wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Waiter {
    pub greenlet: usize,
    pub wait: u64,
}

pub enum Job {
    Start(usize),
    Resume(Waiter),
    Expire(Waiter),
    Throw(usize),
}

pub struct Hub {
    pub jobs: VecDeque<Job>,
    /// The greenlet that has the thread; None is the hub.
    pub running: Option<usize>,
    /// Its thread has ended, or is about to.
    pub ending: bool,
    pub called: Arc<Condvar>,
}

pub struct Greenlet {
    pub home: usize,
    pub cell: WaitCell,
    /// The wait whose job it was switched to for.
    pub switched_for: u64,
    pub thrown: bool,
    pub alive: bool,
    pub called: Arc<Condvar>,
}

/// All that the GIL guards; `S` is the primitive under test.
pub struct World<S> {
    pub hubs: Vec<Hub>,
    pub greenlets: Vec<Greenlet>,
    /// Waits that somebody has ended, to see that nobody else does.
    pub ended: HashSet<Waiter>,
    /// Waits that are over.
    pub past: Vec<Waiter>,
    pub always: fn(&World<S>),
    pub shared: S,
}

impl<S> World<S> {
    /// Ends a wait and queues its greenlet, as `Waiter::end` does. False if it has ended.
    pub fn end(&mut self, waiter: Waiter, end: End) -> bool {
        if !self.mark(waiter, end) {
            return false;
        }
        let home = self.greenlets[waiter.greenlet].home;
        self.push(home, Job::Resume(waiter));
        true
    }

    fn mark(&mut self, waiter: Waiter, end: End) -> bool {
        let ended =
            self.can_wake(waiter) && self.greenlets[waiter.greenlet].cell.end(waiter.wait, end);
        assert!(
            !ended || self.ended.insert(waiter),
            "{waiter:?} was ended twice"
        );
        ended
    }

    fn can_wake(&self, waiter: Waiter) -> bool {
        let greenlet = &self.greenlets[waiter.greenlet];
        greenlet.alive && !self.hubs[greenlet.home].ending
    }

    /// Whether somebody waits there whom nothing has called yet, but something could.
    pub fn is_stranded(&self, waiter: Waiter) -> bool {
        self.can_wake(waiter) && self.greenlets[waiter.greenlet].cell.is_on(waiter.wait)
    }

    pub fn push(&mut self, hub: usize, job: Job) {
        self.hubs[hub].jobs.push_back(job);
        self.hubs[hub].called.notify_all();
    }

    /// The greenlet that a job is to go on with; None if the job is void.
    pub fn due(&mut self, job: Job) -> Option<usize> {
        let (greenlet, is_due) = match job {
            Job::Resume(Waiter { greenlet, wait }) => {
                self.greenlets[greenlet].switched_for = wait;
                (greenlet, self.greenlets[greenlet].cell.is_due(wait))
            }
            Job::Expire(waiter) => {
                self.greenlets[waiter.greenlet].switched_for = waiter.wait;
                (waiter.greenlet, self.mark(waiter, End::TimedOut))
            }
            Job::Throw(greenlet) => {
                self.greenlets[greenlet].thrown |= self.greenlets[greenlet].alive;
                (greenlet, self.greenlets[greenlet].alive)
            }
            Job::Start(greenlet) => (greenlet, self.greenlets[greenlet].alive),
        };
        is_due.then_some(greenlet)
    }

    /// Whom a greenlet that gives up the thread hands it to, past the hub.
    pub fn next_greenlet(&mut self, hub: usize) -> Option<usize> {
        let direct = match self.hubs[hub].jobs.front()? {
            Job::Resume(Waiter { greenlet, wait }) => self.greenlets[*greenlet].cell.is_due(*wait),
            Job::Expire(Waiter { greenlet, wait }) => self.greenlets[*greenlet].cell.is_on(*wait),
            Job::Start(_) | Job::Throw(_) => false,
        };
        let job = direct.then(|| self.hubs[hub].jobs.pop_front())??;
        self.due(job)
    }

    pub fn call(&mut self, hub: usize, next: Option<usize>) {
        self.hubs[hub].running = next;
        match next {
            Some(greenlet) => self.greenlets[greenlet].called.notify_all(),
            None => self.hubs[hub].called.notify_all(),
        }
    }
}

pub type Shared<S> = Arc<Mutex<World<S>>>;

/// A thread that holds the GIL.
pub struct Gil<'a, S> {
    pub mutex: &'a Shared<S>,
    guard: Option<MutexGuard<'a, World<S>>>,
}

impl<'a, S> Gil<'a, S> {
    pub fn take(mutex: &'a Shared<S>) -> Self {
        let guard = Some(mutex.lock().unwrap());
        Gil { mutex, guard }
    }

    /// Python runs here, so that other threads may.
    pub fn let_threads_run(&mut self) {
        (self.always)(self);
        self.guard = None;
        self.guard = Some(self.mutex.lock().unwrap());
    }

    pub fn sleep(&mut self, until_called: &Condvar) {
        (self.always)(self);
        let guard = self.guard.take().unwrap();
        self.guard = Some(until_called.wait(guard).unwrap());
    }
}

impl<S> Deref for Gil<'_, S> {
    type Target = World<S>;

    fn deref(&self) -> &World<S> {
        self.guard.as_ref().unwrap()
    }
}

impl<S> DerefMut for Gil<'_, S> {
    fn deref_mut(&mut self) -> &mut World<S> {
        self.guard.as_mut().unwrap()
    }
}
