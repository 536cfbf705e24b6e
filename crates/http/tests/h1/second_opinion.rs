//! httparse, a parser that much of the web runs on, agrees on every head that we accept.
//!
//! Not the other way round: it accepts what we refuse, which is why we do not use it.

use crate::transcript::bytes;
use crate::vectors;
use http::{Connection, Event, Limits};

/// The first head of `input` as we see it, if we accept it.
fn ours(input: &[u8]) -> Option<http::Request> {
    let mut connection = Connection::new(Limits::default());
    assert_eq!(connection.feed(input), input.len());
    match connection.next_event() {
        Ok(Event::Request(request)) => Some(request),
        _ => None,
    }
}

fn compare(input: &[u8]) -> bool {
    let Some(request) = ours(input) else {
        return false;
    };
    // It does not know the minor versions that nobody uses.
    if !request.line().ends_with(b"1.1") && !request.line().ends_with(b"1.0") {
        return false;
    }
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut theirs = httparse::Request::new(&mut headers);
    let status = theirs
        .parse(input)
        .unwrap_or_else(|error| panic!("{error}: {input:?}"));
    assert!(status.is_complete(), "{input:?}");
    assert_eq!(theirs.method.map(str::as_bytes), Some(request.method()));
    assert_eq!(theirs.path.map(str::as_bytes), Some(request.target()));
    let fields: Vec<_> = theirs
        .headers
        .iter()
        .map(|h| (h.name.as_bytes(), h.value))
        .collect();
    let our_fields: Vec<_> = request.headers().iter().collect();
    assert_eq!(our_fields, fields, "{input:?}");
    true
}

#[test]
fn every_vector_and_every_single_byte_change() {
    let mut compared = 0;
    for (input, _) in vectors::ACCEPTED {
        // It wants UTF-8 in targets.
        let input = bytes(&input.replace('\u{e9}', "e"));
        compared += usize::from(compare(&input));
        for at in 0..input.len().min(80) {
            for byte in 0..128 {
                let mut changed = input.clone();
                changed[at] = byte;
                compared += usize::from(compare(&changed));
            }
        }
    }
    println!("{compared} heads compared");
    assert!(compared > 10_000);
}
