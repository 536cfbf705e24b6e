//! A wait is ended once, by whoever names it first, and over when its greenlet goes on.

use wait::{End, WaitCell, Wake};

/// The greenlet is switched to, with nothing wrong.
fn go_on(cell: &WaitCell) -> Wake<&'static str> {
    cell.conclude(Ok(()), |()| "stray")
}

#[test]
fn the_first_to_end_a_wait_decides() {
    let cell = WaitCell::default();
    let wait = cell.begin();
    assert!(cell.is_on(wait) && !cell.is_due(wait));
    assert!(cell.end(wait, End::TimedOut));
    assert!(!cell.end(wait, End::Notified));
    assert!(cell.is_due(wait) && !cell.is_on(wait) && !cell.is_idle());
    assert_eq!(go_on(&cell), Wake::TimedOut);
    assert!(cell.is_idle() && !cell.is_due(wait));
}

#[test]
fn a_wait_that_is_called_off_cannot_be_ended() {
    let cell = WaitCell::default();
    let wait = cell.begin();
    cell.call_off();
    assert!(cell.is_idle() && cell.pending().is_none());
    assert!(!cell.end(wait, End::Notified));
    assert_ne!(cell.begin(), wait);
}

#[test]
fn what_comes_late_names_another_wait() {
    let cell = WaitCell::default();
    let first = cell.begin();
    assert!(cell.end(first, End::Notified));
    assert_eq!(go_on(&cell), Wake::Notified);
    assert!(!cell.end(first, End::Notified));
    let second = cell.begin();
    assert!(!cell.end(first, End::Notified));
    assert_eq!(cell.pending(), Some(second));
    assert!(cell.end(second, End::Notified));
    assert!(!cell.is_due(first));
}

#[test]
fn what_was_handed_to_a_dead_one_is_passed_on() {
    let cell = WaitCell::default();
    for (end, owed) in [
        (Some(End::Notified), true),
        (Some(End::TimedOut), false),
        (None, false),
    ] {
        let wait = cell.begin();
        end.map(|end| cell.end(wait, end));
        let mut passed_on = false;
        let wake = cell.conclude(Err("killed"), |()| "stray");
        assert_eq!(wake.or_pass_on(|| passed_on = true), Err("killed"));
        assert_eq!(passed_on, owed, "{end:?}");
    }
}

#[test]
fn a_value_that_nobody_sent_is_an_error() {
    let cell = WaitCell::default();
    cell.begin();
    let wake = go_on(&cell);
    let expected = Wake::Thrown {
        error: "stray",
        notified: false,
    };
    assert_eq!(wake, expected);
}
