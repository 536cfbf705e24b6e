//! Who plays in a model, and the schedules that are tried.

use std::collections::{HashSet, VecDeque};

use shuttle::{
    Config, Runner,
    rand::{Rng, thread_rng},
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
    sync::{Arc, Mutex},
    thread,
};
use wait::{End, WaitCell};

use crate::{
    greenlet::{Killed, Running},
    world::{Gil, Greenlet, Hub, Job, World},
};

/// What one thread does.
type Body<S> = Box<dyn FnOnce(&mut Gil<'_, S>) + Send>;

/// What there is in a model.
pub struct Cast<S> {
    /// How many greenlets each thread's hub has.
    pub hubs: &'static [usize],
    /// The first thread ends before its greenlets do: when it has nothing to do, if not earlier.
    pub first_ends_early: bool,
    /// How many greenlets are killed, any time.
    pub kills: usize,
    /// What a greenlet does, twice.
    pub greenlet: fn(&mut Running<'_, '_, S>) -> Result<(), Killed>,
    /// What a thread without a hub does.
    pub outsider: fn(&mut Gil<'_, S>),
    /// What is true whenever the GIL changes hands.
    pub always: fn(&World<S>),
    /// What is true when all have ended.
    pub finally: fn(&World<S>),
}

impl<S: Send + 'static> Cast<S> {
    /// Plays one schedule.
    fn play(&self, shared: S) {
        let mutex = Arc::new(Mutex::new(self.world(shared)));
        let mut threads = Vec::new();
        let mut start = |body: Body<S>| {
            let mutex = mutex.clone();
            threads.push(thread::spawn(move || body(&mut Gil::take(&mutex))));
        };
        let greenlets: usize = self.hubs.iter().sum();
        for id in 0..greenlets {
            let body = self.greenlet;
            start(Box::new(move |gil| Running { gil, id }.live(body)));
        }
        for hub in 0..self.hubs.len() {
            let ends_early = hub == 0 && self.first_ends_early;
            start(Box::new(move |gil| run_hub(gil, hub, ends_early)));
        }
        start(Box::new(self.outsider));
        for _ in 0..self.kills {
            start(Box::new(move |gil| {
                let victim = thread_rng().gen_range(0..greenlets);
                let home = gil.greenlets[victim].home;
                gil.push(home, Job::Throw(victim));
                gil.let_threads_run();
                wake_too_late(gil);
            }));
        }
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        (self.finally)(&Gil::take(&mutex));
    }

    fn world(&self, shared: S) -> World<S> {
        let hubs = self.hubs.iter().map(|_| Hub {
            jobs: VecDeque::new(),
            running: None,
            ending: false,
            called: Arc::default(),
        });
        let homes = self.hubs.iter().enumerate();
        let homes = homes.flat_map(|(hub, &count)| std::iter::repeat_n(hub, count));
        let greenlets = homes.map(|home| Greenlet {
            home,
            cell: WaitCell::default(),
            switched_for: 0,
            thrown: false,
            alive: true,
            called: Arc::default(),
        });
        let mut world = World {
            hubs: hubs.collect(),
            greenlets: greenlets.collect(),
            ended: HashSet::new(),
            past: Vec::new(),
            always: self.always,
            shared,
        };
        for greenlet in 0..world.greenlets.len() {
            let home = world.greenlets[greenlet].home;
            world.push(home, Job::Start(greenlet));
        }
        world
    }

    /// Plays many schedules: threads that change places at random, then threads that keep the processor but for a few
    /// times, which is how most mistakes are found.
    pub fn explore(self, shared: fn() -> S) {
        let cast = Arc::new(self);
        for scheduler in schedulers() {
            let cast = cast.clone();
            Runner::new(scheduler, Config::new()).run(move || cast.play(shared()));
        }
    }
}

/// What a hub's thread does until all its greenlets have ended.
fn run_hub<S>(gil: &mut Gil<'_, S>, hub: usize, ends_early: bool) {
    let called = gil.hubs[hub].called.clone();
    loop {
        gil.let_threads_run();
        let mut mine = gil.greenlets.iter().enumerate();
        let Some((last, _)) = mine.rfind(|(_, greenlet)| greenlet.home == hub && greenlet.alive)
        else {
            return;
        };
        gil.hubs[hub].ending |=
            ends_early && (gil.hubs[hub].jobs.is_empty() || thread_rng().gen_ratio(1, 8));
        let next = if gil.hubs[hub].ending {
            gil.greenlets[last].thrown = true;
            Some(last)
        } else if let Some(job) = gil.hubs[hub].jobs.pop_front() {
            gil.due(job)
        } else {
            gil.sleep(&called);
            None
        };
        if next.is_some() {
            gil.call(hub, next);
            while gil.hubs[hub].running.is_some() {
                gil.sleep(&called);
            }
        }
    }
}

/// What has a wait in hand that is over: it must find that nobody is there.
fn wake_too_late<S>(gil: &mut Gil<'_, S>) {
    for waiter in gil.past.clone() {
        assert!(!gil.end(waiter, End::Notified), "{waiter:?} was over");
    }
}

const SEED: u64 = 0x7665_7264_6967_7269;
const SCHEDULES: usize = 1000;

pub fn schedulers() -> [Box<dyn Scheduler + Send>; 2] {
    [
        Box::new(RandomScheduler::new_from_seed(SEED, SCHEDULES)),
        Box::new(PctScheduler::new_from_seed(SEED, 4, SCHEDULES)),
    ]
}
