//! Each vector, whole: what is understood and what is refused, and the limits.

use crate::transcript::{Transcript, bytes, transcript};
use crate::vectors;
use http::{Connection, Limits, RequestErrorKind as Kind};

fn whole(input: &[u8]) -> Transcript {
    transcript([input], Limits::default())
}

#[test]
fn accepted() {
    for (input, lines) in vectors::ACCEPTED {
        let seen = whole(&bytes(input));
        assert_eq!(seen.error, None, "{input:?}");
        assert_eq!(seen.lines, *lines, "{input:?}");
    }
}

#[test]
fn refused_with_all_that_follows() {
    for (input, kind) in vectors::REFUSED {
        let seen = whole(&bytes(&format!("{input}GET /smuggled HTTP/1.1\r\n\r\n")));
        assert_eq!(
            seen.error.map(|error| error.kind()),
            Some(*kind),
            "{input:?}"
        );
        assert!(
            !seen.lines.iter().any(|line| line.contains("GET /smuggled")),
            "{input:?}"
        );
    }
}

#[test]
fn a_message_cut_short_is_an_error() {
    for input in [
        "G",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ] {
        let seen = whole(input.as_bytes());
        assert_eq!(
            seen.error.map(|error| error.kind()),
            Some(Kind::Truncated),
            "{input:?}"
        );
    }
}

#[test]
fn statuses_to_answer_with() {
    for (kind, status) in [
        (Kind::RequestLine, "400 Bad Request"),
        (Kind::RequestLineTooLong, "414 URI Too Long"),
        (Kind::HeadTooLarge, "431 Request Header Fields Too Large"),
        (Kind::TooManyHeaders, "431 Request Header Fields Too Large"),
        (Kind::UnsupportedTransferEncoding, "501 Not Implemented"),
        (Kind::UnsupportedVersion, "505 HTTP Version Not Supported"),
    ] {
        assert_eq!(http::RequestError::from(kind).status_hint(), status);
    }
}

/// At each limit all is well; one more, and it is refused.
#[test]
fn limits_are_exact() {
    let limits = Limits {
        request_line: 40,
        head: 100,
        headers: 3,
        chunk_line: 10,
        trailers: 20,
        buffer: 200,
    };
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let line = |n: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(n - 16));
    let head = |n: usize| format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(n - 23));
    let headers = |n: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "X:y\r\n".repeat(n));
    let chunk_line = |n: usize| format!("{chunked}1;{}\r\na\r\n0\r\n\r\n", "x".repeat(n - 4));
    let trailers = |n: usize| format!("{chunked}0\r\nX:{}\r\n\r\n", "x".repeat(n - 6));
    for (make, most, kind) in [
        (
            &line as &dyn Fn(usize) -> String,
            40,
            Kind::RequestLineTooLong,
        ),
        (&head, 100, Kind::HeadTooLarge),
        (&headers, 3, Kind::TooManyHeaders),
        (&chunk_line, 10, Kind::ChunkLineTooLong),
        (&trailers, 20, Kind::TrailersTooLarge),
    ] {
        let seen = transcript([make(most).as_bytes()], limits);
        assert_eq!(seen.error, None, "{kind:?}");
        let seen = transcript([make(most + 1).as_bytes()], limits);
        assert_eq!(seen.error.map(|error| error.kind()), Some(kind));
    }
}

/// An endless line is refused when it is too long, not when it ends.
#[test]
fn an_endless_line_is_refused_while_it_comes() {
    let mut connection = Connection::new(Limits::default());
    let mut fed = 0;
    let error = loop {
        assert_eq!(connection.feed(&[b'x'; 512]), 512);
        fed += 512;
        if let Err(error) = connection.next_event() {
            break error;
        }
    };
    assert_eq!(error.kind(), Kind::RequestLineTooLong);
    assert_eq!(fed, Limits::default().request_line);
}

#[test]
fn what_nobody_asks_for_is_held_back_only_up_to_the_limit() {
    let mut connection = Connection::new(Limits::default());
    let request = b"GET / HTTP/1.1\r\n\r\n".repeat(100_000);
    assert_eq!(connection.feed(&request), Limits::default().buffer);
    assert_eq!(connection.room(), 0);
    assert_eq!(connection.feed(b"x"), 0);
}
