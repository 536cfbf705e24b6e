//! Where a request's body ends, and the bytes up to there.
//!
//! Two recipients who disagree here can be made to see different requests in the same
//! bytes. So a head that could be read in two ways is refused (RFC 9112, 6.3 and 11.2)
//! instead of read in the likelier way.

use crate::error::RequestErrorKind as Kind;
use crate::h1::read::Version;
use crate::headers::{Headers, is_text, members, parse_field};
use crate::limits::Limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Empty,
    Length(u64),
    Chunked,
}

/// The one way in which the body of this head is framed.
pub(crate) fn framing(headers: &Headers, version: Version) -> Result<Framing, Kind> {
    let mut lengths = headers.all("content-length");
    let mut codings = headers.all("transfer-encoding");
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Framing::Empty),
        (Some(_), Some(_)) => Err(Kind::LengthAndTransferEncoding),
        (Some(_), None) if lengths.next().is_some() => Err(Kind::DuplicateContentLength),
        (Some(length), None) => parse_length(length).map(Framing::Length),
        (None, Some(_)) if version < Version::Http11 => Err(Kind::TransferEncoding),
        (None, Some(_)) if codings.next().is_some() => Err(Kind::TransferEncoding),
        (None, Some(coding)) => parse_coding(coding),
    }
}

/// Digits and nothing else: no sign, no list, no white space within.
pub(crate) fn parse_length(value: &[u8]) -> Result<u64, Kind> {
    if !value.iter().all(u8::is_ascii_digit) {
        return Err(Kind::ContentLength);
    }
    std::str::from_utf8(value)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(Kind::ContentLength)
}

fn parse_coding(value: &[u8]) -> Result<Framing, Kind> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(Framing::Chunked);
    }
    // Chunked must come last and only once; a coding before it is legal but not ours.
    let chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match members(value).filter(|coding| chunked(coding)).count() {
        1 if members(value).last().is_some_and(chunked) && members(value).count() > 1 => {
            Err(Kind::UnsupportedTransferEncoding)
        }
        0 if members(value).next().is_some() => Err(Kind::UnsupportedTransferEncoding),
        _ => Err(Kind::TransferEncoding),
    }
}

/// What [`BodyReader::read`] found at the front of the bytes; each says how many bytes
/// are done with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The body is over.
    End { consumed: usize },
    /// Body bytes, after `skipped` bytes of framing.
    Data { skipped: usize, length: usize },
    /// Nothing of the body; more is needed.
    More { consumed: usize },
}

#[derive(Debug)]
pub(crate) enum BodyReader {
    Length(u64),
    Chunked(Chunk),
}

/// What the chunked coding has next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chunk {
    Size,
    Data(u64),
    LineEnd,
    /// And the length of the trailers so far.
    Trailers(usize),
}

impl BodyReader {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunk::Size),
        }
    }

    /// Look at the front of `bytes`, for at most `wanted` bytes of body.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        wanted: usize,
        limits: &Limits,
    ) -> Result<Step, Kind> {
        match self {
            Self::Length(0) => Ok(Step::End { consumed: 0 }),
            Self::Length(left) => Ok(match take(left, bytes.len().min(wanted)) {
                0 => Step::More { consumed: 0 },
                length => Step::Data { skipped: 0, length },
            }),
            Self::Chunked(next) => next.read(bytes, wanted, limits),
        }
    }
}

impl Chunk {
    fn read(&mut self, bytes: &[u8], wanted: usize, limits: &Limits) -> Result<Step, Kind> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            match self {
                Self::Size => {
                    let Some((line, length)) =
                        line(rest, limits.chunk_line, Kind::ChunkLineTooLong)?
                    else {
                        break;
                    };
                    at += length;
                    *self = match chunk_size(line)? {
                        0 => Self::Trailers(0),
                        size => Self::Data(size),
                    };
                }
                Self::Data(0) => *self = Self::LineEnd,
                Self::Data(left) => {
                    let length = take(left, rest.len().min(wanted));
                    if length == 0 {
                        break;
                    }
                    return Ok(Step::Data {
                        skipped: at,
                        length,
                    });
                }
                Self::LineEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        at += 2;
                        *self = Self::Size;
                    }
                    [] | [b'\r'] => break,
                    _ => return Err(Kind::ChunkEnd),
                },
                Self::Trailers(so_far) => {
                    let left = limits.trailers - *so_far;
                    let Some((line, length)) = line(rest, left, Kind::TrailersTooLarge)? else {
                        break;
                    };
                    at += length;
                    if line.is_empty() {
                        return Ok(Step::End { consumed: at });
                    }
                    // WSGI has no place for trailers; they only must not be wrong.
                    parse_field(line)?;
                    *self = Self::Trailers(*so_far + length);
                }
            }
        }
        Ok(Step::More { consumed: at })
    }
}

/// Count `available` off from `left`, as far as that goes.
fn take(left: &mut u64, available: usize) -> usize {
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(available);
    *left -= length as u64;
    length
}

/// The line at the front of `bytes` without its end, and its length with it. None if it
/// is incomplete; `too_long` if it is or will be longer than `limit`.
fn line(bytes: &[u8], limit: usize, too_long: Kind) -> Result<Option<(&[u8], usize)>, Kind> {
    let found = bytes.iter().take(limit).position(|&byte| byte == b'\n');
    match found {
        None if bytes.len() >= limit => Err(too_long),
        None => Ok(None),
        Some(end) => match &bytes[..end] {
            [line @ .., b'\r'] if !line.contains(&b'\r') => Ok(Some((line, end + 1))),
            _ => Err(Kind::LineEnding),
        },
    }
}

/// `size [;extension…]`: the size in at most 16 hexadecimal digits. Extensions are
/// ignored, as they must be when unknown.
fn chunk_size(line: &[u8]) -> Result<u64, Kind> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let (size, extension) = line.split_at(digits.count());
    let well_formed = (1..=16).contains(&size.len())
        && (extension.is_empty() || extension[0] == b';')
        && is_text(extension);
    std::str::from_utf8(size)
        .ok()
        .filter(|_| well_formed)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or(Kind::ChunkSize)
}
