//! The memory of images that have been put back, for those that are taken next.
//!
//! Where greenlets take turns on stacks, images come and go with each switch, by the hundred thousand, and in no order. The C
//! library looks at the neighbours of each piece of memory that it gets back, which nobody has touched for long: that took
//! a fifth of all the time of a greenlet that sleeps once. Kept by size, in a list apart, nothing of them is touched.

/// Memory in pieces of some sizes.
#[derive(Debug)]
pub struct Spare {
    sizes: [Pieces; SIZES],
}

#[derive(Debug, Default)]
struct Pieces {
    all: Vec<Vec<u32>>,
    /// The fewest that there were since `trim` was done last: nobody has needed these.
    fewest: usize,
}

/// Halves of words by which one size differs from the next.
const STEP: usize = 16;

/// What is larger goes back to the C library.
const SIZES: usize = 64;

impl Default for Spare {
    fn default() -> Self {
        Self {
            sizes: std::array::from_fn(|_| Pieces::default()),
        }
    }
}

impl Spare {
    /// An empty vector with room for so many. None for want of memory.
    pub(crate) fn take(&mut self, count: usize) -> Option<Vec<u32>> {
        let size = count.div_ceil(STEP);
        if let Some(pieces) = self.sizes.get_mut(size)
            && let Some(piece) = pieces.all.pop()
        {
            pieces.fewest = pieces.fewest.min(pieces.all.len());
            return Some(piece);
        }
        let mut fresh = Vec::new();
        fresh.try_reserve_exact(size * STEP).ok()?;
        Some(fresh)
    }

    /// Keeps what an image was in.
    pub(crate) fn keep(&mut self, mut piece: Vec<u32>) {
        piece.clear();
        if let Some(pieces) = self.sizes.get_mut(piece.capacity() / STEP) {
            pieces.all.push(piece);
        }
    }

    /// Frees pieces that nobody has needed since it was called the last time, but not more than `most`. Returns how many; there
    /// are more if it is `most`.
    pub fn trim(&mut self, most: usize) -> usize {
        let mut left = most;
        for pieces in &mut self.sizes {
            let count = pieces.fewest.min(left);
            pieces.all.truncate(pieces.all.len() - count);
            pieces.fewest -= count;
            left -= count;
            if left == 0 {
                return most;
            }
        }
        for pieces in &mut self.sizes {
            pieces.fewest = pieces.all.len();
            pieces.all.shrink_to(2 * pieces.fewest);
        }
        most - left
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sizes.iter().all(|pieces| pieces.all.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_taken_again_and_what_nobody_needs_is_freed() {
        let mut spare = Spare::default();
        let pieces: Vec<_> = (0..10).map(|_| spare.take(100).unwrap()).collect();
        let places: Vec<_> = pieces.iter().map(Vec::as_ptr).collect();
        pieces.into_iter().for_each(|piece| spare.keep(piece));
        assert_eq!(spare.trim(100), 0);
        let again = spare.take(97).unwrap();
        assert!(again.capacity() >= 100 && places.contains(&again.as_ptr()));
        spare.keep(again);
        let freed = [4, 5, 5].map(|most| spare.trim(most));
        assert_eq!(freed, [4, 5, 0], "nobody has needed nine");
        assert!(!spare.is_empty());
        assert_eq!(spare.trim(5), 1);
        assert!(spare.is_empty());
    }

    #[test]
    fn what_is_large_is_not_kept() {
        let mut spare = Spare::default();
        let large = spare.take(SIZES * STEP).unwrap();
        spare.keep(large);
        assert!(spare.is_empty());
    }
}
