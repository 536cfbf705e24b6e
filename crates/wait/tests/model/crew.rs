//! Native threads that take tasks: what `sync/task_queue.rs` does.

use shuttle::{
    Config, Runner,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
};
use wait::Crew;

use crate::cast::schedulers;

/// A task, or word that there will be none.
type Task = Option<u32>;

struct Seat {
    thread: Thread,
    called: AtomicBool,
}

impl Seat {
    fn is_called(&self) -> bool {
        self.called.load(Ordering::Acquire)
    }
}

/// The mutex is the GIL.
type Shared = Mutex<Crew<Task, Arc<Seat>>>;

fn put(shared: &Shared, task: Task) {
    let mut crew = shared.lock().unwrap();
    if let Some(seat) = crew.put(task) {
        seat.called.store(true, Ordering::Release);
        seat.thread.unpark();
    }
}

/// Without patience it gives up after a moment.
fn get(shared: &Shared, is_patient: bool) -> Option<Task> {
    let mut crew = shared.lock().unwrap();
    loop {
        if let Some(task) = crew.take() {
            return Some(task);
        }
        let seat = Arc::new(Seat {
            thread: thread::current(),
            called: AtomicBool::new(false),
        });
        crew.wait(seat.clone());
        drop(crew);
        if is_patient {
            while !seat.is_called() {
                thread::park();
            }
        } else {
            thread::yield_now();
        }
        crew = shared.lock().unwrap();
        if !seat.is_called() {
            crew.leave(|other| Arc::ptr_eq(other, &seat));
            return crew.take();
        }
    }
}

/// Two that wait, one that has no patience, and one that gives them tasks, and in the end word to go.
fn play() {
    const TASKS: u32 = 4;
    let shared = Arc::new(Mutex::new(Crew::default()));
    let done = Arc::new(Mutex::new(Vec::new()));
    let mut threads = Vec::new();
    for _ in 0..2 {
        let (shared, done) = (shared.clone(), done.clone());
        threads.push(thread::spawn(move || {
            while let Some(Some(task)) = get(&shared, true) {
                done.lock().unwrap().push(task);
            }
        }));
    }
    let (crew, results) = (shared.clone(), done.clone());
    threads.push(thread::spawn(move || {
        for _ in 0..TASKS {
            match get(&crew, false) {
                Some(Some(task)) => results.lock().unwrap().push(task),
                Some(None) => put(&crew, None), // it was for another
                None => {}
            }
        }
    }));
    for task in 0..TASKS {
        put(&shared, Some(task));
    }
    put(&shared, None);
    put(&shared, None);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let mut done = done.lock().unwrap();
    done.sort_unstable();
    assert_eq!(*done, (0..TASKS).collect::<Vec<_>>());
}

#[test]
fn no_task_is_left_lying_and_none_is_done_twice() {
    for scheduler in schedulers() {
        Runner::new(scheduler, Config::new()).run(play);
    }
}
