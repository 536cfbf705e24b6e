//! How much a peer may ask of us before it has proved to be a client.

/// The limits of one connection, in bytes where nothing else is said.
///
/// A limit counts the line ends too.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest request line; over it is 414. The same as gevent's.
    pub request_line: usize,
    /// Request line and headers together; over it is 431.
    pub head: usize,
    /// Number of header lines; over it is 431.
    pub headers: usize,
    /// Longest line that announces a chunk, extensions included; over it is 400.
    pub chunk_line: usize,
    /// All trailer lines of a chunked body together; over it is 431.
    pub trailers: usize,
    /// Received bytes held back until somebody asks for them. At least `head`, so
    /// that a head always fits.
    pub buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: 8192,
            head: 64 * 1024,
            headers: 100,
            chunk_line: 1024,
            trailers: 8192,
            buffer: 128 * 1024,
        }
    }
}
