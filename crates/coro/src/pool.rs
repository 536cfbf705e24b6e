//! Stacks kept for reuse.
//!
//! Last in, first out: the stack used last is the one whose memory is still in the processor's caches. Giving back costs
//! no system call, and a stack that is given back keeps its memory: at a microsecond each, and another when it is used
//! again, a program whose greenlets come in waves would pay as much for that as for all the rest of a greenlet's life.
//!
//! What stays idle comes down later: [`Pool::trim_idle`] looks which stacks nobody has needed since it was called last,
//! returns their memory, and unmaps the slabs in which nothing else lies. That also returns their page tables, which are
//! half as much again. It is for who has time to spare to call; the pool does so by itself only when stacks come back,
//! some seconds after the last time.

use std::collections::HashMap;
use std::io;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    /// The fewest idle stacks that there were since `trim_idle` was called last.
    least: usize,
    /// When that was, and how many stacks came back since somebody looked at the clock.
    trimmed: Instant,
    given: u32,
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
            least: 0,
            trimmed: Instant::now(),
            given: 0,
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
        self.least = self.least.min(self.free.len());
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

    /// Whether a stack is of this pool's sizes.
    #[must_use]
    pub fn fits(&self, stack: &Stack) -> bool {
        stack.shape() == self.shape
    }

    /// Takes back a stack on which nothing runs or is suspended any more. Whatever pool it came from; one of other
    /// sizes than this pool's is dropped.
    #[inline]
    pub fn give(&mut self, mut stack: Stack) {
        if !self.fits(&stack) {
            return;
        }
        stack.end_use();
        self.free.push(stack);
        self.given += 1;
        if self.given == LOOK {
            self.given = 0;
            self.trim_at_times();
        }
    }

    #[cold]
    fn trim_at_times(&mut self) {
        if self.trimmed.elapsed() >= PERIOD {
            self.trim_idle();
        }
    }

    /// Returns the memory of all idle stacks to the system. They stay in the pool; their next use is slower.
    pub fn trim(&mut self) {
        self.release(self.free.len() - self.released);
    }

    /// Returns the memory of those idle stacks that were idle all the time since the last call, but for a few, and unmaps
    /// what then holds nothing. Returns how many stacks that were, and whether more are idle by now, so that another
    /// call, later, may find them to be so.
    pub fn trim_idle(&mut self) -> (usize, bool) {
        let idle = self.least.min(self.free.len().saturating_sub(WARM));
        let before = self.released;
        if idle > before {
            self.release(idle - before);
        }
        if idle > 0 {
            self.unmap_idle(idle);
            self.free.shrink_to(2 * self.free.len());
        }
        self.least = self.free.len();
        self.trimmed = Instant::now();
        let more = self.free.len() - self.released > WARM;
        (idle.saturating_sub(before), more)
    }

    /// Unmaps the slabs all of whose stacks are among the first `idle`, which are released.
    fn unmap_idle(&mut self, idle: usize) {
        let mut lying: HashMap<*const Slab, usize> = HashMap::new();
        for stack in &self.free[..idle] {
            *lying.entry(stack.slab()).or_default() += 1;
        }
        // Each stack that there is, idle or in use, holds its slab; so does the pool.
        lying.retain(|slab, idle| {
            let mine = |held: &&Arc<Slab>| ptr::eq(Arc::as_ptr(held), *slab);
            let held = self.slabs.iter().find(mine).map_or(0, Arc::strong_count);
            held == *idle + 1
        });
        if lying.is_empty() {
            return;
        }
        self.free.retain(|stack| !lying.contains_key(&stack.slab()));
        self.slabs
            .retain(|slab| !lying.contains_key(&Arc::as_ptr(slab)));
        self.released = idle - lying.values().sum::<usize>();
        let last = self.slabs.last().map_or(SLAB_MIN / 2, |slab| slab.count());
        self.next = (last * 2).min(SLAB_MAX);
    }

    /// Releases the `count` stacks that have been idle longest.
    #[cold]
    fn release(&mut self, count: usize) {
        let end = self.released + count;
        Stack::release_all(&mut self.free[self.released..end]);
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

impl Drop for Pool {
    /// Neighbours' memory goes back in one call, where stacks that are dropped one by one take one each.
    fn drop(&mut self) {
        self.trim();
    }
}

/// From one time that a pool trims itself to the next, at least.
const PERIOD: Duration = Duration::from_secs(5);

/// Stacks that come back between two looks at the clock.
const LOOK: u32 = 64;

/// Idle stacks that keep their memory whatever happens: the next few greenlets find one ready.
const WARM: usize = 64;

/// Stacks in the first slab: most threads never need more.
const SLAB_MIN: u32 = 8;

/// Stacks in the largest slabs: 4 GiB of address space by default.
const SLAB_MAX: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_nobody_trims_does_so_itself() {
        let mut pool = Pool::new(Config::default()).unwrap();
        let stacks: Vec<Stack> = (0..1000).map(|_| pool.take().unwrap()).collect();
        stacks.into_iter().for_each(|stack| pool.give(stack));
        for (idle, rounds) in [(1000, 1), (600, 2)] {
            for _ in 0..rounds {
                pool.trimmed -= PERIOD;
                for _ in 0..LOOK {
                    let stack = pool.take().unwrap();
                    pool.give(stack);
                }
            }
            assert!(pool.free.len() <= idle, "{} are left", pool.free.len());
        }
        assert!(pool.released >= pool.free.len() - WARM - 1);
    }
}
