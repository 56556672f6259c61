//! The client side of HTTP/1.x: bytes in, responses and pieces of their bodies out.
//!
//! [`H1Client::expect`] says what a request was, [`H1Client::poll`] is called with the connection's input until it
//! says [`ClientEvent::NeedMore`], and again when more came. Responses are read as strictly as requests are: where two
//! readers could see different ends of a response, the next one could be somebody else's.

use std::mem::MaybeUninit;
use std::rc::Rc;

use ::http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use ::http::{HeaderMap, StatusCode};
use bytes::{Buf, Bytes, BytesMut};

use super::body::{Chunked, Piece};
use super::head::{BlockEnd, Coding, ConnectionOptions, reject_of};
use super::{Reject, Upgrade};
use crate::proto::http::header::{HeaderLimits, HeaderTable, Version};
use crate::proto::http::response::{list_items, parse_length, trim_blanks};

/// What the parser found.
#[derive(Debug)]
pub enum ClientEvent {
    /// Nothing more to be had from the input: call again with more, or after [`H1Client::expect`].
    NeedMore,
    /// An interim response of that status (1xx, but not 101); the response is still to come.
    Informational(u16),
    /// The response's head.
    Head(Rc<HeaderTable>, ResponseInfo),
    /// A piece of its body, never empty; it shares the input's memory.
    Body(Bytes),
    /// The response is complete. Comes for every response but those that open a [`ResponseBody::Tunnel`].
    End,
}

/// What kind of request is to be answered, as far as that decides where the answer ends.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum ResponseTo {
    /// HEAD: the response has no body, whatever it announces.
    Head,
    /// CONNECT: a 2xx opens a tunnel.
    Connect,
    /// One that asks for another protocol by `Upgrade`: whether a 101 switches to it, the caller sees to.
    Upgrade,
    /// Any other.
    Other,
}

/// What a response's head says about its body and the connection.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct ResponseInfo {
    /// The status code, 100 to 999.
    pub status: u16,
    /// The server lets the connection carry another request after this response.
    pub keep_alive: bool,
    /// How the body is delimited.
    pub body: ResponseBody,
    /// What a 101 switches to.
    pub upgrade: Option<Upgrade>,
}

/// How a response's body is delimited (RFC 9112 §6.3).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum ResponseBody {
    /// None: the request was a HEAD, or the status is 204 or 304.
    None,
    /// By content-length.
    Length(u64),
    /// By the chunked coding.
    Chunked,
    /// By the end of the connection.
    UntilClose,
    /// A 101, or a 2xx to a CONNECT: what follows is not HTTP/1.x any more, and is left in the input.
    Tunnel,
}

/// Why a response cannot be read. The connection cannot be used after it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BadResponse(pub &'static str);

impl From<Reject> for BadResponse {
    fn from(reject: Reject) -> Self {
        Self(match reject {
            Reject::UriTooLong => "status line over the limit",
            reject => reject.reason(),
        })
    }
}

impl std::fmt::Display for BadResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadResponse {}

/// The parser of one connection.
#[derive(Debug)]
pub struct H1Client {
    limits: HeaderLimits,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No request is to be answered.
    Idle,
    /// Before or in a response's head, after `interim` ones.
    Head { to: ResponseTo, end: BlockEnd, interim: u8 },
    /// In a body of known length, that much of it to come.
    Length(u64),
    /// In a chunked body.
    Chunked(Chunked),
    /// In a body that ends with the connection.
    UntilClose,
    /// What comes is not HTTP any more.
    Tunnel,
    /// The connection has ended, in order.
    Closed,
    /// Nothing after this can be understood.
    Failed(BadResponse),
}

/// Interim responses to one request; a server that sends more is up to something (or broken).
const MOST_INTERIM: u8 = 32;

impl H1Client {
    /// A parser at the start of a connection.
    #[must_use]
    pub fn new(limits: HeaderLimits) -> Self {
        Self { limits, state: State::Idle }
    }

    /// A request was sent, or is about to be: what comes next answers it.
    ///
    /// Does nothing while a response is unread: only one request is answered at a time.
    pub fn expect(&mut self, to: ResponseTo) {
        if matches!(self.state, State::Idle) {
            self.state = State::Head { to, end: BlockEnd::of_head(), interim: 0 };
        }
    }

    /// Takes what it can off the front of `input`, which must be what earlier calls left, with new bytes behind.
    ///
    /// No byte is looked at more than a fixed number of times, in whatever pieces the input comes. Bytes that answer
    /// no request are an error. After an error every call returns that error.
    pub fn poll(&mut self, input: &mut BytesMut) -> Result<ClientEvent, BadResponse> {
        let event = self.advance(input);
        self.note(event)
    }

    /// The server sends nothing any more; to be called when [`Self::poll`] has taken all it can.
    ///
    /// [`ClientEvent::End`] if that completes the response or ends a tunnel, [`ClientEvent::NeedMore`] if nothing was
    /// expected, or else an error that says what was cut off.
    pub fn eof(&mut self) -> Result<ClientEvent, BadResponse> {
        let event = match &self.state {
            State::Idle | State::Closed => Ok(ClientEvent::NeedMore),
            State::UntilClose | State::Tunnel => Ok(ClientEvent::End),
            State::Head { .. } if self.has_begun() => Err("connection closed inside of the response's head"),
            State::Head { .. } => Err("connection closed before the response"),
            State::Length(_) => Err("connection closed before the end of the content-length"),
            State::Chunked(_) => Err("connection closed inside of a chunked body"),
            State::Failed(bad) => Err(bad.0),
        };
        self.state = State::Closed;
        self.note(event.map_err(BadResponse))
    }

    /// Whether anything of the expected response has come. If not when the connection ends, an idempotent request may
    /// be repeated on another (RFC 9112 §9.3.1): most likely the server had given this one up.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        match &self.state {
            State::Idle => false,
            State::Head { end, interim, .. } => *interim > 0 || end.has_begun(),
            _ => true,
        }
    }

    fn note(&mut self, event: Result<ClientEvent, BadResponse>) -> Result<ClientEvent, BadResponse> {
        if let Err(bad) = event {
            self.state = State::Failed(bad);
        }
        event
    }

    fn advance(&mut self, input: &mut BytesMut) -> Result<ClientEvent, BadResponse> {
        match &mut self.state {
            State::Idle if input.is_empty() => Ok(ClientEvent::NeedMore),
            State::Idle => Err(BadResponse("response without a request")),
            State::Head { .. } => self.read_head(input),
            State::Length(0) => Ok(self.complete()),
            State::Length(_) | State::UntilClose if input.is_empty() => Ok(ClientEvent::NeedMore),
            State::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= len as u64;
                Ok(ClientEvent::Body(input.split_to(len).freeze()))
            }
            State::UntilClose => Ok(ClientEvent::Body(input.split().freeze())),
            State::Chunked(chunked) => match chunked.poll(input, &self.limits)? {
                Piece::NeedMore => Ok(ClientEvent::NeedMore),
                Piece::Content(content) => Ok(ClientEvent::Body(content)),
                Piece::End => Ok(self.complete()),
            },
            State::Tunnel | State::Closed => Ok(ClientEvent::NeedMore),
            State::Failed(bad) => Err(*bad),
        }
    }

    fn read_head(&mut self, input: &mut BytesMut) -> Result<ClientEvent, BadResponse> {
        let State::Head { to, end, interim } = &mut self.state else { return Ok(ClientEvent::NeedMore) };
        check_start(input)?;
        let Some(len) = end.find(input, &self.limits)? else {
            return Ok(ClientEvent::NeedMore);
        };
        let (table, info) = parse_head(&input[..len], *to, &self.limits)?;
        input.advance(len);
        if info.status < 200 && info.body != ResponseBody::Tunnel {
            if *interim == MOST_INTERIM {
                return Err(BadResponse("too many interim responses"));
            }
            *interim += 1;
            *end = BlockEnd::of_head();
            return Ok(ClientEvent::Informational(info.status));
        }
        self.state = match info.body {
            // The end is told by the next call.
            ResponseBody::None => State::Length(0),
            ResponseBody::Length(length) => State::Length(length),
            ResponseBody::Chunked => State::Chunked(Chunked::new()),
            ResponseBody::UntilClose => State::UntilClose,
            ResponseBody::Tunnel => State::Tunnel,
        };
        Ok(ClientEvent::Head(Rc::new(table), info))
    }

    fn complete(&mut self) -> ClientEvent {
        self.state = State::Idle;
        ClientEvent::End
    }
}

/// Sees at its first bytes what cannot become a status line. (An empty line before it is tolerated of requests only,
/// RFC 9112 §2.2.)
fn check_start(input: &[u8]) -> Result<(), BadResponse> {
    const START: &[u8] = b"HTTP/";
    let known = input.len().min(START.len());
    if input[..known] == START[..known] { Ok(()) } else { Err(BadResponse("not an HTTP/1.x response")) }
}

/// Parses a complete head.
fn parse_head(
    head: &[u8],
    to: ResponseTo,
    limits: &HeaderLimits,
) -> Result<(HeaderTable, ResponseInfo), BadResponse> {
    // One copy for all values: slices of the connection's buffer would keep it from being used again.
    let head = Bytes::copy_from_slice(head);
    let mut lines = [const { MaybeUninit::uninit() }; HeaderLimits::MOST_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        &head,
        &mut lines[..limits.max_lines()],
    );
    match parsed {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(BadResponse("incomplete head")),
        Err(httparse::Error::Status | httparse::Error::Token) => return Err(BadResponse("bad status line")),
        Err(error) => return Err(reject_of(error).into()),
    }
    let (Some(minor), Some(code)) = (response.version, response.code) else {
        return Err(BadResponse("incomplete status line"));
    };
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let status = StatusCode::from_u16(code).map_err(|_| BadResponse("bad status code"))?;
    if head.len() > limits.max_head_of(response.headers.len() + 1) {
        return Err(Reject::HeadersTooLarge.into());
    }
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    let mut framing = Framing::default();
    for line in response.headers.iter() {
        let name =
            HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| BadResponse("bad header name"))?;
        if !framing.see(&name, line.value)? {
            continue;
        }
        let value = HeaderValue::from_maybe_shared(head.slice_ref(line.value))
            .map_err(|_| BadResponse("bad header value"))?;
        headers.try_append(name, value).map_err(|_| BadResponse::from(Reject::HeadersTooLarge))?;
    }
    let info = framing.conclude(version, code, to)?;
    let table = HeaderTable::from_status_line(version, status, status_text(&head), headers, head.len());
    Ok((table, info))
}

/// What stands behind the version in the status line, e.g. `200 OK`.
fn status_text(head: &[u8]) -> &[u8] {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let at = memchr::memchr(b' ', line).map_or(line.len(), |at| at + 1);
    trim_blanks(&line[at..])
}

/// What the header lines say together about the body and the connection.
#[derive(Default)]
struct Framing {
    content_length: Option<u64>,
    coding: Option<Coding>,
    connection: ConnectionOptions,
    upgrade: Option<Upgrade>,
}

impl Framing {
    /// Takes note of one header line; `false` if it only repeats what another has said.
    fn see(&mut self, name: &HeaderName, value: &[u8]) -> Result<bool, BadResponse> {
        if *name == CONTENT_LENGTH {
            let first = self.content_length.is_none();
            // One that is repeated, in lines or in a list, is taken if it is the same (RFC 9112 §6.3).
            for length in value.split(|&byte| byte == b',') {
                let length = parse_length(trim_blanks(length)).ok_or(BadResponse("bad content-length"))?;
                if self.content_length.replace(length).is_some_and(|known| known != length) {
                    return Err(BadResponse("two different content-lengths"));
                }
            }
            return Ok(first);
        }
        if *name == TRANSFER_ENCODING {
            self.coding = Some(Coding::with(self.coding, value)?);
        } else if *name == CONNECTION {
            self.connection.see(value);
        } else if *name == UPGRADE {
            let websocket = list_items(value).any(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
            if websocket || self.upgrade.is_none() {
                self.upgrade = Some(if websocket { Upgrade::WebSocket } else { Upgrade::Other });
            }
        }
        Ok(true)
    }

    /// What it comes to, when all lines were seen.
    fn conclude(&self, version: Version, status: u16, to: ResponseTo) -> Result<ResponseInfo, BadResponse> {
        let framed = self.body(version)?;
        let body = match (status, to) {
            (101, _) => ResponseBody::Tunnel,
            (100..200 | 204 | 304, _) | (_, ResponseTo::Head) => ResponseBody::None,
            (200..300, ResponseTo::Connect) => ResponseBody::Tunnel,
            _ => framed,
        };
        if status == 101 && to != ResponseTo::Upgrade && !(self.connection.upgrade && self.upgrade.is_some())
        {
            return Err(BadResponse("101 that does not say what it switches to"));
        }
        let ends_with_connection = matches!(body, ResponseBody::UntilClose | ResponseBody::Tunnel);
        Ok(ResponseInfo {
            status,
            keep_alive: self.connection.persists(version) && !ends_with_connection,
            body,
            upgrade: self.upgrade.filter(|_| status == 101),
        })
    }

    /// What the lines say of the body. A contradiction among them is an error even where there is no body: the server,
    /// or somebody in between, does not know what it says.
    fn body(&self, version: Version) -> Result<ResponseBody, BadResponse> {
        let Some(coding) = self.coding else {
            return Ok(self.content_length.map_or(ResponseBody::UntilClose, ResponseBody::Length));
        };
        if version == Version::Http10 {
            return Err(BadResponse("transfer-encoding in HTTP/1.0"));
        }
        if self.content_length.is_some() {
            return Err(BadResponse("both transfer-encoding and content-length"));
        }
        match coding {
            Coding::Chunked => Ok(ResponseBody::Chunked),
            // Nobody asked for one (no `TE` is sent but `trailers`), so that there is nothing to decode it.
            Coding::OthersThenChunked | Coding::Unterminated => {
                Err(BadResponse("transfer coding other than chunked"))
            }
        }
    }
}

/// Everything a fuzzer can reach of this parser from one byte string: its first byte says in which pieces the rest
/// arrives, its second what the requests were.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let [step, to, bytes @ ..] = bytes else {
        return;
    };
    let kinds = [ResponseTo::Other, ResponseTo::Head, ResponseTo::Connect, ResponseTo::Upgrade];
    let to = kinds[usize::from(*to) % kinds.len()];
    let mut client = H1Client::new(HeaderLimits { max_bytes: 256, max_count: 8 });
    let mut input = BytesMut::new();
    for piece in bytes.chunks(usize::from(*step).max(1)) {
        input.extend_from_slice(piece);
        loop {
            client.expect(to);
            match client.poll(&mut input) {
                Ok(ClientEvent::NeedMore) => break,
                Ok(_) => {}
                Err(bad) => {
                    assert_eq!(client.eof().err(), Some(bad), "an error stays");
                    return;
                }
            }
        }
    }
    let _ = client.eof();
}

#[cfg(test)]
mod tests;
