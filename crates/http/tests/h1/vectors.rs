//! What the tests feed: requests to be understood, and bytes to be refused.
//!
//! Every refused vector begins with something a lenient server would understand in some
//! way; `tests/refused.rs` also appends a good request, which must never be seen.

use http::RequestErrorKind as Kind;

/// A request with a chunked body.
macro_rules! CHUNKED {
    ($body:literal) => {
        concat!(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            $body
        )
    };
}

/// Bytes, and the transcript that they give (see `transcript.rs`).
pub const ACCEPTED: &[(&str, &[&str])] = &[
    (
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        &["GET / 1.1 Host=a", "end", "closed"],
    ),
    // No Host: not what the RFC wants, but harmless, and common in health checks.
    ("GET / HTTP/1.1\r\n\r\n", &["GET / 1.1", "end", "closed"]),
    (
        "GET / HTTP/1.0\r\n\r\nGET /never HTTP/1.0\r\n\r\n",
        &["GET / 1.0", "end", "last"],
    ),
    (
        "GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n",
        &[
            "GET /a 1.0 Connection=Keep-Alive",
            "end",
            "GET /b 1.0",
            "end",
            "last",
        ],
    ),
    (
        "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
        &["GET /a 1.1", "end", "GET /b 1.1", "end", "closed"],
    ),
    (
        "GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        &["GET / 1.1 Connection=x, Close", "end", "last"],
    ),
    // One empty line between requests, as old clients send after a body.
    (
        "\r\nPOST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\r\nGET / HTTP/1.1\r\n\r\n\r\n",
        &[
            "POST /p 1.1 Content-Length=3",
            "body abc",
            "end",
            "GET / 1.1",
            "end",
            "closed",
        ],
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        &["POST / 1.1 Content-Length=0", "end", "closed"],
    ),
    (
        "POST / HTTP/1.1\r\ncontent-length:0003 \r\n\r\nabc",
        &[
            "POST / 1.1 content-length=0003",
            "body abc",
            "end",
            "closed",
        ],
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n00a\r\n0123456789\r\n0\r\n\r\n",
        &[
            "POST / 1.1 Transfer-Encoding=chunked",
            "body abc0123456789",
            "end",
            "closed",
        ],
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding:\tCHUNKED \r\n\r\n\
         A;x=\"y\";z\r\n0123456789\r\n0;q\r\nX-Sum: 1\r\nY:\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        &[
            "POST / 1.1 Transfer-Encoding=CHUNKED",
            "body 0123456789",
            "end",
            "GET / 1.1",
            "end",
            "closed",
        ],
    ),
    (
        "OPTIONS * HTTP/1.1\r\n\r\nGET http://h/p?q HTTP/1.1\r\nHost: h\r\n\r\nCONNECT h:443 HTTP/1.1\r\n\r\n",
        &[
            "OPTIONS * 1.1",
            "end",
            "GET http://h/p?q 1.1 Host=h",
            "end",
            "CONNECT h:443 1.1",
            "end",
            "closed",
        ],
    ),
    (
        "M-SEARCH /caf\u{e9}?a%20b HTTP/1.2\r\nX: \t caf\u{e9} \t b \r\nx:\r\n\r\n",
        &[
            "M-SEARCH /caf\u{e9}?a%20b 1.1 X=caf\u{e9} \t b x=",
            "end",
            "closed",
        ],
    ),
];

/// Bytes, and why they are refused. Errors in a body come after the request.
pub const REFUSED: &[(&str, Kind)] = &[
    // Two framings, or one that others read differently.
    (
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Kind::LengthAndTransferEncoding,
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        Kind::LengthAndTransferEncoding,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        Kind::DuplicateContentLength,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        Kind::DuplicateContentLength,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\nabc",
        Kind::ContentLength,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
        Kind::ContentLength,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: -3\r\n\r\nabc",
        Kind::ContentLength,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\nabc",
        Kind::ContentLength,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: 3 3\r\n\r\nabc",
        Kind::ContentLength,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\nabc",
        Kind::ContentLength,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length:\r\n\r\nabc",
        Kind::ContentLength,
    ),
    (
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
        Kind::ContentLength,
    ),
    (
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Kind::TransferEncoding,
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        Kind::TransferEncoding,
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        Kind::TransferEncoding,
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        Kind::TransferEncoding,
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n",
        Kind::TransferEncoding,
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Kind::UnsupportedTransferEncoding,
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        Kind::UnsupportedTransferEncoding,
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
        Kind::HeaderValue,
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        Kind::HeaderName,
    ),
    (
        "POST / HTTP/1.1\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n",
        Kind::FoldedHeader,
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        Kind::DuplicateHost,
    ),
    // Chunks.
    (CHUNKED!("x\r\n"), Kind::ChunkSize),
    (CHUNKED!("\r\n"), Kind::ChunkSize),
    (CHUNKED!("-1\r\n"), Kind::ChunkSize),
    (CHUNKED!("+1\r\na\r\n"), Kind::ChunkSize),
    (CHUNKED!("0x1\r\na\r\n"), Kind::ChunkSize),
    (CHUNKED!(" 1\r\na\r\n"), Kind::ChunkSize),
    (CHUNKED!("1 \r\na\r\n"), Kind::ChunkSize),
    (CHUNKED!("1,\r\na\r\n"), Kind::ChunkSize),
    (CHUNKED!("00000000000000001\r\na\r\n"), Kind::ChunkSize),
    (CHUNKED!("1;\u{0}\r\na\r\n"), Kind::ChunkSize),
    (CHUNKED!("1\na\r\n"), Kind::LineEnding),
    (CHUNKED!("1;\rx\r\na\r\n"), Kind::LineEnding),
    (CHUNKED!("1\r\nab\r\n"), Kind::ChunkEnd),
    (CHUNKED!("1\r\na\n"), Kind::ChunkEnd),
    (CHUNKED!("1\r\na\rb"), Kind::ChunkEnd),
    (CHUNKED!("0\r\nX y: z\r\n\r\n"), Kind::HeaderName),
    (CHUNKED!("0\r\n X: z\r\n\r\n"), Kind::FoldedHeader),
    (CHUNKED!("0\r\n\n"), Kind::LineEnding),
    // Line ends.
    ("GET / HTTP/1.1\n\n", Kind::LineEnding),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", Kind::LineEnding),
    ("GET / HTTP/1.1\r\nX: a\rY: b\r\n\r\n", Kind::LineEnding),
    ("GET / HTTP/1.1\r\r\n\r\n", Kind::LineEnding),
    ("\nGET / HTTP/1.1\r\n\r\n", Kind::LineEnding),
    // The request line.
    ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", Kind::RequestLine),
    ("GET /\r\n", Kind::RequestLine),
    ("GET  / HTTP/1.1\r\n\r\n", Kind::RequestLine),
    ("GET / HTTP/1.1 \r\n\r\n", Kind::RequestLine),
    (" GET / HTTP/1.1\r\n\r\n", Kind::RequestLine),
    ("GET /a b HTTP/1.1\r\n\r\n", Kind::RequestLine),
    ("hello\r\n", Kind::RequestLine),
    ("GE(T / HTTP/1.1\r\n\r\n", Kind::Method),
    ("GET\t/ HTTP/1.1\r\n\r\n", Kind::RequestLine),
    ("G\u{e9}T / HTTP/1.1\r\n\r\n", Kind::Method),
    ("GET a HTTP/1.1\r\n\r\n", Kind::Target),
    ("GET * HTTP/1.1\r\n\r\n", Kind::Target),
    ("GET h:80 HTTP/1.1\r\n\r\n", Kind::Target),
    ("GET ://h/ HTTP/1.1\r\n\r\n", Kind::Target),
    ("GET http:// HTTP/1.1\r\n\r\n", Kind::Target),
    ("GET /\u{0} HTTP/1.1\r\n\r\n", Kind::Target),
    ("GET /\u{7f} HTTP/1.1\r\n\r\n", Kind::Target),
    ("GET /\t HTTP/1.1\r\n\r\n", Kind::Target),
    ("GET / http/1.1\r\n\r\n", Kind::Version),
    ("GET / HTTP/1.10\r\n\r\n", Kind::Version),
    ("GET / HTTP/11\r\n\r\n", Kind::Version),
    ("GET / HTTP/0.9\r\n\r\n", Kind::UnsupportedVersion),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Kind::Target),
    ("GET / HTTP/2.0\r\n\r\n", Kind::UnsupportedVersion),
    // Headers.
    ("GET / HTTP/1.1\r\nHost\r\n\r\n", Kind::HeaderName),
    ("GET / HTTP/1.1\r\n: a\r\n\r\n", Kind::HeaderName),
    ("GET / HTTP/1.1\r\n\u{0}: a\r\n\r\n", Kind::HeaderName),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Kind::FoldedHeader),
    ("GET / HTTP/1.1\r\nHost: a\u{0}\r\n\r\n", Kind::HeaderValue),
    (
        "GET / HTTP/1.1\r\nHost: a\u{1b}[31m\r\n\r\n",
        Kind::HeaderValue,
    ),
];
