//! The network may cut bytes anywhere: the events are the same. And whatever the bytes
//! are, nothing panics, loops or is understood twice.
//!
//! Inputs are the vectors, mutations of them, and random sentences over the words of
//! HTTP, from a generator with a fixed seed: a failure repeats. What was covered is
//! counted, so that a generator gone stale shows.

use crate::transcript::{Transcript, bytes, transcript};
use crate::vectors;
use http::Limits;

/// Small limits, so that random inputs reach them.
const LIMITS: Limits = Limits {
    request_line: 60,
    head: 160,
    headers: 4,
    chunk_line: 12,
    trailers: 24,
    buffer: 256,
};

fn inputs() -> impl Iterator<Item = Vec<u8>> {
    let accepted = vectors::ACCEPTED.iter().map(|(input, _)| bytes(input));
    let refused = vectors::REFUSED.iter().map(|(input, _)| bytes(input));
    accepted.chain(refused)
}

/// Whole, byte by byte, and cut at random: the same transcript.
fn check(input: &[u8], limits: Limits, random: &mut Random) -> Transcript {
    let whole = transcript([input], limits);
    assert_eq!(transcript(input.chunks(1), limits), whole, "{input:?}");
    let mut pieces = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(random.below(rest.len().min(40)) + 1);
        pieces.push(piece);
        rest = after;
    }
    assert_eq!(transcript(pieces, limits), whole, "{input:?}");
    whole
}

#[test]
fn every_cut_in_two_gives_the_same_events() {
    for input in inputs() {
        let whole = transcript([&input[..]], Limits::default());
        for at in 0..=input.len() {
            let (left, right) = input.split_at(at);
            assert_eq!(
                transcript([left, right], Limits::default()),
                whole,
                "{at} {input:?}"
            );
        }
    }
}

#[test]
fn mutated_vectors() {
    let mut random = Random(0x5eed);
    let vectors: Vec<_> = inputs().collect();
    let accepted = vectors::ACCEPTED.len();
    let (mut understood, mut refused) = (0, 0);
    for _ in 0..6_000 {
        let among = [accepted, vectors.len()][random.below(2)];
        let mut input = vectors[random.below(among)].clone();
        for _ in 0..=random.below(3) {
            if input.is_empty() {
                break;
            }
            let at = random.below(input.len());
            match random.below(5) {
                0 => input[at] = random.below(256) as u8,
                1 => drop(input.remove(at)),
                2 => input.insert(at, b" \t\r\n:;,0a\x00"[random.below(10)]),
                3 => input.truncate(at + 1),
                _ => {
                    let other = &vectors[random.below(vectors.len())];
                    input.extend_from_slice(&other[random.below(other.len())..]);
                }
            }
        }
        let seen = check(&input, LIMITS, &mut random);
        understood += seen.requests;
        refused += usize::from(seen.error.is_some());
    }
    println!("{understood} requests understood, {refused} inputs refused");
    assert!(understood > 1_000 && refused > 1_000);
}

#[test]
fn random_sentences() {
    let mut random = Random(0xf00d);
    let (mut understood, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut input = Vec::new();
        for _ in 0..random.below(30) + 1 {
            // Often the whole of a good line, or little would get past the first.
            let word = match random.below(3) {
                0 => LINES[random.below(LINES.len())],
                _ => WORDS[random.below(WORDS.len())],
            };
            input.extend_from_slice(word);
        }
        if random.below(2) == 0 {
            input.splice(0..0, *b"POST / HTTP/1.1\r\n");
        }
        let seen = check(&input, LIMITS, &mut random);
        understood += seen.requests;
        refused += usize::from(seen.error.is_some());
    }
    println!("{understood} requests understood, {refused} inputs refused");
    assert!(understood > 500 && refused > 1_000);
}

const LINES: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"GET / HTTP/1.0\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
];

const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b";",
    b"0",
    b"5",
    b"f",
    b"GET",
    b"POST",
    b"/",
    b"*",
    b"http://a/",
    b"HTTP/1.1",
    b"HTTP/2.0",
    b"Host: a",
    b"Content-Length",
    b"Transfer-Encoding",
    b"chunked",
    b"X-Y",
    b"\x00",
    b"\xff",
    b"hello",
    b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

/// xorshift64: small, seeded, good enough to cut strings with.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
