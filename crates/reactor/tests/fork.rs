//! A forked child goes on with what its parent waited for, and doesn't disturb the parent.

mod common;

use common::{Pair, io, look, process::in_child, wait};
use reactor::{Interest, Reactor, Ready, forks, thread_id};

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

#[test]
fn the_child_knows_that_it_is_one() {
    let (before, id) = (forks(), thread_id());
    assert_eq!(id, rustix::thread::gettid().as_raw_nonzero().get());
    in_child(|| {
        assert_eq!(forks(), before + 1);
        assert_eq!(thread_id(), std::process::id() as i32);
        in_child(|| assert_eq!(forks(), before + 2));
    });
    assert_eq!((forks(), thread_id()), (before, id));
}

#[test]
fn each_thread_has_a_number() {
    let mine = thread_id();
    let theirs = std::thread::spawn(thread_id).join().unwrap();
    assert_ne!(mine, theirs);
    assert_eq!(mine, thread_id());
}
