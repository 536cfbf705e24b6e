//! A response: head and body to bytes.
//!
//! The application says what it wants to send; how the peer will know where the body
//! ends is decided here, from what the application declared, what is known of the
//! body's length, and what the peer understands.

use crate::error::ResponseError;
use crate::h1::body::parse_length;
use crate::h1::connection::Exchange;
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
    /// Account for `length` bytes of body and write what goes before them. False if they
    /// are not to be sent.
    pub(crate) fn announce(
        &mut self,
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, ResponseError> {
        match self {
            Self::Suppressed => return Ok(false),
            Self::Length(left) => {
                *left = left
                    .checked_sub(length as u64)
                    .ok_or(ResponseError::BodyTooLong)?;
            }
            // A chunk of no bytes would end the body.
            Self::Chunked if length == 0 => return Ok(false),
            Self::Chunked => write_size(length, out),
            Self::UntilClose | Self::AsGiven => {}
        }
        Ok(true)
    }

    /// Write what goes after the bytes that were announced.
    pub(crate) fn conclude(&self, out: &mut Vec<u8>) {
        if *self == Self::Chunked {
            out.extend_from_slice(b"\r\n");
        }
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

/// A status and headers, checked and in wire form: see [`Connection::send_head`](crate::Connection::send_head).
///
/// It is apart from the connection because a response may be announced and then replaced
/// before anything is sent.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    status: u16,
    /// The status line and the headers, each with its line end.
    lines: Vec<u8>,
    declared: Declared,
}

/// The headers that have a say in how the response is sent, or that may come only once.
#[derive(Clone, Debug, Default)]
struct Declared {
    length: Option<u64>,
    transfer_encoding: bool,
    connection: bool,
    close: bool,
    date: bool,
}

impl ResponseHead {
    /// `status` is a code and a reason, `"200 OK"`.
    pub fn new(status: &str) -> Result<Self, ResponseError> {
        let code = parse_status(status).ok_or(ResponseError::Status)?;
        let mut lines = Vec::with_capacity(TYPICAL_HEAD);
        lines.extend_from_slice(b"HTTP/1.1 ");
        lines.extend(status.chars().map(latin1));
        lines.extend_from_slice(b"\r\n");
        Ok(Self {
            status: code,
            lines,
            declared: Declared::default(),
        })
    }

    /// Add one header, and take note of it if it concerns the connection.
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

    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers so far; once the head is sent, also those that sending it added.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = self.lines.split(|&byte| byte == b'\n').skip(1);
        lines.filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((&line[..colon], &line[colon + 2..line.len() - 1]))
        })
    }

    pub fn has_date(&self) -> bool {
        self.declared.date
    }

    pub fn content_length(&self) -> Option<u64> {
        self.declared.length
    }

    /// The headers end the connection after this response.
    pub fn says_close(&self) -> bool {
        self.declared.close
    }

    /// Settle how the body is framed and whether the connection outlives it, and add the
    /// headers that tell the peer.
    pub(crate) fn settle(&mut self, body: BodyLength, request: Exchange) -> Settled {
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
        Settled {
            writer,
            keep_alive,
            switching,
        }
    }

    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines
    }

    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), ResponseError> {
        // The lengths tell nearly all headers apart from these.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = parse_length(value).map_err(|_| ResponseError::ContentLength)?;
                if self.declared.transfer_encoding || self.declared.length.is_some() {
                    return Err(ResponseError::ContentLength);
                }
                self.declared.length = Some(length);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.declared.length.is_some() {
                    return Err(ResponseError::ContentLength);
                }
                self.declared.transfer_encoding = true;
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.declared.connection = true;
                self.declared.close |=
                    members(value).any(|option| option.eq_ignore_ascii_case(b"close"));
            }
            4 if name.eq_ignore_ascii_case(b"date") => self.declared.date = true,
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, name: &[u8], value: &[u8]) {
        self.lines.extend_from_slice(name);
        self.lines.extend_from_slice(b": ");
        self.lines.extend_from_slice(value);
        self.lines.extend_from_slice(b"\r\n");
    }
}

/// What [`ResponseHead::settle`] decided.
pub(crate) struct Settled {
    pub(crate) writer: BodyWriter,
    pub(crate) keep_alive: bool,
    pub(crate) switching: bool,
}

/// The line that announces a chunk.
fn write_size(length: usize, out: &mut Vec<u8>) {
    let digits = usize::BITS.div_ceil(4) - length.leading_zeros() / 4;
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[length >> (4 * place) & 0xf]);
    }
    out.extend_from_slice(b"\r\n");
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

/// A head that fits is written without growing.
const TYPICAL_HEAD: usize = 256;
