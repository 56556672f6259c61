//! A client that speaks HTTP/2 frame by frame, right or wrong.

use std::io::{ErrorKind, Read, Write};

use super::h1::is_end;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const STREAM_CLOSED: u32 = 5;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const COMPRESSION_ERROR: u32 = 9;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

pub(crate) const SETTINGS_INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame as bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame's length").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A SETTINGS frame.
pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (id, value) in values {
        payload.extend(id.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

/// A header block of literals without indexing and without Huffman coding.
pub(crate) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(0);
        string(&mut bytes, name);
        string(&mut bytes, value);
    }
    bytes
}

/// The header block of a request to this host.
pub(crate) fn request_block(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut headers =
        vec![(":method", method), (":scheme", "https"), (":path", path), (":authority", "localhost")];
    headers.extend_from_slice(more);
    block(&headers)
}

fn string(bytes: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        bytes.push(u8::try_from(length).expect("below 127"));
    } else {
        bytes.push(127);
        length -= 127;
        while length >= 128 {
            bytes.push((length & 127) as u8 | 128);
            length >>= 7;
        }
        bytes.push(length as u8);
    }
    bytes.extend(text.as_bytes());
}

/// A frame that the server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// The error code of `RST_STREAM` or GOAWAY.
    pub(crate) fn error_code(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        Some(u32::from_be_bytes(self.payload.get(at..at + 4)?.try_into().ok()?))
    }

    /// The `:status` of a HEADERS frame, which is always the first field.
    pub(crate) fn status(&self) -> Option<u16> {
        if self.kind != HEADERS {
            return None;
        }
        let mut block = self.payload.as_slice();
        // dynamic table size updates
        while block.first().is_some_and(|b| b & 0xe0 == 0x20) {
            let long = block[0] & 0x1f == 0x1f;
            let more = if long { 1 + block[1..].iter().position(|b| b & 128 == 0)? } else { 0 };
            block = &block[1 + more..];
        }
        match *block.first()? {
            0x88 => Some(200),
            0x89 => Some(204),
            0x8a => Some(206),
            0x8b => Some(304),
            0x8c => Some(400),
            0x8d => Some(404),
            0x8e => Some(500),
            // a literal whose name is entry 8
            0x48 | 0x08 | 0x18 => {
                let length = usize::from(block.get(1)? & 127);
                let value = block.get(2..2 + length)?;
                if block[1] & 128 == 0 {
                    std::str::from_utf8(value).ok()?.parse().ok()
                } else {
                    huffman_digits(value)
                }
            }
            // a literal with a literal name, as lws sends it
            0x00 | 0x10 | 0x40 if block.get(1..9)? == b"\x07:status" => {
                std::str::from_utf8(block.get(10..13)?).ok()?.parse().ok()
            }
            // an entry of the dynamic table: the client that wants to know must not offer one
            _ => None,
        }
    }
}

/// Digits only: 0-2 are five bits, 3-9 six (RFC 7541 appendix B).
fn huffman_digits(bytes: &[u8]) -> Option<u16> {
    let bits: Vec<u8> = bytes.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
    let mut at = 0;
    let mut number = 0;
    for _ in 0..3 {
        let five = bits.get(at..at + 5)?.iter().fold(0, |n, b| n << 1 | u16::from(*b));
        if five < 3 {
            number = number * 10 + five;
            at += 5;
        } else {
            let six = five << 1 | u16::from(*bits.get(at + 5)?);
            number = number * 10 + six.checked_sub(0x19)? + 3;
            at += 6;
        }
    }
    Some(number)
}

/// A connection on which the caller decides every frame.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    unread: Vec<u8>,
}

/// A response as it came in frames.
#[derive(Clone, Debug, Default)]
pub(crate) struct Response {
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
    /// Lengths of the DATA frames.
    pub(crate) data_frames: Vec<usize>,
    /// Set when the stream was reset instead of ended.
    pub(crate) reset: Option<u32>,
}

impl<S: Read + Write> Client<S> {
    /// Sends the preface and these settings; HPACK's dynamic table is off so that a status can be read.
    pub(crate) fn start(stream: S, values: &[(u16, u32)]) -> Self {
        let mut client = Self { stream, unread: Vec::new() };
        let mut all = vec![(1, 0)];
        all.extend_from_slice(values);
        client.send(PREFACE);
        client.send(settings(&all));
        client
    }

    /// Nothing is sent.
    pub(crate) fn silent(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server reads");
    }

    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.stream.flush()
    }

    /// Sends a GET, complete.
    pub(crate) fn get(&mut self, stream: u32, path: &str) {
        let block = request_block("GET", path, &[]);
        self.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &block));
    }

    /// Sends a POST's headers; DATA frames are to follow.
    pub(crate) fn post(&mut self, stream: u32, path: &str, more: &[(&str, &str)]) {
        let block = request_block("POST", path, more);
        self.send(frame(HEADERS, END_HEADERS, stream, &block));
    }

    pub(crate) fn window_update(&mut self, stream: u32, more: u32) {
        self.send(frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes()));
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.parse() {
                return Some(frame);
            }
            let mut chunk = [0; 16384];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(n) => self.unread.extend_from_slice(&chunk[..n]),
                Err(e) if is_end(&e) => return None,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => panic!("the server neither sent a frame nor closed: {e}"),
            }
        }
    }

    fn parse(&mut self) -> Option<Frame> {
        let head = self.unread.get(..9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5] & 127, head[6], head[7], head[8]]);
        let payload = self.unread.get(9..9 + length)?.to_vec();
        self.unread.drain(..9 + length);
        Some(Frame { kind, flags, stream, payload })
    }

    /// Reads frames until `pick` takes one; settings and pings are acknowledged on the way. Panics if the
    /// connection ends before.
    pub(crate) fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Frame) -> Option<T>) -> T {
        loop {
            let Some(frame) = self.next() else {
                panic!("the server closed the connection instead of sending {what}");
            };
            self.acknowledge(&frame);
            if let Some(picked) = pick(&frame) {
                return picked;
            }
        }
    }

    /// Answers settings and pings.
    pub(crate) fn acknowledge(&mut self, frame: &Frame) {
        if frame.flags & ACK == 0 && matches!(frame.kind, SETTINGS | PING) {
            let payload = if frame.kind == PING { frame.payload.as_slice() } else { &[] };
            let _ = self.try_send(self::frame(frame.kind, ACK, 0, payload));
        }
    }

    /// Reads the whole response on a stream and gives its bytes back to the server's windows.
    pub(crate) fn response(&mut self, stream: u32) -> Response {
        let mut response = Response::default();
        loop {
            let Some(frame) = self.next() else {
                panic!("the server closed the connection in response {stream}: {response:?}");
            };
            self.acknowledge(&frame);
            let code = frame.error_code();
            assert!(frame.kind != GOAWAY, "GOAWAY {code:?} in response {stream}");
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                HEADERS => response.status = response.status.or(frame.status()),
                DATA => {
                    response.body.extend(&frame.payload);
                    response.data_frames.push(frame.payload.len());
                    if !frame.payload.is_empty() && !frame.ends_stream() {
                        let more = u32::try_from(frame.payload.len()).expect("a frame's length");
                        self.window_update(0, more);
                        self.window_update(stream, more);
                    } else if !frame.payload.is_empty() {
                        let more = u32::try_from(frame.payload.len()).expect("a frame's length");
                        self.window_update(0, more);
                    }
                }
                RST_STREAM => {
                    response.reset = frame.error_code();
                    return response;
                }
                _ => {}
            }
            if frame.ends_stream() {
                return response;
            }
        }
    }

    /// Reads to the end of the connection; the error code of the GOAWAY on the way, if there was one.
    pub(crate) fn goaway_then_end(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next() {
            if frame.kind == GOAWAY {
                code = frame.error_code();
            }
        }
        code
    }

    /// Reads until a GOAWAY, or an `RST_STREAM` of this stream; `(frame kind, code)`. `None`: closed without.
    pub(crate) fn refusal(&mut self, stream: u32) -> Option<(u8, u32)> {
        while let Some(frame) = self.next() {
            self.acknowledge(&frame);
            if frame.kind == GOAWAY || (frame.kind == RST_STREAM && frame.stream == stream) {
                return Some((frame.kind, frame.error_code()?));
            }
        }
        None
    }
}
