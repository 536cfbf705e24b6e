//! An event: what `sync/event.rs` does.

use wait::{End, Fifo, Wake};

use crate::{
    cast::Cast,
    greenlet::{Killed, Limit, Running},
    world::{Gil, Waiter},
};

#[derive(Default)]
pub struct Event {
    flag: bool,
    /// It is not cleared any more.
    for_good: bool,
    line: Fifo<Waiter>,
    /// How often it was set.
    sets: usize,
    /// By which time each was told.
    told: Vec<(Waiter, usize)>,
}

fn set(gil: &mut Gil<'_, Event>) {
    gil.shared.flag = true;
    gil.shared.sets += 1;
    let this = gil.shared.sets;
    let end = gil.shared.line.next_number();
    while let Some(waiter) = gil.shared.line.pop_before(end) {
        if gil.end(waiter, End::Notified) {
            gil.shared.told.push((waiter, this));
        }
        // The last reference to a greenlet may have been dropped.
        gil.let_threads_run();
    }
}

fn clear(event: &mut Event) {
    event.flag = event.for_good;
}

fn wait(me: &mut Running<'_, '_, Event>, limit: Limit) -> Result<bool, Killed> {
    if me.gil.shared.flag {
        return Ok(true);
    }
    me.gil.let_threads_run();
    if me.gil.shared.flag {
        return Ok(true);
    }
    let waiter = me.begin()?;
    let before = me.gil.shared.sets;
    let place = me.gil.shared.line.push(waiter);
    let wake = me.park(waiter, limit);
    match wake {
        Wake::Notified => {
            let told = &me.gil.shared.told;
            let (_, by) = told.iter().find(|(who, _)| *who == waiter).unwrap();
            assert!(
                *by > before,
                "{waiter:?} was told of what came before it waited"
            );
        }
        _ => drop(me.gil.shared.line.remove(place)),
    }
    wake.or_pass_on(|| {})
}

/// Waits until the event is set and clears it, perhaps while it is being set.
fn live(me: &mut Running<'_, '_, Event>) -> Result<(), Killed> {
    while !wait(me, Limit::any())? {
        me.gil.let_threads_run();
    }
    clear(&mut me.gil.shared);
    Ok(())
}

/// Sets and clears it, and sets it for good at last.
fn set_and_clear(gil: &mut Gil<'_, Event>) {
    for _ in 0..3 {
        gil.let_threads_run();
        set(gil);
        clear(&mut gil.shared);
    }
    gil.let_threads_run();
    gil.shared.for_good = true;
    set(gil);
}

const CAST: Cast<Event> = Cast {
    hubs: &[2, 2],
    first_ends_early: false,
    kills: 1,
    greenlet: live,
    outsider: set_and_clear,
    always: |_| {},
    finally: |_| {},
};

#[test]
fn all_who_wait_are_told_and_nobody_else() {
    CAST.explore(Event::default);
}

#[test]
fn a_thread_that_ends_keeps_nobody_from_being_told() {
    let first_ends_early = true;
    Cast {
        first_ends_early,
        ..CAST
    }
    .explore(Event::default);
}
