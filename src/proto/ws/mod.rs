//! WebSocket (RFC 6455, with permessage-deflate of RFC 7692, over HTTP/2 as RFC 8441 has it): frames in and out.
//!
//! [`handshake`] looks at the request or response that opens it. From then on [`Receiver`] turns the connection's bytes
//! into pieces of messages and control frames, and [`Sender`] turns messages into frames; the two know nothing of each
//! other. Both are strict: what RFC 6455 lets an endpoint fail is failed, with the close code that it names. Neither
//! holds a message: what arrives is handed on in pieces, inflated and checked piece by piece.

use bytes::BytesMut;

pub mod deflate;
pub mod extensions;
pub mod frame;
pub mod handshake;
mod mask;
pub mod negotiate;
pub mod options;
mod receiver;
mod sender;
pub mod settings;
mod utf8;

pub use self::receiver::{CloseFrame, Event, Piece, Receiver};
pub use self::sender::{FrameBytes, FrameSink, SendError, Sender};

/// Which end of the connection we are.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Side {
    /// What arrives is masked, what is sent is not.
    Server,
    /// What is sent is masked, what arrives is not.
    Client,
}

/// What a frame is (RFC 6455 §5.2). The others are reserved.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Opcode {
    /// Goes on with the message that an earlier frame began.
    Continuation = 0,
    /// Begins a message of text.
    Text = 1,
    /// Begins a message of bytes.
    Binary = 2,
    /// Begins the end of the connection.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
    /// Answers a ping, or says that the sender lives.
    Pong = 10,
}

impl Opcode {
    /// The opcode of this number; `None` for the reserved ones.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether its frames may stand between those of a message.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// The status code of a close frame (RFC 6455 §7.4).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server goes down, or the browser has left the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A kind of data that this endpoint cannot take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Never on the wire: stands for a close frame without a code.
    pub const NO_STATUS: Self = Self(1005);
    /// Never on the wire: stands for a connection that ended without a close frame.
    pub const ABNORMAL: Self = Self(1006);
    /// Contents that do not fit their kind: text that is not UTF-8, compressed data that is not DEFLATE.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// Against the endpoint's policy.
    pub const POLICY: Self = Self(1008);
    /// A message larger than the endpoint takes.
    pub const TOO_LARGE: Self = Self(1009);
    /// The client needs an extension that the server did not negotiate.
    pub const EXTENSION_REQUIRED: Self = Self(1010);
    /// The server met something that it was not made for.
    pub const UNEXPECTED: Self = Self(1011);
    /// Never on the wire: stands for a failed TLS handshake.
    pub const TLS_FAILURE: Self = Self(1015);

    /// Whether a close frame may carry it (RFC 6455 §7.4 and IANA's registry): 1004 to 1006 and 1015 are not for the
    /// wire, the rest below 3000 is not defined, from 5000 on nothing is.
    #[must_use]
    pub const fn is_for_the_wire(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// Why the connection must be failed (RFC 6455 §7.1.7), and the code to say so with.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// For the close frame.
    pub code: CloseCode,
    /// For the log.
    pub why: &'static str,
}

impl Violation {
    /// A breach of the protocol: 1002.
    pub(super) const fn protocol(why: &'static str) -> Self {
        Self { code: CloseCode::PROTOCOL_ERROR, why }
    }

    /// Contents that are not what they should be: 1007.
    pub(super) const fn payload(why: &'static str) -> Self {
        Self { code: CloseCode::INVALID_PAYLOAD, why }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.why, self.code.0)
    }
}

impl std::error::Error for Violation {}

/// Everything a fuzzer can reach of a connection from one byte string: its first byte says who we are and what was
/// negotiated, its second in which pieces the rest arrives and is asked for. What arrives is sent back.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let [setting, step, bytes @ ..] = bytes else {
        return;
    };
    let side = if setting & 1 == 0 { Side::Server } else { Side::Client };
    let params = deflate::Params {
        server_no_context_takeover: setting & 4 != 0,
        client_no_context_takeover: setting & 8 != 0,
        server_max_window_bits: 8 + (setting >> 4 & 7),
        client_max_window_bits: 8 + (setting >> 4 & 7),
        max_inflated: Some(1 << 16),
        ..deflate::Params::default()
    };
    let params = (setting & 2 != 0).then_some(params);
    let mut receiver =
        Receiver::new(side, params.as_ref().map(|params| deflate::Inflater::new(side, params)));
    let mut sender = Sender::new(side, params.as_ref().map(|params| deflate::Deflater::new(side, params)));
    let step = usize::from(*step).max(1);
    let (mut rx, mut out) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(step) {
        rx.extend_from_slice(piece);
        loop {
            match receiver.poll(&mut rx, step) {
                Ok(Event::NeedMore) => break,
                Ok(event) => echo(&mut sender, &mut out, &event),
                Err(violation) => {
                    // Refused when the close frame has gone out already.
                    let _ = sender.close(&mut out, Some(violation.code), b"", [0; 4]);
                    return;
                }
            }
            out.clear();
        }
    }
}

/// Sends an event back, which the sender takes whatever it is.
fn echo(sender: &mut Sender, out: &mut Vec<u8>, event: &Event) {
    let key = [1, 2, 3, 4];
    let sent = match event {
        Event::NeedMore => Ok(()),
        Event::Data(piece) => {
            let begins = if piece.binary { Opcode::Binary } else { Opcode::Text };
            let opcode = if piece.first { begins } else { Opcode::Continuation };
            sender.message(out, opcode, piece.last, &piece.data, key)
        }
        Event::Ping(payload) | Event::Pong(payload) => sender.control(out, Opcode::Pong, payload, key),
        Event::Close(close) => sender.close(out, close.code, close.payload.get(2..).unwrap_or_default(), key),
    };
    assert_eq!(sent, Ok(()), "what was received may be sent");
}

#[cfg(test)]
mod tests;
