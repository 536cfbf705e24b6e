//! A forked child goes on with what its parent waited for, and doesn't disturb the parent.

mod common;

use common::{Pair, io, look, process::in_child, wait};
use reactor::{Interest, Reactor, Ready};

#[test]
fn the_child_parts_from_its_parent() {
    let mut reactor = Reactor::new().unwrap();
    let mut pair = Pair::new();
    let key = reactor.register(pair.fd());
    reactor.arm(key, Interest::READ).unwrap();
    let waker = reactor.waker();

    in_child(|| {
        reactor.reinit().unwrap();
        waker.wake();
        assert_eq!(wait(&mut reactor), [Ready::Woken]);
        reactor.disarm(key, Interest::READ);
        reactor.deregister(key);
        waker.wake();
    });

    // Neither the child's wake-up nor its taking out of the fd came through to here.
    assert_eq!(look(&mut reactor), []);
    pair.send();
    assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);

    reactor.arm(key, Interest::READ).unwrap();
    in_child(|| {
        reactor.reinit().unwrap();
        assert_eq!(wait(&mut reactor), [io(key, Interest::READ)]);
    });
}
