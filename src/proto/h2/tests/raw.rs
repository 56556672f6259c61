//! A server of hand-written frames (RFC 9113 §6), its header blocks without compression.

use super::*;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

pub(super) fn headers(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, block)
}

pub(super) fn data(stream: u32, data: &[u8], end: bool) -> Vec<u8> {
    frame(DATA, u8::from(end), stream, data)
}

pub(super) fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

pub(super) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let entry = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &values.iter().flat_map(entry).collect::<Vec<u8>>())
}

pub(super) fn status(code: u16) -> Vec<u8> {
    line(":status", &code.to_string())
}

/// A literal field that is not indexed (RFC 7541 §6.2.2).
pub(super) fn line(name: &str, value: &str) -> Vec<u8> {
    let mut line = vec![0];
    for text in [name, value] {
        if text.len() < 127 {
            line.push(text.len() as u8);
        } else {
            line.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                line.push(rest as u8 | 128);
                rest >>= 7;
            }
            line.push(rest as u8);
        }
        line.extend(text.as_bytes());
    }
    line
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

/// Takes whole frames apart; there must be nothing else.
pub(super) fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at(9);
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (payload, rest) = rest.split_at(len);
        frames.push(Frame {
            kind: head[3],
            stream: u32::from_be_bytes(head[5..].try_into().unwrap()),
            payload: payload.to_vec(),
        });
        bytes = rest;
    }
    frames
}

/// A client on a server that sends what it is told.
pub(super) struct Wire {
    pub(super) client: H2Client,
    pub(super) sent: Vec<Frame>,
    pub(super) readies: usize,
    pub(super) closed: Vec<Option<String>>,
    wakers: Wakers,
    preface_seen: bool,
}

impl Wire {
    /// With SETTINGS that say nothing.
    pub(super) fn open() -> Self {
        let mut wire = Self::with_settings(&[]);
        wire.settle();
        wire
    }

    pub(super) fn with_settings(values: &[(u16, u32)]) -> Self {
        let mut wire = Self {
            client: H2Client::new(&H2ClientSettings::default(), &Spares::default()),
            sent: Vec::new(),
            readies: 0,
            closed: Vec::new(),
            wakers: Wakers::default(),
            preface_seen: false,
        };
        wire.settle();
        wire.send(&settings(values));
        wire
    }

    /// The server sends `bytes`.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.client.receive(|input| input.extend_from_slice(bytes));
        self.settle();
    }

    pub(super) fn settle(&mut self) {
        loop {
            match self.client.poll() {
                ClientEvent::Ready => self.readies += 1,
                ClientEvent::Idle => break,
                ClientEvent::Closed(why) => {
                    self.closed.push(why);
                    break;
                }
            }
        }
        let mut sent = self.client.output(take_all);
        if !self.preface_seen {
            self.preface_seen = true;
            sent.drain(..PREFACE.len());
        }
        self.sent.extend(frames(&sent));
    }

    /// Sends a request of head only.
    pub(super) fn request(&mut self, request: Request<()>) -> (H2ClientStream, StreamWaker) {
        let stream = self.client.open(request, true).unwrap();
        self.with_waker(stream)
    }

    /// The stream's request leaves.
    pub(super) fn with_waker(&mut self, stream: H2ClientStream) -> (H2ClientStream, StreamWaker) {
        self.settle();
        (stream, self.wakers.make(&self.client.wakes()))
    }
}
