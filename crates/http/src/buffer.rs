//! Received bytes that nobody has understood yet: a queue with a bound.
//!
//! Taking bytes from the front only moves a mark, so that a slice handed out by the
//! same call stays valid; the space is reclaimed at the next [`Buffer::extend`]. An
//! empty buffer gives large memory back, because most connections of a busy server
//! are idle.

#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    limit: usize,
}

impl Buffer {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            limit,
        }
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.unread().len())
    }

    /// Take as much of `bytes` as the limit allows; says how much that was.
    pub(crate) fn extend(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
        } else {
            self.bytes.drain(..self.start);
        }
        self.start = 0;
        self.bytes.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// Put bytes before the unread ones, whatever the limit.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.bytes.splice(..self.start, bytes.iter().copied());
        self.start = 0;
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
    }

    /// Consume up to `count` bytes and return them.
    pub(crate) fn take(&mut self, count: usize) -> &[u8] {
        let start = self.start;
        self.consume(count);
        &self.bytes[start..self.start]
    }
}

/// What an empty buffer keeps allocated: room for an ordinary request.
const KEPT: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut buffer = Buffer::new(8);
        assert_eq!(buffer.extend(b"abcd"), 4);
        assert_eq!(buffer.take(3), b"abc");
        assert_eq!(buffer.extend(b"efg"), 3);
        assert_eq!(buffer.unread(), b"defg");
        assert_eq!(buffer.take(99), b"defg");
        assert_eq!(buffer.unread(), b"");
    }

    #[test]
    fn takes_no_more_than_its_limit() {
        let mut buffer = Buffer::new(4);
        assert_eq!(buffer.extend(b"abcdef"), 4);
        assert_eq!(buffer.extend(b"x"), 0);
        buffer.consume(1);
        assert_eq!(buffer.room(), 1);
        assert_eq!(buffer.extend(b"xyz"), 1);
        assert_eq!(buffer.unread(), b"bcdx");
    }

    #[test]
    fn what_is_put_back_comes_first() {
        let mut buffer = Buffer::new(8);
        buffer.extend(b"abcd");
        buffer.consume(2);
        buffer.put_back(b"xyz");
        assert_eq!(buffer.unread(), b"xyzcd");
    }

    #[test]
    fn an_empty_buffer_gives_memory_back() {
        let mut buffer = Buffer::new(1 << 20);
        buffer.extend(&vec![0; 1 << 20]);
        buffer.consume(1 << 20);
        buffer.extend(b"next");
        assert!(buffer.bytes.capacity() <= 2 * KEPT);
    }
}
