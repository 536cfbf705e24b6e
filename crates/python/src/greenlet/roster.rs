//! The greenlets of one thread that have a stack, so that they can be found when it ends.

#![expect(
    unsafe_code,
    reason = "pointers to greenlets, which leave before they are freed"
)]

use std::cell::{Cell, RefCell};

use pyo3::Python;

use super::object::{PyGreenlet, inner};
use crate::gil::Ref;

/// All of them but the main greenlet, in no order. The references are borrowed: to be in here keeps no greenlet alive.
#[derive(Default)]
pub struct Roster(RefCell<Vec<*mut PyGreenlet>>);

/// Where in its thread's roster a greenlet stands.
#[derive(Default)]
pub struct Place(Cell<usize>);

impl Roster {
    /// Takes in a greenlet that has got its stack.
    ///
    /// # Safety
    /// It is alive and in no roster, and is taken out before it is freed.
    #[inline]
    pub unsafe fn add(&self, greenlet: *mut PyGreenlet) {
        let mut all = self.0.borrow_mut();
        // SAFETY: by contract.
        unsafe { inner(greenlet) }.place.0.set(all.len());
        all.push(greenlet);
    }

    /// Takes out a greenlet that has run to its end, or is being freed.
    ///
    /// # Safety
    /// It is alive and in this roster.
    #[inline]
    pub unsafe fn remove(&self, greenlet: *mut PyGreenlet) {
        let mut all = self.0.borrow_mut();
        // SAFETY: by contract; and the one that takes its place is in the roster, so it is not freed yet.
        unsafe {
            let place = inner(greenlet).place.0.get();
            all.swap_remove(place);
            if let Some(&moved) = all.get(place) {
                inner(moved).place.0.set(place);
            }
        }
    }

    /// The next `count` of them, counting from `from`; fewer at the end. Borrowed, as they are in here.
    pub fn part(&self, from: usize, count: usize) -> Vec<*mut PyGreenlet> {
        let all = self.0.borrow();
        all.iter().skip(from).take(count).copied().collect()
    }

    /// Gives back what it has taken at a peak.
    pub fn shrink(&self) {
        let mut all = self.0.borrow_mut();
        let needed = 2 * all.len();
        all.shrink_to(needed);
    }

    /// All of them, kept alive by the answer.
    pub fn all(&self, _py: Python<'_>) -> Vec<Ref> {
        let all = self.0.borrow();
        // SAFETY: none is freed, and the token says that the GIL is held.
        let refer = |greenlet: &*mut PyGreenlet| unsafe { Ref::from_borrowed(greenlet.cast()) };
        all.iter().filter_map(refer).collect()
    }
}
