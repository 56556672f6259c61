//! The server side of HTTP/1.x: bytes in, requests and pieces of their bodies out. The client side is [`client`].
//!
//! [`H1Server::poll`] is called with the connection's input until it says [`Event::NeedMore`], again when more
//! came, and, once a request is answered, after [`H1Server::next_request`]. Requests are read strictly by
//! RFC 9112: whatever two parsers could understand differently is refused, because that is how requests get
//! smuggled past a proxy.

mod body;
pub mod client;
mod head;

use std::rc::Rc;

use bytes::{Buf, Bytes, BytesMut};

use self::body::{Chunked, Piece};
use self::head::BlockEnd;
use super::http::header::{HeaderLimits, HeaderTable};
use super::http::response::is_token;

/// What the parser found.
#[derive(Debug)]
pub enum Event {
    /// Nothing more to be had from the input: call again with more, or after [`H1Server::next_request`].
    NeedMore,
    /// A request's head.
    Request(Rc<HeaderTable>, RequestInfo),
    /// A piece of its body, never empty; it shares the input's memory.
    Body(Bytes),
    /// The body is complete. Comes for every [`BodyLength`] but `None`, also for an explicit length of 0.
    BodyEnd,
}

/// What a request's head says about its body and the connection.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct RequestInfo {
    /// The client lets the connection carry another request after this one.
    pub keep_alive: bool,
    /// How the body is delimited.
    pub body: BodyLength,
    /// The client waits for `100 Continue` before it sends the body.
    pub expect_continue: bool,
    /// The client asks to leave HTTP after this request.
    pub upgrade: Option<Upgrade>,
}

/// How a request's body is delimited (RFC 9112 §6.3).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum BodyLength {
    /// Neither content-length nor transfer-encoding: no body.
    None,
    /// By content-length, which may be an explicit 0.
    Length(u64),
    /// By the chunked coding.
    Chunked,
}

/// What the client asks to upgrade to.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Upgrade {
    /// `websocket` is in the list, whatever `Connection` says: who asks for it wrongly is to be told so.
    WebSocket,
    /// Only others are (the list is under `Token::UPGRADE`); a server may ignore them.
    Other,
}

/// Why a request is refused. The connection cannot be used after it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Reject {
    /// Not HTTP, or ambiguous: 400.
    BadRequest(&'static str),
    /// The request line is over the limit: 414.
    UriTooLong,
    /// `Expect` says something else than `100-continue`: 417.
    ExpectationFailed,
    /// The head is over the limit: 431.
    HeadersTooLarge,
    /// A method or transfer coding that there is no code for: 501.
    NotImplemented(&'static str),
    /// Neither HTTP/1.0 nor HTTP/1.1: 505.
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
            Self::UriTooLong => "request line over the limit",
            Self::ExpectationFailed => "unknown expectation",
            Self::HeadersTooLarge => "headers over the limit",
            Self::VersionNotSupported => "neither HTTP/1.0 nor HTTP/1.1",
        }
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.reason(), self.status())
    }
}

impl std::error::Error for Reject {}

/// The parser of one connection.
#[derive(Debug)]
pub struct H1Server {
    limits: HeaderLimits,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before or in a request's head. `blank_lines` counts the empty lines before it.
    Head { end: BlockEnd, blank_lines: u8 },
    /// In a body of known length, that much of it to come.
    Length(u64),
    /// In a chunked body.
    Chunked(Chunked),
    /// The request is complete; what follows is for [`H1Server::next_request`].
    Complete,
    /// Nothing after this can be understood.
    Refused(Reject),
}

/// Some old clients send a CRLF after a POST body that its length does not count (RFC 9112 §2.2); nobody sends many.
const MOST_BLANK_LINES: u8 = 4;

impl H1Server {
    /// A parser at the start of a connection.
    #[must_use]
    pub fn new(limits: HeaderLimits) -> Self {
        Self { limits, state: State::START }
    }

    /// Takes what it can off the front of `input`, which must be what earlier calls left, with new bytes behind.
    ///
    /// No byte is looked at more than a fixed number of times, in whatever pieces the input comes. After an error
    /// every call returns that error.
    pub fn poll(&mut self, input: &mut BytesMut) -> Result<Event, Reject> {
        let event = self.advance(input);
        if let Err(reject) = event {
            self.state = State::Refused(reject);
        }
        event
    }

    /// Lets parsing go on with the next request, which may already be in the input.
    ///
    /// Does nothing while a body is unread: its bytes must not be taken for a request. Poll them out first, or close
    /// the connection.
    pub fn next_request(&mut self) {
        if matches!(self.state, State::Complete) {
            self.state = State::START;
        }
    }

    /// Bytes of body still to come: `None` in a chunked body, whose length nobody knows.
    #[must_use]
    pub fn body_remaining(&self) -> Option<u64> {
        match &self.state {
            State::Length(left) => Some(*left),
            State::Chunked(_) => None,
            State::Head { .. } | State::Complete | State::Refused(_) => Some(0),
        }
    }

    /// Whether the end of the stream now, with `unread` still in the input, would cut a request off.
    #[must_use]
    pub fn is_cut_off_by_eof(&self, unread: &[u8]) -> bool {
        match &self.state {
            State::Head { .. } => unread.iter().any(|byte| !b"\r\n".contains(byte)),
            State::Length(left) => *left > 0,
            State::Chunked(_) => true,
            State::Complete | State::Refused(_) => false,
        }
    }

    fn advance(&mut self, input: &mut BytesMut) -> Result<Event, Reject> {
        match &mut self.state {
            State::Head { end, blank_lines } => {
                skip_blank_lines(input, blank_lines, end)?;
                let Some(len) = end.find(input, &self.limits)? else {
                    return Ok(Event::NeedMore);
                };
                let (table, info) = head::parse(&take_head(input, len), &self.limits)?;
                self.state = match info.body {
                    BodyLength::None => State::Complete,
                    BodyLength::Length(length) => State::Length(length),
                    BodyLength::Chunked => State::Chunked(Chunked::new()),
                };
                Ok(Event::Request(table, info))
            }
            State::Length(0) => {
                self.state = State::Complete;
                Ok(Event::BodyEnd)
            }
            State::Length(_) if input.is_empty() => Ok(Event::NeedMore),
            State::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= len as u64;
                Ok(Event::Body(input.split_to(len).freeze()))
            }
            State::Chunked(chunked) => match chunked.poll(input, &self.limits)? {
                Piece::NeedMore => Ok(Event::NeedMore),
                Piece::Content(content) => Ok(Event::Body(content)),
                Piece::End => {
                    self.state = State::Complete;
                    Ok(Event::BodyEnd)
                }
            },
            State::Complete => Ok(Event::NeedMore),
            State::Refused(reject) => Err(*reject),
        }
    }
}

impl State {
    const START: Self = Self::Head { end: BlockEnd::of_head(), blank_lines: 0 };
}

/// Takes a head off the front of `input`: a copy, unless it has the memory for itself.
///
/// What shares the memory of a connection's buffer keeps it from being used again, all of it.
fn take_head(input: &mut BytesMut, len: usize) -> Bytes {
    if len == input.len() && input.capacity() <= 2 * len {
        return std::mem::take(input).freeze();
    }
    let head = Bytes::copy_from_slice(&input[..len]);
    input.advance(len);
    head
}

/// Drops empty lines before a request line, and sees at its first byte what cannot become one.
fn skip_blank_lines(input: &mut BytesMut, blank_lines: &mut u8, end: &mut BlockEnd) -> Result<(), Reject> {
    while input.starts_with(b"\r\n") {
        if *blank_lines == MOST_BLANK_LINES {
            return Err(Reject::BadRequest("empty lines instead of a request"));
        }
        *blank_lines += 1;
        input.advance(2);
        *end = BlockEnd::of_head();
    }
    match input.first() {
        None => Ok(()),
        Some(b'\r') if input.len() == 1 => Ok(()),
        Some(&byte) if is_token(byte) => Ok(()),
        Some(_) => Err(Reject::BadRequest("bad request line")),
    }
}

/// Everything a fuzzer can reach of this parser from one byte string: its first byte says in which pieces the rest
/// arrives.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let Some((&step, bytes)) = bytes.split_first() else {
        return;
    };
    let mut server = H1Server::new(HeaderLimits { max_bytes: 256, max_count: 8 });
    let mut input = BytesMut::new();
    for piece in bytes.chunks(usize::from(step).max(1)) {
        input.extend_from_slice(piece);
        loop {
            match server.poll(&mut input) {
                Ok(Event::NeedMore) if matches!(server.state, State::Complete) => {
                    server.next_request();
                }
                Ok(Event::NeedMore) => break,
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
