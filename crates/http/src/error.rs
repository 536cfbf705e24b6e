//! What goes wrong, named by whose fault it is.
//!
//! A [`RequestError`] is the peer's: answer with its status and close. A
//! [`ResponseError`] is ours: the application asked for a response that cannot be
//! put on the wire.

use std::fmt;

/// The peer broke the protocol. Nothing after it can be understood, so the
/// connection ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestError {
    kind: RequestErrorKind,
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestErrorKind {
    RequestLineTooLong,
    HeadTooLarge,
    TooManyHeaders,
    TrailersTooLarge,
    LineEnding,
    RequestLine,
    Method,
    Target,
    Version,
    UnsupportedVersion,
    FoldedHeader,
    HeaderName,
    HeaderValue,
    DuplicateHost,
    ContentLength,
    DuplicateContentLength,
    LengthAndTransferEncoding,
    TransferEncoding,
    UnsupportedTransferEncoding,
    ChunkSize,
    ChunkLineTooLong,
    ChunkEnd,
    Truncated,
}

impl RequestError {
    pub const fn kind(&self) -> RequestErrorKind {
        self.kind
    }

    /// The status line to answer with, without the version.
    pub const fn status_hint(&self) -> &'static str {
        use RequestErrorKind as Kind;
        match self.kind {
            Kind::RequestLineTooLong => "414 URI Too Long",
            Kind::HeadTooLarge | Kind::TooManyHeaders | Kind::TrailersTooLarge => {
                "431 Request Header Fields Too Large"
            }
            Kind::UnsupportedTransferEncoding => "501 Not Implemented",
            Kind::UnsupportedVersion => "505 HTTP Version Not Supported",
            _ => "400 Bad Request",
        }
    }

    const fn message(&self) -> &'static str {
        use RequestErrorKind as Kind;
        match self.kind {
            Kind::RequestLineTooLong => "request line too long",
            Kind::HeadTooLarge => "request head too large",
            Kind::TooManyHeaders => "too many headers",
            Kind::TrailersTooLarge => "trailers too large",
            Kind::LineEnding => "line does not end with CR LF",
            Kind::RequestLine => "malformed request line",
            Kind::Method => "malformed method",
            Kind::Target => "malformed request target",
            Kind::Version => "malformed HTTP version",
            Kind::UnsupportedVersion => "unsupported HTTP version",
            Kind::FoldedHeader => "header continued on the next line",
            Kind::HeaderName => "malformed header name",
            Kind::HeaderValue => "malformed header value",
            Kind::DuplicateHost => "more than one Host",
            Kind::ContentLength => "malformed Content-Length",
            Kind::DuplicateContentLength => "more than one Content-Length",
            Kind::LengthAndTransferEncoding => "both Content-Length and Transfer-Encoding",
            Kind::TransferEncoding => "malformed Transfer-Encoding",
            Kind::UnsupportedTransferEncoding => "unsupported Transfer-Encoding",
            Kind::ChunkSize => "malformed chunk size",
            Kind::ChunkLineTooLong => "chunk size line too long",
            Kind::ChunkEnd => "chunk longer than announced",
            Kind::Truncated => "connection closed in the middle of a request",
        }
    }
}

impl From<RequestErrorKind> for RequestError {
    fn from(kind: RequestErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for RequestError {}

/// A response that cannot be sent. Nothing of the offending call is in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// The status is not three digits, or has a control character in its reason.
    Status,
    HeaderName,
    /// A control character (a line end, say) in a header's value.
    HeaderValue,
    /// Not a number, given twice, or given beside a `Transfer-Encoding`.
    ContentLength,
    /// More body than the Content-Length said.
    BodyTooLong,
    /// The call does not fit where the exchange stands, e.g. a head twice.
    OutOfTurn,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status => "malformed response status",
            Self::HeaderName => "malformed response header name",
            Self::HeaderValue => "control character in a response header",
            Self::ContentLength => "malformed Content-Length in the response",
            Self::BodyTooLong => "response body longer than its Content-Length",
            Self::OutOfTurn => "no response can be sent at this point",
        })
    }
}

impl std::error::Error for ResponseError {}
