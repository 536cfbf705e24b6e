//! The end of a process, as a descriptor, by both ways.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    process::{Child, Command, Stdio},
};

use reactor::{Interest, Reactor, Ready, end_of_child, end_of_process};

/// A process that ends when its standard input does.
fn child() -> Child {
    Command::new("cat").stdin(Stdio::piped()).spawn().unwrap()
}

fn is_readable(fd: &OwnedFd, at_once: bool) -> bool {
    let mut reactor = Reactor::new().unwrap();
    let key = reactor.register(fd.as_raw_fd());
    reactor.arm(key, Interest::READ).unwrap();
    let (mut events, mut ready) = (reactor::Events::with_capacity(1), Vec::new());
    let max = at_once.then_some(std::time::Duration::ZERO);
    let (poller, timeout) = reactor.prepare(max);
    poller.wait(&mut events, timeout).unwrap();
    reactor.collect(&events, &mut ready);
    matches!(ready[..], [Ready::Io { .. }])
}

#[test]
fn both_ways_tell_the_end_and_reap_nobody() {
    for watch in [
        |pid| end_of_process(pid).map(Option::unwrap),
        end_of_child as fn(i32) -> _,
    ] {
        let mut child = child();
        let fd = watch(child.id() as i32).unwrap();
        assert!(!is_readable(&fd, true));
        drop(child.stdin.take());
        assert!(is_readable(&fd, false));
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn one_that_has_ended_before_has_ended() {
    let mut child = child();
    drop(child.stdin.take());
    let pid = child.id() as i32;
    assert!(is_readable(&end_of_process(pid).unwrap().unwrap(), false));
    // It is a zombie by now.
    assert!(is_readable(&end_of_process(pid).unwrap().unwrap(), true));
    assert!(is_readable(&end_of_child(pid).unwrap(), false));
    child.wait().unwrap();
    assert!(end_of_process(pid).unwrap().is_none());
    assert!(is_readable(&end_of_child(pid).unwrap(), false));
}

#[test]
fn what_is_no_process_is_refused() {
    for pid in [0, -1, i32::MIN] {
        assert!(end_of_process(pid).is_err());
        assert!(end_of_child(pid).is_err());
    }
}
