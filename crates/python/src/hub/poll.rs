//! Asking the reactor what has come to pass, and making jobs of it.

use std::time::Duration;

use pyo3::prelude::*;
use reactor::{Events, Reactor, Ready};

use super::event_loop::EventLoop;
use super::interrupts::{self, Lent};
use crate::error::os_error;

impl EventLoop {
    /// Asks the reactor, waiting for as long as nothing else is to do; for `limit` at most, if there is one. Signals are
    /// `heard` up to its end.
    pub(super) fn poll(
        &self,
        py: Python<'_>,
        limit: Option<Duration>,
        heard: Option<Lent>,
    ) -> PyResult<()> {
        let block = limit != Some(Duration::ZERO);
        let (poller, timeout) = self.reactor.borrow_mut(py).prepare(limit);
        let buffers = self.buffers.borrow_mut(py).take();
        let (mut events, mut ready) =
            buffers.unwrap_or_else(|| (Events::with_capacity(256), Vec::new()));
        let waited = self.wait_for_events(py, &poller, &mut events, timeout);
        drop(heard);
        if let Err(error) = waited {
            match error.raw_os_error() {
                Some(libc::EBADF) => self.with_reactor(py, Reactor::recover),
                _ => Err(error),
            }
            .map_err(os_error)?;
        }
        self.reactor.borrow_mut(py).collect(&events, &mut ready);
        let queued = self.queued(py);
        // Timers come last.
        let is_timer = |event: &Ready| matches!(event, Ready::Timer { .. });
        let timers = ready.iter().position(is_timer).unwrap_or(ready.len());
        for event in ready.drain(..timers) {
            self.take_event(py, event);
        }
        let urgent = self.queued(py).saturating_sub(queued);
        self.to_head(py, urgent);
        for events in ready.chunks(AT_ONCE) {
            self.look_ahead_of_timers(py, events);
            for event in events {
                self.take_event(py, *event);
            }
        }
        ready.clear();
        let late = self.queued(py).saturating_sub(queued + urgent);
        self.order_by_priority(py, urgent, late);
        *self.buffers.borrow_mut(py) = Some((events, ready));
        if block {
            self.attend_signals(py);
        }
        Ok(())
    }

    /// Puts the last `count` jobs first, in their order.
    fn to_head(&self, py: Python<'_>, count: usize) {
        self.jobs.borrow_mut(py).rotate_right(count);
        self.turn.borrow_mut(py).at_head += u32::try_from(count).unwrap_or(u32::MAX);
    }

    fn take_event(&self, py: Python<'_>, event: Ready) {
        match event {
            Ready::Io { key, readiness } => super::io::notify(self, py, key, readiness),
            Ready::Timer { token } => self.take_timer(py, token),
            Ready::Signal { number } => drop(self.mark_signal(py, number)),
            Ready::Handled { number } => interrupts::hand_on(number),
            Ready::Woken => {}
        }
    }
}

/// Timers that are looked at together before the first of them is taken.
const AT_ONCE: usize = 16;
