//! The kernel is told no more than it must know.

mod common;

use std::time::Duration;

use common::{Pair, io, look, wait};
use reactor::{Events, Interest, Reactor};

#[test]
fn waiting_again_for_the_same_costs_nothing() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let key = reactor.register(pair.fd());
    for _ in 0..100 {
        reactor.arm(key, Interest::READ).unwrap();
        pair.send();
        assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
        pair.receive();
    }
    assert_eq!(reactor.statistics().controls, 1);
}

#[test]
fn what_nobody_wants_is_taken_out_when_it_is_reported() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let key = reactor.register(pair.fd());
    reactor.arm(key, Interest::READ).unwrap();
    reactor.disarm(key, Interest::READ);
    assert_eq!(look(&mut reactor), []);
    assert_eq!(reactor.statistics().controls, 1);
    pair.send();
    for _ in 0..3 {
        assert_eq!(look(&mut reactor), []);
        assert_eq!(reactor.statistics().controls, 2);
    }
    reactor.arm(key, Interest::READ).unwrap();
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
    assert_eq!(reactor.statistics().controls, 3);
}

#[test]
fn one_unwanted_direction_leaves_the_other() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let key = reactor.register(pair.fd());
    reactor.arm(key, Interest::BOTH).unwrap();
    assert_eq!(wait(&mut reactor), [io(key, Interest::WRITE)]);
    assert_eq!(look(&mut reactor), []);
    assert_eq!(reactor.statistics().controls, 2);
    let (poller, _) = reactor.prepare(None);
    let mut events = Events::with_capacity(1);
    poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.is_empty());
    pair.send();
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
    assert_eq!(reactor.statistics().controls, 2);
}
