//! Timers, on a clock that is moved by hand.

mod common;

use std::{collections::BTreeMap, time::Duration};

use common::look;
use reactor::{Clock, Reactor, Ready, TimerKey};

const SECOND: Duration = Duration::from_secs(1);

fn tokens(reactor: &mut Reactor) -> Vec<u64> {
    let timer = |ready| match ready {
        Ready::Timer { token } => token,
        other => panic!("{other:?}"),
    };
    look(reactor).into_iter().map(timer).collect()
}

#[test]
fn they_fire_in_the_order_of_deadlines_then_of_setting() {
    let clock = Clock::manual();
    let mut reactor = Reactor::with_clock(clock.clone()).unwrap();
    for (token, seconds) in [(1, 3), (2, 1), (3, 2), (4, 1), (5, 2), (6, 1)] {
        reactor.set_timer(seconds * SECOND, token);
    }
    assert_eq!(tokens(&mut reactor), []);
    clock.advance(2 * SECOND);
    assert_eq!(tokens(&mut reactor), [2, 4, 6, 3, 5]);
    assert_eq!(reactor.timers(), 1);
    clock.advance(SECOND);
    assert_eq!(tokens(&mut reactor), [1]);
    assert_eq!(reactor.timers(), 0);
}

#[test]
fn a_cancelled_one_does_not_fire() {
    let clock = Clock::manual();
    let mut reactor = Reactor::with_clock(clock.clone()).unwrap();
    let first = reactor.set_timer(SECOND, 1);
    assert!(reactor.cancel_timer(first));
    let second = reactor.set_timer(SECOND, 2);
    assert!(!reactor.cancel_timer(first));
    clock.advance(SECOND);
    assert_eq!(tokens(&mut reactor), [2]);
    assert!(!reactor.cancel_timer(second));
}

#[test]
fn sweeping_out_the_cancelled_ones_keeps_the_rest() {
    let clock = Clock::manual();
    let mut reactor = Reactor::with_clock(clock.clone()).unwrap();
    let keys: Vec<_> = (0..1000)
        .map(|token| reactor.set_timer(SECOND, token))
        .collect();
    for (token, &key) in keys.iter().enumerate() {
        assert!(token % 10 == 0 || reactor.cancel_timer(key));
    }
    assert_eq!(reactor.timers(), 100);
    clock.advance(SECOND);
    let expected: Vec<u64> = (0..1000).step_by(10).collect();
    assert_eq!(tokens(&mut reactor), expected);
}

#[test]
fn the_wait_ends_with_the_next_timer() {
    let clock = Clock::manual();
    let mut reactor = Reactor::with_clock(clock.clone()).unwrap();
    assert_eq!(reactor.prepare(None).1, None);
    assert_eq!(reactor.prepare(Some(SECOND)).1, Some(SECOND));
    let key = reactor.set_timer(3 * SECOND, 0);
    clock.advance(SECOND);
    assert_eq!(reactor.prepare(None).1, Some(2 * SECOND));
    assert_eq!(reactor.prepare(Some(SECOND)).1, Some(SECOND));
    clock.advance(4 * SECOND);
    assert_eq!(reactor.prepare(None).1, Some(Duration::ZERO));
    reactor.cancel_timer(key);
    assert_eq!(reactor.prepare(None).1, None);
}

#[test]
fn a_real_one_fires_when_its_time_has_come() {
    let mut reactor = Reactor::new().unwrap();
    let deadline = reactor.update_now() + Duration::from_millis(3);
    reactor.set_timer(deadline, 9);
    assert_eq!(common::wait(&mut reactor), [Ready::Timer { token: 9 }]);
    assert!(reactor.now() >= deadline);
}

#[test]
fn the_far_future_is_far() {
    let clock = Clock::manual();
    let mut reactor = Reactor::with_clock(clock.clone()).unwrap();
    let never = reactor.set_timer(Duration::MAX, 1);
    let year = 366 * 24 * 60 * 60 * SECOND;
    reactor.set_timer(year, 2);
    clock.advance(year - Duration::from_nanos(1));
    assert_eq!(tokens(&mut reactor), []);
    assert_eq!(reactor.prepare(None).1, Some(Duration::from_nanos(1)));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(tokens(&mut reactor), [2]);
    assert!(reactor.prepare(None).1 > Some(500 * year));
    assert!(reactor.cancel_timer(never));
    assert_eq!(reactor.prepare(None).1, None);
}

#[test]
fn the_past_comes_first_and_in_order() {
    let clock = Clock::manual();
    let mut reactor = Reactor::with_clock(clock.clone()).unwrap();
    clock.advance(100 * SECOND);
    assert_eq!(tokens(&mut reactor), []);
    for (token, seconds) in [(1, 100), (2, 50), (3, 0), (4, 99), (5, 50)] {
        reactor.set_timer(seconds * SECOND, token);
    }
    assert_eq!(reactor.prepare(None).1, Some(Duration::ZERO));
    assert_eq!(tokens(&mut reactor), [3, 2, 5, 4, 1]);
}

/// A plain list of timers, which is right by the look of it, and the reactor beside it.
struct Model {
    clock: Clock,
    now: Duration,
    reactor: Reactor,
    timers: BTreeMap<(Duration, u64), TimerKey>,
    set: u64,
    random: u64,
}

impl Model {
    fn new(seed: u64) -> Model {
        let clock = Clock::manual();
        Model {
            now: Duration::ZERO,
            reactor: Reactor::with_clock(clock.clone()).unwrap(),
            clock,
            timers: BTreeMap::new(),
            set: 0,
            random: seed,
        }
    }

    /// Below `limit`.
    fn random(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }

    /// As likely to be some nanoseconds as some days; round, at times, so that there are equal ones.
    fn span(&mut self) -> Duration {
        let bits = self.random(50);
        let span = self.random(1 << bits);
        Duration::from_nanos(match self.random(3) {
            0 => span >> (bits / 2) << (bits / 2),
            _ => span,
        })
    }

    fn set(&mut self) {
        let span = self.span();
        let deadline = match self.random(8) {
            0 => self.now.saturating_sub(span),
            _ => self.now + span,
        };
        self.set += 1;
        let key = self.reactor.set_timer(deadline, self.set);
        self.timers.insert((deadline, self.set), key);
    }

    fn cancel(&mut self) {
        let latest = self.timers.keys().position(|(_, token)| *token == self.set);
        let index = match self.random(3) {
            0 => 0,
            1 => latest.unwrap_or(0),
            _ => self.random(self.timers.len().max(1) as u64) as usize,
        };
        if let Some(&name) = self.timers.keys().nth(index) {
            let key = self.timers.remove(&name).unwrap();
            assert!(self.reactor.cancel_timer(key));
            assert!(!self.reactor.cancel_timer(key));
        }
    }

    fn advance(&mut self) {
        let next = self.timers.keys().next().copied();
        let by = match (self.random(2), next) {
            (0, Some((deadline, _))) => deadline.saturating_sub(self.now),
            _ => self.span(),
        };
        self.clock.advance(by);
        self.now += by;
        let later = self.timers.split_off(&(self.now, u64::MAX));
        let due: Vec<u64> = self.timers.keys().map(|(_, token)| *token).collect();
        self.timers = later;
        assert_eq!(tokens(&mut self.reactor), due);
    }

    fn compare(&mut self) {
        let next = self.timers.keys().next();
        let wait = next.map(|(deadline, _)| deadline.saturating_sub(self.now));
        assert_eq!(self.reactor.prepare(None).1, wait);
        assert_eq!(self.reactor.timers(), self.timers.len());
    }
}

#[test]
fn whatever_comes_they_fire_as_a_sorted_list_would() {
    for seed in 1..=200 {
        let mut model = Model::new(seed);
        for _ in 0..1000 {
            match model.random(20) {
                0..10 => model.set(),
                10..15 => model.cancel(),
                15..17 => model.advance(),
                17..19 => model.compare(),
                _ => model.reactor.shrink(),
            }
        }
        model.compare();
    }
}
