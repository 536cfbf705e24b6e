//! Between Python's strings and HTTP's bytes, which WSGI maps one to one: Latin-1.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Bytes as a native string.
pub fn decode<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    match std::str::from_utf8(bytes) {
        Ok(ascii) if bytes.is_ascii() => PyString::new(py, ascii),
        _ => PyString::new(
            py,
            &bytes
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<String>(),
        ),
    }
}

/// A native string as bytes; None if it has characters beyond Latin-1.
pub fn encode<'a>(string: &'a Bound<'_, PyString>) -> Option<Cow<'a, [u8]>> {
    // Lone surrogates have no UTF-8, and no Latin-1 either.
    let text = string.to_str().ok()?;
    if text.is_ascii() {
        return Some(Cow::Borrowed(text.as_bytes()));
    }
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).ok())
        .collect::<Option<Vec<u8>>>()
        .map(Cow::Owned)
}

/// `%41` to `A`. What is no escape stays as it is.
pub fn unquote(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut unquoted = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        match (rest, escaped(after)) {
            ([b'%', ..], Some(byte)) => {
                unquoted.push(byte);
                rest = &after[2..];
            }
            _ => {
                unquoted.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(unquoted)
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}
