//! poll(2): a look at file descriptors that nobody has registered.

#![expect(
    unsafe_code,
    reason = "file descriptors come as numbers from owners elsewhere"
)]

use std::{
    io,
    os::fd::{BorrowedFd, RawFd},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// What is true of each of these descriptors now, in their order. The bits asked for and told are poll(2)'s; a number
/// that is no open file's is told as `POLLNVAL`. Fails with `InvalidInput` for a negative one.
pub fn look(asked: &[(RawFd, u16)]) -> io::Result<Vec<u16>> {
    let polled = asked.iter().map(|&(fd, events)| {
        let fd = (fd >= 0).then_some(fd).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: it isn't -1, and only poll is told of it, which says so if it is no open file's.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        let events = PollFlags::from_bits_retain(events);
        Ok(PollFd::from_borrowed_fd(fd, events))
    });
    let mut polled: Vec<_> = polled.collect::<io::Result<_>>()?;
    loop {
        match poll(&mut polled, Some(&Timespec::default())) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(polled.iter().map(|fd| fd.revents().bits()).collect()),
        }
    }
}
