//! Who may put into a queue, by the whole account and by the short one.

use wait::{Line, Promises};

/// Promises made when a queue had `len` items, to as many as wait.
fn promised(maxsize: isize, len: usize, mut getters: usize, mut putters: usize) -> Promises {
    let promises = Promises::default();
    promises.set_maxsize(Some(maxsize));
    promises.make(len, |line| {
        let waiting = match line {
            Line::Getters => &mut getters,
            Line::Putters => &mut putters,
        };
        let any = *waiting > 0;
        *waiting -= usize::from(any);
        any
    });
    promises
}

#[test]
fn a_queue_has_room_below_what_is_said_to_be_room() {
    for maxsize in 0..5 {
        for (getters, putters) in (0..5).flat_map(|n| (0..5).map(move |m| (n, m))) {
            for (before, now) in (0..8).flat_map(|n| (0..8).map(move |m| (n, m))) {
                let promises = promised(maxsize, before, getters, putters);
                assert!(now >= promises.room_below() || promises.has_room(now));
            }
        }
    }
}

#[test]
fn and_not_above_it_unless_something_is_promised() {
    let promises = promised(3, 3, 0, 0);
    assert_eq!(promises.room_below(), 3);
    assert!(!promises.has_room(3));
    assert_eq!(promised(3, 2, 0, 1).room_below(), 2);
    assert_eq!(promised(0, 9, 0, 0).room_below(), usize::MAX);
}
