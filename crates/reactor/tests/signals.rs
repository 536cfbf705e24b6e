//! Signals, each test with one of its own since they belong to the process.

mod common;

use std::thread;

use common::{
    look,
    process::{action, ignore, raise},
    wait,
};
use reactor::{Reactor, Ready};

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
    let ready = wait(&mut reactor);
    assert_eq!(told(&ready), [libc::SIGUSR2]);
    assert!(ready.contains(&Ready::Woken));
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
    ignore(libc::SIGURG);
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
