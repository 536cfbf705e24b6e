//! The contract with the kernel. A backend is one file here that supplies, under these names:
//!
//! - `Poller`: `new`, `wait(&self, &mut Events, Option<Duration>)`, `add`, `modify`, `delete`. It is shared: `wait` runs
//!   in one thread while the others are called in another. It is level-triggered: what is ready is told at each
//!   `wait` until it is not, or not watched. `wait` rounds a timeout up, not down, and an interrupted wait is one in
//!   which nothing happened. A wait that ends may tell of fewer things than are ready; the next one tells the rest.
//!   Watches are known by a number and a `tag`; what `wait` tells carries the tag as last given. `add` of an fd that is
//!   watched is `EEXIST`, `modify` and `delete` of one that isn't is `ENOENT`, of a closed one `EBADF`, `add` of one
//!   that can't be waited for (a regular file) `EPERM`. An error or a hang-up on an fd is told as ready for all.
//! - `Events`: what a wait found; `with_capacity`, `iter` as `(tag, readiness)`.
//! - `WakeFd`: an fd that can be watched for reading, with `new`, `write` (from any thread and in a signal handler),
//!   `drain`, `reinit` (in a forked child, a fresh one under the same number).
//! - `check_open`: `EBADF` for a number that is no open file's.
//!
//! Every system has `look`, what poll(2) says of descriptors right now, and `identity`, who we are.
//!
//! All backends pass the same tests.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use epoll::WakeFd;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use epoll::{Events, Poller, check_open};

mod identity;
pub use identity::{forks, thread_id};
mod poll;
pub use poll::look;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
compile_error!(
    "the reactor has no backend for this system yet: write one to the contract in src/sys/mod.rs"
);
