//! As much of HTTP/2 (RFC 9113) as a client of WebSockets needs (RFC 8441), with credit respected.
//!
//! Written out because the load must cost less than the server. Answers' headers are not decoded: that a server has taken a
//! WebSocket shows in its messages.

use crate::Failure;
use crate::load::{Load, Tally};
use crate::protocol::{EXTENSION, endpoint};
use crate::ws::WebSocket;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const INITIAL_WINDOW_SIZE: u16 = 4;
const ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// The most that every peer takes in a frame.
const MOST_DATA: usize = 16384;

/// The credit that the server has from the beginning, on the connection and on each stream.
const CREDIT: u32 = 0x7fff_ffff;

/// It is given back in pieces of this size.
const GIVE_BACK: u32 = 64 << 20;

/// Output that is made at once.
const TOGETHER: usize = 256 * 1024;

pub struct H2 {
    out: Vec<u8>,
    /// How much of it is sent.
    out_at: usize,
    head: [u8; 9],
    head_len: usize,
    /// Bytes of the frame that are still to come.
    left: usize,
    /// The payload of a frame that is not DATA.
    payload: Vec<u8>,
    window: i64,
    initial_window: i64,
    received: u32,
    streams: Vec<Stream>,
    /// The WebSockets are asked for.
    asked: bool,
}

#[derive(Default)]
struct Stream {
    ws: WebSocket,
    established: bool,
    window: i64,
    received: u32,
}

impl H2 {
    pub fn new(streams: usize) -> Self {
        let mut out = PREFACE.to_vec();
        let settings = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &CREDIT.to_be_bytes()].concat();
        put_frame(&mut out, SETTINGS, 0, 0, &settings);
        put_frame(&mut out, WINDOW_UPDATE, 0, 0, &(CREDIT - 65535).to_be_bytes());
        Self {
            out,
            out_at: 0,
            head: [0; 9],
            head_len: 0,
            left: 0,
            payload: Vec::new(),
            window: 65535,
            initial_window: 65535,
            received: 0,
            streams: (0..streams).map(|_| Stream::default()).collect(),
            asked: false,
        }
    }

    pub fn queue(&mut self, stream: usize, load: &Load) {
        self.streams[stream].ws.queue(load);
    }

    pub fn queue_on_each(&mut self, load: &Load, tally: &mut Tally) {
        for stream in &mut self.streams {
            if tally.take_one() {
                stream.ws.queue(load);
            }
        }
    }

    pub fn pending(&mut self, load: &Load) -> &[u8] {
        if self.out.is_empty() && self.asked {
            for at in 0..self.streams.len() {
                self.put_data(at, load);
            }
        }
        &self.out[self.out_at..]
    }

    pub fn sent(&mut self, len: usize) {
        self.out_at += len;
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
    }

    /// What a stream may send now.
    fn put_data(&mut self, at: usize, load: &Load) {
        let stream = &mut self.streams[at];
        while self.out.len() < TOGETHER {
            let credit = usize::try_from(self.window.min(stream.window)).unwrap_or(0);
            let bytes = stream.ws.pending(load);
            let bytes = &bytes[..bytes.len().min(credit).min(MOST_DATA)];
            if bytes.is_empty() {
                return;
            }
            put_frame(&mut self.out, DATA, 0, stream_id(at), bytes);
            self.window -= bytes.len() as i64;
            stream.window -= bytes.len() as i64;
            stream.ws.sent(bytes.len(), load);
        }
    }

    pub fn receive(&mut self, mut bytes: &[u8], load: &Load, tally: &mut Tally) -> Result<(), Failure> {
        loop {
            while self.head_len < self.head.len() {
                let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
                self.head[self.head_len] = *first;
                self.head_len += 1;
                bytes = rest;
                if self.head_len == self.head.len() {
                    self.left = u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]]) as usize;
                }
            }
            let (kind, flags) = (self.head[3], self.head[4]);
            let id = u32::from_be_bytes([self.head[5], self.head[6], self.head[7], self.head[8]]);
            let (piece, rest) = bytes.split_at(self.left.min(bytes.len()));
            bytes = rest;
            self.left -= piece.len();
            if kind == DATA {
                if flags & PADDED != 0 {
                    return Err("DATA with padding".into());
                }
                self.data(id, piece, load, tally)?;
            } else {
                self.payload.extend_from_slice(piece);
            }
            if self.left > 0 {
                return Ok(());
            }
            self.head_len = 0;
            let payload = std::mem::take(&mut self.payload);
            self.frame(kind, flags, id, &payload, load, tally)?;
        }
    }

    fn data(&mut self, id: u32, bytes: &[u8], load: &Load, tally: &mut Tally) -> Result<(), Failure> {
        let at = index_of(id);
        let stream = self.streams.get_mut(at).ok_or("DATA for a stream that is none")?;
        stream.ws.receive(bytes, load, tally)?;
        let len = bytes.len() as u32;
        give_back(&mut self.out, id, &mut stream.received, len);
        give_back(&mut self.out, 0, &mut self.received, len);
        Ok(())
    }

    /// A frame is complete.
    fn frame(
        &mut self,
        kind: u8,
        flags: u8,
        id: u32,
        payload: &[u8],
        load: &Load,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        match kind {
            DATA | HEADERS if flags & END_STREAM != 0 => {
                return Err("the server ended a WebSocket's stream".into());
            }
            HEADERS => {
                let stream = self.streams.get_mut(index_of(id)).ok_or("HEADERS for a stream that is none")?;
                if !std::mem::replace(&mut stream.established, true) {
                    tally.established += 1;
                }
            }
            SETTINGS if flags & ACK == 0 => self.settings(payload, load)?,
            WINDOW_UPDATE => {
                let credit =
                    i64::from(u32::from_be_bytes(*payload.first_chunk().ok_or("WINDOW_UPDATE cut short")?));
                match id {
                    0 => self.window += credit,
                    id => self.streams.get_mut(index_of(id)).ok_or("credit for no stream")?.window += credit,
                }
            }
            PING if flags & ACK == 0 => put_frame(&mut self.out, PING, ACK, 0, payload),
            RST_STREAM => return Err(format!("the server reset stream {id}: {payload:?}").into()),
            GOAWAY => {
                return Err(format!("the server sent GOAWAY: {}", String::from_utf8_lossy(payload)).into());
            }
            _ => {}
        }
        Ok(())
    }

    fn settings(&mut self, payload: &[u8], load: &Load) -> Result<(), Failure> {
        put_frame(&mut self.out, SETTINGS, ACK, 0, &[]);
        let mut connect_protocol = false;
        for setting in payload.as_chunks::<6>().0 {
            let value = u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
            match u16::from_be_bytes([setting[0], setting[1]]) {
                INITIAL_WINDOW_SIZE => {
                    let change = i64::from(value) - self.initial_window;
                    self.initial_window = value.into();
                    self.streams.iter_mut().filter(|_| self.asked).for_each(|stream| stream.window += change);
                }
                ENABLE_CONNECT_PROTOCOL => connect_protocol = value == 1,
                _ => {}
            }
        }
        if self.asked {
            return Ok(());
        }
        if !connect_protocol {
            return Err("the server has no WebSockets over HTTP/2".into());
        }
        self.asked = true;
        let request = connect_request(load);
        for (at, stream) in self.streams.iter_mut().enumerate() {
            stream.window = self.initial_window;
            put_frame(&mut self.out, HEADERS, END_HEADERS, stream_id(at), &request);
        }
        Ok(())
    }
}

fn stream_id(at: usize) -> u32 {
    2 * at as u32 + 1
}

/// Of an id that is the server's: out of range.
fn index_of(id: u32) -> usize {
    if id % 2 == 1 { id as usize / 2 } else { usize::MAX }
}

fn give_back(out: &mut Vec<u8>, id: u32, received: &mut u32, len: u32) {
    *received += len;
    if *received >= GIVE_BACK {
        put_frame(out, WINDOW_UPDATE, 0, id, &std::mem::take(received).to_be_bytes());
    }
}

fn put_frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let len = (payload.len() as u32).to_be_bytes();
    out.extend_from_slice(&[len[1], len[2], len[3], kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// An extended CONNECT, its header block without the dynamic table (RFC 7541 §6.2.2), and without Huffman's code.
fn connect_request(load: &Load) -> Vec<u8> {
    let mut block = Vec::new();
    let put = |block: &mut Vec<u8>, text: &str| {
        block.push(text.len() as u8);
        block.extend_from_slice(text.as_bytes());
    };
    // :authority, :method and :path by their numbers in the static table.
    for (number, value) in [(2, "CONNECT"), (4, &*format!("/{}", endpoint(load))), (1, "localhost")] {
        block.push(number);
        put(&mut block, value);
    }
    block.push(0x87); // :scheme https
    let mut named = vec![
        (":protocol", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", endpoint(load)),
        ("origin", "https://localhost"),
    ];
    if load.deflate {
        named.push(("sec-websocket-extensions", EXTENSION));
    }
    // Pseudo-headers first.
    for (name, value) in named {
        block.push(0);
        put(&mut block, name);
        put(&mut block, value);
    }
    block
}
