//! A number that the caller's lock guards.

use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

/// A number in a type that threads share under a lock, which is the GIL. It is atomic only for the compiler's sake: the
/// lock orders all accesses, so adding is a load and a store, which cost nothing, and no locked instruction.
#[derive(Default)]
pub struct Counter(AtomicIsize);

impl Counter {
    pub const fn new(value: isize) -> Self {
        Self(AtomicIsize::new(value))
    }

    #[inline]
    pub fn value(&self) -> isize {
        self.0.load(Relaxed)
    }

    #[inline]
    pub fn set(&self, value: isize) {
        self.0.store(value, Relaxed);
    }

    #[inline]
    pub fn add(&self, amount: isize) {
        self.set(self.value() + amount);
    }
}
