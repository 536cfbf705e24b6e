//! The head of a request: bytes to [`Request`], one line at a time.
//!
//! A line is judged as soon as it is complete, its length even before; so the verdict
//! on a head does not depend on how the network cut it up, and an endless line is
//! refused while it still arrives.
//!
//! The grammar is RFC 9112's without its leniencies. A general parser accepts some of
//! what must be refused here (a line ended by LF alone, most of all), so that every
//! head would have to be looked at twice; the whole grammar is smaller than the second
//! look. `tests/second_opinion.rs` checks it against `httparse`.

use crate::error::{RequestError, RequestErrorKind as Kind};
use crate::h1::body::{self, Framing};
use crate::headers::{Field, Headers, is_token, members, parse_field};
use crate::limits::Limits;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Http10,
    /// 1.1, and any later 1.x, which RFC 9110 (2.5) says to treat as the one we know.
    Http11,
}

impl Version {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// A request's head, checked: every part has the right characters, and there is
/// exactly one way to tell where its body ends.
#[derive(Clone, Debug)]
pub struct Request {
    headers: Headers,
    line: RequestLine,
    framing: Framing,
    keep_alive: bool,
    expects_continue: bool,
}

#[derive(Clone, Debug)]
struct RequestLine {
    method: Range<usize>,
    target: Range<usize>,
    version: Version,
    end: usize,
}

impl Request {
    /// The method, in the case received; a token.
    pub fn method(&self) -> &[u8] {
        &self.headers.bytes[self.line.method.clone()]
    }

    /// What follows the method, as received: no white space, no control character.
    pub fn target(&self) -> &[u8] {
        &self.headers.bytes[self.line.target.clone()]
    }

    pub fn version(&self) -> Version {
        self.line.version
    }

    /// The request line as received, without its end.
    pub fn line(&self) -> &[u8] {
        &self.headers.bytes[self.line.method.start..self.line.end]
    }

    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The length that the head announces; None without a body or with a chunked one.
    pub fn content_length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::Empty | Framing::Chunked => None,
        }
    }

    pub fn is_chunked(&self) -> bool {
        matches!(self.framing, Framing::Chunked)
    }

    /// The peer allows more requests after this one.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// The peer holds the body back until it sees `100 Continue`.
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    fn new(headers: Headers, line: RequestLine) -> Result<Self, Kind> {
        if headers.all("host").nth(1).is_some() {
            return Err(Kind::DuplicateHost);
        }
        let has_option = |option: &str| {
            headers
                .all("connection")
                .flat_map(members)
                .any(|member| member.eq_ignore_ascii_case(option.as_bytes()))
        };
        let framing = body::framing(&headers, line.version)?;
        let has_body = !matches!(framing, Framing::Empty | Framing::Length(0));
        Ok(Self {
            keep_alive: match line.version {
                Version::Http10 => has_option("keep-alive") && !has_option("close"),
                Version::Http11 => !has_option("close"),
            },
            expects_continue: has_body
                && line.version == Version::Http11
                && headers
                    .all("expect")
                    .any(|value| value.eq_ignore_ascii_case(b"100-continue")),
            framing,
            headers,
            line,
        })
    }
}

/// How far the head at the front of the buffer has been read.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    line_start: usize,
    /// Up to here there is no line end after `line_start`.
    searched: usize,
    blank_line_skipped: bool,
    line: Option<RequestLine>,
    fields: Vec<Field>,
}

impl HeadReader {
    /// Read on in `bytes`, which starts where it started in the calls before and may
    /// have grown. Gives the request and the length of its head, or None for more.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<(Request, usize)>, RequestError> {
        while let Some(length) = self.next_line(bytes, limits)? {
            let start = self.line_start;
            let line = &bytes[start..start + length - 1];
            let [line @ .., b'\r'] = line else {
                return Err(Kind::LineEnding.into());
            };
            if line.contains(&b'\r') {
                return Err(Kind::LineEnding.into());
            }
            self.line_start += length;
            if self.line.is_none() {
                self.request_line(line, start)?;
            } else if line.is_empty() {
                return self.finish(bytes).map(Some);
            } else {
                self.field(line, start, limits)?;
            }
        }
        Ok(None)
    }

    /// True if `bytes` holds a part of a head, and not just an empty line before one.
    pub(crate) fn has_begun(&self, bytes: &[u8]) -> bool {
        self.line.is_some() || bytes.len() > self.line_start
    }

    /// The length of the next line with its LF, if it is complete and within limits.
    fn next_line(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Kind> {
        let found = bytes[self.searched..]
            .iter()
            .position(|&byte| byte == b'\n')
            .map(|offset| self.searched + offset + 1);
        self.searched = found.unwrap_or(bytes.len());
        // An incomplete line is as long as it is, and at least one byte more to come.
        let end = found.unwrap_or(bytes.len() + 1);
        if self.line.is_none() && end - self.line_start > limits.request_line {
            return Err(Kind::RequestLineTooLong);
        }
        if end > limits.head {
            return Err(Kind::HeadTooLarge);
        }
        Ok(found.map(|end| end - self.line_start))
    }

    fn request_line(&mut self, line: &[u8], start: usize) -> Result<(), Kind> {
        // RFC 9112, 2.2: an empty line before a request comes from old clients that
        // end a body with one.
        if line.is_empty() && !self.blank_line_skipped {
            self.blank_line_skipped = true;
            return Ok(());
        }
        let mut parts = line.split(|&byte| byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Kind::RequestLine);
        };
        if !is_token(method) {
            return Err(Kind::Method);
        }
        if !is_target(method, target) {
            return Err(Kind::Target);
        }
        let version = parse_version(version)?;
        let target_start = start + method.len() + 1;
        self.line = Some(RequestLine {
            method: start..start + method.len(),
            target: target_start..target_start + target.len(),
            version,
            end: start + line.len(),
        });
        Ok(())
    }

    fn field(&mut self, line: &[u8], start: usize, limits: &Limits) -> Result<(), Kind> {
        if self.fields.len() == limits.headers {
            return Err(Kind::TooManyHeaders);
        }
        let Field { name, value } = parse_field(line)?;
        self.fields.push(Field {
            name: start + name.start..start + name.end,
            value: start + value.start..start + value.end,
        });
        Ok(())
    }

    fn finish(&mut self, bytes: &[u8]) -> Result<(Request, usize), RequestError> {
        let Self {
            line_start: end,
            line: Some(line),
            fields,
            ..
        } = std::mem::take(self)
        else {
            return Err(Kind::RequestLine.into());
        };
        let headers = Headers {
            bytes: bytes[..end].to_vec(),
            fields,
        };
        Ok((Request::new(headers, line)?, end))
    }
}

/// One of the four forms of RFC 9112, 3.2. Bytes above ASCII are not in its grammar
/// but clients send them unescaped, and no recipient disagrees on where they end.
fn is_target(method: &[u8], target: &[u8]) -> bool {
    let form = match target {
        [] => false,
        [b'/', ..] => true,
        b"*" => method == b"OPTIONS",
        _ if method == b"CONNECT" => true,
        _ => has_scheme(target),
    };
    form && target.iter().all(|&byte| byte > b' ' && byte != 0x7f)
}

/// `scheme://` and something after it.
fn has_scheme(target: &[u8]) -> bool {
    let scheme = target
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        .count();
    let rest = &target[scheme..];
    target[0].is_ascii_alphabetic() && rest.starts_with(b"://") && rest.len() > 3
}

fn parse_version(version: &[u8]) -> Result<Version, Kind> {
    match version {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            if *major == b'1' {
                Ok(Version::Http11)
            } else {
                Err(Kind::UnsupportedVersion)
            }
        }
        _ => Err(Kind::Version),
    }
}
