//! Numbers that are closed and given out anew.

mod common;

use std::{
    io::Write,
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use common::{Pair, io, look, wait};
use reactor::{Interest, Reactor};

/// Puts another open file under `near`'s number, as closing it and opening another does, but whatever other threads do.
fn replace(near: UnixStream, other: UnixStream) -> UnixStream {
    let mut number = OwnedFd::from(near);
    rustix::io::dup2(other, &mut number).unwrap();
    number.into()
}

#[test]
fn a_new_registration_does_not_believe_the_books() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let old = reactor.register(pair.fd());
    reactor.arm(old, Interest::READ).unwrap();
    reactor.disarm(old, Interest::READ);

    let fresh = Pair::new();
    pair.near = replace(pair.near, fresh.near);
    let key = reactor.register(pair.fd());
    reactor.arm(key, Interest::READ).unwrap();
    (&fresh.far).write_all(b"x").unwrap();
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
}

#[test]
fn a_ghost_is_laid_by_a_fresh_set() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let old = reactor.register(pair.fd());
    reactor.arm(old, Interest::READ).unwrap();
    let _duplicate = pair.near.try_clone().unwrap();
    let mut other = Pair::new();
    let bystander = reactor.register(other.fd());
    reactor.arm(bystander, Interest::READ).unwrap();

    // The duplicate keeps the old file open, so its entry stays under the number.
    let fresh = Pair::new();
    pair.near = replace(pair.near, fresh.near);
    reactor.deregister(old);
    let key = reactor.register(pair.fd());
    reactor.arm(key, Interest::READ).unwrap();
    pair.send();
    assert_eq!(wait(&mut reactor), []);
    assert_eq!(reactor.statistics().rebuilds, 1);
    assert_eq!(look(&mut reactor), []);
    assert_eq!(reactor.statistics().rebuilds, 1);

    (&fresh.far).write_all(b"x").unwrap();
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
    other.send();
    assert_eq!(wait(&mut reactor), [io(bystander, Interest::READ)]);
}

#[test]
fn an_old_key_is_not_a_new_one() {
    let mut reactor = Reactor::new().unwrap();
    let pair = Pair::new();
    let old = reactor.register(pair.fd());
    reactor.deregister(old);
    let new = reactor.register(pair.fd());
    assert_ne!(old, new);
    assert!(reactor.arm(old, Interest::WRITE).is_err());
    reactor.disarm(old, Interest::WRITE);
    reactor.deregister(old);
    reactor.arm(new, Interest::WRITE).unwrap();
    assert_eq!(wait(&mut reactor), [io(new, Interest::WRITE)]);
}

#[test]
fn forgetting_a_number_returns_who_waited() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let waiting = reactor.register(pair.fd());
    let idle = reactor.register(pair.fd());
    reactor.arm(waiting, Interest::READ).unwrap();
    reactor.arm(idle, Interest::WRITE).unwrap();
    reactor.disarm(idle, Interest::WRITE);
    assert_eq!(reactor.forget_fd(pair.fd()), [waiting]);
    assert_eq!(reactor.forget_fd(pair.fd()), []);
    assert_eq!(reactor.forget_fd(-1), []);
    assert_eq!(reactor.armed(), 0);
    pair.send();
    assert_eq!(look(&mut reactor), []);
    reactor.arm(idle, Interest::READ).unwrap();
    assert_eq!(wait(&mut reactor), [io(idle, Interest::READ)]);
}
