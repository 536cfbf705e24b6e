//! HTTP/1.1 as a server speaks it, without a socket in sight.
//!
//! Bytes from the peer go in, events come out; a response goes in, bytes come
//! out. Who reads the socket, who waits and who is called with the request is
//! not known here, so the whole protocol is tested with byte strings.
//!
//! ```
//! use http::{BodyLength, Connection, Event, Limits, ResponseHead};
//!
//! let mut connection = Connection::new(Limits::default());
//! let _ = connection.feed(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
//! let Ok(Event::Request(request)) = connection.next_event() else { panic!() };
//! assert_eq!(request.target(), b"/hello");
//! assert!(matches!(connection.next_event(), Ok(Event::EndOfMessage)));
//!
//! let mut out = Vec::new();
//! let mut head = ResponseHead::new("200 OK").unwrap();
//! head.header(b"Content-Type", b"text/plain").unwrap();
//! connection.send_head(&mut head, BodyLength::Known(2), &mut out).unwrap();
//! connection.send_data(b"hi", &mut out).unwrap();
//! connection.end_response(&mut out).unwrap();
//! assert_eq!(
//!     out,
//!     b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi",
//! );
//! assert!(connection.start_next_cycle());
//! ```
//!
//! The server faces strangers, so the reader is strict where leniency is how
//! requests get smuggled past a proxy: one spelling of every message is
//! accepted, the rest is an error that carries the status to answer with, and
//! every amount that the peer chooses has a limit. Where a lenient reading is
//! harmless and gevent has it, we have it too (a missing `Host`, raw
//! non-ASCII bytes in a target).
//!
//! [`h1`] holds the protocol; [`Limits`], [`Headers`], errors and the buffer are
//! beside it because they are not HTTP/1.1's alone.
#![forbid(unsafe_code)]

mod buffer;
mod date;
mod error;
pub mod h1;
mod headers;
mod limits;

pub use date::http_date;
pub use error::{RequestError, RequestErrorKind, ResponseError};
pub use h1::connection::{Connection, Event};
pub use h1::read::{Request, Version};
pub use h1::write::{BodyLength, ResponseHead};
pub use headers::Headers;
pub use limits::Limits;
