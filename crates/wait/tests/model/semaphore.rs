//! A semaphore, and with one permit a lock: what `sync/semaphore.rs` and `sync/rlock.rs` do.

use wait::{End, Fifo, Wake};

use crate::{
    cast::Cast,
    greenlet::{Killed, Limit, Running},
    world::{Gil, Waiter, World},
};

#[derive(Default)]
pub struct Semaphore {
    permits: usize,
    total: usize,
    line: Fifo<Waiter>,
    /// The place in line of the last who got a permit there.
    served: Option<u64>,
    /// A mistake, for `planted`.
    drops_the_baton: bool,
}

type World_ = World<Semaphore>;

impl Semaphore {
    fn new(permits: usize) -> Semaphore {
        Semaphore {
            permits,
            total: permits,
            ..Semaphore::default()
        }
    }

    fn try_acquire(&mut self) -> bool {
        let free = self.permits > 0;
        self.permits -= usize::from(free);
        free
    }
}

fn acquire(me: &mut Running<'_, '_, Semaphore>, limit: Limit) -> Result<bool, Killed> {
    if me.gil.shared.try_acquire() {
        return Ok(true);
    }
    me.gil.let_threads_run();
    if me.gil.shared.try_acquire() {
        return Ok(true);
    }
    let waiter = me.begin()?;
    let place = me.gil.shared.line.push(waiter);
    let wake = me.park(waiter, limit);
    if wake != Wake::Notified {
        me.gil.shared.line.remove(place);
    }
    wake.or_pass_on(|| {
        if !me.gil.shared.drops_the_baton {
            release(me.gil);
        }
    })
}

fn release(world: &mut World_) {
    while let Some(place) = world.shared.line.find(|_| true) {
        let waiter = world.shared.line.remove(place).unwrap();
        if world.end(waiter, End::Notified) {
            let before = world.shared.served.replace(place);
            assert!(before < Some(place), "{waiter:?} was overtaken");
            return;
        }
    }
    world.shared.permits += 1;
}

/// Takes a permit, keeps it while others run, and gives it back however that ends.
fn live(me: &mut Running<'_, '_, Semaphore>) -> Result<(), Killed> {
    if acquire(me, Limit::any())? {
        me.gil.let_threads_run();
        let outcome = me.yield_now();
        release(me.gil);
        outcome?;
    }
    Ok(())
}

fn nobody_waits_while_a_permit_is_free(world: &World_) {
    let stranded = || {
        world
            .shared
            .line
            .iter()
            .find(|(_, waiter)| world.is_stranded(**waiter))
    };
    assert!(
        world.shared.permits == 0 || stranded().is_none(),
        "{:?} is stranded",
        stranded()
    );
}

fn all_permits_are_back(world: &World_) {
    assert_eq!(world.shared.permits, world.shared.total);
}

const CAST: Cast<Semaphore> = Cast {
    hubs: &[2, 3],
    first_ends_early: false,
    kills: 2,
    greenlet: live,
    outsider: |_: &mut Gil<'_, Semaphore>| {},
    always: nobody_waits_while_a_permit_is_free,
    finally: all_permits_are_back,
};

#[test]
fn no_permit_is_lost_or_made() {
    CAST.explore(|| Semaphore::new(2));
}

#[test]
fn a_lock_goes_to_the_first_in_line() {
    CAST.explore(|| Semaphore::new(1));
}

#[test]
fn a_thread_that_ends_gives_its_permits_back() {
    let first_ends_early = true;
    Cast {
        first_ends_early,
        ..CAST
    }
    .explore(|| Semaphore::new(1));
}

/// A permit that comes from no greenlet, as from a native thread.
#[test]
fn a_permit_from_outside_is_not_lost() {
    let outsider = |gil: &mut Gil<'_, Semaphore>| {
        for _ in 0..2 {
            release(gil);
            gil.let_threads_run();
        }
    };
    Cast { outsider, ..CAST }.explore(|| Semaphore {
        total: 2,
        ..Semaphore::new(0)
    });
}

/// The model sees a lost wake-up: who was handed a permit and killed keeps it to itself.
#[test]
#[should_panic(expected = "deadlock")]
fn planted_a_baton_that_is_dropped() {
    CAST.explore(|| Semaphore {
        drops_the_baton: true,
        ..Semaphore::new(1)
    });
}
