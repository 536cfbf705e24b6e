//! The greenlets of one thread that have a stack, so that they can be found when it ends.

#![expect(
    unsafe_code,
    reason = "pointers to greenlets, which leave before they are freed"
)]

use std::cell::{Cell, RefCell};
use std::ptr;

use pyo3::Python;

use super::object::{PyGreenlet, inner};
use crate::gil::Ref;

/// All of them but the main greenlet, in no order. The references are borrowed: to be in here keeps no greenlet alive.
///
/// Who leaves leaves a hole. To fill it with another would be to write to that one, which nobody needs now, so that with
/// many it is in no cache.
#[derive(Default)]
pub struct Roster(RefCell<Places>);

#[derive(Default)]
struct Places {
    /// Null is a hole; the last is none.
    all: Vec<*mut PyGreenlet>,
    holes: usize,
}

/// Where in its thread's roster a greenlet stands.
#[derive(Default)]
pub struct Place(Cell<usize>);

/// Some of a roster.
pub struct Part {
    /// Borrowed, as they are in the roster.
    pub greenlets: Vec<*mut PyGreenlet>,
    /// Where the next part begins; None at the end.
    pub next: Option<usize>,
}

impl Roster {
    /// Takes in a greenlet that has got its stack.
    ///
    /// # Safety
    /// It is alive and in no roster, and is taken out before it is freed.
    #[inline]
    pub unsafe fn add(&self, greenlet: *mut PyGreenlet) {
        let mut places = self.0.borrow_mut();
        if places.holes > HOLES && places.holes > places.all.len() / 2 {
            places.close_ranks();
        }
        // SAFETY: by contract.
        unsafe { inner(greenlet) }.place.0.set(places.all.len());
        places.all.push(greenlet);
    }

    /// Takes out a greenlet that has run to its end, or is being freed.
    ///
    /// # Safety
    /// It is alive and in this roster.
    #[inline]
    pub unsafe fn remove(&self, greenlet: *mut PyGreenlet) {
        let mut places = self.0.borrow_mut();
        // SAFETY: by contract.
        let place = unsafe { inner(greenlet) }.place.0.get();
        places.all[place] = ptr::null_mut();
        places.holes += 1;
        while places.all.last().is_some_and(|last| last.is_null()) {
            places.all.pop();
            places.holes -= 1;
        }
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        let places = self.0.borrow();
        places.all.len() - places.holes
    }

    /// Those of the next `count` places, counting from `from`.
    pub fn part(&self, from: usize, count: usize) -> Part {
        let places = self.0.borrow();
        let end = from.saturating_add(count);
        let part = places.all.iter().take(end).skip(from);
        Part {
            greenlets: part.filter(|place| !place.is_null()).copied().collect(),
            next: (end < places.all.len()).then_some(end),
        }
    }

    /// For how many more there is room, after a peak.
    pub fn spare(&self) -> usize {
        let places = self.0.borrow();
        places.all.capacity() + places.holes - places.all.len()
    }

    /// Gives back what it has taken at a peak.
    pub fn shrink(&self) {
        let mut places = self.0.borrow_mut();
        places.close_ranks();
        let needed = 2 * places.all.len();
        places.all.shrink_to(needed);
    }

    /// All of them, kept alive by the answer.
    pub fn all(&self, _py: Python<'_>) -> Vec<Ref> {
        let places = self.0.borrow();
        // SAFETY: none is freed, and the token says that the GIL is held. A hole is no reference.
        let refer = |greenlet: &*mut PyGreenlet| unsafe { Ref::from_borrowed(greenlet.cast()) };
        places.all.iter().filter_map(refer).collect()
    }
}

impl Places {
    /// Has all move up to where the holes were.
    #[cold]
    fn close_ranks(&mut self) {
        self.all.retain(|place| !place.is_null());
        self.holes = 0;
        for (number, &greenlet) in self.all.iter().enumerate() {
            // SAFETY: what is in the roster is alive.
            unsafe { inner(greenlet) }.place.0.set(number);
        }
    }
}

/// So few holes are not worth closing.
const HOLES: usize = 64;
