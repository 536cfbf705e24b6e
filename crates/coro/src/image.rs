//! What is on a stack, kept elsewhere for a while.
//!
//! A computation that is suspended needs what it has on its stack, but not the pages: an image is taken, the pages go back to
//! the system ([`release`]) or to another computation, and before the first goes on the image is put back at the very
//! same addresses, so that pointers into the stack, of which any stack is full, are good again.
//!
//! # What for
//!
//! The least that a stack takes is a page. At an ordinary wait a third to a half of it is in use. Of that a third is
//! zeros (locals that were never set, padding, saved registers that held nothing) and most of the rest addresses, often
//! with the same upper half as the one before. So an image leaves out the words that are zero, and upper halves
//! that repeat the one before: one of a wait is some 900 bytes, and a deep one takes half of what is on the stack.
//!
//! Where somebody has to read in it what they would have read on the stack, an image is whole: word for word ([`Image::whole`]).
//!
//! # What may not happen
//!
//! Between [`Image::take`] and [`Image::put_back`] a read of the stack finds something else, and a write is lost. It is the
//! caller's to know that nobody looks.

#![expect(unsafe_code, reason = "reads and writes the memory of stacks")]

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::arch;
use crate::context::Context;
use crate::spare::Spare;
use crate::stack::Stack;

/// The words between two addresses, packed or whole.
#[derive(Debug)]
pub struct Image {
    /// The lowest address.
    low: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// For each 64 words that there are on the stack: a bit for each that says whether it is not zero; a bit for each that
    /// says whether its upper half differs from that of the last one; and of those that are not zero the lower half, and the
    /// upper half if it differs.
    Packed {
        length: u32,
        halves: Vec<u32>,
    },
    Whole(Box<[u64]>),
}

/// Words that are packed together.
const CHUNK: usize = u64::BITS as usize;

/// What a chunk begins with: two masks, in halves.
const MASKS: usize = 4;

impl Image {
    /// Copies what `context`, suspended on `stack`, has there: its C stack, and the data room up to `data_top`; to `spare`
    /// memory, if there is. None for want of memory.
    ///
    /// # Safety
    /// `context` is suspended on `stack`. `data_top` lies in the stack's data room, aligned to 8, and nothing that is
    /// alive lies above.
    #[must_use]
    pub unsafe fn take(
        stack: &Stack,
        context: &Context,
        data_top: *mut u8,
        spare: &mut Spare,
    ) -> Option<Image> {
        let low = stack.top().wrapping_sub(context.depth(stack));
        let length = (data_top.addr() - low.addr()) / size_of::<u64>();
        debug_assert!(low.addr().is_multiple_of(size_of::<u64>()));
        // SAFETY: from the stack pointer of what is suspended there up to a point of the data room: mapped, readable,
        // aligned, and written by nobody meanwhile.
        let words = unsafe { std::slice::from_raw_parts(low.cast::<u64>(), length) };
        let halves = pack(words, spare)?;
        let length = u32::try_from(length).ok()?;
        Some(Image {
            low: low.expose_provenance(),
            content: Content::Packed { length, halves },
        })
    }

    /// The same with every word in its place.
    #[must_use]
    pub fn into_whole(self) -> Image {
        let content = match self.content {
            Content::Packed { length, halves } => {
                let mut words = vec![0; length as usize];
                each_kept(&halves, |at, word| words[at] = word);
                Content::Whole(words.into_boxed_slice())
            }
            whole @ Content::Whole(_) => whole,
        };
        Image { content, ..self }
    }

    /// Of a whole one: the addresses that it is of, and where what belongs at the first of them is now. It may be written
    /// to there, and is put back so.
    #[must_use]
    pub fn whole(&mut self) -> Option<(Range<usize>, *mut u8)> {
        match &mut self.content {
            Content::Packed { .. } => None,
            Content::Whole(words) => {
                let range = self.low..self.low + size_of_val(&**words);
                Some((range, words.as_mut_ptr().cast()))
            }
        }
    }

    /// Writes everything back to where it was, and gives up its memory.
    ///
    /// # Safety
    /// The stack that the image is of still exists, its computation has not run since, and nobody needs what has come to lie
    /// in the image's range meanwhile.
    pub unsafe fn put_back(self, spare: &mut Spare) {
        let low = std::ptr::with_exposed_provenance_mut::<u64>(self.low);
        // SAFETY: the range was read in `take`, and is still mapped; the caller gives up what is there.
        unsafe {
            match self.content {
                Content::Packed { length, halves } => {
                    low.write_bytes(0, length as usize);
                    each_kept(&halves, |at, word| low.add(at).write(word));
                    spare.keep(halves);
                }
                Content::Whole(words) => low.copy_from_nonoverlapping(words.as_ptr(), words.len()),
            }
        }
    }

    /// How many bytes of memory it takes up.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.content {
            Content::Packed { halves, .. } => size_of_val(&**halves),
            Content::Whole(words) => size_of_val(&**words),
        }
    }

    /// Has the processor fetch what `put_back` will read.
    #[inline]
    pub fn prefetch(&self) {
        let start: *const u8 = match &self.content {
            Content::Packed { halves, .. } => halves.as_ptr().cast(),
            Content::Whole(words) => words.as_ptr().cast(),
        };
        for offset in (0..self.size().min(PREFETCHED)).step_by(64) {
            arch::prefetch(start.wrapping_add(offset));
        }
    }
}

/// More than this of an image is not fetched ahead: it is that of an ordinary wait.
const PREFETCHED: usize = 1280;

/// What `Content::Packed` holds of these words. None for want of memory.
fn pack(words: &[u64], spare: &mut Spare) -> Option<Vec<u32>> {
    let most = words.len().div_ceil(CHUNK) * MASKS + 2 * words.len() + 1;
    // An ordinary wait needs no more memory than what it is kept in.
    let (mut small, mut large) = ([MaybeUninit::<u32>::uninit(); 1024], Vec::new());
    let room = match small.get_mut(..most) {
        Some(room) => room,
        None => {
            large.try_reserve_exact(most).ok()?;
            &mut large.spare_capacity_mut()[..most]
        }
    };
    let start: *mut u32 = room.as_mut_ptr().cast();
    let (mut end, mut last) = (0, 0);
    for chunk in words.chunks(CHUNK) {
        let masks = end;
        end += MASKS;
        let (mut kept, mut differs) = (0, 0);
        // Without a branch, which would be guessed wrong at every third word, and without looking at a bound: all is
        // written, and kept if the end moves. Takes two thirds of the time.
        for (at, word) in chunk.iter().enumerate() {
            let [low, high] = split(*word);
            let is_kept = is_kept(*word);
            let is_other = is_kept & differs_from(high, last);
            // SAFETY: the end has moved by two at most for each word before, and by the masks of the chunks: it is below `most`,
            // and so is the place after it.
            unsafe {
                start.add(end).write(low);
                end += usize::from(is_kept);
                start.add(end).write(high);
                end += usize::from(is_other);
            }
            last = if is_kept { high } else { last };
            kept |= u64::from(is_kept) << at;
            differs |= u64::from(is_other) << at;
        }
        for (at, half) in [split(kept), split(differs)]
            .as_flattened()
            .iter()
            .enumerate()
        {
            // SAFETY: room was left for them.
            unsafe { start.add(masks + at).write(*half) };
        }
    }
    // SAFETY: all up to there has been written.
    let halves = unsafe { std::slice::from_raw_parts(start, end) };
    let mut kept = spare.take(end)?;
    kept.extend_from_slice(halves);
    Some(kept)
}

/// Names each word that `pack` has kept, with its place.
fn each_kept(halves: &[u32], mut see: impl FnMut(usize, u64)) {
    let (mut rest, mut start, mut high) = (halves, 0, 0);
    while let [a, b, c, d, kept @ ..] = rest {
        let (mut left, differs) = (join(*a, *b), join(*c, *d));
        rest = kept;
        while left != 0
            && let [low, after @ ..] = rest
        {
            let at = left.trailing_zeros();
            rest = after;
            if differs >> at & 1 != 0
                && let [other, after @ ..] = rest
            {
                high = *other;
                rest = after;
            }
            see(start + at as usize, join(*low, high));
            left &= left - 1;
        }
        start += CHUNK;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is meant"
)]
fn split(word: u64) -> [u32; 2] {
    [word as u32, (word >> u32::BITS) as u32]
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << u32::BITS
}

/// Whether a word has a place in the image. Under Valgrind all have: much of a stack was never written, and asking what
/// is in there would be reported.
fn is_kept(word: u64) -> bool {
    cfg!(coro_valgrind) || word != 0
}

/// Whether an upper half has a place in the image. Under Valgrind all have, for the same reason.
fn differs_from(high: u32, last: u32) -> bool {
    cfg!(coro_valgrind) || high != last
}

/// Returns the memory of stacks of whose contents there are images. Neighbours go in one system call.
///
/// # Safety
/// Nothing runs on them, and before what is suspended on one goes on, [`Stack::restore_guard`] is called and its image is
/// put back.
pub unsafe fn release(stacks: &mut [&Stack]) {
    // SAFETY: by contract nobody needs what is there now.
    unsafe { Stack::vacate(stacks) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(words: &[u64]) {
        let mut found = vec![0; words.len()];
        each_kept(&pack(words, &mut Spare::default()).unwrap(), |at, word| {
            found[at] = word
        });
        assert_eq!(found, words);
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let stack = 0x7f12_3456_0000;
        round_trip(&[]);
        round_trip(&[0; 200]);
        round_trip(&[u64::MAX; 130]);
        round_trip(&(0..64).map(|at| stack + 8 * at).collect::<Vec<_>>());
        round_trip(
            &(0..300)
                .map(|at| [0, 1, stack + at, 1 << 40 | at, at << 32][at as usize % 5])
                .collect::<Vec<_>>(),
        );
    }

    #[test]
    #[cfg_attr(coro_valgrind, ignore = "under Valgrind all halves are kept")]
    fn addresses_that_lie_together_take_half() {
        let words: Vec<u64> = (0..640).map(|at| 0x7f12_3456_0000 + 8 * at).collect();
        assert_eq!(
            pack(&words, &mut Spare::default()).unwrap().len(),
            640 + 1 + 10 * MASKS
        );
    }
}
