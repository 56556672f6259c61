//! What a connection speaks: HTTP/1 until it is a WebSocket, or HTTP/2 with a WebSocket on each stream.

use crate::Failure;
use crate::h2::H2;
use crate::load::{Load, Tally};
use crate::ws::WebSocket;

/// The key of RFC 6455's example, and the answer to it: the server shows that it understands.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What compression is asked for: what browsers ask for.
pub const EXTENSION: &str = "permessage-deflate; client_max_window_bits";

/// The subprotocol, and the path: servers go by the one or the other.
pub fn endpoint(load: &Load) -> &'static str {
    if load.broadcast { "broadcast" } else { "echo" }
}

pub enum Protocol {
    Upgrading {
        /// The request, or what is left to be sent of it.
        request: Vec<u8>,
        response: Vec<u8>,
    },
    WebSocket(WebSocket),
    H2(Box<H2>),
}

impl Protocol {
    /// `streams` on a connection of HTTP/2; 0 for HTTP/1.
    pub fn new(load: &Load, streams: usize) -> Self {
        if streams > 0 {
            return Self::H2(Box::new(H2::new(streams)));
        }
        let endpoint = endpoint(load);
        let extensions =
            if load.deflate { format!("Sec-WebSocket-Extensions: {EXTENSION}\r\n") } else { String::new() };
        let request = format!(
            "GET /{endpoint} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {endpoint}\r\n\
             {extensions}\r\n"
        );
        Self::Upgrading { request: request.into_bytes(), response: Vec::new() }
    }

    /// Has `messages` more to send on each WebSocket.
    pub fn begin(&mut self, messages: usize, load: &Load, tally: &mut Tally) {
        for _ in 0..messages {
            match self {
                Self::WebSocket(ws) if tally.take_one() => ws.queue(load),
                Self::H2(h2) => h2.queue_on_each(load, tally),
                Self::WebSocket(_) | Self::Upgrading { .. } => {}
            }
        }
    }

    /// Has one more message to send, on its first WebSocket.
    pub fn send_one(&mut self, load: &Load, tally: &mut Tally) {
        match self {
            Self::WebSocket(ws) if tally.take_one() => ws.queue(load),
            Self::H2(h2) if tally.take_one() => h2.queue(0, load),
            _ => {}
        }
    }

    /// What is to be sent next; empty for nothing.
    pub fn pending<'a>(&'a mut self, load: &'a Load) -> &'a [u8] {
        match self {
            Self::Upgrading { request, .. } => request,
            Self::WebSocket(ws) => ws.pending(load),
            Self::H2(h2) => h2.pending(load),
        }
    }

    /// The first `len` bytes of that are sent.
    pub fn sent(&mut self, len: usize, load: &Load) {
        match self {
            Self::Upgrading { request, .. } => {
                request.drain(..len);
            }
            Self::WebSocket(ws) => ws.sent(len, load),
            Self::H2(h2) => h2.sent(len),
        }
    }

    /// Takes what has come.
    pub fn receive(&mut self, bytes: &[u8], load: &Load, tally: &mut Tally) -> Result<(), Failure> {
        match self {
            Self::WebSocket(ws) => ws.receive(bytes, load, tally),
            Self::H2(h2) => h2.receive(bytes, load, tally),
            Self::Upgrading { response, .. } => {
                response.extend_from_slice(bytes);
                let Some(end) = response.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(()) };
                let (head, rest) = response.split_at(end + 4);
                check_upgrade(&String::from_utf8_lossy(head), load)?;
                tally.established += 1;
                let mut ws = WebSocket::default();
                ws.receive(rest, load, tally)?;
                *self = Self::WebSocket(ws);
                Ok(())
            }
        }
    }
}

fn check_upgrade(head: &str, load: &Load) -> Result<(), Failure> {
    let compresses = head.to_ascii_lowercase().contains("permessage-deflate");
    if !head.starts_with("HTTP/1.1 101 ") || !head.contains(ACCEPT) {
        return Err(format!("the server refused: {head}").into());
    }
    if compresses != load.deflate {
        return Err(format!("compression is not as asked for: {head}").into());
    }
    Ok(())
}
