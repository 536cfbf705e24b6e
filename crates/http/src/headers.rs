//! Header fields: one line's grammar, and a list of them that owns its bytes.

use crate::error::RequestErrorKind;
use std::ops::Range;

/// Header fields in the order received, in one allocation for all bytes.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    pub(crate) bytes: Vec<u8>,
    pub(crate) fields: Vec<Field>,
}

/// Where a field's name and value are.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Range<usize>,
    pub(crate) value: Range<usize>,
}

impl Headers {
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Names as the peer spelled them, values without the white space around them.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| {
            (
                &self.bytes[field.name.clone()],
                &self.bytes[field.value.clone()],
            )
        })
    }

    /// The values of all fields called `name`, in any case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The value of the first field called `name`, in any case.
    pub fn first<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.all(name).next()
    }
}

/// The members of a comma-separated list, without the white space around them.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(trim)
        .filter(|member| !member.is_empty())
}

/// Parse `name: value`, a line without its end.
pub(crate) fn parse_field(line: &[u8]) -> Result<Field, RequestErrorKind> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(RequestErrorKind::FoldedHeader);
    }
    let colon = line
        .iter()
        .position(|&byte| !is_token_byte(byte))
        .filter(|&end| end > 0 && line[end] == b':')
        .ok_or(RequestErrorKind::HeaderName)?;
    if !is_text(&line[colon + 1..]) {
        return Err(RequestErrorKind::HeaderValue);
    }
    let value = trim(&line[colon + 1..]);
    let leading = line[colon + 1..]
        .iter()
        .take_while(|&&byte| is_blank(byte))
        .count();
    let start = colon + 1 + leading;
    Ok(Field {
        name: 0..colon,
        value: start..start + value.len(),
    })
}

/// A non-empty token (RFC 9110, 5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// What a field value may hold: no control character but the tab.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| CLASS[byte as usize] & TEXT != 0)
}

fn is_token_byte(byte: u8) -> bool {
    CLASS[byte as usize] & TOKEN != 0
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

const TOKEN: u8 = 1;
const TEXT: u8 = 2;

const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        if value == b'\t' || (value >= b' ' && value != 0x7f) {
            class[byte] |= TEXT;
        }
        if value.is_ascii_alphanumeric()
            || matches!(
                value,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            )
        {
            class[byte] |= TOKEN;
        }
        byte += 1;
    }
    class
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_loses_the_white_space_around_it() {
        let line = b"Host: \t a b\t ";
        let field = parse_field(line).unwrap();
        assert_eq!(&line[field.name], b"Host");
        assert_eq!(&line[field.value], b"a b");
        let field = parse_field(b"X:  ").unwrap();
        assert!(field.value.is_empty());
    }

    #[test]
    fn malformed_lines() {
        for (line, kind) in [
            (&b" Host: a"[..], RequestErrorKind::FoldedHeader),
            (b"\tHost: a", RequestErrorKind::FoldedHeader),
            (b"Host : a", RequestErrorKind::HeaderName),
            (b": a", RequestErrorKind::HeaderName),
            (b"Host", RequestErrorKind::HeaderName),
            (b"Ho st: a", RequestErrorKind::HeaderName),
            (b"H\xc3\xb6st: a", RequestErrorKind::HeaderName),
            (b"Host: a\x00", RequestErrorKind::HeaderValue),
            (b"Host: a\rb", RequestErrorKind::HeaderValue),
            (b"Host: \x0ba", RequestErrorKind::HeaderValue),
            (b"Host: a\x7f", RequestErrorKind::HeaderValue),
        ] {
            assert_eq!(parse_field(line).unwrap_err(), kind, "{line:?}");
        }
    }

    #[test]
    fn members_of_a_list() {
        assert!(members(b"keep-alive,, \tUpgrade ,").eq([&b"keep-alive"[..], b"Upgrade"]));
    }
}
