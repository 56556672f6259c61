//! `lws_write`: what the program has to say, into the protocol.
//!
//! Everything is taken, whatever its size; it leaves when the turn ends, when much has gathered, or when the program
//! asks whether there is room ([`Context::is_choked`]).

use bytes::Bytes;

use super::connection::HIGH_WATER;
use super::context::Context;
use super::drive::{stream_core, stream_io};
use super::farewell::Farewell;
use super::wsi::{Role, Wsi};
use crate::proto::h2::{Event, SendError};
use crate::proto::http::response::{self, HeaderError};
use crate::proto::ws;
use crate::util::blocks::BLOCK;

/// Bytes before the payload that the C API asks programs to leave free (`LWS_PRE`).
pub const PRE: usize = 16;

/// HTTP/1 output that is handed to the kernel without waiting for the turn's end.
pub(super) const FLUSH_AT: usize = 64 * 1024;

/// What is being written (`enum lws_write_protocol`, without the WebSocket kinds).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// What the bytes are.
    pub what: What,
    /// More of the same follows (`LWS_WRITE_NO_FIN`).
    pub more: bool,
    /// Nothing follows (`LWS_WRITE_HTTP_FINAL`, `LWS_WRITE_H2_STREAM_END`).
    pub end: bool,
}

/// What the bytes of a write are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Header lines.
    Headers,
    /// Payload.
    Body,
}

impl Mode {
    /// A complete head, with a body to follow.
    pub const HEADERS: Self = Self { what: What::Headers, more: false, end: false };
    /// A complete head and nothing else.
    pub const HEADERS_END: Self = Self { what: What::Headers, more: false, end: true };
    /// A piece of the body.
    pub const BODY: Self = Self { what: What::Body, more: false, end: false };
    /// The last piece of the body.
    pub const FINAL: Self = Self { what: What::Body, more: false, end: true };
}

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The wsi is closing, freed, or not something that is written to.
    Gone,
    /// There is no request that it could be the answer to.
    NoRequest,
    /// The header block cannot be sent.
    BadHead(&'static str),
    /// The library's own head did not fit or had a bad value.
    Head(HeaderError),
    /// More body than the content-length promised.
    TooMuch {
        /// Bytes that were still promised.
        promised: u64,
        /// Bytes given.
        given: usize,
    },
    /// The request's body ends before the length that its head promised.
    TooLittle {
        /// Bytes still promised.
        missing: u64,
    },
    /// The request has been sent to its end.
    RequestOver,
    /// The stream was reset, or is over.
    Stream(String),
    /// What is for WebSockets, to something else.
    NotWebSocket,
    /// What is for HTTP, to a WebSocket.
    WebSocket,
    /// The WebSocket is not open yet, or has said its CLOSE.
    NotOpen,
    /// The frame would break the protocol.
    Frame(ws::SendError),
    /// The system has no randomness to mask the frame with.
    NoMask,
}

impl std::fmt::Display for WriteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => write!(f, "the connection is closing"),
            Self::NoRequest => write!(f, "there is no request to answer"),
            Self::BadHead(why) => write!(f, "bad response headers: {why}"),
            Self::Head(why) => write!(f, "response headers: {why:?}"),
            Self::TooMuch { promised, given } => {
                write!(f, "{given} bytes of body where content-length leaves {promised}")
            }
            Self::TooLittle { missing } => {
                write!(f, "the body ends {missing} bytes before its content-length")
            }
            Self::RequestOver => write!(f, "the request has been sent to its end"),
            Self::Stream(why) => write!(f, "{why}"),
            Self::NotWebSocket => write!(f, "it is no WebSocket"),
            Self::WebSocket => write!(f, "it is a WebSocket"),
            Self::NotOpen => write!(f, "the WebSocket is not open"),
            Self::Frame(why) => write!(f, "{why}"),
            Self::NoMask => write!(f, "the system has no randomness for a mask"),
        }
    }
}

impl From<HeaderError> for WriteError {
    fn from(error: HeaderError) -> Self {
        Self::Head(error)
    }
}

impl From<SendError> for WriteError {
    fn from(error: SendError) -> Self {
        Self::Stream(error.0)
    }
}

impl Context {
    /// Takes `bytes` for sending; all of them, or none with an error.
    pub fn write(&self, wsi: &Wsi, bytes: &[u8], mode: Mode) -> Result<usize, WriteError> {
        if !wsi.is_open() {
            return Err(WriteError::Gone);
        }
        if let Some(client) = wsi.client() {
            self.write_client(wsi, &client, bytes, mode)?;
            self.mark_ready(wsi);
            return Ok(bytes.len());
        }
        if wsi.is_ws() {
            return Err(WriteError::WebSocket);
        }
        match (wsi.role.get(), mode.what) {
            (Role::Stream, What::Headers) => self.write_stream_head(wsi, bytes, mode)?,
            (Role::Stream, What::Body) => self.write_stream_body(wsi, bytes, mode)?,
            (Role::Connection, _) => self.write_h1(wsi, bytes, mode)?,
            _ => return Err(WriteError::Gone),
        }
        self.written(wsi, bytes.len());
        Ok(bytes.len())
    }

    /// The head of a stream's answer.
    pub(super) fn write_stream_head(&self, wsi: &Wsi, bytes: &[u8], mode: Mode) -> Result<(), WriteError> {
        let mut block = wsi.http.head.take();
        if mode.more {
            block.extend_from_slice(bytes);
            *wsi.http.head.borrow_mut() = block;
            return Ok(());
        }
        let mut heads = self.heads.borrow_mut();
        let parsed = if block.is_empty() && bytes.ends_with(b"\r\n\r\n") {
            heads.parse(bytes)
        } else {
            block.extend_from_slice(bytes);
            if !block.ends_with(b"\r\n\r\n") {
                block.extend_from_slice(b"\r\n");
            }
            heads.parse(&block)
        };
        let head = parsed.map_err(|bad| WriteError::BadHead(bad.0))?;
        let empty = head.content_length == Some(0) || head.status == 204 || head.status == 304;
        let end = mode.end || empty || wsi.http.head_only.get();
        wsi.http.remaining.set(if end { None } else { head.content_length });
        wsi.http.headers_sent.set(true);
        wsi.http.ended.set(end);
        stream_core(wsi, |core| core.h2.send_headers(head, end)).ok_or(WriteError::Gone)??;
        Ok(())
    }

    fn write_stream_body(&self, wsi: &Wsi, bytes: &[u8], mode: Mode) -> Result<(), WriteError> {
        let Some(end) = promise_kept(wsi, bytes.len(), mode)? else { return Ok(()) };
        let pieces = bytes.len().div_ceil(BLOCK).max(1);
        stream_core(wsi, |core| {
            (0..pieces).try_for_each(|at| {
                let piece = &bytes[at * BLOCK..bytes.len().min((at + 1) * BLOCK)];
                core.h2.send_data(self.blocks.copy(piece), end && at + 1 == pieces)
            })
        })
        .ok_or(WriteError::Gone)??;
        wsi.http.ended.set(end);
        Ok(())
    }

    /// [`Context::write`] of a stream's body that is in blocks already.
    pub(super) fn write_blocks(&self, wsi: &Wsi, blocks: Vec<Bytes>, mode: Mode) -> Result<(), WriteError> {
        let len = blocks.iter().map(Bytes::len).sum();
        if let Some(end) = promise_kept(wsi, len, mode)? {
            let last = blocks.len() - 1;
            stream_core(wsi, |core| {
                let mut blocks = blocks.into_iter().enumerate();
                blocks.try_for_each(|(at, block)| core.h2.send_data(block, end && at == last))
            })
            .ok_or(WriteError::Gone)??;
            wsi.http.ended.set(end);
        }
        self.written(wsi, len);
        Ok(())
    }

    /// Has what was written leave, in time.
    fn written(&self, wsi: &Wsi, len: usize) {
        if let Some(connection) = self.connection_of(wsi) {
            connection.with_net(|net| net.room = net.room.saturating_sub(len));
            self.schedule(connection);
        }
    }

    fn write_h1(&self, wsi: &Wsi, bytes: &[u8], mode: Mode) -> Result<(), WriteError> {
        if wsi.http.ended.get() && !bytes.is_empty() && mode.what == What::Headers {
            return Err(WriteError::BadHead("the answer is complete already"));
        }
        if !wsi.has_request() {
            return Err(WriteError::NoRequest);
        }
        let mut bytes = bytes;
        if !wsi.http.headers_sent.get() {
            self.see_h1_head(wsi, bytes, mode);
        } else if mode.what == What::Body && wsi.http.head_only.get() {
            bytes = &[];
        }
        wsi.http.ended.set(mode.end);
        let full = wsi.with_net(|net| {
            let open = net.farewell == Farewell::No && !net.is_h2();
            if open {
                net.tx.extend_from_slice(bytes);
            }
            open.then_some(net.tx.len() >= FLUSH_AT)
        });
        if full.flatten().ok_or(WriteError::Gone)? {
            self.flush_quietly(wsi);
        }
        Ok(())
    }

    /// Finds out from the head of an HTTP/1 answer, or the next piece of it, what becomes of the connection. Body may come in
    /// the same write.
    fn see_h1_head(&self, wsi: &Wsi, bytes: &[u8], mode: Mode) {
        let mut pieces = wsi.http.head.borrow_mut();
        let is_first = pieces.is_empty();
        if !is_first {
            pieces.extend_from_slice(bytes);
        }
        let info = response::scan_block(if is_first { bytes } else { &pieces });
        if !info.complete && mode.more {
            if is_first {
                pieces.extend_from_slice(bytes);
            }
            return;
        }
        *pieces = Vec::new();
        wsi.http.headers_sent.set(true);
        let delimited = info.content_length.is_some() || info.chunked || matches!(info.status, 204 | 304);
        if info.connection_close || !(delimited || wsi.http.head_only.get()) {
            wsi.http.keep_alive.set(false);
        }
    }

    /// `lws_send_pipe_choked`: whether more output would only wait in memory. Sends what it can first.
    pub fn is_choked(&self, wsi: &Wsi) -> bool {
        let Some(connection) = self.connection_of(wsi).filter(|connection| connection.is_open()) else {
            return true;
        };
        if !wsi.is_open() {
            return true;
        }
        // New requests stay where they are: this is no time to call anybody.
        let over = connection
            .with_net(|net| net.h2().is_some_and(|h2| matches!(h2.poll(false), Event::Closed(_))))
            == Some(true);
        self.flush_quietly(connection);
        if over {
            // The driver hears of it by its own poll.
            self.schedule(connection);
            return true;
        }
        let full = connection.with_net(|net| net.blocked || net.pending() >= HIGH_WATER) != Some(false);
        full || stream_io(wsi, |io, waker| !io.poll_writeable(waker)).unwrap_or(false)
    }

    /// Bytes that the kernel does not take (`lws_partial_buffered`). Sends what it can first: what only waits for the end of
    /// the callback is not held back by the peer.
    pub fn is_buffering(&self, wsi: &Wsi) -> bool {
        self.connection_of(wsi).filter(|connection| connection.is_open()).is_some_and(|connection| {
            self.flush_quietly(connection);
            connection.with_net(|net| net.pending() > 0) == Some(true)
        })
    }
}

/// Counts `len` bytes of a stream's body; whether they are its end, or `None` when there is nothing to send.
fn promise_kept(wsi: &Wsi, len: usize, mode: Mode) -> Result<Option<bool>, WriteError> {
    if wsi.http.ended.get() && (len == 0 || wsi.http.head_only.get()) {
        // The end was sent with the head already; a body for HEAD is not sent at all.
        return Ok(None);
    }
    let mut end = mode.end;
    if let Some(promised) = wsi.http.remaining.get() {
        let left = promised.checked_sub(len as u64).ok_or(WriteError::TooMuch { promised, given: len })?;
        wsi.http.remaining.set(Some(left));
        end |= left == 0;
    }
    Ok((len > 0 || end).then_some(end))
}
