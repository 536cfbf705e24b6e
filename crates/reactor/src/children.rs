//! The end of a process as a file descriptor: it becomes readable when the process has ended.
//!
//! On Linux that is a pidfd. Unlike SIGCHLD it needs no handler to fight over with the program, it says which process, it can
//! be had in any thread, and a process that has ended before anybody looked has ended all the same. It reaps nobody.
//!
//! Where the kernel has no pidfd or a sandbox forbids it, a thread waits in the kernel, also without reaping, and closes its
//! end of a pipe when that returns. A thread for each process is dear, but polling would be late or busy or both.

use std::{io, os::fd::OwnedFd, thread};

use rustix::{
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid},
};

/// What becomes readable when process `pid` has ended; None if there is no such process, or no longer.
///
/// Fails with `InvalidInput` for a number that is no process's, and as the system calls do.
pub fn end_of_process(pid: i32) -> io::Result<Option<OwnedFd>> {
    let pid = process(pid)?;
    match pidfd_open(pid, PidfdFlags::NONBLOCK) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::SRCH) => Ok(None),
        Err(Errno::NOSYS | Errno::PERM) => end_by_thread(pid).map(Some),
        Err(error) => Err(error.into()),
    }
}

/// The same for a child only, and a little later: when it can be waited for, which a debugger that holds it can delay.
pub fn end_of_child(pid: i32) -> io::Result<OwnedFd> {
    end_by_thread(process(pid)?)
}

fn end_by_thread(pid: Pid) -> io::Result<OwnedFd> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    thread::Builder::new()
        .name("child".into())
        .stack_size(STACK)
        .spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // Any other error says that it is not, or no longer, a child: nothing is left to wait for.
            while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
            drop(writer);
        })?;
    Ok(reader)
}

fn process(pid: i32) -> io::Result<Pid> {
    let positive = Some(pid).filter(|pid| *pid > 0).and_then(Pid::from_raw);
    positive.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Enough for a thread that makes one system call; the least that the C library grants is less.
const STACK: usize = 64 * 1024;
