//! What is sent: messages and control frames in, bytes out.

use super::deflate::Deflater;
use super::frame::{Header, MOST_CONTROL, RSV1};
use super::{CloseCode, Opcode, Side, mask};

/// Why a frame cannot be sent. Nothing was.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum SendError {
    /// A close frame was sent: nothing may follow (RFC 6455 §5.5.1).
    Closed,
    /// A message must be ended before the next one begins.
    InMessage,
    /// There is no message to go on with.
    NoMessage,
    /// More than a control frame holds.
    TooLong,
    /// A code that no close frame may carry.
    BadCode,
    /// Control frames and messages are sent by different functions.
    WrongKind,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "a close frame was sent already",
            Self::InMessage => "the message before has not ended",
            Self::NoMessage => "no message to continue",
            Self::TooLong => "more than 125 bytes in a control frame",
            Self::BadCode => "not a close code for the wire",
            Self::WrongKind => "neither text, binary nor continuation",
        })
    }
}

impl std::error::Error for SendError {}

/// The writing half of a connection.
///
/// Each frame of a client needs a masking key of its own that strangers cannot guess (RFC 6455 §10.3); a server's
/// functions do not look at it.
#[derive(Debug)]
pub struct Sender {
    side: Side,
    in_message: bool,
    closed: bool,
    deflater: Option<Deflater>,
}

impl Sender {
    /// Before the first frame; with `deflater` when compression was negotiated.
    #[must_use]
    pub fn new(side: Side, deflater: Option<Deflater>) -> Self {
        Self { side, in_message: false, closed: false, deflater }
    }

    /// Appends one frame of a message to `out`: `payload`, compressed if that was negotiated.
    ///
    /// The message begins with [`Opcode::Text`] or [`Opcode::Binary`], goes on with [`Opcode::Continuation`], and ends
    /// with the frame that is `fin`. Whether text is UTF-8 is the caller's to know.
    pub fn message(
        &mut self,
        out: &mut Vec<u8>,
        opcode: Opcode,
        fin: bool,
        payload: &[u8],
        key: [u8; 4],
    ) -> Result<(), SendError> {
        self.check_message(opcode)?;
        let begins = opcode != Opcode::Continuation;
        let mask = self.mask(key);
        match &mut self.deflater {
            Some(deflater) => {
                let rsv = if begins { RSV1 } else { 0 };
                let at = out.len();
                deflater.deflate(payload, fin, out);
                let len = (out.len() - at) as u64;
                put_before(out, at, &Header { fin, rsv, opcode, mask, len });
            }
            None => put_frame(out, &Header { fin, rsv: 0, opcode, mask, len: payload.len() as u64 }, payload),
        }
        self.in_message = !fin;
        Ok(())
    }

    /// Appends a ping or pong to `out`, which may stand between the frames of a message.
    pub fn control(
        &mut self,
        out: &mut Vec<u8>,
        opcode: Opcode,
        payload: &[u8],
        key: [u8; 4],
    ) -> Result<(), SendError> {
        if !matches!(opcode, Opcode::Ping | Opcode::Pong) {
            return Err(SendError::WrongKind);
        }
        self.put_control(out, opcode, payload, key)
    }

    /// Appends a close frame to `out`, the last frame there is. Without a code it is empty and `reason` is not sent.
    pub fn close(
        &mut self,
        out: &mut Vec<u8>,
        code: Option<CloseCode>,
        reason: &[u8],
        key: [u8; 4],
    ) -> Result<(), SendError> {
        let mut payload = [0; MOST_CONTROL];
        let payload = match code {
            None => &payload[..0],
            Some(code) if !code.is_for_the_wire() => return Err(SendError::BadCode),
            Some(code) => {
                let place = payload.get_mut(2..2 + reason.len()).ok_or(SendError::TooLong)?;
                place.copy_from_slice(reason);
                payload[..2].copy_from_slice(&code.0.to_be_bytes());
                &payload[..2 + reason.len()]
            }
        };
        self.put_control(out, Opcode::Close, payload, key)?;
        self.closed = true;
        self.deflater = None;
        Ok(())
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_in_message(&self) -> bool {
        self.in_message
    }

    /// Whether a close frame was sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn check_message(&self, opcode: Opcode) -> Result<(), SendError> {
        match opcode {
            _ if self.closed => Err(SendError::Closed),
            Opcode::Continuation if !self.in_message => Err(SendError::NoMessage),
            Opcode::Text | Opcode::Binary if self.in_message => Err(SendError::InMessage),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => Ok(()),
            Opcode::Close | Opcode::Ping | Opcode::Pong => Err(SendError::WrongKind),
        }
    }

    fn put_control(
        &mut self,
        out: &mut Vec<u8>,
        opcode: Opcode,
        payload: &[u8],
        key: [u8; 4],
    ) -> Result<(), SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        if payload.len() > MOST_CONTROL {
            return Err(SendError::TooLong);
        }
        let len = payload.len() as u64;
        put_frame(out, &Header { fin: true, rsv: 0, opcode, mask: self.mask(key), len }, payload);
        Ok(())
    }

    fn mask(&self, key: [u8; 4]) -> Option<[u8; 4]> {
        (self.side == Side::Client).then_some(key)
    }
}

/// Appends a head and its payload, masked if it says so.
fn put_frame(out: &mut Vec<u8>, header: &Header, payload: &[u8]) {
    let (head, len) = header.encode();
    out.reserve(len + payload.len());
    out.extend_from_slice(&head[..len]);
    let at = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = header.mask {
        mask::apply(&mut out[at..], key);
    }
}

/// Puts a head before the payload that begins at `at`, and masks that if the head says so.
fn put_before(out: &mut Vec<u8>, at: usize, header: &Header) {
    if let Some(key) = header.mask {
        mask::apply(&mut out[at..], key);
    }
    let (head, len) = header.encode();
    let end = out.len();
    out.resize(end + len, 0);
    out.copy_within(at..end, at + len);
    out[at..at + len].copy_from_slice(&head[..len]);
}
