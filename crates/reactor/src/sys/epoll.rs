//! Linux: epoll, and an eventfd to be woken by.

#![expect(
    unsafe_code,
    reason = "file descriptors come as numbers from owners elsewhere"
)]

use std::{
    fmt, io,
    os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd},
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, Timespec, epoll, eventfd},
    io::{Errno, fcntl_getfd, read, write},
};

use crate::ready::{Interest, Readiness};

/// The kernel's half of a reactor. Waiting needs nothing else.
pub struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        Ok(Poller {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        })
    }

    /// Waits until something happens, or for `timeout`, or forever; with zero it only looks.
    ///
    /// What was found replaces what `events` held. Being interrupted by a signal is no error: nothing was found.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.list.clear();
        let timeout = timeout.map(|timeout| {
            let timeout = timeout.min(LONGEST_WAIT);
            Timespec {
                tv_sec: timeout.as_secs() as i64,
                tv_nsec: timeout.subsec_nanos().into(),
            }
        });
        let found = rustix::buffer::spare_capacity(&mut events.list);
        match epoll::wait(&self.epoll, found, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn add(&self, fd: RawFd, tag: u64, interest: Interest) -> io::Result<()> {
        let fd = borrow(fd)?;
        Ok(epoll::add(
            &self.epoll,
            fd,
            epoll::EventData::new_u64(tag),
            flags(interest),
        )?)
    }

    pub(crate) fn modify(&self, fd: RawFd, tag: u64, interest: Interest) -> io::Result<()> {
        let fd = borrow(fd)?;
        Ok(epoll::modify(
            &self.epoll,
            fd,
            epoll::EventData::new_u64(tag),
            flags(interest),
        )?)
    }

    pub(crate) fn delete(&self, fd: RawFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, borrow(fd)?)?)
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Poller").field(&self.epoll).finish()
    }
}

/// Whether a number is that of an open file; if not, EBADF.
pub fn check_open(fd: RawFd) -> io::Result<()> {
    fcntl_getfd(borrow(fd)?)?;
    Ok(())
}

fn borrow<'fd>(fd: RawFd) -> io::Result<BorrowedFd<'fd>> {
    if fd < 0 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: it is not -1, as a `BorrowedFd` must not be. It may be closed, or be another file than the caller
    // thinks; it is only given to epoll_ctl and fcntl, which read nothing from it and own nothing of it: the worst is
    // an error, or a watch on the wrong file, which the table's tags and rebuilding deal with.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

fn flags(interest: Interest) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    flags.set(epoll::EventFlags::IN, interest.contains(Interest::READ));
    flags.set(epoll::EventFlags::OUT, interest.contains(Interest::WRITE));
    flags
}

fn readiness(flags: epoll::EventFlags) -> Readiness {
    if flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP) {
        return Readiness::BOTH;
    }
    let mut readiness = Readiness::NONE;
    if flags.contains(epoll::EventFlags::IN) {
        readiness |= Readiness::READ;
    }
    if flags.contains(epoll::EventFlags::OUT) {
        readiness |= Readiness::WRITE;
    }
    readiness
}

/// Room for what a wait finds.
pub struct Events {
    list: Vec<epoll::Event>,
}

// SAFETY: what keeps the kernel's struct from being Send and Sync is a pointer that it may hold. Ours never do: the
// kernel gives back what `add` and `modify` gave it, and that was a number.
unsafe impl Send for Events {}
// SAFETY: as above.
unsafe impl Sync for Events {}

impl Events {
    /// Room for as many things at a time; if more are ready the next wait finds the rest.
    pub fn with_capacity(capacity: usize) -> Events {
        Events {
            list: Vec::with_capacity(capacity.max(1)),
        }
    }

    /// How many things the last wait found.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the last wait found nothing.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Readiness)> + '_ {
        self.list
            .iter()
            .map(|event| (event.data.u64(), readiness(event.flags)))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// An eventfd: a counter that is readable while it is not zero.
pub(crate) struct WakeFd(OwnedFd);

impl WakeFd {
    pub(crate) fn new() -> io::Result<WakeFd> {
        Ok(WakeFd(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    /// Only fails if the counter is full, when it is readable anyway. Async-signal-safe: one bare system call.
    pub(crate) fn write(&self) {
        let _ = write(&self.0, &1u64.to_ne_bytes());
    }

    /// Only fails if the counter is zero, which is what was wanted.
    pub(crate) fn drain(&self) {
        let _ = read(&self.0, &mut [0; 8]);
    }

    /// Puts a fresh counter under the same number, so that those who share this one don't notice.
    pub(crate) fn reinit(&self) -> io::Result<()> {
        let fresh = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        if fresh.as_raw_fd() == self.0.as_raw_fd() {
            // The number was closed under us, and so was free; `self.0` owns it already.
            let _ = fresh.into_raw_fd();
            return Ok(());
        }
        // SAFETY: the number is that of `self.0`, which goes on owning whatever is under it.
        match unsafe { libc::dup3(fresh.as_raw_fd(), self.0.as_raw_fd(), libc::O_CLOEXEC) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

impl AsRawFd for WakeFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// epoll counts milliseconds in 32 bits. Whoever wants to sleep longer wakes up in between and finds nothing.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
