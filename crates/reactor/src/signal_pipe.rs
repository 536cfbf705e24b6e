//! A pipe that ends the wait, for handlers that are not ours.
//!
//! An interpreter has signal handlers of its own, which only note what has arrived, and has it attended to between two
//! steps of the program. While the program waits there are no steps. The wait is interrupted by the signal, if it has begun
//! and the kernel has picked its thread to run the handler; a moment too early, or in another thread, and nothing ends it.
//! So such interpreters write the signal's number to a descriptor if they are given one: this one is in the kernel's set.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd, RawFd},
};

use rustix::{
    io::read,
    pipe::{PipeFlags, pipe_with},
};

/// Both ends: neither of them ever blocks.
pub(crate) struct SignalPipe {
    pub(crate) reader: OwnedFd,
    writer: OwnedFd,
}

impl SignalPipe {
    pub(crate) fn new() -> io::Result<SignalPipe> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(SignalPipe { reader, writer })
    }

    /// What a handler may write to.
    pub(crate) fn writer(&self) -> RawFd {
        self.writer.as_raw_fd()
    }

    /// Takes out what was written, and appends it to `numbers`.
    pub(crate) fn drain(&self, numbers: &mut Vec<u8>) {
        let mut chunk = [0; 64];
        while let Ok(count @ 1..) = read(&self.reader, &mut chunk) {
            numbers.extend_from_slice(&chunk[..count]);
        }
    }
}
