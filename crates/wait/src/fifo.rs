//! A line that one can leave from the middle.

use std::{collections::VecDeque, ptr};

/// First in, first out. Each entry has a number, by which it can be taken out before its turn; those of one line are
/// never used again.
pub struct Fifo<T> {
    /// Entries by age. An entry that leaves from the middle leaves a hole, so that the numbers
    /// stay consecutive and finding one is a subtraction.
    entries: VecDeque<Option<T>>,
    /// The number of the first entry.
    first: u64,
    /// How many entries are no holes.
    present: usize,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            present: 0,
        }
    }
}

impl<T> Fifo<T> {
    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.present
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// Joins the tail; returns the entry's number.
    #[inline]
    pub fn push(&mut self, entry: T) -> u64 {
        let number = self.next_number();
        if self.entries.capacity() == 0 {
            // Most lines never have more than one.
            self.entries.reserve_exact(1);
        }
        self.entries.push_back(Some(entry));
        self.present += 1;
        number
    }

    /// The number that the next to join will get: who is in line now has a lower one.
    #[inline]
    pub fn next_number(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Takes out the entry of that number, if it is still there.
    #[inline]
    pub fn remove(&mut self, number: u64) -> Option<T> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let entry = self.entries.get_mut(index)?.take()?;
        self.present -= 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        Some(entry)
    }

    /// Takes out the oldest of those who joined before `number` was given out.
    #[inline]
    pub fn pop_before(&mut self, number: u64) -> Option<T> {
        while self.first < number {
            let entry = self.entries.pop_front()?;
            self.first += 1;
            if entry.is_some() {
                self.present -= 1;
                return entry;
            }
        }
        None
    }

    /// The number of the oldest for which `wanted` is true.
    #[inline]
    pub fn find(&self, wanted: impl Fn(&T) -> bool) -> Option<u64> {
        let index = self
            .entries
            .iter()
            .position(|entry| entry.as_ref().is_some_and(&wanted))?;
        Some(self.first + index as u64)
    }

    /// Where the oldest lies, for who will soon look at it; null if there is none.
    #[inline]
    pub fn oldest(&self) -> *const Option<T> {
        self.entries.front().map_or(ptr::null(), ptr::from_ref)
    }

    /// All with their numbers, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        let numbered = (self.first..).zip(&self.entries);
        numbered.filter_map(|(number, entry)| Some((number, entry.as_ref()?)))
    }
}
