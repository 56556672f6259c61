//! The server side of HTTP/1.x: bytes in, requests and bodies out.

use bytes::{Bytes, BytesMut};

use super::http::header::{HeaderLimits, HeaderTable};

/// What the parser found.
#[derive(Debug)]
pub enum Event {
    /// Nothing whole yet: call again with more input.
    NeedMore,
    /// A request's head.
    Request(Box<HeaderTable>, RequestInfo),
    /// A piece of its body, never empty.
    Body(Bytes),
    /// The body is complete.
    BodyEnd,
}

/// What the head says about the connection.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct RequestInfo {
    /// The connection may carry another request after this one.
    pub keep_alive: bool,
    /// How the body is delimited.
    pub body: BodyLength,
    /// The client waits for `100 Continue`.
    pub expect_continue: bool,
    /// The client asks to leave HTTP.
    pub upgrade: Option<Upgrade>,
}

/// How a request's body is delimited.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum BodyLength {
    /// No content-length and no transfer-encoding: no body.
    None,
    /// By content-length, which may be an explicit 0.
    Length(u64),
    /// By the chunked coding.
    Chunked,
}

/// What the client asks to upgrade to.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Upgrade {
    /// `websocket` is in the list.
    WebSocket,
    /// Only something else is; see `Token::UPGRADE`.
    Other,
}

/// Why a request is refused.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Reject {
    /// 400
    BadRequest(&'static str),
    /// 414
    UriTooLong,
    /// 417
    ExpectationFailed,
    /// 431
    HeadersTooLarge,
    /// 501
    NotImplemented(&'static str),
    /// 505
    VersionNotSupported,
}

impl Reject {
    /// The status code to answer with before closing.
    #[must_use]
    pub const fn status(self) -> u32 {
        match self {
            Self::BadRequest(_) => 400,
            Self::UriTooLong => 414,
            Self::ExpectationFailed => 417,
            Self::HeadersTooLarge => 431,
            Self::NotImplemented(_) => 501,
            Self::VersionNotSupported => 505,
        }
    }

    /// For the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BadRequest(why) | Self::NotImplemented(why) => why,
            Self::UriTooLong => "request target over the limit",
            Self::ExpectationFailed => "unknown expectation",
            Self::HeadersTooLarge => "headers over the limit",
            Self::VersionNotSupported => "not HTTP/1.0 or HTTP/1.1",
        }
    }
}

/// The parser of one connection.
#[derive(Debug)]
pub struct H1Server {
    limits: HeaderLimits,
}

impl H1Server {
    /// A parser at the start of a connection.
    #[must_use]
    pub fn new(limits: HeaderLimits) -> Self {
        Self { limits }
    }

    /// Takes what it can off the front of `input`.
    pub fn poll(&mut self, _input: &mut BytesMut) -> Result<Event, Reject> {
        let _ = self.limits;
        todo!()
    }

    /// Parsing may go on with the next request.
    pub fn next_request(&mut self) {
        todo!()
    }

    /// Bytes of body that are still to come, if the length is known.
    #[must_use]
    pub fn body_remaining(&self) -> Option<u64> {
        todo!()
    }
}
