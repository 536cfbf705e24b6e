//! Who wants what of which file descriptor, and how little of that the kernel is told.
//!
//! # What epoll does
//!
//! epoll remembers, for a pair of a *number* and the *open file* that was under it at the time, which directions to
//! report. Four things follow that a loop has to live with:
//!
//! 1. There is one entry for a pair, but several greenlets may wait on one socket. So the table holds, for each number,
//!    the registrations that name it, and gives the kernel their union.
//! 2. Telling the kernel is a system call, and a socket's life is "`recv` says EAGAIN, wait, `recv`, …". Telling it at
//!    each wait and again after each event would double the calls. So what has fired is crossed out in our books
//!    only. The kernel goes on watching, and waiting again for the same thing costs nothing. Only when the kernel reports
//!    what nobody wants is it told to stop; if that never happens, it was right to keep quiet. (As libev does.)
//! 3. Closing the last number of an open file removes the entry, and nobody tells us; the number is soon given
//!    out anew. So a *new* registration believes nothing of the books: its first wait always tells the kernel.
//! 4. Closing one number while a duplicate is open (in a forked child, say) does *not* remove the entry, and it goes on
//!    reporting under a number that is closed or somebody else's, and with which it can't be taken out any more.
//!    So entries carry a tag that is new each time. What comes with a tag that isn't in the books is such a ghost: the
//!    only way to be rid of it is a fresh epoll set, into which everything that is wanted is put again.
//!
//! A file that can't be waited for (a regular one) never blocks either, so whoever waits for it is told at once.

use std::{io, os::fd::RawFd};

use slab::Slab;

use crate::{
    ready::{Interest, Key, Readiness, Ready},
    sys::Poller,
};

#[derive(Default)]
pub(crate) struct Table {
    registrations: Slab<Registration>,
    /// By number.
    files: Vec<File>,
    /// Registrations that want something.
    armed: usize,
    /// Told at the next opportunity whatever they want, without the kernel's word.
    instant: Vec<Key>,
    /// The last one given.
    serial: u32,
    /// The last one given; 0 is in no entry.
    generation: u32,
    /// The kernel's set has a ghost.
    haunted: bool,
    /// Calls to tell the kernel what to watch.
    controls: u64,
}

struct Registration {
    serial: u32,
    fd: RawFd,
    wanted: Interest,
    /// It has not waited yet, and is not among the members.
    fresh: bool,
}

#[derive(Default)]
struct File {
    members: Vec<u32>,
    /// What we believe that the kernel watches.
    watched: Interest,
    tag: u64,
    /// The kernel refuses to watch it.
    unpollable: bool,
}

impl Table {
    pub(crate) fn register(&mut self, fd: RawFd) -> Key {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let registration = Registration {
            serial,
            fd,
            wanted: Interest::NONE,
            fresh: true,
        };
        Key {
            index: self.registrations.insert(registration) as u32,
            serial,
        }
    }

    pub(crate) fn deregister(&mut self, poller: &Poller, key: Key) {
        self.disarm(key, Interest::BOTH);
        let Some(registration) = self.registration(key) else {
            return;
        };
        let (fd, fresh) = (registration.fd, registration.fresh);
        self.registrations.remove(key.index as usize);
        if !fresh {
            let file = &mut self.files[fd as usize];
            file.members.retain(|&member| member != key.index);
            if file.members.is_empty() {
                self.unwatch(poller, fd);
            }
        }
    }

    pub(crate) fn arm(&mut self, poller: &Poller, key: Key, interest: Interest) -> io::Result<()> {
        let Some(registration) = self.registration(key) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (fd, fresh) = (registration.fd, registration.fresh);
        let known = if fresh {
            None
        } else {
            self.files.get(fd as usize)
        };
        if !known.is_some_and(|file| file.unpollable || file.watched.contains(interest)) {
            self.watch(poller, fd, interest)?;
        }
        let file = &mut self.files[fd as usize];
        if fresh {
            file.members.push(key.index);
        }
        if file.unpollable {
            self.instant.push(key);
        }
        let registration = &mut self.registrations[key.index as usize];
        registration.fresh = false;
        self.armed += usize::from(registration.wanted.is_empty() && !interest.is_empty());
        registration.wanted |= interest;
        Ok(())
    }

    pub(crate) fn disarm(&mut self, key: Key, interest: Interest) {
        let Some(registration) = self.registration(key) else {
            return;
        };
        let before = registration.wanted;
        registration.wanted -= interest;
        if !before.is_empty() && registration.wanted.is_empty() {
            self.armed -= 1;
        }
    }

    /// Takes out all that is known of a number, and returns those who were waiting.
    pub(crate) fn forget(&mut self, poller: &Poller, fd: RawFd) -> Vec<Key> {
        let Some(file) = usize::try_from(fd)
            .ok()
            .and_then(|fd| self.files.get_mut(fd))
        else {
            return Vec::new();
        };
        let members = std::mem::take(&mut file.members);
        self.unwatch(poller, fd);
        let mut waiting = Vec::new();
        for index in members {
            let registration = &mut self.registrations[index as usize];
            registration.fresh = true;
            if !registration.wanted.is_empty() {
                registration.wanted = Interest::NONE;
                self.armed -= 1;
                waiting.push(Key {
                    index,
                    serial: registration.serial,
                });
            }
        }
        waiting
    }

    /// Takes in one report of the kernel's.
    pub(crate) fn fire(
        &mut self,
        poller: &Poller,
        tag: u64,
        ready: Readiness,
        out: &mut Vec<Ready>,
    ) {
        let fd = tag as u32;
        let Some(file) = self
            .files
            .get_mut(fd as usize)
            .filter(|file| file.tag == tag)
        else {
            self.haunted = true;
            return;
        };
        let mut wanted = Interest::NONE;
        for &index in &file.members {
            let registration = &mut self.registrations[index as usize];
            wanted |= registration.wanted;
            let readiness = registration.wanted & ready;
            if !readiness.is_empty() {
                registration.wanted -= readiness;
                self.armed -= usize::from(registration.wanted.is_empty());
                out.push(Ready::Io {
                    key: Key {
                        index,
                        serial: registration.serial,
                    },
                    readiness,
                });
            }
        }
        if wanted.is_empty() {
            self.haunted |= !self.unwatch(poller, fd as RawFd);
        } else if (file.watched & ready).intersects(!wanted) {
            file.watched = wanted;
            self.controls += 1;
            self.haunted |= poller.modify(fd as RawFd, tag, wanted).is_err();
        }
    }

    /// Tells those who need not wait for the kernel.
    pub(crate) fn fire_instant(&mut self, out: &mut Vec<Ready>) {
        for key in std::mem::take(&mut self.instant) {
            let Some(registration) = self.registration(key) else {
                continue;
            };
            let readiness = std::mem::take(&mut registration.wanted);
            if !readiness.is_empty() {
                self.armed -= 1;
                out.push(Ready::Io { key, readiness });
            }
        }
    }

    /// Puts all that is wanted into a kernel's set that is empty. Who waits for what can't be put there is told so by
    /// being ready: the call that it was going to make will say what is wrong.
    pub(crate) fn rebuild(&mut self, poller: &Poller) {
        self.haunted = false;
        for fd in 0..self.files.len() {
            let file = &mut self.files[fd];
            (file.watched, file.tag) = (Interest::NONE, 0);
            let wanted = self.wanted(fd as RawFd);
            if wanted.is_empty() {
                continue;
            }
            if self.watch(poller, fd as RawFd, wanted).is_err() || self.files[fd].unpollable {
                let keys = self.files[fd].members.iter().map(|&index| Key {
                    index,
                    serial: self.registrations[index as usize].serial,
                });
                self.instant.extend(keys);
            }
        }
    }

    pub(crate) fn has_instant(&self) -> bool {
        !self.instant.is_empty()
    }

    pub(crate) fn is_haunted(&self) -> bool {
        self.haunted
    }

    pub(crate) fn armed(&self) -> usize {
        self.armed
    }

    pub(crate) fn controls(&self) -> u64 {
        self.controls
    }

    fn registration(&mut self, key: Key) -> Option<&mut Registration> {
        self.registrations
            .get_mut(key.index as usize)
            .filter(|registration| registration.serial == key.serial)
    }

    /// The union of what a number's members want.
    fn wanted(&self, fd: RawFd) -> Interest {
        let members = self
            .files
            .get(fd as usize)
            .map_or(&[][..], |file| &file.members);
        members.iter().fold(Interest::NONE, |union, &index| {
            union | self.registrations[index as usize].wanted
        })
    }

    /// Has the kernel watch for what the members want, and for `more`. The books may be wrong about what it watches.
    ///
    /// The table grows only once the kernel has accepted the number, so a wild one can't make it huge.
    fn watch(&mut self, poller: &Poller, fd: RawFd, more: Interest) -> io::Result<()> {
        let interest = self.wanted(fd) | more;
        let watched = self
            .files
            .get(fd as usize)
            .map_or(Interest::NONE, |file| file.watched);
        self.generation = self.generation.wrapping_add(1).max(1);
        let tag = u64::from(self.generation) << 32 | u64::from(fd as u32);
        self.controls += 1;
        let mut result = if watched.is_empty() {
            poller.add(fd, tag, interest)
        } else {
            poller.modify(fd, tag, interest)
        };
        match result.as_ref().err().and_then(io::Error::raw_os_error) {
            Some(libc::EEXIST) => result = poller.modify(fd, tag, interest),
            Some(libc::ENOENT) => result = poller.add(fd, tag, interest),
            _ => {}
        }
        let unpollable = matches!(&result, Err(error) if error.raw_os_error() == Some(libc::EPERM));
        if result.is_ok() || unpollable {
            if self.files.len() <= fd as usize {
                self.files.resize_with(fd as usize + 1, File::default);
            }
            result = Ok(());
        }
        if let Some(file) = self.files.get_mut(fd as usize) {
            let is_watched = result.is_ok() && !unpollable;
            (file.watched, file.tag) = if is_watched {
                (interest, tag)
            } else {
                (Interest::NONE, 0)
            };
            file.unpollable = unpollable;
        }
        result
    }

    /// Has the kernel no longer watch a number; false if it has no such entry, though the books say so.
    fn unwatch(&mut self, poller: &Poller, fd: RawFd) -> bool {
        let file = &mut self.files[fd as usize];
        if file.watched.is_empty() {
            return true;
        }
        (file.watched, file.tag) = (Interest::NONE, 0);
        self.controls += 1;
        poller.delete(fd).is_ok()
    }
}
