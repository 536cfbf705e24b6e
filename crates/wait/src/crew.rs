//! Tasks, and the threads that take them.
//!
//! Unlike a greenlet in a line, a thread that is called is not handed anything: it looks what there is. So another one
//! that comes by meanwhile may take the task, which is then done sooner, and the one that was called waits again.

use std::collections::VecDeque;

/// Tasks in the order in which they came, and those who wait for one.
pub struct Crew<T, W> {
    tasks: VecDeque<T>,
    /// Of whom none was called yet. The last to come is called first: it may still be awake, and its memory is warm, while
    /// those who are not needed stay where they are, and may find that they are too many.
    idle: Vec<W>,
}

impl<T, W> Default for Crew<T, W> {
    fn default() -> Self {
        Self {
            tasks: VecDeque::new(),
            idle: Vec::new(),
        }
    }
}

impl<T, W> Crew<T, W> {
    /// Adds a task. Returns who is to be called for it, if somebody waits.
    #[must_use = "who is called must be told"]
    pub fn put(&mut self, task: T) -> Option<W> {
        self.tasks.push_back(task);
        self.idle.pop()
    }

    /// The first task. Whoever was called takes one before it waits again or leaves, so that none is left lying.
    pub fn take(&mut self) -> Option<T> {
        self.tasks.pop_front()
    }

    /// `waiter` has found no task, and is to be called for the next.
    pub fn wait(&mut self, waiter: W) {
        debug_assert!(self.tasks.is_empty(), "there is a task to take");
        self.idle.push(waiter);
    }

    /// Who waits no more, though nobody has called it.
    pub fn leave(&mut self, is_it: impl Fn(&W) -> bool) {
        self.idle.retain(|waiter| !is_it(waiter));
    }

    /// The tasks that nobody has taken yet.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = &T> {
        self.tasks.iter()
    }
}
