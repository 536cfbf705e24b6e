//! What the tests share: a pair of sockets, and one turn of a loop.

#![allow(dead_code, reason = "each test file uses what it needs")]

pub mod process;

use std::{
    io::{Read, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use reactor::{Events, Key, Reactor, Readiness, Ready};

/// Two connected sockets; `near` is the one that the tests wait on.
pub struct Pair {
    pub near: UnixStream,
    pub far: UnixStream,
}

impl Pair {
    pub fn new() -> Pair {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        Pair { near, far }
    }

    pub fn fd(&self) -> RawFd {
        self.near.as_raw_fd()
    }

    /// Makes `near` readable.
    pub fn send(&mut self) {
        self.far.write_all(b"x").unwrap();
    }

    /// Takes what was sent.
    pub fn receive(&mut self) {
        self.near.read_exact(&mut [0]).unwrap();
    }
}

/// What is told of an fd.
pub fn io(key: Key, readiness: Readiness) -> Ready {
    Ready::Io { key, readiness }
}

/// What is ready now.
pub fn look(reactor: &mut Reactor) -> Vec<Ready> {
    turn(reactor, Some(Duration::ZERO))
}

/// Waits until something is ready.
pub fn wait(reactor: &mut Reactor) -> Vec<Ready> {
    turn(reactor, Some(Duration::from_secs(20)))
}

fn turn(reactor: &mut Reactor, max: Option<Duration>) -> Vec<Ready> {
    let mut events = Events::with_capacity(16);
    let mut ready = Vec::new();
    let (poller, timeout) = reactor.prepare(max);
    poller.wait(&mut events, timeout).unwrap();
    reactor.collect(&events, &mut ready);
    ready
}
