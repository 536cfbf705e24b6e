//! One connection: received bytes and responses in, events and bytes to send out.

use crate::buffer::Buffer;
use crate::error::{RequestError, RequestErrorKind, ResponseError};
use crate::h1::body::{BodyReader, Framing, Step};
use crate::h1::read::{HeadReader, Request, Version};
use crate::h1::state::{self, Received, Receiving, Sending, Sent};
use crate::h1::write::{BodyLength, BodyWriter, ResponseHead};
use crate::limits::Limits;

/// What the received bytes mean.
#[derive(Debug)]
pub enum Event<'a> {
    /// Feed more bytes, or the end of input.
    NeedData,
    /// The head of a request. Its body follows, if only as an end.
    Request(Request),
    /// Some bytes of the body; how many at once means nothing.
    Data(&'a [u8]),
    /// The request is complete.
    EndOfMessage,
    /// The request was complete already, or the connection speaks another protocol
    /// now: nothing more until [`Connection::start_next_cycle`].
    Paused,
    /// The peer ended the connection between two requests.
    Closed,
}

/// A server's view of one HTTP/1.1 connection.
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    buffer: Buffer,
    input_ended: bool,
    head: HeadReader,
    body: BodyReader,
    writer: BodyWriter,
    exchange: Exchange,
    receiving: Receiving,
    sending: Sending,
    error: Option<RequestError>,
}

/// What a response must know of its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    pub(crate) version: Version,
    pub(crate) is_head: bool,
    pub(crate) is_connect: bool,
    pub(crate) keep_alive: bool,
    awaits_continue: bool,
}

impl Connection {
    pub fn new(limits: Limits) -> Self {
        Self {
            buffer: Buffer::new(limits.buffer.max(limits.head)),
            limits,
            input_ended: false,
            head: HeadReader::default(),
            body: BodyReader::new(Framing::Empty),
            writer: BodyWriter::Suppressed,
            exchange: Exchange::NONE,
            receiving: Receiving::Idle,
            sending: Sending::Idle,
            error: None,
        }
    }

    /// A connection whose next bytes are a request's body: chunked, or of a length (None for
    /// no body). For those who have read the head elsewhere.
    pub fn in_body(limits: Limits, length: Option<u64>, chunked: bool) -> Self {
        let framing = match (chunked, length) {
            (true, _) => Framing::Chunked,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::Empty,
        };
        Self {
            body: BodyReader::new(framing),
            receiving: Receiving::Body,
            ..Self::new(limits)
        }
    }

    /// Take received bytes. Gives how many were taken: fewer than given only if nobody
    /// has asked for events for a while, see [`Limits::buffer`].
    #[must_use = "bytes that were not taken must be fed again"]
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        self.buffer.extend(bytes)
    }

    /// How many bytes [`Connection::feed`] would take now.
    pub fn room(&self) -> usize {
        self.buffer.room()
    }

    /// The peer will send nothing more.
    pub fn feed_end(&mut self) {
        self.input_ended = true;
    }

    /// The next event. After an error, the same error again.
    pub fn next_event(&mut self) -> Result<Event<'_>, RequestError> {
        self.next_event_within(usize::MAX)
    }

    /// Like [`Connection::next_event`], with at most `wanted` (but at least one) bytes
    /// of body.
    pub fn next_event_within(&mut self, wanted: usize) -> Result<Event<'_>, RequestError> {
        match self.receiving {
            Receiving::Idle => self.next_request(),
            Receiving::Body => self.next_data(wanted.max(1)),
            Receiving::Done | Receiving::Switched => Ok(Event::Paused),
            Receiving::Closed => Ok(Event::Closed),
            Receiving::Failed => Err(self
                .error
                .unwrap_or_else(|| RequestErrorKind::Truncated.into())),
        }
    }

    /// `100 Continue`, if the peer waits for one and nothing was answered yet;
    /// otherwise nothing.
    pub fn send_continue(&mut self, out: &mut Vec<u8>) {
        let may = state::after_sent(self.sending, self.receiving, Sent::Interim).is_some();
        if std::mem::take(&mut self.exchange.awaits_continue) && may {
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Append the head of the response to the current request, or to its error, to `out`.
    /// What the peer needs to know of the framing is added to `head`.
    pub fn send_head(
        &mut self,
        head: &mut ResponseHead,
        body: BodyLength,
        out: &mut Vec<u8>,
    ) -> Result<(), ResponseError> {
        if state::after_sent(self.sending, self.receiving, Sent::Head).is_none() {
            return Err(ResponseError::OutOfTurn);
        }
        let settled = head.settle(body, self.exchange);
        let sent = if settled.switching {
            self.receiving = Receiving::Switched;
            Sent::SwitchingHead
        } else {
            Sent::Head
        };
        self.sending = state::after_sent(self.sending, self.receiving, sent)
            .ok_or(ResponseError::OutOfTurn)?;
        self.writer = settled.writer;
        self.exchange.keep_alive = settled.keep_alive;
        out.extend_from_slice(head.lines());
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Append `data`, as the head's framing wants it, to `out`.
    pub fn send_data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), ResponseError> {
        if self.announce_data(data.len(), out)? {
            out.extend_from_slice(data);
            self.conclude_data(out);
        }
        Ok(())
    }

    /// [`Connection::send_data`] in two halves, for bytes that are too many to copy: the
    /// caller sends `out`, then the bytes, then what [`Connection::conclude_data`] appends.
    /// False if the bytes must not be sent.
    pub fn announce_data(
        &mut self,
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, ResponseError> {
        if self.sending == Sending::Switched {
            return Ok(true);
        }
        self.sending = state::after_sent(self.sending, self.receiving, Sent::Data)
            .ok_or(ResponseError::OutOfTurn)?;
        self.writer.announce(length, out)
    }

    /// The second half of [`Connection::announce_data`].
    pub fn conclude_data(&self, out: &mut Vec<u8>) {
        if self.sending == Sending::Body {
            self.writer.conclude(out);
        }
    }

    /// End the response. If less was sent than its head said, the connection cannot be
    /// kept.
    pub fn end_response(&mut self, out: &mut Vec<u8>) -> Result<(), ResponseError> {
        self.sending = state::after_sent(self.sending, self.receiving, Sent::End)
            .ok_or(ResponseError::OutOfTurn)?;
        if self.sending == Sending::Done && !self.writer.end(out) {
            self.exchange.keep_alive = false;
        }
        Ok(())
    }

    /// No further request on this connection, whatever the peer and the response say.
    pub fn close_after_response(&mut self) {
        self.exchange.keep_alive = false;
    }

    /// Go on to the next request. False, and nothing changes, if there cannot be one:
    /// something is not complete, or one side wants to close.
    pub fn start_next_cycle(&mut self) -> bool {
        let may =
            state::may_start_next_cycle(self.receiving, self.sending, self.exchange.keep_alive);
        if may {
            self.receiving = Receiving::Idle;
            self.sending = Sending::Idle;
            self.exchange = Exchange::NONE;
        }
        may
    }

    /// The connection ends with the current response, by what is known so far.
    pub fn will_close(&self) -> bool {
        !self.exchange.keep_alive
    }

    /// The request has been received to its end.
    pub fn is_request_complete(&self) -> bool {
        matches!(self.receiving, Receiving::Done)
    }

    /// The peer still holds the body back, because nobody sent `100 Continue`.
    pub fn awaits_continue(&self) -> bool {
        self.exchange.awaits_continue
    }

    /// The connection now speaks another protocol: 101, or 2xx to CONNECT, was sent.
    pub fn is_switched(&self) -> bool {
        self.sending == Sending::Switched
    }

    /// The response body is sent in chunks.
    pub fn is_response_chunked(&self) -> bool {
        self.writer == BodyWriter::Chunked
    }

    /// Received bytes that are no part of any event so far; after a switch of protocols
    /// they are the new one's first.
    pub fn unread(&self) -> &[u8] {
        self.buffer.unread()
    }

    /// Put bytes in front of the unread ones: somebody has taken them and gives them back.
    /// The limit does not hold for them.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.buffer.put_back(bytes);
        self.head = HeadReader::default();
    }

    /// Drop `count` of the unread bytes: somebody else has understood them.
    pub fn consume_unread(&mut self, count: usize) {
        self.buffer.consume(count);
    }

    fn next_request(&mut self) -> Result<Event<'_>, RequestError> {
        match self.head.read(self.buffer.unread(), &self.limits) {
            Ok(Some((request, length))) => {
                self.buffer.consume(length);
                self.received(Received::Request);
                self.body = BodyReader::new(request.framing());
                self.exchange = Exchange::of(&request);
                Ok(Event::Request(request))
            }
            Ok(None) if !self.input_ended => Ok(Event::NeedData),
            Ok(None) if !self.head.has_begun(self.buffer.unread()) => {
                self.received(Received::EndOfInput);
                Ok(Event::Closed)
            }
            Ok(None) => Err(self.fail(RequestErrorKind::Truncated.into())),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn next_data(&mut self, wanted: usize) -> Result<Event<'_>, RequestError> {
        let step = self.body.read(self.buffer.unread(), wanted, &self.limits);
        match step {
            Ok(Step::Data { skipped, length }) => {
                self.received(Received::Data);
                self.exchange.awaits_continue = false;
                self.buffer.consume(skipped);
                Ok(Event::Data(self.buffer.take(length)))
            }
            Ok(Step::End { consumed }) => {
                self.received(Received::EndOfMessage);
                self.exchange.awaits_continue = false;
                self.buffer.consume(consumed);
                Ok(Event::EndOfMessage)
            }
            Ok(Step::More { consumed }) => {
                self.buffer.consume(consumed);
                if self.input_ended {
                    Err(self.fail(RequestErrorKind::Truncated.into()))
                } else {
                    Ok(Event::NeedData)
                }
            }
            Err(kind) => Err(self.fail(kind.into())),
        }
    }

    fn received(&mut self, what: Received) {
        if let Some(next) = state::after_received(self.receiving, what) {
            self.receiving = next;
        }
    }

    fn fail(&mut self, error: RequestError) -> RequestError {
        self.received(Received::Error);
        self.error = Some(error);
        self.exchange.keep_alive = false;
        error
    }
}

impl Exchange {
    /// Before a request: an error is answered in the version that we speak.
    const NONE: Self = Self {
        version: Version::Http11,
        is_head: false,
        is_connect: false,
        keep_alive: false,
        awaits_continue: false,
    };

    fn of(request: &Request) -> Self {
        Self {
            version: request.version(),
            is_head: request.method() == b"HEAD",
            is_connect: request.method() == b"CONNECT",
            keep_alive: request.keep_alive(),
            awaits_continue: request.expects_continue(),
        }
    }
}
