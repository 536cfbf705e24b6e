//! Waking a reactor from another thread.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use common::{look, wait};
use reactor::{Reactor, Ready};

#[test]
fn it_ends_a_wait() {
    let mut reactor = Reactor::new().unwrap();
    let waker = reactor.waker();
    let other = thread::spawn(move || waker.wake());
    assert_eq!(wait(&mut reactor), [Ready::Woken]);
    other.join().unwrap();
    assert_eq!(look(&mut reactor), []);
}

#[test]
fn many_calls_are_one() {
    let mut reactor = Reactor::new().unwrap();
    for _ in 0..3 {
        reactor.waker().wake();
        reactor.waker().wake();
        assert_eq!(wait(&mut reactor), [Ready::Woken]);
        assert_eq!(look(&mut reactor), []);
    }
}

/// A wake-up that was lost would leave a number behind, and the wait without end.
#[test]
fn none_is_lost() {
    const EACH: u32 = 2_000;
    let mut reactor = Reactor::new().unwrap();
    let posted = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (waker, posted) = (reactor.waker(), posted.clone());
            thread::spawn(move || {
                for _ in 0..EACH {
                    posted.fetch_add(1, Ordering::Relaxed);
                    waker.wake();
                }
            })
        })
        .collect();
    let mut seen = 0;
    while seen < 4 * EACH {
        assert_eq!(wait(&mut reactor), [Ready::Woken]);
        seen = posted.load(Ordering::Relaxed);
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn who_listens_is_woken_without_the_kernel() {
    let mut reactor = Reactor::new().unwrap();
    let waker = reactor.waker();
    let ear = waker.listen().unwrap();
    assert!(!ear.hears());
    reactor.waker().wake();
    assert!(ear.hears());
    drop(ear);
    assert_eq!(look(&mut reactor), []);
    waker.wake();
    assert_eq!(wait(&mut reactor), [Ready::Woken]);
}

#[test]
fn who_was_woken_before_it_listens_is_told_so() {
    let mut reactor = Reactor::new().unwrap();
    let waker = reactor.waker();
    waker.wake();
    assert!(waker.listen().is_none());
    assert_eq!(wait(&mut reactor), [Ready::Woken]);
    assert!(waker.listen().is_some());
}

#[test]
fn a_waker_may_outlive_its_reactor() {
    let waker = Reactor::new().unwrap().waker();
    waker.wake();
}

#[test]
fn what_waits_may_be_moved_between_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<reactor::Poller>();
    is_send_and_sync::<reactor::Events>();
    is_send_and_sync::<reactor::Waker>();
    is_send_and_sync::<Reactor>();
}
