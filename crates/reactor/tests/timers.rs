//! Timers, on a clock that is moved by hand.

mod common;

use std::time::Duration;

use common::look;
use reactor::{Clock, Reactor, Ready};

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
