//! Waiting for a file descriptor.

use std::os::fd::RawFd;
use std::sync::Arc;

use pyo3::prelude::*;
use reactor::{Interest, Key, Readiness};

use super::event_loop::EventLoop;
use super::limit::Limit;
use super::waiter::{Waiter, Wake};
use crate::error::{ConcurrentObjectUseError, InvalidThreadUseError, os_error};
use crate::gil::GilCell;
use crate::greenlet::Thread;
use crate::hub::watcher::Watcher;

/// A file descriptor that greenlets wait for: one at a time for each direction.
///
/// It becomes known to the loop of the thread that first waits, and moves to another loop when
/// a thread with another one waits and nobody waits here.
pub struct Source {
    fd: RawFd,
    state: Arc<GilCell<State>>,
}

/// Who waits, and with which loop the fd is registered.
#[derive(Default)]
pub struct State {
    registered: Option<(Key, Py<EventLoop>)>,
    /// Waiting does not keep the loop running.
    unreferenced: bool,
    reader: Option<Waiter>,
    writer: Option<Waiter>,
}

impl State {
    fn side(&mut self, interest: Interest) -> &mut Option<Waiter> {
        if interest == Interest::READ {
            &mut self.reader
        } else {
            &mut self.writer
        }
    }

    /// Takes out those who can never go on. They didn't leave by themselves, as others do.
    fn take_gone(&mut self) -> [Option<Waiter>; 2] {
        [&mut self.reader, &mut self.writer].map(|side| side.take_if(|waiter| waiter.is_gone()))
    }
}

/// What a loop knows of its registrations, by the index of their keys.
#[derive(Default)]
pub struct Sources(Vec<Option<(Key, Registered)>>);

/// Who is to be told.
pub enum Registered {
    Watcher(Py<Watcher>),
    Source(Arc<GilCell<State>>),
}

impl Source {
    pub fn new(fd: RawFd) -> Self {
        Self {
            fd,
            state: Arc::default(),
        }
    }

    /// Gives up the thread until the fd is ready for `interest` (one direction), or the limit is
    /// reached. Fails with ConcurrentObjectUseError if another greenlet waits for the same, and with
    /// InvalidThreadUseError if one of another thread waits for the other direction.
    pub fn wait(&self, py: Python<'_>, interest: Interest, limit: &Limit) -> PyResult<Wake> {
        let thread = Thread::current(py)?;
        let event_loop = EventLoop::for_blocking_in(py, thread)?;
        let gone = self.state.borrow_mut(py).take_gone();
        drop(gone);
        let taken = self
            .state
            .borrow_mut(py)
            .side(interest)
            .as_ref()
            .map(|other| other.clone_ref(py));
        if let Some(other) = taken {
            return Err(ConcurrentObjectUseError::new_err(format!(
                "This socket is already used by another greenlet: fd {}, {}",
                self.fd,
                other.describe(py),
            )));
        }
        let key = self.register(py, &event_loop)?;
        let waiter = Waiter::of(thread);
        *self.state.borrow_mut(py).side(interest) = Some(waiter.clone_ref(py));
        if let Err(error) = event_loop
            .get()
            .with_reactor(py, |reactor| reactor.arm(key, interest))
        {
            let entered = self.state.borrow_mut(py).side(interest).take();
            drop(entered);
            waiter.call_off();
            return Err(os_error(error));
        }
        let counts = isize::from(self.keeps_alive(py));
        event_loop.get().keep_alive(py, counts);
        let wake = waiter.park(py, limit);
        event_loop.get().keep_alive(py, -counts);
        if matches!(wake, Wake::Notified | Wake::Thrown { notified: true, .. }) {
            // `notify` took us out; by now another may wait in our place.
            return Ok(wake);
        }
        let left = self.state.borrow_mut(py).side(interest).take();
        if left.is_some() {
            event_loop
                .get()
                .with_reactor(py, |reactor| reactor.disarm(key, interest));
        }
        Ok(wake)
    }

    /// Whether those who wait here keep the loop running.
    pub fn keeps_alive(&self, py: Python<'_>) -> bool {
        !self.state.borrow(py).unreferenced
    }

    /// Counts for the waits that begin from now on.
    pub fn set_keeps_alive(&self, py: Python<'_>, keeps_alive: bool) {
        self.state.borrow_mut(py).unreferenced = !keeps_alive;
    }

    /// Parts from the loop, before the fd is closed; `error` is raised in those who wait.
    pub fn close(&self, py: Python<'_>, error: impl Fn() -> PyErr) {
        let (registered, waiters) = {
            let mut state = self.state.borrow_mut(py);
            (
                state.registered.take(),
                [state.reader.take(), state.writer.take()],
            )
        };
        if let Some((key, event_loop)) = registered {
            unregister(py, key, event_loop.get());
        }
        for waiter in waiters.into_iter().flatten() {
            waiter.fail(py, error());
        }
    }

    fn register(&self, py: Python<'_>, event_loop: &Bound<'_, EventLoop>) -> PyResult<Key> {
        let old = {
            let mut state = self.state.borrow_mut(py);
            match &state.registered {
                Some((key, home)) if home.is(event_loop) => return Ok(*key),
                Some(_) if state.reader.is_some() || state.writer.is_some() => {
                    return Err(InvalidThreadUseError::new_err(format!(
                        "A greenlet of another thread waits for fd {}",
                        self.fd
                    )));
                }
                _ => state.registered.take(),
            }
        };
        if let Some((key, home)) = old {
            unregister(py, key, home.get());
        }
        let key = event_loop
            .get()
            .with_reactor(py, |reactor| reactor.register(self.fd));
        let to = Registered::Source(self.state.clone());
        event_loop.get().sources.borrow_mut(py).insert(key, to);
        self.state.borrow_mut(py).registered = Some((key, event_loop.clone().unbind()));
        Ok(key)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // A socket that is collected without having been closed: nobody can wait for it.
        Python::attach(|py| {
            let registered = self.state.borrow_mut(py).registered.take();
            if let Some((key, event_loop)) = registered {
                unregister(py, key, event_loop.get());
            }
        });
    }
}

impl Sources {
    pub fn insert(&mut self, key: Key, to: Registered) {
        let index = key.index();
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some((key, to));
    }

    /// The watchers among them.
    pub fn watchers(&self, py: Python<'_>) -> Vec<Py<Watcher>> {
        let watcher = |(_, registered): &(Key, Registered)| match registered {
            Registered::Watcher(watcher) => Some(watcher.clone_ref(py)),
            Registered::Source(_) => None,
        };
        self.0.iter().flatten().filter_map(watcher).collect()
    }

    pub fn remove(&mut self, key: Key) -> Option<Registered> {
        let place = self.0.get_mut(key.index())?;
        match place {
            Some((known, _)) if *known == key => place.take().map(|(_, to)| to),
            _ => None,
        }
    }
}

fn unregister(py: Python<'_>, key: Key, event_loop: &EventLoop) {
    event_loop.with_reactor(py, |reactor| reactor.deregister(key));
    let registered = event_loop.sources.borrow_mut(py).remove(key);
    drop(registered);
}

/// Wakes those who wait for what is ready.
pub fn notify(event_loop: &EventLoop, py: Python<'_>, key: Key, readiness: Readiness) {
    let waiters = {
        let sources = event_loop.sources.borrow(py);
        let Some(Some((known, registered))) = sources.0.get(key.index()) else {
            return;
        };
        if *known != key {
            return;
        }
        let state = match registered {
            Registered::Source(state) => state,
            Registered::Watcher(watcher) => {
                let watcher = watcher.clone_ref(py);
                drop(sources);
                return Watcher::ready(watcher.bind(py), readiness);
            }
        };
        let mut state = state.borrow_mut(py);
        let reader = if readiness.contains(Interest::READ) {
            state.reader.take()
        } else {
            None
        };
        let writer = if readiness.contains(Interest::WRITE) {
            state.writer.take()
        } else {
            None
        };
        [reader, writer]
    };
    for waiter in waiters.into_iter().flatten() {
        waiter.wake(py);
    }
}
