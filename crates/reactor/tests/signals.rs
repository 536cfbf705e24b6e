//! Signals, each test with one of its own since they belong to the process.

#![expect(unsafe_code, reason = "raising a signal, and looking at its action")]

mod common;

use std::{mem::MaybeUninit, ptr, thread};

use common::{look, wait};
use reactor::{Reactor, Ready};

fn raise(number: i32) {
    // SAFETY: `number` has a handler of ours.
    assert_eq!(unsafe { libc::raise(number) }, 0);
}

fn action(number: i32) -> libc::sighandler_t {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: null changes nothing, and `action` has room for one.
    let result = unsafe { libc::sigaction(number, ptr::null(), action.as_mut_ptr()) };
    assert_eq!(result, 0);
    // SAFETY: it was written.
    unsafe { action.assume_init() }.sa_sigaction
}

fn told(ready: &[Ready]) -> Vec<i32> {
    let number = |ready: &Ready| match ready {
        Ready::Signal { number } => Some(*number),
        _ => None,
    };
    ready.iter().filter_map(number).collect()
}

#[test]
fn it_is_told_as_data() {
    let mut reactor = Reactor::new().unwrap();
    reactor.add_signal(libc::SIGUSR1).unwrap();
    reactor.add_signal(libc::SIGUSR1).unwrap();
    assert_eq!(reactor.signals(), 1);
    raise(libc::SIGUSR1);
    raise(libc::SIGUSR1);
    assert_eq!(told(&wait(&mut reactor)), [libc::SIGUSR1]);
    assert_eq!(told(&look(&mut reactor)), []);
}

#[test]
fn it_ends_a_wait_in_another_thread() {
    let mut reactor = Reactor::new().unwrap();
    reactor.add_signal(libc::SIGUSR2).unwrap();
    let other = thread::spawn(|| raise(libc::SIGUSR2));
    assert_eq!(told(&wait(&mut reactor)), [libc::SIGUSR2]);
    other.join().unwrap();
}

#[test]
fn the_handler_that_was_there_comes_back() {
    let before = action(libc::SIGWINCH);
    let mut reactor = Reactor::new().unwrap();
    reactor.add_signal(libc::SIGWINCH).unwrap();
    assert_ne!(action(libc::SIGWINCH), before);
    reactor.remove_signal(libc::SIGWINCH);
    assert_eq!(action(libc::SIGWINCH), before);
    reactor.add_signal(libc::SIGWINCH).unwrap();
    drop(reactor);
    assert_eq!(action(libc::SIGWINCH), before);
}

#[test]
fn a_handler_put_in_our_place_stays() {
    let mut reactor = Reactor::new().unwrap();
    reactor.add_signal(libc::SIGURG).unwrap();
    // SAFETY: ignoring a signal runs no code.
    unsafe { libc::signal(libc::SIGURG, libc::SIG_IGN) };
    reactor.remove_signal(libc::SIGURG);
    assert_eq!(action(libc::SIGURG), libc::SIG_IGN);
}

#[test]
fn one_reactor_at_a_time() {
    let (mut one, mut other) = (Reactor::new().unwrap(), Reactor::new().unwrap());
    one.add_signal(libc::SIGHUP).unwrap();
    let error = other.add_signal(libc::SIGHUP).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
    drop(one);
    other.add_signal(libc::SIGHUP).unwrap();
}

#[test]
fn what_is_no_signal_is_an_error() {
    let mut reactor = Reactor::new().unwrap();
    for number in [-1, 0, libc::SIGKILL, libc::SIGSTOP, 65, i32::MAX] {
        let error = reactor.add_signal(number).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{number}");
        reactor.remove_signal(number);
    }
    assert_eq!(reactor.signals(), 0);
}
