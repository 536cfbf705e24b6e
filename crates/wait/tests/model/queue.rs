//! A bounded queue that is shut down at last: what `sync/queue/simple.rs` does.

use std::{collections::VecDeque, mem};

use wait::{End, Fifo, Line, Promises, Wake};

use crate::{
    cast::Cast,
    greenlet::{Killed, Limit, Running},
    world::{Gil, Waiter, World},
};

#[derive(Default)]
pub struct Queue {
    promises: Promises,
    getters: Fifo<Waiter>,
    putters: Fifo<Waiter>,
    items: VecDeque<usize>,
    put: usize,
    got: usize,
    /// Items that came back from who was killed. By so many may the queue be too full.
    returned: usize,
    shut_down: bool,
}

impl Queue {
    fn bounded(maxsize: isize) -> Queue {
        let queue = Queue::default();
        queue.promises.set_maxsize(Some(maxsize));
        queue
    }

    fn maxsize(&self) -> isize {
        self.promises.maxsize().unwrap()
    }

    fn line(&mut self, line: Line) -> &mut Fifo<Waiter> {
        match line {
            Line::Getters => &mut self.getters,
            Line::Putters => &mut self.putters,
        }
    }

    fn is_ready(&self, line: Line) -> bool {
        match line {
            Line::Getters => self.promises.available(self.items.len()) > 0,
            Line::Putters => self.promises.has_room(self.items.len()),
        }
    }

    /// Puts the next number, or gets what must be the oldest.
    fn serve(&mut self, line: Line) {
        match line {
            Line::Putters => {
                self.items.push_back(self.put);
                self.put += 1;
            }
            Line::Getters => {
                let item = self.items.pop_front();
                assert_eq!(item, Some(self.got), "a promise was not kept");
                self.got += 1;
            }
        }
    }
}

/// Wakes the first of a line that can go on.
fn call(world: &mut World<Queue>, line: Line) -> bool {
    while let Some(place) = world.shared.line(line).find(|_| true) {
        let waiter = world.shared.line(line).remove(place).unwrap();
        if world.end(waiter, End::Notified) {
            return true;
        }
    }
    false
}

/// Calls those for whom there is something, as `call_them` says.
fn promise_by(world: &mut World<Queue>, call_them: impl FnOnce(&Promises, &mut World<Queue>)) {
    let promises = mem::take(&mut world.shared.promises);
    call_them(&promises, world);
    world.shared.promises = promises;
}

fn promise(world: &mut World<Queue>) {
    promise_by(world, |promises, world| {
        promises.make(world.shared.items.len(), |line| call(world, line));
    });
}

fn shut_down(world: &mut World<Queue>) {
    world.shared.shut_down = true;
    promise_by(world, |promises, world| {
        promises.make_to_all(|line| call(world, line));
    });
}

fn put_or_get(me: &mut Running<'_, '_, Queue>, line: Line, limit: Limit) -> Result<(), Killed> {
    if !me.gil.shared.is_ready(line) && !me.gil.shared.shut_down {
        // Preparing the limit may run Python.
        me.gil.let_threads_run();
    }
    if me.gil.shared.is_ready(line) {
        me.gil.shared.serve(line);
        promise(me.gil);
        return Ok(());
    }
    if me.gil.shared.shut_down {
        return Ok(());
    }
    let waiter = me.begin()?;
    let place = me.gil.shared.line(line).push(waiter);
    let wake = me.park(waiter, limit);
    if wake != Wake::Notified {
        me.gil.shared.line(line).remove(place);
    }
    let called = wake.or_pass_on(|| {
        me.gil.shared.promises.redeem(line);
        me.gil.shared.returned += usize::from(line == Line::Getters);
        promise(me.gil);
    })?;
    if called {
        me.gil.shared.promises.redeem(line);
        let refused = match line {
            Line::Getters => me.gil.shared.items.is_empty(),
            Line::Putters => me.gil.shared.shut_down,
        };
        assert!(
            !refused || me.gil.shared.shut_down,
            "a promise was not kept"
        );
        if !refused {
            me.gil.shared.serve(line);
            promise(me.gil);
        }
    }
    Ok(())
}

fn live(me: &mut Running<'_, '_, Queue>) -> Result<(), Killed> {
    put_or_get(me, Line::Putters, Limit::any())?;
    me.gil.let_threads_run();
    put_or_get(me, Line::Getters, Limit::any())
}

/// Puts if there is room, gets if there is an item, and closes the queue.
fn meddle(gil: &mut Gil<'_, Queue>) {
    for line in [Line::Putters, Line::Getters, Line::Putters] {
        if gil.shared.is_ready(line) {
            gil.shared.serve(line);
            promise(gil);
        }
        gil.let_threads_run();
    }
    shut_down(gil);
}

fn nobody_waits_for_what_there_is(world: &World<Queue>) {
    let queue = &world.shared;
    let lines = [
        (Line::Getters, &queue.getters),
        (Line::Putters, &queue.putters),
    ];
    for (line, waiters) in lines {
        let served = queue.is_ready(line) || queue.shut_down;
        let mut waiters = waiters.iter();
        let stranded = waiters.find(|(_, waiter)| served && world.is_stranded(**waiter));
        assert_eq!(stranded, None, "of {line:?} is stranded");
    }
    let available = queue.promises.available(queue.items.len());
    let most = queue.maxsize() + queue.returned.cast_signed();
    assert!(available <= most, "a slot was promised twice");
}

fn nothing_is_owed(world: &World<Queue>) {
    let queue = &world.shared;
    let len = queue.items.len();
    assert_eq!(len, queue.put - queue.got);
    assert_eq!(queue.promises.available(len), len.cast_signed());
    let room = len.cast_signed() < queue.maxsize();
    assert_eq!(queue.promises.has_room(len), room);
}

const CAST: Cast<Queue> = Cast {
    hubs: &[2, 3],
    first_ends_early: false,
    kills: 2,
    greenlet: live,
    outsider: meddle,
    always: nobody_waits_for_what_there_is,
    finally: nothing_is_owed,
};

#[test]
fn each_promise_is_kept_once() {
    CAST.explore(|| Queue::bounded(1));
}

#[test]
fn a_thread_that_ends_gives_back_what_it_was_promised() {
    let first_ends_early = true;
    Cast {
        first_ends_early,
        ..CAST
    }
    .explore(|| Queue::bounded(2));
}
