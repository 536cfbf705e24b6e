//! A FIFO of greenlets that wait for one thing, and of callbacks to be told of it.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use coro::thread_pointer;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};
use wait::Fifo;

use super::callback::{Callback, Queued};
use super::event_loop::EventLoop;
use super::job::Job;
use super::limit::Limit;
use super::native_link::NativeLink;
use super::waiter::{Waiter, Wake};
use crate::gil::{GilCell, Ref};

/// What every primitive that blocks stands on.
pub struct WaitQueue {
    queue: GilCell<Queue>,
    /// The thread that uses it, or `SHARED` when several do.
    user: AtomicUsize,
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self {
            queue: GilCell::default(),
            user: AtomicUsize::new(thread_pointer()),
        }
    }
}

#[derive(Default)]
struct Queue {
    line: Fifo<Entry>,
    /// Callbacks that were notified, so that they can be unlinked until the hub calls them. Those
    /// that it has called are spent, and leave later.
    told: Vec<Callback>,
}

enum Entry {
    Greenlet(Waiter),
    Callback {
        callback: Ref,
        /// The loop of the thread that linked it, which is to run it, whoever notifies.
        home: Option<Py<EventLoop>>,
    },
    Native(NativeLink),
}

/// Of the running greenlet, in a line that it has joined.
pub struct Place {
    waiter: Waiter,
    number: u64,
}

/// Where a callback is.
enum Link {
    Entry(u64),
    Told(Callback),
}

impl Queue {
    /// Keeps a callback that is scheduled, and lets go of spent ones when there is no room left:
    /// then as much room is made as there are others, so that this costs little each time.
    fn push_told(&mut self, callback: Callback) {
        if self.told.len() == self.told.capacity() {
            self.told.retain(Callback::is_pending);
            self.told.reserve_exact(self.told.len().max(4));
        }
        self.told.push(callback);
    }

    /// Takes out the oldest greenlet, past callbacks.
    fn pop_greenlet(&mut self) -> Option<Waiter> {
        let number = self
            .line
            .find(|entry| matches!(entry, Entry::Greenlet(_)))?;
        match self.line.remove(number) {
            Some(Entry::Greenlet(waiter)) => Some(waiter),
            _ => None,
        }
    }
}

impl WaitQueue {
    /// Whether several threads have used it, this one among them.
    #[inline]
    fn is_shared(&self) -> bool {
        let foreign = self.user.load(Relaxed) != thread_pointer();
        if foreign {
            self.user.store(SHARED, Relaxed);
        }
        foreign
    }

    /// Remembers that this thread uses it.
    #[inline]
    pub fn note_user(&self) {
        self.is_shared();
    }

    /// Joins the tail, gives up the thread until woken, and leaves. Fails only in the hub.
    #[inline]
    pub fn wait(&self, py: Python<'_>, limit: &Limit) -> PyResult<Wake> {
        let place = self.join(py)?;
        self.stay(py, &place, limit)
    }

    /// Joins the tail. Python may run before that, but not after it. Fails only in the hub.
    #[inline]
    pub fn join(&self, py: Python<'_>) -> PyResult<Place> {
        let waiter = Waiter::current(py)?;
        let entry = Entry::Greenlet(waiter.clone_ref(py));
        let number = self.queue.borrow_mut(py).line.push(entry);
        Ok(Place { waiter, number })
    }

    /// Gives up the thread until woken, and leaves. (In its caller: each return after a switch is guessed wrong.)
    #[inline(always)]
    pub fn stay(&self, py: Python<'_>, place: &Place, limit: &Limit) -> PyResult<Wake> {
        // Another thread may wake us: then a loop that has nothing else to do is not at its end.
        let shared = self
            .is_shared()
            .then(|| EventLoop::current(py))
            .transpose()?;
        if let Some(event_loop) = &shared {
            event_loop.get().keep_alive(py, 1);
        }
        let wake = place.waiter.park(py, limit);
        if let Some(event_loop) = &shared {
            event_loop.get().keep_alive(py, -1);
        }
        if !matches!(wake, Wake::Notified) {
            let entry = self.queue.borrow_mut(py).line.remove(place.number);
            drop(entry);
        }
        Ok(wake)
    }

    /// Wakes the greenlet that has waited longest. False if none waits.
    pub fn notify_one(&self, py: Python<'_>) -> bool {
        self.is_shared();
        loop {
            let waiter = self.queue.borrow_mut(py).pop_greenlet();
            match waiter {
                Some(waiter) if waiter.wake(py) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// Wakes every greenlet and schedules every callback as `callback(owner)`, in order. Those who join meanwhile, as
    /// the end of a dead greenlet may let some do, are not among them. Says how many greenlets it woke.
    pub fn notify_all(&self, py: Python<'_>, owner: &Bound<'_, PyAny>) -> usize {
        self.is_shared();
        let end = self.queue.borrow(py).line.next_number();
        let mut woken = 0;
        loop {
            let entry = self.queue.borrow_mut(py).line.pop_before(end);
            match entry {
                Some(Entry::Greenlet(waiter)) => woken += usize::from(waiter.wake(py)),
                Some(Entry::Callback { callback, home }) => {
                    if let Err(error) = self.schedule(py, callback, home, owner) {
                        error.write_unraisable(py, Some(owner));
                    }
                }
                Some(Entry::Native(link)) => link.tell(py, owner),
                None => return woken,
            }
        }
    }

    /// Has the hub call a callback that has left the entries, unless it is unlinked before.
    fn schedule(
        &self,
        py: Python<'_>,
        callback: Ref,
        home: Option<Py<EventLoop>>,
        owner: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let args = PyTuple::new(py, [owner])?;
        let event_loop = match home {
            Some(home) => home,
            None => EventLoop::current(py)?.unbind(),
        };
        if event_loop.get().has_stand_in(py) && event_loop.get().is_elsewhere() {
            return event_loop
                .get()
                .schedule_by_stand_in(callback.bind(py), owner);
        }
        let callback = Callback::new(py, callback.into_bound(py), Some(args))?;
        let told = callback.clone_ref(py);
        self.queue.borrow_mut(py).push_told(told);
        let callback = Queued(callback);
        event_loop.get().push(py, Job::Link { callback });
        Ok(())
    }

    /// The callbacks by age, copied, so that Python may run while one looks at them.
    fn links(&self, py: Python<'_>) -> Vec<(Link, Ref)> {
        let queue = self.queue.borrow(py);
        let told = queue.told.iter().filter_map(|told| {
            let function = told.function(py)?;
            Some((Link::Told(told.clone_ref(py)), function.into()))
        });
        let entries = queue.line.iter().filter_map(|(number, entry)| match entry {
            Entry::Callback { callback, .. } => Some((Link::Entry(number), callback.clone_ref(py))),
            Entry::Native(link) => Some((Link::Entry(number), link.object_ref(py))),
            Entry::Greenlet(_) => None,
        });
        told.chain(entries).collect()
    }

    /// Takes out one of `links()`. False if it is no longer there.
    fn remove(&self, py: Python<'_>, link: &Link) -> bool {
        match link {
            Link::Told(callback) => callback.take().is_some(),
            Link::Entry(number) => {
                let entry = self.queue.borrow_mut(py).line.remove(*number);
                entry.is_some()
            }
        }
    }

    /// Adds a callback, to be run in the hub.
    pub fn rawlink(&self, py: Python<'_>, callback: Py<PyAny>) {
        let entry = match NativeLink::of(callback.bind(py)) {
            Some(link) => Entry::Native(link),
            None => Entry::Callback {
                callback: callback.into(),
                home: EventLoop::current(py).ok().map(Bound::unbind),
            },
        };
        self.queue.borrow_mut(py).line.push(entry);
    }

    /// Adds a link that is told at once.
    pub fn push_native(&self, py: Python<'_>, link: NativeLink) {
        self.queue.borrow_mut(py).line.push(Entry::Native(link));
    }

    /// Takes out the oldest of those links to `object`. False if there is none.
    pub fn unlink_native(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> bool {
        let entry = {
            let mut queue = self.queue.borrow_mut(py);
            let number = queue
                .line
                .find(|entry| matches!(entry, Entry::Native(link) if link.object().is(object)));
            number.and_then(|number| queue.line.remove(number))
        };
        entry.is_some()
    }

    /// Takes out the oldest callback that is equal to `callback`. False if there is none.
    pub fn unlink(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<bool> {
        for (link, known) in self.links(py) {
            if known.as_ptr() == callback.as_ptr() || known.bind(py).eq(callback)? {
                return Ok(self.remove(py, &link));
            }
        }
        Ok(false)
    }

    /// Takes out all callbacks.
    pub fn unlink_all(&self, py: Python<'_>) {
        for (link, _) in self.links(py) {
            self.remove(py, &link);
        }
    }

    /// How many greenlets and callbacks there are. A callback counts until it is called.
    pub fn len(&self, py: Python<'_>) -> usize {
        let queue = self.queue.borrow(py);
        let told = queue.told.iter().filter(|told| told.is_pending());
        queue.line.len() + told.count()
    }

    /// The greenlets that wait, oldest first.
    pub fn greenlets<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyAny>> {
        let queue = self.queue.borrow(py);
        let greenlet = |entry: &Entry| match entry {
            Entry::Greenlet(waiter) => Some(waiter.greenlet(py)),
            _ => None,
        };
        let entries = queue.line.iter();
        entries.filter_map(|(_, entry)| greenlet(entry)).collect()
    }

    /// Whether nobody waits, not even for the hub to call what was told.
    #[inline]
    pub fn is_unused(&self, py: Python<'_>) -> bool {
        let queue = self.queue.borrow(py);
        queue.line.is_empty() && queue.told.is_empty()
    }

    #[inline]
    pub fn is_empty(&self, py: Python<'_>) -> bool {
        let queue = self.queue.borrow(py);
        queue.line.is_empty() && !queue.told.iter().any(Callback::is_pending)
    }

    /// Has the processor fetch what `notify_all` looks at first.
    pub fn prefetch(&self) {
        coro::prefetch(self.queue.inspect(|queue| queue.line.oldest()));
    }

    /// For the garbage collector: the callbacks. (Waiting greenlets hold their own on a stack, and
    /// what was told is in a run queue.)
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.each_callback(|callback| visit.call(callback))
    }

    fn each_callback<E>(&self, mut see: impl FnMut(&Py<PyAny>) -> Result<(), E>) -> Result<(), E> {
        self.queue.inspect(|queue| {
            for (_, entry) in queue.line.iter() {
                match entry {
                    Entry::Callback { callback, .. } => see(callback.as_py())?,
                    Entry::Native(link) => see(link.object())?,
                    Entry::Greenlet(_) => {}
                }
            }
            Ok(())
        })
    }

    /// For the garbage collector: gives up everything.
    pub fn clear(&self, py: Python<'_>) {
        let queue = std::mem::take(&mut *self.queue.borrow_mut(py));
        drop(queue);
    }

    /// Calls `see` with each callback, for a hand-written traverse.
    pub fn each_object(&self, see: &mut impl FnMut(*mut pyo3::ffi::PyObject)) {
        let Ok(()) = self.each_callback(|callback| {
            see(callback.as_ptr());
            Ok::<_, std::convert::Infallible>(())
        });
    }
}

/// No thread's number.
const SHARED: usize = 0;
