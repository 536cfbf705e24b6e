//! HTTP/1.1 (RFC 9112), the server's side.
//!
//! ```text
//!   bytes ──► buffer ──► read (head) ──► body (framing) ──► events
//!                            │                │
//!                            └── connection ──┤   state: who may do what now
//!                                             │
//!   bytes ◄────────────── write (head, framing) ◄── response
//! ```
//!
//! `state` is a table and knows nothing of bytes; `read`, `body` and `write` know
//! bytes and nothing of whose turn it is; `connection` joins them.

mod body;
pub mod connection;
pub mod read;
mod state;
pub mod write;
