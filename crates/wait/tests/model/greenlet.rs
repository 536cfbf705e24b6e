//! What a greenlet does, and can have done to it.

use std::mem;

use shuttle::{
    rand::{Rng, thread_rng},
    thread,
};
use wait::{End, Wake};

use crate::world::{Gil, Job, Waiter};

/// What is thrown into a greenlet that is to end.
#[derive(Debug, PartialEq)]
pub struct Killed;

/// How long a wait may last.
#[derive(Clone, Copy)]
pub enum Limit {
    Never,
    /// A time-out of zero: until all that are ready have run.
    Zero,
    /// A timer, which expires whenever it likes.
    Timer,
}

impl Limit {
    pub fn any() -> Limit {
        match thread_rng().gen_range(0..4) {
            0 => Limit::Zero,
            1 => Limit::Timer,
            _ => Limit::Never,
        }
    }
}

/// A greenlet that runs.
pub struct Running<'a, 'g, S> {
    pub gil: &'a mut Gil<'g, S>,
    pub id: usize,
}

impl<S: Send + 'static> Running<'_, '_, S> {
    /// Begins a wait; fails in a thread that is ending.
    pub fn begin(&mut self) -> Result<Waiter, Killed> {
        let me = &self.gil.greenlets[self.id];
        if self.gil.hubs[me.home].ending {
            return Err(Killed);
        }
        let (greenlet, wait) = (self.id, me.cell.begin());
        Ok(Waiter { greenlet, wait })
    }

    /// Gives up the thread until the wait ends.
    pub fn park(&mut self, waiter: Waiter, limit: Limit) -> Wake<Killed> {
        let home = self.gil.greenlets[self.id].home;
        match limit {
            Limit::Never => {}
            Limit::Zero => self.gil.push(home, Job::Expire(waiter)),
            Limit::Timer => {
                let mutex = self.gil.mutex.clone();
                thread::spawn(move || Gil::take(&mutex).end(waiter, End::TimedOut));
            }
        }
        let next = self.gil.next_greenlet(home);
        self.gil.call(home, next);
        self.wait_for_turn(home);
        self.gil.past.push(waiter);
        let me = &mut self.gil.greenlets[self.id];
        let outcome = match mem::take(&mut me.thrown) {
            true => Err(Killed),
            false => Ok(()),
        };
        assert!(
            outcome.is_err() || me.switched_for == waiter.wait,
            "{waiter:?} was over before its turn"
        );
        me.cell.conclude(outcome, |()| {
            panic!("{waiter:?} goes on, and nobody has ended it")
        })
    }

    /// Lets all run that are ready.
    pub fn yield_now(&mut self) -> Result<(), Killed> {
        let waiter = self.begin()?;
        self.park(waiter, Limit::Zero).or_pass_on(|| {}).map(drop)
    }

    fn wait_for_turn(&mut self, home: usize) {
        let called = self.gil.greenlets[self.id].called.clone();
        while self.gil.hubs[home].running != Some(self.id) {
            self.gil.sleep(&called);
        }
    }

    /// Two rounds of `body`. Who is killed may handle that and go on.
    pub fn live(&mut self, body: impl Fn(&mut Self) -> Result<(), Killed>) {
        let home = self.gil.greenlets[self.id].home;
        self.wait_for_turn(home);
        let mut rounds = 0;
        while rounds < 2 && !mem::take(&mut self.gil.greenlets[self.id].thrown) {
            rounds += 1;
            if body(self).is_err() && thread_rng().gen_ratio(1, 2) {
                break;
            }
            self.gil.let_threads_run();
        }
        self.gil.greenlets[self.id].alive = false;
        self.gil.call(home, None);
    }
}
