//! A client that speaks WebSocket frame by frame, right or wrong, over any stream; over HTTP/2 its stream is one of
//! the connection's.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::{h1, h2};

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

pub(crate) const FIN: u8 = 0x80;

/// The key of RFC 6455 §1.3.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What answers it.
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A frame as bytes, masked. `first` is FIN, reserved bits and opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len(), true);
    let key = [0x37, 0xfa, 0x21, 0x3d];
    bytes.extend(key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// A frame as bytes, not masked: no client may send such.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len(), false);
    bytes.extend(payload);
    bytes
}

fn header(first: u8, len: usize, masked: bool) -> Vec<u8> {
    let mask = u8::from(masked) << 7;
    let mut bytes = vec![first];
    match len {
        0..126 => bytes.push(mask | len as u8),
        126..0x10000 => {
            bytes.push(mask + 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(mask + 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes
}

/// The payload of a CLOSE.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// A frame that the server sent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// FIN, reserved bits, opcode.
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = String::from_utf8_lossy(&self.payload[..self.payload.len().min(60)]);
        write!(f, "{:#x} {} {shown:?}", self.first, self.payload.len())
    }
}

impl Frame {
    pub(crate) fn new(first: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { first, payload: payload.as_ref().to_vec() }
    }

    /// The status of a CLOSE that has one.
    pub(crate) fn close_code(&self) -> Option<u16> {
        let code = self.payload.first_chunk::<2>()?;
        (self.first == FIN | CLOSE).then(|| u16::from_be_bytes(*code))
    }
}

/// The lines of an upgrade request.
pub(crate) fn request(path: &str, protocol: &str, more: &str) -> String {
    let protocol = match protocol {
        "" => String::new(),
        name => format!("Sec-WebSocket-Protocol: {name}\r\n"),
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{protocol}{more}\r\n"
    )
}

/// A WebSocket from the client's side.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    unread: VecDeque<u8>,
}

/// On a connection of its own.
pub(crate) fn connect(port: u16, protocol: &str) -> Client<TcpStream> {
    upgrade(h1::connect(port), protocol)
}

/// Upgrades HTTP/1.1 on this stream.
pub(crate) fn upgrade<S: Read + Write>(stream: S, protocol: &str) -> Client<S> {
    let mut http = h1::Client::new(stream);
    http.send(request("/", protocol, ""));
    let response = http.response();
    assert_eq!(response.status, 101, "{response:?}");
    assert_eq!(response.header("sec-websocket-accept"), Some(ACCEPT), "{response:?}");
    let chosen = Some(protocol).filter(|protocol| !protocol.is_empty());
    assert_eq!(response.header("sec-websocket-protocol"), chosen, "{response:?}");
    let (stream, unread) = http.into_parts();
    Client { stream, unread: unread.into() }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, unread: VecDeque::new() }
    }

    pub(crate) fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Sends one frame.
    pub(crate) fn send(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.send_raw(frame(first, payload.as_ref()));
    }

    /// Sends a text message.
    pub(crate) fn say(&mut self, text: &str) {
        self.send(FIN | TEXT, text);
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) fn try_next(&mut self) -> Option<Frame> {
        let head = self.take(2)?;
        assert_eq!(head[1] & 0x80, 0, "a server masks nothing");
        let len = match head[1] {
            126 => usize::from(u16::from_be_bytes(self.take(2)?.try_into().expect("two bytes"))),
            127 => u64::from_be_bytes(self.take(8)?.try_into().expect("eight bytes")) as usize,
            len => usize::from(len),
        };
        Some(Frame { first: head[0], payload: self.take(len)? })
    }

    pub(crate) fn next(&mut self) -> Frame {
        self.try_next().expect("a frame")
    }

    /// The next message, in however many frames it comes.
    pub(crate) fn message(&mut self) -> (u8, Vec<u8>) {
        let mut frame = self.next();
        let opcode = frame.first & 0xf;
        let mut all = frame.payload;
        while frame.first & FIN == 0 {
            frame = self.next();
            assert_eq!(frame.first & 0xf, CONTINUATION);
            all.append(&mut frame.payload);
        }
        (opcode, all)
    }

    /// The text of the next message.
    pub(crate) fn text(&mut self) -> String {
        let (opcode, text) = self.message();
        assert_eq!(opcode, TEXT);
        String::from_utf8(text).expect("UTF-8")
    }

    /// Nothing more comes, not even a CLOSE.
    pub(crate) fn ends(&mut self) {
        let frame = self.try_next();
        assert_eq!(frame, None);
    }

    /// Sends a CLOSE, which is answered with the same, and then the connection ends.
    pub(crate) fn close(&mut self) {
        let payload = close_payload(1000, "bye");
        self.send(FIN | CLOSE, &payload);
        assert_eq!(self.next(), Frame::new(FIN | CLOSE, &payload));
        self.ends();
    }

    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.unread.len() < len {
            let mut chunk = [0; 16384];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(n) => self.unread.extend(&chunk[..n]),
                Err(e) if h1::is_end(&e) => return None,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => panic!("neither a frame nor the end: {e}"),
            }
        }
        Some(self.unread.drain(..len).collect())
    }
}

/// One stream of an HTTP/2 connection, after its extended CONNECT, as if it were a connection.
pub(crate) struct Tunnel<S> {
    pub(crate) http: h2::Client<S>,
    pub(crate) id: u32,
    unread: VecDeque<u8>,
    /// Bytes that the server takes now.
    credit: i64,
    pub(crate) ended: bool,
    pub(crate) reset: Option<u32>,
}

/// Sends the extended CONNECT; its status.
pub(crate) fn extended_connect<S: Read + Write>(
    http: &mut h2::Client<S>,
    id: u32,
    more: &[(&str, &str)],
) -> Option<u16> {
    let mut headers = vec![
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/"),
        (":authority", "localhost"),
    ];
    headers.extend_from_slice(more);
    http.send(h2::frame(h2::HEADERS, h2::END_HEADERS, id, &h2::block(&headers)));
    http.until("a status", |frame| if frame.stream == id { frame.status() } else { None }).into()
}

impl<S: Read + Write> Tunnel<S> {
    /// Opens a WebSocket on stream `id`.
    pub(crate) fn open(mut http: h2::Client<S>, id: u32, protocol: &str) -> Client<Self> {
        let lines = [("sec-websocket-version", "13"), ("sec-websocket-protocol", protocol)];
        assert_eq!(extended_connect(&mut http, id, &lines), Some(200));
        Client::over(Self {
            http,
            id,
            unread: VecDeque::new(),
            // what the library announces as the initial window
            credit: 256 * 1024,
            ended: false,
            reset: None,
        })
    }

    /// Takes in one frame; `false` at the end of the connection.
    fn pump(&mut self) -> bool {
        let Some(frame) = self.http.next() else { return false };
        self.http.acknowledge(&frame);
        if frame.stream != self.id {
            return true;
        }
        match frame.kind {
            h2::DATA => {
                self.unread.extend(&frame.payload);
                self.ended |= frame.ends_stream();
                let len = u32::try_from(frame.payload.len()).expect("a frame's length");
                if len > 0 {
                    self.http.window_update(0, len);
                    if !self.ended {
                        self.http.window_update(self.id, len);
                    }
                }
            }
            h2::WINDOW_UPDATE => {
                let more = frame.payload.first_chunk::<4>().expect("four bytes");
                self.credit += i64::from(u32::from_be_bytes(*more));
            }
            h2::RST_STREAM => {
                self.reset = frame.error_code();
                self.ended = true;
            }
            _ => {}
        }
        true
    }
}

impl<S: Read + Write> Read for Tunnel<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() && !self.ended {
            if !self.pump() {
                return Ok(0);
            }
        }
        let n = room.len().min(self.unread.len());
        for (place, byte) in room.iter_mut().zip(self.unread.drain(..n)) {
            *place = byte;
        }
        Ok(n)
    }
}

impl<S: Read + Write> Write for Tunnel<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.credit <= 0 && !self.ended {
            if !self.pump() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        let n = bytes.len().min(usize::try_from(self.credit).unwrap_or(0)).min(16384);
        self.credit -= n as i64;
        self.http.try_send(h2::frame(h2::DATA, 0, self.id, &bytes[..n]))?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
