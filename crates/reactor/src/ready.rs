//! The words in which the reactor speaks to its caller.

use std::ops::{BitAnd, BitOr, BitOrAssign, Not, Sub, SubAssign};

/// One registration of a file descriptor. A key that was deregistered is never valid again.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Key {
    pub(crate) index: u32,
    pub(crate) serial: u32,
}

impl Key {
    /// A small number that no other valid key has: an index for tables of the caller's.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// A set of directions: those one waits for, or those that are ready.
///
/// The bits are those of the loops that users know: 1 is reading, 2 is writing.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default)]
pub struct Interest(u8);

/// The same set, seen from the other end.
pub type Readiness = Interest;

impl Interest {
    /// Nothing.
    pub const NONE: Interest = Interest(0);
    /// There is something to read, or the other side has closed.
    pub const READ: Interest = Interest(1);
    /// There is room to write, or writing would fail at once.
    pub const WRITE: Interest = Interest(2);
    /// Reading and writing.
    pub const BOTH: Interest = Interest(3);

    /// The set with these bits, of which only 1 and 2 mean something.
    pub const fn from_bits(bits: u8) -> Interest {
        Interest(bits & Interest::BOTH.0)
    }

    /// The set as bits: 1 for reading, 2 for writing.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: Interest) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether something of `other` is in this set.
    pub const fn intersects(self, other: Interest) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Interest {
    type Output = Interest;
    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        self.0 |= other.0;
    }
}

impl BitAnd for Interest {
    type Output = Interest;
    fn bitand(self, other: Interest) -> Interest {
        Interest(self.0 & other.0)
    }
}

impl Sub for Interest {
    type Output = Interest;
    fn sub(self, other: Interest) -> Interest {
        Interest(self.0 & !other.0)
    }
}

impl SubAssign for Interest {
    fn sub_assign(&mut self, other: Interest) {
        self.0 &= !other.0;
    }
}

impl Not for Interest {
    type Output = Interest;
    fn not(self) -> Interest {
        Interest::BOTH - self
    }
}

/// Something that came to pass.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Ready {
    /// What this registration had armed. It is disarmed now.
    Io { key: Key, readiness: Readiness },
    /// A timer's deadline has come. Its key is spent.
    Timer { token: u64 },
    /// A watched signal arrived, once or several times.
    Signal { number: i32 },
    /// A handler of somebody else's has written this number to the [signal pipe](crate::Reactor::signal_pipe).
    Handled { number: u8 },
    /// Another thread asked for attention, once or several times; or nobody did: take it as a hint.
    Woken,
}
