//! A descriptor for the signal handlers of others.

#![expect(
    unsafe_code,
    reason = "writes to a descriptor as a handler does, which has but its number"
)]

mod common;

use std::{
    fs::File,
    io::Write,
    mem::ManuallyDrop,
    os::fd::{FromRawFd, RawFd},
};

use common::{look, process::in_child, wait};
use reactor::{Reactor, Ready};

/// What a handler does.
fn write(fd: RawFd, numbers: &[u8]) {
    // SAFETY: it is the reactor's and open; the file is not dropped, so it stays open.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    assert_eq!(file.write(numbers).unwrap(), numbers.len());
}

#[test]
fn what_is_written_ends_a_wait_and_is_told_once() {
    let mut reactor = Reactor::new().unwrap();
    let pipe = reactor.signal_pipe().unwrap();
    assert_eq!(reactor.signal_pipe().unwrap(), pipe);
    assert_eq!(look(&mut reactor), []);
    write(pipe, &[2, 15]);
    let told = [2, 15].map(|number| Ready::Handled { number });
    assert_eq!(wait(&mut reactor), told);
    assert_eq!(look(&mut reactor), []);
}

#[test]
fn many_are_told_at_once() {
    let mut reactor = Reactor::new().unwrap();
    let pipe = reactor.signal_pipe().unwrap();
    write(pipe, &[7; 1000]);
    assert_eq!(wait(&mut reactor), [Ready::Handled { number: 7 }; 1000]);
}

#[test]
fn a_child_has_one_of_its_own() {
    let mut reactor = Reactor::new().unwrap();
    let pipe = reactor.signal_pipe().unwrap();
    in_child(|| {
        reactor.reinit().unwrap();
        let own = reactor.signal_pipe().unwrap();
        write(own, &[1]);
        assert_eq!(wait(&mut reactor), [Ready::Handled { number: 1 }]);
    });
    assert_eq!(look(&mut reactor), []);
    write(pipe, &[3]);
    assert_eq!(wait(&mut reactor), [Ready::Handled { number: 3 }]);
}
