//! The head of a request: where it ends, and what it says. A response's shares what they have in common.

use std::mem::MaybeUninit;
use std::rc::Rc;

use ::http::HeaderMap;
use ::http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use bytes::Bytes;

use super::{BodyLength, Reject, RequestInfo, Upgrade};
use crate::proto::http::header::{HeaderLimits, HeaderTable, Version, is_host};
use crate::proto::http::method::Method;
use crate::proto::http::response::{list_items, parse_length};

/// Searches for the empty line that ends a block of lines, remembering how far it has looked.
#[derive(Debug)]
pub(super) struct BlockEnd {
    /// Everything before this was searched.
    searched: usize,
    /// Where the line that is not complete yet starts.
    line_start: usize,
    /// Complete lines so far, the request line included.
    lines: usize,
}

impl BlockEnd {
    /// For a request line and the headers after it.
    pub(super) const fn of_head() -> Self {
        Self { searched: 0, line_start: 0, lines: 0 }
    }

    /// For header lines only.
    pub(super) const fn of_trailers() -> Self {
        Self { lines: 1, ..Self::of_head() }
    }

    /// Whether any byte was seen.
    pub(super) const fn has_begun(&self) -> bool {
        self.searched > 0
    }

    /// The length of the block at the front of `input`, up to and with its empty line; `None` if that has not come.
    ///
    /// Limits and bare LFs are noticed as soon as they are there, not when the block is complete.
    pub(super) fn find(&mut self, input: &[u8], limits: &HeaderLimits) -> Result<Option<usize>, Reject> {
        while let Some(found) = memchr::memchr(b'\n', &input[self.searched..]) {
            let lf = self.searched + found;
            if lf == 0 || input[lf - 1] != b'\r' {
                return Err(Reject::BadRequest("line ended by a bare LF"));
            }
            let is_empty = lf == self.line_start + 1;
            self.searched = lf + 1;
            self.check(lf + 1, limits)?;
            self.line_start = lf + 1;
            if is_empty {
                return Ok(Some(lf + 1));
            }
            self.lines += 1;
        }
        self.searched = input.len();
        self.check(input.len(), limits)?;
        Ok(None)
    }

    /// Checks the limits with `len` bytes of the block known.
    fn check(&self, len: usize, limits: &HeaderLimits) -> Result<(), Reject> {
        if self.lines == 0 && len > limits.max_bytes {
            return Err(Reject::UriTooLong);
        }
        // The line being read is the request line or a header line beyond the complete ones.
        if len > limits.max_head() || self.lines > limits.max_lines() + 1 {
            return Err(Reject::HeadersTooLarge);
        }
        Ok(())
    }
}

/// Parses a complete head, whose memory the values share.
pub(super) fn parse(head: &Bytes, limits: &HeaderLimits) -> Result<(Rc<HeaderTable>, RequestInfo), Reject> {
    let mut lines = [const { MaybeUninit::uninit() }; HeaderLimits::MOST_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut lines[..limits.max_lines()]) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Reject::BadRequest("incomplete head")),
        Err(httparse::Error::Version) if !names_a_version(head) => {
            return Err(Reject::BadRequest("bad request line"));
        }
        Err(error) => return Err(reject_of(error)),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(Reject::BadRequest("incomplete request line"));
    };
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let method = Method::from_bytes(method.as_bytes())
        .ok_or(Reject::NotImplemented("method that lws does not know"))?;
    if head.len() > limits.max_head_of(request.headers.len() + 1) {
        return Err(Reject::HeadersTooLarge);
    }
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    let mut framing = Framing::default();
    for line in request.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes())
            .map_err(|_| Reject::BadRequest("bad header name"))?;
        framing.see(&name, line.value)?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(line.value))
            .map_err(|_| Reject::BadRequest("bad header value"))?;
        headers.try_append(name, value).map_err(|_| Reject::HeadersTooLarge)?;
    }
    let info = framing.conclude(version)?;
    let table = HeaderTable::from_h1(method, version, target.as_bytes(), headers, head.len())?;
    Ok((table, info))
}

/// Checks that a block of lines, its empty line included, is a well-formed trailer section. Nothing of it is kept:
/// a trailer must not change what the head said (RFC 9110 §6.5.1).
pub(super) fn check_trailers(block: &[u8], limits: &HeaderLimits) -> Result<(), Reject> {
    let mut lines = [httparse::EMPTY_HEADER; HeaderLimits::MOST_HEADERS];
    match httparse::parse_headers(block, &mut lines[..limits.max_lines()]) {
        Ok(httparse::Status::Complete(_)) => Ok(()),
        Ok(httparse::Status::Partial) => Err(Reject::BadRequest("incomplete trailers")),
        Err(error) => Err(reject_of(error)),
    }
}

/// What the header lines say together about the body and the connection.
#[derive(Default)]
struct Framing {
    hosts: usize,
    content_length: Option<u64>,
    coding: Option<Coding>,
    connection: ConnectionOptions,
    upgrade: Option<Upgrade>,
    expectation: Option<Expectation>,
}

/// The transfer codings named so far.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Coding {
    /// `chunked` alone.
    Chunked,
    /// Others, then `chunked`: well-formed, but not to be decoded here.
    OthersThenChunked,
    /// Something that is not `chunked` at the end: nobody knows where the body ends.
    Unterminated,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Expectation {
    Continue,
    Unknown,
}

impl Coding {
    /// What they come to with another `Transfer-Encoding` line.
    pub(super) fn with(mut known: Option<Self>, value: &[u8]) -> Result<Self, Reject> {
        for coding in list_items(value) {
            let chunked = coding.eq_ignore_ascii_case(b"chunked");
            known = Some(match (known, chunked) {
                (None, true) => Self::Chunked,
                (Some(Self::Unterminated), true) => Self::OthersThenChunked,
                (None | Some(Self::Unterminated), false) => Self::Unterminated,
                (Some(Self::Chunked | Self::OthersThenChunked), _) => {
                    return Err(Reject::BadRequest("chunked is not the last transfer coding"));
                }
            });
        }
        // An empty transfer-encoding is one that does not end in chunked.
        Ok(known.unwrap_or(Self::Unterminated))
    }
}

/// What `Connection` lines say.
#[derive(Default)]
pub(super) struct ConnectionOptions {
    close: bool,
    keep_alive: bool,
    pub(super) upgrade: bool,
}

impl ConnectionOptions {
    /// Takes note of one line.
    pub(super) fn see(&mut self, value: &[u8]) {
        for option in list_items(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    /// Whether the sender lets the connection go on (RFC 9112 §9.3).
    pub(super) fn persists(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }
}

impl Framing {
    /// Takes note of one header line.
    fn see(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Reject> {
        if *name == HOST {
            self.hosts += 1;
            if !is_host(value) {
                return Err(Reject::BadRequest("bad Host"));
            }
        } else if *name == CONTENT_LENGTH {
            let length = parse_length(value).ok_or(Reject::BadRequest("bad content-length"))?;
            // Equal ones might be tolerated; who repeats it is up to something (or broken).
            if self.content_length.replace(length).is_some() {
                return Err(Reject::BadRequest("more than one content-length"));
            }
        } else if *name == TRANSFER_ENCODING {
            self.coding = Some(Coding::with(self.coding, value)?);
        } else if *name == CONNECTION {
            self.connection.see(value);
        } else if *name == UPGRADE {
            let websocket = list_items(value).any(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
            if websocket || self.upgrade.is_none() {
                self.upgrade = Some(if websocket { Upgrade::WebSocket } else { Upgrade::Other });
            }
        } else if *name == EXPECT {
            let known = value.eq_ignore_ascii_case(b"100-continue");
            self.expectation = Some(if known { Expectation::Continue } else { Expectation::Unknown });
        }
        Ok(())
    }

    /// What it comes to, when all lines were seen.
    fn conclude(&self, version: Version) -> Result<RequestInfo, Reject> {
        let is_1_1 = version == Version::Http11;
        match self.hosts {
            0 if is_1_1 => return Err(Reject::BadRequest("no Host")),
            0 | 1 => {}
            _ => return Err(Reject::BadRequest("more than one Host")),
        }
        let body = self.body(is_1_1)?;
        if is_1_1 && self.expectation == Some(Expectation::Unknown) {
            return Err(Reject::ExpectationFailed);
        }
        let body_to_come = !matches!(body, BodyLength::None | BodyLength::Length(0));
        Ok(RequestInfo {
            keep_alive: self.connection.persists(version),
            body,
            expect_continue: is_1_1 && body_to_come && self.expectation.is_some(),
            // Whether an upgrade to WebSocket is asked for in the right way, its handshake says.
            upgrade: self
                .upgrade
                .filter(|&to| is_1_1 && (self.connection.upgrade || to == Upgrade::WebSocket)),
        })
    }

    fn body(&self, is_1_1: bool) -> Result<BodyLength, Reject> {
        let Some(coding) = self.coding else {
            return Ok(self.content_length.map_or(BodyLength::None, BodyLength::Length));
        };
        if !is_1_1 {
            return Err(Reject::BadRequest("transfer-encoding in HTTP/1.0"));
        }
        if self.content_length.is_some() {
            return Err(Reject::BadRequest("both transfer-encoding and content-length"));
        }
        match coding {
            Coding::Chunked => Ok(BodyLength::Chunked),
            Coding::OthersThenChunked => Err(Reject::NotImplemented("transfer coding other than chunked")),
            Coding::Unterminated => Err(Reject::BadRequest("transfer-encoding does not end in chunked")),
        }
    }
}

/// Whether the request line has three words, the last of them a version of HTTP (RFC 9112 §2.3).
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ').skip(2);
    let (version, more) = (words.next(), words.next());
    more.is_none()
        && version.and_then(|version| version.strip_prefix(b"HTTP/")).is_some_and(
            |number| matches!(number, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit()),
        )
}

pub(super) fn reject_of(error: httparse::Error) -> Reject {
    match error {
        httparse::Error::HeaderName => Reject::BadRequest("bad header name, or white space around it"),
        httparse::Error::HeaderValue => Reject::BadRequest("bad byte in a header value"),
        httparse::Error::NewLine => Reject::BadRequest("CR without LF"),
        httparse::Error::Token => Reject::BadRequest("bad request line"),
        httparse::Error::TooManyHeaders => Reject::HeadersTooLarge,
        httparse::Error::Version => Reject::VersionNotSupported,
        httparse::Error::Status => Reject::BadRequest("malformed head"),
    }
}
