//! A forked child goes on with what its parent waited for, and doesn't disturb the parent.

mod common;

use common::{Pair, look, wait};
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
    });

    // Neither the child's wake-up nor its taking out of the fd came through to here.
    assert_eq!(look(&mut reactor), []);
    pair.send();
    assert_eq!(
        wait(&mut reactor),
        [Ready::Io {
            key,
            readiness: Interest::READ
        }]
    );

    reactor.arm(key, Interest::READ).unwrap();
    in_child(|| {
        reactor.reinit().unwrap();
        assert_eq!(
            wait(&mut reactor),
            [Ready::Io {
                key,
                readiness: Interest::READ
            }]
        );
    });
}

/// Runs `body` in a forked process, and checks that it ended without a panic.
fn in_child(body: impl FnOnce()) {
    #![expect(unsafe_code, reason = "fork(2)")]
    let body = std::panic::AssertUnwindSafe(body);
    // SAFETY: the child only does what needs no other thread: no lock that one of them might hold but the allocator's,
    // which the C library puts in order.
    match unsafe { libc::fork() } {
        0 => {
            let failed = std::panic::catch_unwind(body).is_err();
            // SAFETY: ends the process without running what the parent will run.
            unsafe { libc::_exit(failed.into()) }
        }
        child => {
            let mut status = 0;
            // SAFETY: `status` is ours to write.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            assert_eq!(status, 0);
        }
    }
}
