//! Stacks kept for reuse.
//!
//! Last in, first out: the stack used last is the one whose memory is still in the processor's caches. Giving back costs
//! no system call; a used stack keeps its memory until more than [`KEEP`] such lie idle, and then the longest idle ones
//! return theirs, [`BATCH`] at a time, so a program that swings around the mark doesn't pay at every swing.

use std::io;
use std::sync::Arc;

use crate::stack::{Shape, Slab, Stack};

/// Sizes of a pool's stacks, in bytes; rounded up to whole pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The whole of it: guard, C stack and data room. Address space rather than memory: only what is used costs.
    pub stack_size: usize,
    /// How much of that is data room, at least.
    pub data_size: usize,
}

impl Default for Config {
    /// One mebibyte, 64 KiB of it data room: carries nearly everything that fits CPython's default recursion limit.
    fn default() -> Config {
        Config {
            stack_size: 1 << 20,
            data_size: 64 << 10,
        }
    }
}

/// Hands out stacks, and takes them back for reuse. One a thread; sharing needs a lock of the caller's.
#[derive(Debug)]
pub struct Pool {
    config: Config,
    shape: Shape,
    /// Where stacks come from; the last is the only one that may have slots never used.
    slabs: Vec<Arc<Slab>>,
    /// How many stacks the next slab is to hold.
    next: u32,
    /// Idle stacks. The first `released` of them hold no memory.
    free: Vec<Stack>,
    released: usize,
}

impl Pool {
    /// An empty pool: maps nothing yet.
    ///
    /// # Errors
    /// `InvalidInput` for sizes that leave no room for a C stack, or are absurdly large.
    pub fn new(config: Config) -> io::Result<Pool> {
        let shape = Shape::new(config.stack_size, config.data_size)?;
        Ok(Pool {
            config,
            shape,
            slabs: Vec::new(),
            next: SLAB_MIN,
            free: Vec::new(),
            released: 0,
        })
    }

    /// A stack: one given back, or a fresh one.
    ///
    /// # Errors
    /// `OutOfMemory` when not even a single stack can be mapped.
    #[inline]
    pub fn take(&mut self) -> io::Result<Stack> {
        let mut stack = match self.free.pop() {
            Some(stack) => stack,
            None => self.fresh()?,
        };
        self.released = self.released.min(self.free.len());
        stack.begin_use();
        Ok(stack)
    }

    /// What the pool's stacks are like.
    #[inline]
    #[must_use]
    pub fn config(&self) -> Config {
        self.config
    }

    /// Whether the next stack is one that was given back, which is quick to take and shallow.
    #[must_use]
    pub fn has_idle(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes back a stack on which nothing runs or is suspended any more. Whatever pool it came from; one of other
    /// sizes than this pool's is dropped.
    #[inline]
    pub fn give(&mut self, mut stack: Stack) {
        if stack.shape() != self.shape {
            return;
        }
        stack.end_use();
        self.free.push(stack);
        if self.free.len() - self.released >= KEEP + BATCH {
            self.release(BATCH);
        }
    }

    /// Returns the memory of all idle stacks to the system. They stay in the pool; their next use is slower.
    pub fn trim(&mut self) {
        self.release(self.free.len() - self.released);
    }

    /// Releases the `count` stacks that have been idle longest.
    #[cold]
    fn release(&mut self, count: usize) {
        let end = self.released + count;
        for stack in &mut self.free[self.released..end] {
            if !stack.is_released() {
                stack.release();
            }
        }
        self.released = end;
    }

    #[cold]
    fn fresh(&mut self) -> io::Result<Stack> {
        if let Some(stack) = self.slabs.last().and_then(Slab::cut) {
            return Ok(stack);
        }
        for slab in &self.slabs {
            slab.reclaim(&mut self.free);
        }
        self.released = self.free.len();
        if let Some(stack) = self.free.pop() {
            return Ok(stack);
        }
        let slab = self.map()?;
        let stack = slab.cut();
        self.slabs.push(slab);
        stack.ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// A new slab, twice as large as the one before; smaller where the system won't have it (`RLIMIT_AS`, strict
    /// overcommit).
    fn map(&mut self) -> io::Result<Arc<Slab>> {
        loop {
            match Slab::map(self.shape, self.next) {
                Ok(slab) => {
                    self.next = (self.next * 2).min(SLAB_MAX);
                    return Ok(slab);
                }
                Err(_) if self.next > 1 => self.next /= 2,
                Err(error) => {
                    let message = format!("no address space for one more stack: {error}");
                    return Err(io::Error::new(io::ErrorKind::OutOfMemory, message));
                }
            }
        }
    }
}

/// Idle stacks that keep their memory; of ordinary depth, they hold 4 to 8 KiB each.
const KEEP: usize = 4096;

/// How many return it at once.
const BATCH: usize = 64;

/// Stacks in the first slab: most threads never need more.
const SLAB_MIN: u32 = 8;

/// Stacks in the largest slabs: 4 GiB of address space by default.
const SLAB_MAX: u32 = 4096;
