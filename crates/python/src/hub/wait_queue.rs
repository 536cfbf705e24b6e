//! A FIFO of greenlets that wait for one thing, and of callbacks to be told of it.

use std::collections::VecDeque;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use super::job::Job;
use super::limit::Limit;
use super::waiter::{Waiter, Wake};
use crate::gil::{GilCell, Ref};

/// What every primitive that blocks stands on.
#[derive(Default)]
pub struct WaitQueue(GilCell<Queue>);

#[derive(Default)]
struct Queue {
    /// Entries by age. An entry that leaves from the middle leaves a hole, so that the numbers
    /// stay consecutive and finding one is a subtraction.
    entries: VecDeque<Option<Entry>>,
    /// The number of the first entry.
    first: u64,
    /// How many entries are no holes.
    present: usize,
}

enum Entry {
    Greenlet(Waiter),
    Callback(Ref),
}

impl Queue {
    fn push(&mut self, entry: Entry) -> u64 {
        self.entries.push_back(Some(entry));
        self.present += 1;
        self.first + self.entries.len() as u64 - 1
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let entry = self.entries.get_mut(index)?.take()?;
        self.present -= 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        Some(entry)
    }

    fn pop(&mut self) -> Option<Entry> {
        while let Some(entry) = self.entries.pop_front() {
            self.first += 1;
            if entry.is_some() {
                self.present -= 1;
                return entry;
            }
        }
        None
    }

    /// Takes out the oldest greenlet, past callbacks.
    fn pop_greenlet(&mut self) -> Option<Waiter> {
        let index = self
            .entries
            .iter()
            .position(|entry| matches!(entry, Some(Entry::Greenlet(_))))?;
        match self.remove(self.first + index as u64) {
            Some(Entry::Greenlet(waiter)) => Some(waiter),
            _ => None,
        }
    }
}

impl WaitQueue {
    /// Joins the tail, gives up the thread until woken, and leaves. Fails only in the hub.
    pub fn wait(&self, py: Python<'_>, limit: &Limit) -> PyResult<Wake> {
        let waiter = Waiter::current(py)?;
        let number = self
            .0
            .borrow_mut(py)
            .push(Entry::Greenlet(waiter.clone_ref(py)));
        let wake = waiter.park(py, limit);
        if !matches!(wake, Wake::Notified) {
            let entry = self.0.borrow_mut(py).remove(number);
            drop(entry);
        }
        Ok(wake)
    }

    /// Wakes the greenlet that has waited longest. False if none waits.
    pub fn notify_one(&self, py: Python<'_>) -> bool {
        loop {
            let waiter = self.0.borrow_mut(py).pop_greenlet();
            match waiter {
                Some(waiter) if waiter.wake(py) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// Wakes every greenlet and schedules every callback as `callback(owner)`, in order; the
    /// queue is empty then.
    pub fn notify_all(&self, py: Python<'_>, owner: &Bound<'_, PyAny>) {
        let count = self.0.borrow(py).entries.len();
        for _ in 0..count {
            let entry = self.0.borrow_mut(py).pop();
            match entry {
                Some(Entry::Greenlet(waiter)) => drop(waiter.wake(py)),
                Some(Entry::Callback(callback)) => schedule(py, callback, owner),
                None => return,
            }
        }
    }

    /// Schedules the callbacks as `callback(owner)` and keeps them; greenlets stay.
    pub fn notify_callbacks(&self, py: Python<'_>, owner: &Bound<'_, PyAny>) {
        let callbacks: Vec<Ref> = self
            .0
            .borrow(py)
            .entries
            .iter()
            .filter_map(|entry| match entry {
                Some(Entry::Callback(callback)) => Some(callback.clone_ref(py)),
                _ => None,
            })
            .collect();
        for callback in callbacks {
            schedule(py, callback, owner);
        }
    }

    /// Adds a callback, to be run in the hub.
    pub fn rawlink(&self, py: Python<'_>, callback: Py<PyAny>) {
        self.0.borrow_mut(py).push(Entry::Callback(callback.into()));
    }

    /// Takes out the oldest callback that is equal to `callback`. False if there is none.
    pub fn unlink(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<bool> {
        let links: Vec<(u64, Ref)> = {
            let queue = self.0.borrow(py);
            let numbered = (queue.first..).zip(queue.entries.iter());
            numbered
                .filter_map(|(number, entry)| match entry {
                    Some(Entry::Callback(link)) => Some((number, link.clone_ref(py))),
                    _ => None,
                })
                .collect()
        };
        // Comparing runs Python, so it is done on a copy.
        for (number, link) in links {
            if link.bind(py).eq(callback)? {
                let entry = self.0.borrow_mut(py).remove(number);
                return Ok(entry.is_some());
            }
        }
        Ok(false)
    }

    /// Takes out all callbacks.
    pub fn unlink_all(&self, py: Python<'_>) {
        let numbers: Vec<u64> = {
            let queue = self.0.borrow(py);
            (queue.first..)
                .zip(queue.entries.iter())
                .filter(|(_, entry)| matches!(entry, Some(Entry::Callback(_))))
                .map(|(number, _)| number)
                .collect()
        };
        for number in numbers {
            let entry = self.0.borrow_mut(py).remove(number);
            drop(entry);
        }
    }

    /// How many greenlets and callbacks there are.
    pub fn len(&self, py: Python<'_>) -> usize {
        self.0.borrow(py).present
    }

    pub fn is_empty(&self, py: Python<'_>) -> bool {
        self.len(py) == 0
    }

    /// For the garbage collector: the callbacks. (Waiting greenlets hold their own on a stack.)
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.each_callback(|callback| visit.call(callback))
    }

    fn each_callback<E>(&self, mut see: impl FnMut(&Py<PyAny>) -> Result<(), E>) -> Result<(), E> {
        self.0.inspect(|queue| {
            for entry in queue.entries.iter().flatten() {
                if let Entry::Callback(callback) = entry {
                    see(callback.as_py())?;
                }
            }
            Ok(())
        })
    }

    /// For the garbage collector: gives up everything.
    pub fn clear(&self, py: Python<'_>) {
        let queue = std::mem::take(&mut *self.0.borrow_mut(py));
        drop(queue);
    }

    /// Calls `see` with each callback, for a hand-written traverse.
    pub fn each_object(&self, mut see: impl FnMut(*mut pyo3::ffi::PyObject)) {
        let Ok(()) = self.each_callback(|callback| {
            see(callback.as_ptr());
            Ok::<_, std::convert::Infallible>(())
        });
    }
}

fn schedule(py: Python<'_>, callback: Ref, owner: &Bound<'_, PyAny>) {
    let scheduled = PyTuple::new(py, [owner]).and_then(|args| {
        let event_loop = super::EventLoop::current(py)?;
        event_loop.get().push(
            py,
            Job::Call {
                callback,
                args: args.into(),
            },
        );
        Ok(())
    });
    if let Err(error) = scheduled {
        error.write_unraisable(py, Some(owner));
    }
}
