//! What is armed is told once, to whom it concerns.

mod common;

use std::os::fd::AsRawFd;

use common::{Pair, io, look, wait};
use reactor::{Interest, Reactor};

#[test]
fn readable_is_told_once() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let key = reactor.register(pair.fd());
    reactor.arm(key, Interest::READ).unwrap();
    assert_eq!(look(&mut reactor), []);
    pair.send();
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
    assert_eq!(reactor.armed(), 0);
    assert_eq!(look(&mut reactor), []);
    reactor.arm(key, Interest::READ).unwrap();
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
}

#[test]
fn only_what_is_armed_is_told() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    pair.send();
    let key = reactor.register(pair.fd());
    reactor.arm(key, Interest::WRITE).unwrap();
    assert_eq!(wait(&mut reactor), [io(key, Interest::WRITE)]);
    reactor.arm(key, Interest::BOTH).unwrap();
    assert_eq!(wait(&mut reactor), [io(key, Interest::BOTH)]);
}

#[test]
fn a_disarmed_direction_is_not_told() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let key = reactor.register(pair.fd());
    reactor.arm(key, Interest::BOTH).unwrap();
    reactor.disarm(key, Interest::WRITE);
    pair.send();
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
}

#[test]
fn registrations_of_one_fd_are_told_apart() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let reader = reactor.register(pair.fd());
    let writer = reactor.register(pair.fd());
    reactor.arm(reader, Interest::READ).unwrap();
    reactor.arm(writer, Interest::WRITE).unwrap();
    assert_eq!(wait(&mut reactor), [io(writer, Interest::WRITE)]);
    reactor.deregister(writer);
    pair.send();
    assert_eq!(wait(&mut reactor), [io(reader, Interest::READ)]);
}

#[test]
fn a_peer_that_closes_makes_all_ready() {
    let mut reactor = Reactor::new().unwrap();
    let Pair { near, far } = Pair::new();
    let key = reactor.register(near.as_raw_fd());
    reactor.arm(key, Interest::READ).unwrap();
    drop(far);
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
    reactor.arm(key, Interest::BOTH).unwrap();
    assert_eq!(wait(&mut reactor), [io(key, Interest::BOTH)]);
}

#[test]
fn a_hang_up_alone_is_ready_for_what_is_armed() {
    let mut reactor = Reactor::new().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let key = reactor.register(reader.as_raw_fd());
    reactor.arm(key, Interest::READ).unwrap();
    drop(writer);
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
}

#[test]
fn a_regular_file_is_ready_at_once() {
    let mut reactor = Reactor::new().unwrap();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let key = reactor.register(file.as_raw_fd());
    for _ in 0..2 {
        reactor.arm(key, Interest::READ).unwrap();
        assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
        assert_eq!(look(&mut reactor), []);
    }
}

#[test]
fn more_than_fits_is_told_by_and_by() {
    let mut reactor = Reactor::new().unwrap();
    let mut pairs: Vec<Pair> = (0..40).map(|_| Pair::new()).collect();
    for pair in &mut pairs {
        let key = reactor.register(pair.fd());
        reactor.arm(key, Interest::READ).unwrap();
        pair.send();
    }
    let mut told = 0;
    while reactor.armed() > 0 {
        told += wait(&mut reactor).len();
    }
    assert_eq!(told, 40);
}

#[test]
fn bad_fds_and_keys_are_errors() {
    let mut reactor = Reactor::new().unwrap();
    for fd in [-1, i32::MAX] {
        assert_eq!(
            reactor::check_open(fd).unwrap_err().raw_os_error(),
            Some(libc::EBADF)
        );
        let key = reactor.register(fd);
        let error = reactor.arm(key, Interest::READ).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        reactor.deregister(key);
        let error = reactor.arm(key, Interest::READ).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
    assert_eq!(reactor.armed(), 0);
}
