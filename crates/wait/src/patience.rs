//! Waiting awake for a moment, where that costs less than to sleep.
//!
//! A thread that sleeps in the kernel takes long to come back: two system calls, and most of all the CPU, which has
//! gone to sleep as well, or to somebody else. That is tens of microseconds where the answer of another thread often
//! takes two. So who has good reason to think that it will be called at once looks for it some time before it sleeps:
//! as long as a sleep would cost and no longer, so that even if it is wrong every time it has only doubled the cost.
//!
//! Nor is it wrong every time, because each spell is booked: a call in time earns what it saved, and all the time for
//! which it looked in vain, or came too late, is paid back by so many waits without one. That includes the time that
//! other programs took when the CPU was theirs: on a crowded machine it is better to sleep, and be woken.

use std::{
    hint, thread,
    time::{Duration, Instant},
};

/// What a sleep costs, about, to those who take part; how long a spell lasts at most.
const LONGEST: Duration = Duration::from_micros(50);

/// What is saved by a call that comes in time, in microseconds.
const SAVING: i64 = 30;

/// What each wait brings in, in microseconds: what spells may cost in the long run.
const ALLOWANCE: i64 = 1;

/// What is kept at most: enough for two spells in vain.
const MOST: i64 = 100;

/// What is owed at most, though a machine were halted for an hour.
const LEAST: i64 = -10_000;

/// Looks between two offers of the CPU to other threads, one of which may be the one that will call.
const LOOKS: u32 = 16;

/// Whether it pays to wait awake.
#[derive(Default)]
pub struct Patience {
    /// In microseconds.
    balance: i64,
}

/// A wait that was begun awake, and what it came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spell {
    /// The call came in time.
    pub paid: bool,
    pub took: Duration,
}

impl Patience {
    /// Whether this wait should begin awake. To be asked once for each.
    pub fn allows(&mut self) -> bool {
        self.balance += ALLOWANCE;
        self.balance > 0
    }

    /// How it went.
    pub fn book(&mut self, spell: Spell) {
        let took = i64::try_from(spell.took.as_micros()).unwrap_or(i64::MAX);
        let gain = if spell.paid { SAVING } else { -took };
        self.balance = self.balance.saturating_add(gain).clamp(LEAST, MOST);
    }
}

impl Spell {
    /// Waits awake until `is_called`, for a moment.
    pub fn pass(is_called: impl Fn() -> bool) -> Spell {
        let began = Instant::now();
        loop {
            let called = looks(&is_called);
            let took = began.elapsed();
            if called || took >= LONGEST {
                let paid = called && took < LONGEST;
                return Spell { paid, took };
            }
            thread::yield_now();
        }
    }
}

fn looks(is_called: impl Fn() -> bool) -> bool {
    (0..LOOKS).any(|_| {
        hint::spin_loop();
        is_called()
    })
}
