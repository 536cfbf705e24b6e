//! Responses to bytes: framing, keep-alive, and what cannot be sent.

use http::{BodyLength, Connection, Event, Limits, ResponseError, ResponseHead};

/// A connection that has read `request` to its end.
fn asked(request: &str) -> Connection {
    let mut connection = Connection::new(Limits::default());
    assert_eq!(connection.feed(request.as_bytes()), request.len());
    loop {
        match connection.next_event().unwrap() {
            Event::EndOfMessage | Event::NeedData => return connection,
            _ => {}
        }
    }
}

fn send_head(
    connection: &mut Connection,
    status: &str,
    length: BodyLength,
    out: &mut Vec<u8>,
) -> Result<(), ResponseError> {
    let mut head = ResponseHead::new(status)?;
    connection.send_head(&mut head, length, out)
}

/// The answer to `request`, and whether the connection is kept.
fn answer(
    request: &str,
    status: &str,
    headers: &[(&str, &str)],
    length: BodyLength,
    body: &[&str],
) -> (String, bool) {
    let mut connection = asked(request);
    let mut out = Vec::new();
    let mut head = ResponseHead::new(status).unwrap();
    for (name, value) in headers {
        head.header(name.as_bytes(), value.as_bytes()).unwrap();
    }
    connection.send_head(&mut head, length, &mut out).unwrap();
    for data in body {
        connection.send_data(data.as_bytes(), &mut out).unwrap();
    }
    connection.end_response(&mut out).unwrap();
    (
        String::from_utf8(out).unwrap(),
        connection.start_next_cycle(),
    )
}

const GET: &str = "GET / HTTP/1.1\r\n\r\n";
const GET_10: &str = "GET / HTTP/1.0\r\n\r\n";
const GET_10_KEPT: &str = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\n\r\n";
const CLOSE: &str = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";

#[test]
fn framing_and_keep_alive() {
    use BodyLength::{Known, Unknown, Verbatim};
    let length = [("Content-Length", "2")];
    for (request, status, headers, body, text, kept) in [
        (
            GET,
            "200 OK",
            &[][..],
            Known(2),
            "Content-Length: 2\r\n\r\nab",
            true,
        ),
        (
            GET,
            "200 OK",
            &length,
            Unknown,
            "Content-Length: 2\r\n\r\nab",
            true,
        ),
        (
            GET,
            "200 OK",
            &[],
            Unknown,
            "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
            true,
        ),
        (
            GET,
            "200 OK",
            &[],
            Verbatim,
            "Connection: close\r\n\r\nab",
            false,
        ),
        (
            GET,
            "200 OK",
            &[("Connection", "close")],
            Known(2),
            "Connection: close\r\nContent-Length: 2\r\n\r\nab",
            false,
        ),
        (
            GET,
            "200 OK",
            &[("Transfer-Encoding", "chunked")],
            Unknown,
            "Transfer-Encoding: chunked\r\n\r\nab",
            true,
        ),
        (
            GET_10,
            "200 OK",
            &[],
            Unknown,
            "Connection: close\r\n\r\nab",
            false,
        ),
        (
            GET_10,
            "200 OK",
            &[],
            Known(2),
            "Content-Length: 2\r\nConnection: close\r\n\r\nab",
            false,
        ),
        (
            GET_10_KEPT,
            "200 OK",
            &[],
            Known(2),
            "Content-Length: 2\r\nConnection: keep-alive\r\n\r\nab",
            true,
        ),
        (
            GET_10_KEPT,
            "200 OK",
            &[],
            Unknown,
            "Connection: close\r\n\r\nab",
            false,
        ),
        (
            CLOSE,
            "200 OK",
            &[],
            Known(2),
            "Content-Length: 2\r\nConnection: close\r\n\r\nab",
            false,
        ),
        (
            HEAD,
            "200 OK",
            &[],
            Known(2),
            "Content-Length: 2\r\n\r\n",
            true,
        ),
        (
            HEAD,
            "200 OK",
            &length,
            Unknown,
            "Content-Length: 2\r\n\r\n",
            true,
        ),
        (GET, "204 No Content", &[], Known(2), "\r\n", true),
        (
            GET,
            "304 Not Modified",
            &length,
            Unknown,
            "Content-Length: 2\r\n\r\n",
            true,
        ),
        (
            GET,
            "200",
            &[],
            Known(2),
            "Content-Length: 2\r\n\r\nab",
            true,
        ),
    ] {
        let (out, is_kept) = answer(request, status, headers, body, &["a", "", "b"]);
        assert_eq!(
            out.trim_start_matches(&format!("HTTP/1.1 {status}\r\n")),
            text,
            "{request:?} {body:?}"
        );
        assert_eq!(is_kept, kept, "{request:?} {body:?}");
    }
}

#[test]
fn a_head_knows_its_headers_and_those_that_sending_added() {
    let mut head = ResponseHead::new("200 OK").unwrap();
    head.header(b"Date", b"today").unwrap();
    head.header(b"X", b"").unwrap();
    head.header(b"Y", b"a: b").unwrap();
    assert!(head.has_date() && !head.says_close() && head.content_length().is_none());
    let mut out = Vec::new();
    asked(GET)
        .send_head(&mut head, BodyLength::Known(7), &mut out)
        .unwrap();
    let headers: Vec<_> = head.headers().collect();
    let expected: [(&[u8], &[u8]); 4] = [
        (b"Date", b"today"),
        (b"X", b""),
        (b"Y", b"a: b"),
        (b"Content-Length", b"7"),
    ];
    assert_eq!(headers, expected);
}

#[test]
fn bytes_put_back_are_read_again() {
    let mut connection = Connection::new(Limits::default());
    let _ = connection.feed(b"GET / HTTP/1.1\r\n");
    assert!(matches!(connection.next_event(), Ok(Event::NeedData)));
    connection.consume_unread(5);
    connection.put_back(b"PUT /x");
    let _ = connection.feed(b"\r\n");
    match connection.next_event() {
        Ok(Event::Request(request)) => assert_eq!(request.line(), b"PUT /x HTTP/1.1"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn data_in_two_halves_is_the_same() {
    for (request, length) in [(GET, BodyLength::Unknown), (GET, BodyLength::Known(2))] {
        let mut connection = asked(request);
        let mut out = Vec::new();
        send_head(&mut connection, "200 OK", length, &mut out).unwrap();
        assert!(connection.announce_data(2, &mut out).unwrap());
        out.extend_from_slice(b"ab");
        connection.conclude_data(&mut out);
        connection.end_response(&mut out).unwrap();
        let (whole, _) = answer(request, "200 OK", &[], length, &["ab"]);
        assert_eq!(out, whole.as_bytes());
    }
    let mut connection = asked(HEAD);
    send_head(
        &mut connection,
        "200 OK",
        BodyLength::Known(2),
        &mut Vec::new(),
    )
    .unwrap();
    assert!(!connection.announce_data(2, &mut Vec::new()).unwrap());
}

#[test]
fn chunks_of_every_size_are_announced() {
    for length in [1, 9, 10, 15, 16, 255, 256, 4096, 65_535, 1 << 20] {
        let mut connection = asked(GET);
        let mut out = Vec::new();
        send_head(&mut connection, "200 OK", BodyLength::Unknown, &mut out).unwrap();
        out.clear();
        assert!(connection.announce_data(length, &mut out).unwrap());
        assert_eq!(out, format!("{length:x}\r\n").as_bytes());
    }
}

#[test]
fn a_body_without_its_head() {
    for (length, chunked, input) in [
        (Some(2), false, "abc"),
        (None, true, "2\r\nab\r\n0\r\n\r\nc"),
    ] {
        let mut connection = Connection::in_body(Limits::default(), length, chunked);
        let _ = connection.feed(input.as_bytes());
        assert!(matches!(connection.next_event(), Ok(Event::Data(b"ab"))));
        assert!(matches!(connection.next_event(), Ok(Event::EndOfMessage)));
        assert_eq!(connection.unread(), b"c");
    }
}

#[test]
fn a_body_shorter_than_announced_closes() {
    let (_, kept) = answer(GET, "200 OK", &[], BodyLength::Known(3), &["ab"]);
    assert!(!kept);
}

#[test]
fn what_cannot_be_sent_is_refused() {
    for status in [
        "",
        "OK",
        "20 OK",
        "200OK",
        "200 O\nK",
        "199 Hm",
        "100 Continue",
        "2000 OK",
        "200 \u{100}",
    ] {
        let error = ResponseHead::new(status).unwrap_err();
        assert_eq!(error, ResponseError::Status, "{status:?}");
    }
    for (name, value, expected) in [
        ("", "a", ResponseError::HeaderName),
        ("X Y", "a", ResponseError::HeaderName),
        ("X:", "a", ResponseError::HeaderName),
        ("X\r\nY", "a", ResponseError::HeaderName),
        ("X", "a\r\nSet-Cookie: b", ResponseError::HeaderValue),
        ("X", "a\nb", ResponseError::HeaderValue),
        ("X", "a\0", ResponseError::HeaderValue),
        ("Content-Length", "-1", ResponseError::ContentLength),
        ("Content-Length", "", ResponseError::ContentLength),
    ] {
        let mut head = ResponseHead::new("200 OK").unwrap();
        let error = head.header(name.as_bytes(), value.as_bytes()).unwrap_err();
        assert_eq!(error, expected, "{name:?} {value:?}");
        assert_eq!(head.headers().count(), 0);
    }
}

#[test]
fn two_lengths_cannot_be_sent() {
    for second in [("Content-Length", "2"), ("Transfer-Encoding", "chunked")] {
        let mut head = ResponseHead::new("200 OK").unwrap();
        head.header(b"Content-Length", b"2").unwrap();
        let result = head.header(second.0.as_bytes(), second.1.as_bytes());
        assert_eq!(result, Err(ResponseError::ContentLength));
    }
}

#[test]
fn no_more_body_than_announced() {
    let mut connection = asked(GET);
    let mut out = Vec::new();
    send_head(&mut connection, "200 OK", BodyLength::Known(2), &mut out).unwrap();
    let head_length = out.len();
    assert_eq!(
        connection.send_data(b"abc", &mut out),
        Err(ResponseError::BodyTooLong)
    );
    assert_eq!(out.len(), head_length);
    assert_eq!(connection.send_data(b"ab", &mut out), Ok(()));
}

#[test]
fn one_response_a_request() {
    let mut out = Vec::new();
    let mut connection = Connection::new(Limits::default());
    let out_of_turn = Err(ResponseError::OutOfTurn);
    assert_eq!(
        send_head(&mut connection, "200 OK", BodyLength::Unknown, &mut out),
        out_of_turn
    );
    let mut connection = asked(GET);
    assert_eq!(connection.send_data(b"a", &mut out), out_of_turn);
    assert_eq!(connection.end_response(&mut out), out_of_turn);
    send_head(&mut connection, "200 OK", BodyLength::Known(0), &mut out).unwrap();
    assert_eq!(
        send_head(&mut connection, "200 OK", BodyLength::Unknown, &mut out),
        out_of_turn
    );
    connection.end_response(&mut out).unwrap();
    assert_eq!(
        send_head(&mut connection, "200 OK", BodyLength::Unknown, &mut out),
        out_of_turn
    );
    assert!(connection.start_next_cycle());
    assert!(!connection.start_next_cycle());
}

const EXPECT: &str = "POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n";

#[test]
fn continue_is_sent_once_and_only_if_asked_for() {
    let mut connection = asked(EXPECT);
    assert!(connection.awaits_continue());
    let mut out = Vec::new();
    connection.send_continue(&mut out);
    connection.send_continue(&mut out);
    assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");
    for no in [
        GET,
        "POST / HTTP/1.1\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    ] {
        let mut out = Vec::new();
        asked(no).send_continue(&mut out);
        assert_eq!(out, b"", "{no:?}");
    }
}

#[test]
fn no_continue_after_the_answer_or_when_the_body_comes_anyway() {
    let mut connection = asked(EXPECT);
    let mut out = Vec::new();
    send_head(
        &mut connection,
        "413 Too Much",
        BodyLength::Known(0),
        &mut out,
    )
    .unwrap();
    let length = out.len();
    connection.send_continue(&mut out);
    assert_eq!(out.len(), length);
    let mut connection = asked(&format!("{EXPECT}ab"));
    connection.send_continue(&mut out);
    assert_eq!(out.len(), length);
}

#[test]
fn a_response_before_the_request_is_read_does_not_start_the_next() {
    let mut connection = asked("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n");
    let mut out = Vec::new();
    send_head(&mut connection, "200 OK", BodyLength::Known(0), &mut out).unwrap();
    connection.end_response(&mut out).unwrap();
    assert!(!connection.start_next_cycle());
    assert_eq!(connection.feed(b"abGET"), 5);
    assert!(matches!(connection.next_event(), Ok(Event::Data(b"ab"))));
    assert!(matches!(connection.next_event(), Ok(Event::EndOfMessage)));
    assert!(connection.start_next_cycle());
}

#[test]
fn an_error_is_answered_and_closes() {
    let mut connection = Connection::new(Limits::default());
    let _ = connection.feed(b"nonsense\r\n");
    let error = connection.next_event().unwrap_err();
    let mut out = Vec::new();
    send_head(
        &mut connection,
        error.status_hint(),
        BodyLength::Known(0),
        &mut out,
    )
    .unwrap();
    connection.end_response(&mut out).unwrap();
    assert_eq!(
        out,
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert!(!connection.start_next_cycle());
}

#[test]
fn after_a_switch_the_bytes_are_somebody_elses() {
    for (request, status) in [
        (
            "GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nrest",
            "101 Switching Protocols",
        ),
        ("CONNECT h:1 HTTP/1.1\r\n\r\nrest", "200 OK"),
    ] {
        let mut connection = asked(request);
        let mut out = Vec::new();
        send_head(&mut connection, status, BodyLength::Unknown, &mut out).unwrap();
        assert_eq!(out, format!("HTTP/1.1 {status}\r\n\r\n").as_bytes());
        assert!(connection.is_switched());
        assert_eq!(connection.unread(), b"rest");
        connection.consume_unread(4);
        assert!(matches!(connection.next_event(), Ok(Event::Paused)));
        out.clear();
        connection.send_data(b"\x81", &mut out).unwrap();
        assert_eq!(out, b"\x81");
        connection.end_response(&mut out).unwrap();
        assert!(!connection.start_next_cycle());
    }
}
