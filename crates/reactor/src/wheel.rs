//! Deadlines by when they are: a hierarchical wheel of buckets, each put in order only when its turn comes.
//!
//! Time is cut into ticks of about a millisecond. Level 0 has a bucket for each of the next ticks, level 1 a bucket for
//! each stretch of 64 ticks after these, and so on: a deadline's level is that of the highest digit, to the base of 64, in
//! which its tick differs from `base`, and its bucket there is this digit. So the first bucket of the lowest level that
//! has any holds what comes first. When time reaches a bucket of a higher level its entries are spread over the lower
//! ones.
//!
//! To set a timer appends to a bucket; a heap of all would touch cold memory at each step down from its top when there
//! are many. Whoever asks for the earliest makes a heap of the one bucket that has it, whatever its level, so the answer
//! is exact, and stays cheap if the earliest is cancelled again and again.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, binary_heap::PeekMut},
    mem,
};

/// A tick is 2 to the power of this, in nanoseconds.
const TICK_BITS: u32 = 20;

/// A digit is so many bits of a tick's number.
const DIGIT_BITS: u32 = 6;

/// Buckets of a level.
const WIDTH: usize = 1 << DIGIT_BITS;

/// Enough for all the ticks there are.
const LEVELS: usize = (u64::BITS - TICK_BITS).div_ceil(DIGIT_BITS) as usize;

/// An empty bucket with more room than this gives it back at once: more than a sweep of few timers leaves.
const SPARE: usize = 128;

/// What stands for a timer. The earliest is the greatest, as heaps have it; of equals, the one set first.
#[derive(Copy, Clone, Eq, PartialEq)]
pub(crate) struct Entry {
    /// In nanoseconds.
    pub(crate) deadline: u64,
    /// Grows with each timer.
    pub(crate) serial: u64,
    pub(crate) slot: u32,
}

pub(crate) struct Wheel {
    /// The tick that has begun: nothing is in a bucket before it.
    base: u64,
    /// For each level the buckets that are not empty, as bits.
    filled: [u64; LEVELS],
    /// Of one level after the other, as far as there was a need.
    buckets: Vec<Bucket>,
    /// The bucket that was filled last: most timers are as long as the one before.
    recent: Option<Recent>,
    len: usize,
}

/// A filled bucket, and what belongs in there: deadlines that are `stretch` when shifted.
#[derive(Copy, Clone)]
struct Recent {
    shift: u32,
    stretch: u64,
    number: usize,
}

/// Either a pile or a heap; the other is empty.
#[derive(Default)]
struct Bucket {
    pile: Vec<Entry>,
    heap: BinaryHeap<Entry>,
}

/// Where a bucket is.
#[derive(Copy, Clone)]
struct Place {
    level: usize,
    index: usize,
}

impl Wheel {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) {
        self.len += 1;
        let number = match self.recent {
            Some(recent) if entry.deadline >> recent.shift == recent.stretch => recent.number,
            _ => self.find(entry.deadline),
        };
        self.buckets[number].push(entry);
    }

    /// Takes out the entry of that serial number, if it is the one that was pushed last. False if not, or if others have
    /// been put in order with it.
    #[inline]
    pub(crate) fn undo(&mut self, serial: u64) -> bool {
        let Some(recent) = self.recent else {
            return false;
        };
        let pile = &mut self.buckets[recent.number].pile;
        let undone = pile.pop_if(|entry| entry.serial == serial).is_some();
        self.len -= usize::from(undone);
        undone
    }

    /// The bucket for a deadline, which will be filled.
    #[inline(never)]
    fn find(&mut self, deadline: u64) -> usize {
        let tick = (deadline >> TICK_BITS).max(self.base);
        let level = (tick ^ self.base).checked_ilog2().unwrap_or(0) / DIGIT_BITS;
        let shift = level * DIGIT_BITS;
        let place = Place {
            level: level as usize,
            index: (tick >> shift) as usize % WIDTH,
        };
        self.filled[place.level] |= 1 << place.index;
        let number = place.number();
        if self.buckets.len() <= number {
            let needed = (place.level + 1) * WIDTH;
            self.buckets.resize_with(needed, Bucket::default);
        }
        self.recent = Some(Recent {
            shift: TICK_BITS + shift,
            stretch: tick >> shift,
            number,
        });
        number
    }

    /// The earliest deadline that is `wanted`.
    pub(crate) fn first(&mut self, wanted: impl Fn(&Entry) -> bool) -> Option<u64> {
        while let Some(place) = self.first_filled() {
            let heap = self.open(place, &wanted);
            let before = heap.len();
            while heap.peek().is_some_and(|entry| !wanted(entry)) {
                heap.pop();
            }
            let (rest, first) = (heap.len(), heap.peek().copied());
            self.len -= before - rest;
            if let Some(Entry { deadline, .. }) = first {
                return Some(deadline);
            }
            self.close(place);
        }
        None
    }

    /// Moves what is due at `now` to `due`, in order, without most of what is not `wanted`.
    pub(crate) fn expire(
        &mut self,
        now: u64,
        wanted: impl Fn(&Entry) -> bool,
        due: &mut Vec<Entry>,
    ) {
        let today = now >> TICK_BITS;
        while let Some(place) = self.first_filled()
            && self.start(place) <= today
        {
            if place.level > 0 {
                self.spread(place, &wanted);
                continue;
            }
            let heap = self.open(place, &wanted);
            let before = due.len();
            while let Some(first) = heap.peek_mut()
                && first.deadline <= now
            {
                due.push(PeekMut::pop(first));
            }
            let rest = heap.len();
            self.len -= due.len() - before;
            if rest > 0 {
                break;
            }
            self.close(place);
        }
        self.base = self.base.max(today);
    }

    /// Drops all that is not `wanted`.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&Entry) -> bool) {
        for level in 0..LEVELS {
            let mut filled = self.filled[level];
            while filled != 0 {
                let index = filled.trailing_zeros() as usize;
                filled &= filled - 1;
                let place = Place { level, index };
                let dropped = self.buckets[place.number()].retain(&wanted);
                self.len -= dropped;
                if self.buckets[place.number()].len() == 0 {
                    self.close(place);
                }
            }
        }
    }

    /// Gives back the room of empty buckets, and the levels above those in use.
    pub(crate) fn shrink(&mut self) {
        for bucket in self.buckets.iter_mut().filter(|bucket| bucket.len() == 0) {
            *bucket = Bucket::default();
        }
        let used = self.filled.iter().rposition(|&filled| filled != 0);
        let levels = used.map_or(0, |level| level + 1);
        self.buckets.truncate(levels * WIDTH);
        self.buckets.shrink_to_fit();
    }

    fn first_filled(&self) -> Option<Place> {
        let level = self.filled.iter().position(|&filled| filled != 0)?;
        let index = self.filled[level].trailing_zeros() as usize;
        Some(Place { level, index })
    }

    /// The first tick of a bucket.
    fn start(&self, place: Place) -> u64 {
        let shift = place.level as u32 * DIGIT_BITS;
        let above = self.base >> shift >> DIGIT_BITS << DIGIT_BITS;
        (above | place.index as u64) << shift
    }

    /// A bucket in order, of which unwanted ones may be missing.
    fn open(&mut self, place: Place, wanted: impl Fn(&Entry) -> bool) -> &mut BinaryHeap<Entry> {
        let bucket = &mut self.buckets[place.number()];
        if bucket.heap.is_empty() {
            self.len -= bucket.retain(wanted);
            bucket.heap = mem::take(&mut bucket.pile).into();
        }
        &mut bucket.heap
    }

    /// Time has come to a bucket of a higher level.
    fn spread(&mut self, place: Place, wanted: impl Fn(&Entry) -> bool) {
        self.base = self.start(place);
        self.recent = None;
        let mut entries = self.buckets[place.number()].take();
        self.len -= entries.len();
        for entry in entries.drain(..).filter(wanted) {
            self.push(entry);
        }
        self.buckets[place.number()].pile = entries;
        self.close(place);
    }

    /// A bucket is empty.
    fn close(&mut self, place: Place) {
        self.filled[place.level] &= !(1 << place.index);
        self.recent = None;
        let bucket = &mut self.buckets[place.number()];
        let room = bucket.take();
        if room.capacity() <= SPARE {
            bucket.pile = room;
        }
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            base: 0,
            filled: [0; LEVELS],
            buckets: Vec::new(),
            recent: None,
            len: 0,
        }
    }
}

impl Place {
    fn number(self) -> usize {
        self.level * WIDTH + self.index
    }
}

impl Bucket {
    fn push(&mut self, entry: Entry) {
        if self.heap.is_empty() {
            self.pile.push(entry);
        } else {
            self.heap.push(entry);
        }
    }

    fn len(&self) -> usize {
        self.pile.len() + self.heap.len()
    }

    /// Drops what is not `wanted`; says how many those were.
    fn retain(&mut self, wanted: impl Fn(&Entry) -> bool) -> usize {
        let before = self.len();
        self.pile.retain(&wanted);
        self.heap.retain(wanted);
        before - self.len()
    }

    /// All that is in it, in no order. Of the two, only one has room.
    fn take(&mut self) -> Vec<Entry> {
        match self.heap.capacity() {
            0 => mem::take(&mut self.pile),
            _ => mem::take(&mut self.heap).into_vec(),
        }
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        let key = |entry: &Entry| (entry.deadline, entry.serial);
        key(other).cmp(&key(self))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
