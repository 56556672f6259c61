//! What arrives: bytes in, pieces of messages and control frames out.

use bytes::{Buf, Bytes, BytesMut};

use super::deflate::Inflater;
use super::frame::{Expect, Header, RSV1};
use super::utf8::{NotUtf8, Utf8};
use super::{CloseCode, Opcode, Side, Violation, mask};

/// What [`Receiver::poll`] found.
#[derive(Debug)]
pub enum Event {
    /// Nothing more to be had from the input: call again with more.
    NeedMore,
    /// A piece of a message.
    Data(Piece),
    /// A ping, to be answered with a pong of the same payload.
    Ping(Bytes),
    /// A pong, whether asked for or not.
    Pong(Bytes),
    /// The peer closes. Whatever comes after it is dropped.
    Close(CloseFrame),
}

/// A piece of a message, as much of it as was there and was asked for. Only an empty frame, or the end of a message that
/// inflates to nothing more, makes an empty one.
#[derive(Debug)]
pub struct Piece {
    /// Unmasked and inflated. Text may be cut within a character, but never begins one that cannot end well.
    pub data: Bytes,
    /// The message is not text.
    pub binary: bool,
    /// The message begins with it.
    pub first: bool,
    /// The message ends with it.
    pub last: bool,
    /// Bytes of its frame that are still to come; in a compressed message, as they are on the wire.
    pub remaining: u64,
    /// The reserved bits of its frame, any of `0x70`.
    pub rsv: u8,
}

/// The peer's close frame, which is valid.
#[derive(Debug)]
pub struct CloseFrame {
    /// Its status code; `None` of an empty frame.
    pub code: Option<CloseCode>,
    /// Code and reason as they arrived; the reason is UTF-8.
    pub payload: Bytes,
}

/// The reading half of a connection.
#[derive(Debug)]
pub struct Receiver {
    side: Side,
    state: State,
    /// The message that has begun and not ended.
    message: Option<Message>,
    utf8: Utf8,
    inflater: Option<Inflater>,
}

#[derive(Debug)]
enum State {
    /// Before or in a frame's head, or in a control frame.
    Head,
    /// In the payload of a frame of a message.
    Payload(Frame),
    /// The peer has closed.
    Closed,
    /// Nothing after this can be understood.
    Failed(Violation),
}

#[derive(Copy, Clone, Debug)]
struct Frame {
    fin: bool,
    rsv: u8,
    /// The masking key, turned to where `left` begins; zeros for none.
    key: [u8; 4],
    /// Bytes of payload that were not taken off the input.
    left: u64,
    /// How many of them, at the input's front, are unmasked: the inflater may leave some.
    unmasked: usize,
}

#[derive(Copy, Clone, Debug)]
struct Message {
    binary: bool,
    compressed: bool,
    /// A piece of it was handed out.
    started: bool,
}

impl Receiver {
    /// At the first byte after the handshake; with `inflater` when compression was negotiated.
    #[must_use]
    pub fn new(side: Side, inflater: Option<Inflater>) -> Self {
        Self { side, state: State::Head, message: None, utf8: Utf8::default(), inflater }
    }

    /// Takes what it can off the front of `rx`, which must be what earlier calls left, with new bytes behind.
    ///
    /// Call it until it says [`Event::NeedMore`]: a compressed message may have more to give also when `rx` is empty. A
    /// piece is at most `chunk` bytes (at least one is always allowed) and shares the memory of `rx` if it was not
    /// compressed. After a violation every call returns that violation.
    pub fn poll(&mut self, rx: &mut BytesMut, chunk: usize) -> Result<Event, Violation> {
        let event = self.advance(rx, chunk.max(1));
        if let Err(violation) = event {
            self.state = State::Failed(violation);
            self.inflater = None;
        }
        event
    }

    /// Whether [`poll`](Self::poll) has nothing to say without new bytes, if it has been given all that there were.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    fn advance(&mut self, rx: &mut BytesMut, chunk: usize) -> Result<Event, Violation> {
        loop {
            let event = match &mut self.state {
                State::Head => match self.head(rx)? {
                    Some(event) => event,
                    None => continue,
                },
                State::Payload(_) => match self.payload(rx, chunk)? {
                    Some(event) => event,
                    None => continue,
                },
                State::Closed => {
                    rx.clear();
                    Event::NeedMore
                }
                State::Failed(violation) => return Err(*violation),
            };
            return Ok(event);
        }
    }

    /// Reads a head, and a control frame whole; `None` when a frame of a message has begun.
    fn head(&mut self, rx: &mut BytesMut) -> Result<Option<Event>, Violation> {
        let expect = Expect {
            side: self.side,
            in_message: self.message.is_some(),
            compression: self.inflater.is_some(),
        };
        let Some((header, len)) = Header::decode(rx, expect)? else {
            return Ok(Some(Event::NeedMore));
        };
        let key = header.mask.unwrap_or_default();
        if header.opcode.is_control() {
            let payload = header.len as usize;
            if rx.len() < len + payload {
                return Ok(Some(Event::NeedMore));
            }
            rx.advance(len);
            let mut payload = rx.split_to(payload);
            mask::apply(&mut payload, key);
            return self.control(header.opcode, payload.freeze()).map(Some);
        }
        rx.advance(len);
        if header.opcode != Opcode::Continuation {
            let binary = header.opcode == Opcode::Binary;
            let compressed = header.rsv & RSV1 != 0;
            self.message = Some(Message { binary, compressed, started: false });
        }
        let Header { fin, rsv, len: left, .. } = header;
        self.state = State::Payload(Frame { fin, rsv, key, left, unmasked: 0 });
        Ok(None)
    }

    fn control(&mut self, opcode: Opcode, payload: Bytes) -> Result<Event, Violation> {
        match opcode {
            Opcode::Ping => Ok(Event::Ping(payload)),
            Opcode::Pong => Ok(Event::Pong(payload)),
            _ => {
                let close = CloseFrame::new(payload)?;
                self.state = State::Closed;
                self.message = None;
                self.inflater = None;
                Ok(Event::Close(close))
            }
        }
    }

    /// Reads on in a message; `None` at the end of a frame that gave nothing to hand out.
    fn payload(&mut self, rx: &mut BytesMut, chunk: usize) -> Result<Option<Event>, Violation> {
        let (State::Payload(frame), Some(message)) = (&mut self.state, &mut self.message) else {
            return Ok(None);
        };
        let mut more = false;
        let (data, last) = if message.compressed
            && let Some(inflater) = &mut self.inflater
        {
            let (input, ends) = frame.unmask(rx);
            let inflated = inflater.inflate(input, ends, chunk)?;
            let taken = inflated.taken;
            frame.take(taken);
            rx.advance(taken);
            if inflated.data.is_empty() && !inflated.ended {
                if frame.left > 0 {
                    return Ok(Some(Event::NeedMore));
                }
                self.state = State::Head;
                return Ok(None);
            }
            more = !inflated.drained;
            (inflated.data, inflated.ended)
        } else {
            if rx.is_empty() && frame.left > 0 {
                return Ok(Some(Event::NeedMore));
            }
            let len = frame.available(rx).min(chunk);
            let mut data = rx.split_to(len);
            frame.key = mask::apply(&mut data, frame.key);
            frame.take(len);
            (data.freeze(), frame.fin && frame.left == 0)
        };
        if !message.binary {
            self.utf8.push(&data).and_then(|()| if last { self.utf8.end() } else { Ok(()) })?;
        }
        let first = !std::mem::replace(&mut message.started, true);
        let piece =
            Piece { data, binary: message.binary, first, last, remaining: frame.left, rsv: frame.rsv };
        if last {
            self.message = None;
        }
        if last || (frame.left == 0 && !frame.fin && !more) {
            self.state = State::Head;
        }
        Ok(Some(Event::Data(piece)))
    }
}

impl Frame {
    /// How many bytes of the payload are in `rx`.
    fn available(&self, rx: &[u8]) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX).min(rx.len())
    }

    /// What is there of the payload, unmasked, and whether the message ends with it.
    fn unmask<'rx>(&mut self, rx: &'rx mut [u8]) -> (&'rx [u8], bool) {
        let available = self.available(rx);
        self.key = mask::apply(&mut rx[self.unmasked..available], self.key);
        self.unmasked = available;
        (&rx[..available], self.fin && available as u64 == self.left)
    }

    fn take(&mut self, len: usize) {
        self.left -= len as u64;
        self.unmasked = self.unmasked.saturating_sub(len);
    }
}

impl CloseFrame {
    /// The frame of this payload (RFC 6455 §5.5.1).
    fn new(payload: Bytes) -> Result<Self, Violation> {
        let code = match &payload[..] {
            [] => None,
            [_] => return Err(Violation::protocol("close frame of one byte")),
            [high, low, ..] => Some(CloseCode(u16::from_be_bytes([*high, *low]))),
        };
        if code.is_some_and(|code| !code.is_for_the_wire()) {
            return Err(Violation::protocol("close code that nobody may send"));
        }
        if simdutf8::basic::from_utf8(payload.get(2..).unwrap_or_default()).is_err() {
            return Err(Violation::payload("close reason that is not UTF-8"));
        }
        Ok(Self { code, payload })
    }
}

impl From<NotUtf8> for Violation {
    fn from(_: NotUtf8) -> Self {
        Self::payload("text that is not UTF-8")
    }
}
