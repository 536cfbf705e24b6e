//! A response: head and body to bytes.
//!
//! The application says what it wants to send; how the peer will know where the body
//! ends is decided here, from what the application declared, what is known of the
//! body's length, and what the peer understands.

use crate::error::ResponseError;
use crate::h1::body::parse_length;
use crate::h1::connection::Connection;
use crate::h1::read::Version;
use crate::headers::{is_text, is_token, members};

/// What is known of a response's body when its head is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// Exactly so many bytes will follow.
    Known(u64),
    /// Nobody knows yet: chunked, or up to the end of the connection for HTTP/1.0.
    Unknown,
    /// Not our business: no header is added, bytes go out as they come, and the
    /// connection ends with them.
    Verbatim,
}

/// How the body of the current response is put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyWriter {
    /// There is no body whatever the application gives: HEAD, 204, 304.
    Suppressed,
    /// And the bytes left to send.
    Length(u64),
    Chunked,
    UntilClose,
    /// The application frames its body itself, by its own `Transfer-Encoding`.
    AsGiven,
}

impl BodyWriter {
    pub(crate) fn write(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), ResponseError> {
        match self {
            Self::Suppressed => {}
            Self::Length(left) => {
                *left = left
                    .checked_sub(data.len() as u64)
                    .ok_or(ResponseError::BodyTooLong)?;
                out.extend_from_slice(data);
            }
            // A chunk of no bytes would end the body.
            Self::Chunked if data.is_empty() => {}
            Self::Chunked => {
                out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
                out.extend_from_slice(data);
                out.extend_from_slice(b"\r\n");
            }
            Self::UntilClose | Self::AsGiven => out.extend_from_slice(data),
        }
        Ok(())
    }

    /// End the body. False if the peer cannot tell that it is over.
    pub(crate) fn end(self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Suppressed | Self::AsGiven | Self::Length(0) => true,
            Self::Chunked => {
                out.extend_from_slice(b"0\r\n\r\n");
                true
            }
            Self::UntilClose | Self::Length(_) => false,
        }
    }
}

/// A response head being written; see [`Connection::start_response`]. If it is dropped
/// before [`ResponseHead::finish`], the output is as it was.
#[derive(Debug)]
pub struct ResponseHead<'a> {
    connection: &'a mut Connection,
    out: &'a mut Vec<u8>,
    start: usize,
    status: u16,
    declared: Declared,
    finished: bool,
}

/// The headers from the application that have a say in how the response is sent.
#[derive(Debug, Default)]
struct Declared {
    length: Option<u64>,
    transfer_encoding: bool,
    connection: bool,
    close: bool,
}

impl<'a> ResponseHead<'a> {
    /// `status` is a code and a reason, `"200 OK"`.
    pub(crate) fn new(
        connection: &'a mut Connection,
        status: &str,
        out: &'a mut Vec<u8>,
    ) -> Result<Self, ResponseError> {
        let code = parse_status(status).ok_or(ResponseError::Status)?;
        let start = out.len();
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend(status.chars().map(latin1));
        out.extend_from_slice(b"\r\n");
        Ok(Self {
            connection,
            out,
            start,
            status: code,
            declared: Declared::default(),
            finished: false,
        })
    }

    /// Write one header, and take note of it if it concerns the connection.
    pub fn header(&mut self, name: &[u8], value: &[u8]) -> Result<(), ResponseError> {
        if !is_token(name) {
            return Err(ResponseError::HeaderName);
        }
        if !is_text(value) {
            return Err(ResponseError::HeaderValue);
        }
        self.note(name, value)?;
        self.write(name, value);
        Ok(())
    }

    /// Write the rest of the head, which settles how the body is framed and whether the
    /// connection outlives it.
    pub fn finish(mut self, body: BodyLength) -> Result<(), ResponseError> {
        if self.declared.length.is_some() && self.declared.transfer_encoding {
            return Err(ResponseError::ContentLength);
        }
        let request = self.connection.exchange();
        let switching = self.status == 101 || request.is_connect && self.status / 100 == 2;
        let bodiless = request.is_head || matches!(self.status, 204 | 304);
        let writer = match (self.declared.length, body) {
            _ if switching => BodyWriter::UntilClose,
            (Some(length), _) => BodyWriter::Length(length),
            _ if self.declared.transfer_encoding => BodyWriter::AsGiven,
            (None, BodyLength::Verbatim) => BodyWriter::UntilClose,
            (None, _) if matches!(self.status, 204 | 304) => BodyWriter::Suppressed,
            (None, BodyLength::Known(length)) => {
                self.write(b"Content-Length", length.to_string().as_bytes());
                BodyWriter::Length(length)
            }
            (None, BodyLength::Unknown) if request.version == Version::Http11 => {
                self.write(b"Transfer-Encoding", b"chunked");
                BodyWriter::Chunked
            }
            (None, BodyLength::Unknown) => BodyWriter::UntilClose,
        };
        let writer = if bodiless {
            BodyWriter::Suppressed
        } else {
            writer
        };
        let keep_alive =
            request.keep_alive && !self.declared.close && writer != BodyWriter::UntilClose;
        if !self.declared.connection && !switching {
            match (request.version, keep_alive) {
                (Version::Http11, true) => {}
                (Version::Http10, true) => self.write(b"Connection", b"keep-alive"),
                (_, false) => self.write(b"Connection", b"close"),
            }
        }
        self.out.extend_from_slice(b"\r\n");
        self.connection
            .head_sent(writer, keep_alive, switching)
            .inspect(|()| self.finished = true)
    }

    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), ResponseError> {
        // The lengths tell nearly all headers apart from these three.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = parse_length(value).map_err(|_| ResponseError::ContentLength)?;
                if self.declared.length.replace(length).is_some() {
                    return Err(ResponseError::ContentLength);
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.declared.transfer_encoding = true;
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.declared.connection = true;
                self.declared.close |=
                    members(value).any(|option| option.eq_ignore_ascii_case(b"close"));
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, name: &[u8], value: &[u8]) {
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\r\n");
    }
}

impl Drop for ResponseHead<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}

/// The code of `"200 OK"`, if the whole is a status that may be sent as a final one.
fn parse_status(status: &str) -> Option<u16> {
    let (code, reason) = status.split_at_checked(3)?;
    let code: u16 = code.parse().ok()?;
    let well_formed = (200..=999).contains(&code) || code == 101;
    let reason_fits = reason.is_empty() || reason.starts_with(' ');
    let printable = |c: char| c == '\t' || !c.is_control() && u32::from(c) < 256;
    (well_formed && reason_fits && reason.chars().all(printable)).then_some(code)
}

/// A character that is known to be below 256.
fn latin1(character: char) -> u8 {
    u32::from(character) as u8
}
