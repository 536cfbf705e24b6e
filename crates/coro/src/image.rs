//! What is on a stack, kept elsewhere for a while.
//!
//! A computation that has been suspended for long needs what it has on its stack, but not the pages: an image is taken,
//! the pages go back to the system ([`release`]), and before the computation goes on the image is put back at the very
//! same addresses, so that pointers into the stack, of which any stack is full, are good again.
//!
//! # What for
//!
//! The least that a stack takes is a page. At an ordinary wait a third to a half of it is in use, and half of that is
//! zeros: locals that were never set, padding, saved registers that held nothing. So an image leaves out the words that
//! are zero, and one of a wait is some 1 100 bytes. Anything cleverer would earn a few hundred bytes more.
//!
//! # What may not happen
//!
//! Between [`Image::take`] and [`Image::put_back`] a read of the stack finds zeros, and a write is lost. It is the
//! caller's to know that nobody looks.

#![expect(unsafe_code, reason = "reads and writes the memory of stacks")]

use crate::context::Context;
use crate::stack::Stack;

/// The words between two addresses, without those that are zero.
#[derive(Debug)]
pub struct Image {
    /// The lowest address; how many words follow; a bit for each that says whether it is here; and those that are.
    packed: Box<[u64]>,
}

/// Address and number of words.
const HEADER: usize = 2;

/// Words that one word of bits speaks of.
const BITS: usize = u64::BITS as usize;

impl Image {
    /// Copies what `context`, suspended on `stack`, has there: its C stack, and the data room up to `data_top`. None for
    /// want of memory.
    ///
    /// # Safety
    /// `context` is suspended on `stack`. `data_top` lies in the stack's data room, aligned to 8, and nothing that is
    /// alive lies above.
    #[must_use]
    pub unsafe fn take(stack: &Stack, context: &Context, data_top: *mut u8) -> Option<Image> {
        let low = stack.top().wrapping_sub(context.depth(stack));
        let length = (data_top.addr() - low.addr()) / size_of::<u64>();
        debug_assert!(low.addr().is_multiple_of(size_of::<u64>()));
        // SAFETY: from the stack pointer of what is suspended there up to a point of the data room: mapped, readable,
        // aligned, and written by nobody meanwhile.
        let words = unsafe { std::slice::from_raw_parts(low.cast::<u64>(), length) };
        let kept = words.iter().filter(|word| is_kept(**word)).count();
        let masks = length.div_ceil(BITS);
        let mut packed = Vec::new();
        packed.try_reserve_exact(HEADER + masks + kept).ok()?;
        packed.extend([low.expose_provenance() as u64, length as u64]);
        packed.extend(words.chunks(BITS).map(mask));
        packed.extend(words.iter().copied().filter(|word| is_kept(*word)));
        Some(Image {
            packed: packed.into_boxed_slice(),
        })
    }

    /// Writes everything back to where it was.
    ///
    /// # Safety
    /// The stack that the image is of still exists, and its computation has not run since. What lies in the image's
    /// range is zeros, or as it was: `release` is all that has happened to it.
    pub unsafe fn put_back(self) {
        let [low, length] = [0, 1].map(|at| usize::try_from(self.packed[at]).unwrap_or(usize::MAX));
        let (masks, mut kept) = self.packed[HEADER..].split_at(length.div_ceil(BITS));
        let low = std::ptr::with_exposed_provenance_mut::<u64>(low);
        for (chunk, mask) in masks.iter().enumerate() {
            let mut left = *mask;
            while left != 0 {
                let at = chunk * BITS + left.trailing_zeros() as usize;
                // SAFETY: below `length`, so inside the range that was read in `take`, which is still mapped.
                unsafe { low.add(at).write(kept[0]) };
                kept = &kept[1..];
                left &= left - 1;
            }
        }
    }

    /// How many bytes of memory it takes up.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of_val(&*self.packed)
    }
}

fn mask(words: &[u64]) -> u64 {
    let bit = |at: usize, word: u64| u64::from(is_kept(word)) << at;
    words
        .iter()
        .enumerate()
        .fold(0, |mask, (at, word)| mask | bit(at, *word))
}

/// Whether a word has a place in the image. Under Valgrind all have: much of a stack was never written, and asking what
/// is in there would be reported.
fn is_kept(word: u64) -> bool {
    cfg!(coro_valgrind) || word != 0
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
