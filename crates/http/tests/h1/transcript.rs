//! What a connection makes of some bytes, as lines that can be compared.
//!
//! The bytes of the vectors are Latin-1: one character a byte.

use http::{BodyLength, Connection, Event, Headers, Limits, RequestError, ResponseHead, Version};

/// The events of a connection, and the heads of its requests.
#[derive(Debug, Default, PartialEq)]
pub struct Transcript {
    pub lines: Vec<String>,
    pub error: Option<RequestError>,
    pub requests: usize,
}

pub fn bytes(latin1: &str) -> Vec<u8> {
    latin1.chars().map(|c| u32::from(c) as u8).collect()
}

pub fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// Feed `pieces` one after the other, then the end of input. Every request is answered
/// as soon as it is complete, so that all requests in the bytes are seen.
pub fn transcript<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Transcript {
    let mut connection = Connection::new(limits);
    let mut seen = Transcript::default();
    for mut piece in pieces {
        while !piece.is_empty() {
            let taken = connection.feed(piece);
            piece = &piece[taken..];
            if !drain(&mut connection, &mut seen) {
                return seen;
            }
            assert!(taken > 0, "a connection that needs data takes none");
        }
    }
    connection.feed_end();
    assert!(
        !drain(&mut connection, &mut seen),
        "needs data after its end"
    );
    seen
}

/// Take events until more data is needed (true) or nothing can follow (false).
fn drain(connection: &mut Connection, seen: &mut Transcript) -> bool {
    loop {
        match connection.next_event() {
            Ok(Event::NeedData) => return true,
            Ok(Event::Request(request)) => {
                seen.requests += 1;
                let version = match request.version() {
                    Version::Http10 => "1.0",
                    Version::Http11 => "1.1",
                };
                seen.lines.push(format!(
                    "{} {} {version}{}",
                    text(request.method()),
                    text(request.target()),
                    fields(request.headers()),
                ));
            }
            Ok(Event::Data(data)) => {
                assert!(!data.is_empty());
                match seen
                    .lines
                    .last_mut()
                    .filter(|line| line.starts_with("body "))
                {
                    Some(line) => line.push_str(&text(data)),
                    None => seen.lines.push(format!("body {}", text(data))),
                }
            }
            Ok(Event::EndOfMessage) => {
                seen.lines.push("end".into());
                if !answer(connection) {
                    seen.lines.push("last".into());
                    return false;
                }
            }
            Ok(Event::Closed) => {
                seen.lines.push("closed".into());
                return false;
            }
            Ok(Event::Paused) => panic!("paused though every request is answered"),
            Err(error) => {
                assert_eq!(connection.next_event().unwrap_err(), error, "errors stay");
                assert!(!connection.start_next_cycle());
                seen.error = Some(error);
                return false;
            }
        }
    }
}

fn answer(connection: &mut Connection) -> bool {
    let mut out = Vec::new();
    let mut head = ResponseHead::new("404 Not Found").unwrap();
    connection
        .send_head(&mut head, BodyLength::Known(0), &mut out)
        .unwrap();
    connection.end_response(&mut out).unwrap();
    connection.start_next_cycle()
}

fn fields(headers: &Headers) -> String {
    headers
        .iter()
        .map(|(name, value)| format!(" {}={}", text(name), text(value)))
        .collect()
}
