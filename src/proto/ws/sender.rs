//! What is sent: messages and control frames in, bytes out.

use super::deflate::Deflater;
use super::frame::{Header, MOST_CONTROL, MOST_HEADER, RSV1};
use super::{CloseCode, Opcode, Side, mask};
use crate::util::byte_queue::ByteQueue;

/// Where frames go. What can give room gets them written into it, so that a payload is copied once.
pub trait FrameSink {
    /// Takes all of a frame.
    fn put(&mut self, frame: FrameBytes<'_>);
}

/// The bytes of a frame, to be [filled](Self::fill) into where they go in as many pieces as that takes.
#[derive(Debug)]
pub struct FrameBytes<'a> {
    head: [u8; MOST_HEADER],
    /// How much of the head is left, up to `head_end`.
    head_at: usize,
    head_end: usize,
    /// What is left of the payload.
    payload: &'a [u8],
    /// What it is to be masked with, turned to where `payload` begins.
    key: Option<[u8; 4]>,
}

impl<'a> FrameBytes<'a> {
    fn new(header: &Header, payload: &'a [u8]) -> Self {
        let (head, head_end) = header.encode();
        Self { head, head_at: 0, head_end, payload, key: header.mask }
    }

    /// Bytes that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.head_end - self.head_at + self.payload.len()
    }

    /// The bytes that are left, where they lie; `None` for a payload that is to be masked.
    #[must_use]
    pub fn as_is(&self) -> Option<[&[u8]; 2]> {
        self.key.is_none().then(|| [&self.head[self.head_at..self.head_end], self.payload])
    }

    /// Passes over the next `len` bytes of what [`as_is`](Self::as_is) has shown.
    ///
    /// # Panics
    /// When it was not shown, or there are not so many.
    pub fn skip(&mut self, len: usize) {
        assert!(self.key.is_none(), "what is to be masked cannot be passed over");
        let of_head = len.min(self.head_end - self.head_at);
        self.head_at += of_head;
        self.payload = &self.payload[len - of_head..];
    }

    /// Fills `place` with the next bytes.
    ///
    /// # Panics
    /// When it is larger than what is [left](Self::left).
    pub fn fill(&mut self, place: &mut [u8]) {
        let of_head = place.len().min(self.head_end - self.head_at);
        let (before, place) = place.split_at_mut(of_head);
        before.copy_from_slice(&self.head[self.head_at..self.head_at + of_head]);
        self.head_at += of_head;
        let (next, rest) = self.payload.split_at(place.len());
        place.copy_from_slice(next);
        if let Some(key) = &mut self.key {
            *key = mask::apply(place, *key);
        }
        self.payload = rest;
    }
}

impl FrameSink for Vec<u8> {
    fn put(&mut self, mut frame: FrameBytes<'_>) {
        let at = self.len();
        self.resize(at + frame.left(), 0);
        frame.fill(&mut self[at..]);
    }
}

impl FrameSink for ByteQueue {
    fn put(&mut self, mut frame: FrameBytes<'_>) {
        let len = frame.left();
        frame.fill(self.room(len));
        self.commit(len);
    }
}

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

    /// Puts one frame of a message into `out`: `payload`, compressed if that was negotiated.
    ///
    /// The message begins with [`Opcode::Text`] or [`Opcode::Binary`], goes on with [`Opcode::Continuation`], and ends
    /// with the frame that is `fin`. Whether text is UTF-8 is the caller's to know.
    pub fn message(
        &mut self,
        out: &mut dyn FrameSink,
        opcode: Opcode,
        fin: bool,
        payload: &[u8],
        key: [u8; 4],
    ) -> Result<(), SendError> {
        self.check_message(opcode)?;
        let begins = opcode != Opcode::Continuation;
        let mask = self.mask(key);
        let mut compressed = Vec::new();
        let (rsv, payload) = if let Some(deflater) = &mut self.deflater {
            deflater.deflate(payload, fin, &mut compressed);
            (if begins { RSV1 } else { 0 }, &compressed[..])
        } else {
            (0, payload)
        };
        let len = payload.len() as u64;
        out.put(FrameBytes::new(&Header { fin, rsv, opcode, mask, len }, payload));
        self.in_message = !fin;
        Ok(())
    }

    /// Puts a ping or pong into `out`, which may stand between the frames of a message.
    pub fn control(
        &mut self,
        out: &mut dyn FrameSink,
        opcode: Opcode,
        payload: &[u8],
        key: [u8; 4],
    ) -> Result<(), SendError> {
        if !matches!(opcode, Opcode::Ping | Opcode::Pong) {
            return Err(SendError::WrongKind);
        }
        self.put_control(out, opcode, payload, key)
    }

    /// Puts a close frame into `out`, the last frame there is. Without a code it is empty and `reason` is not sent.
    pub fn close(
        &mut self,
        out: &mut dyn FrameSink,
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
        out: &mut dyn FrameSink,
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
        let header = Header { fin: true, rsv: 0, opcode, mask: self.mask(key), len };
        out.put(FrameBytes::new(&header, payload));
        Ok(())
    }

    fn mask(&self, key: [u8; 4]) -> Option<[u8; 4]> {
        (self.side == Side::Client).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_is_the_same_in_whatever_pieces_it_is_filled_in(
            payload in prop::collection::vec(any::<u8>(), 0..300),
            mask: Option<[u8; 4]>,
            steps in prop::collection::vec(1_usize..40, 1..8),
        ) {
            let header = Header { fin: true, rsv: 0, opcode: Opcode::Binary, mask, len: payload.len() as u64 };
            let (head, len) = header.encode();
            let mut expected = head[..len].to_vec();
            let key = mask.unwrap_or_default();
            expected.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));

            let mut frame = FrameBytes::new(&header, &payload);
            prop_assert_eq!(frame.left(), expected.len());
            let mut filled = Vec::new();
            for step in steps.into_iter().cycle() {
                let mut piece = vec![0; step.min(frame.left())];
                frame.fill(&mut piece);
                filled.extend(piece);
                if frame.left() == 0 {
                    break;
                }
            }
            prop_assert_eq!(&filled, &expected);

            for skipped in [1, len, len + payload.len() / 2, expected.len()] {
                let mut frame = FrameBytes::new(&header, &payload);
                prop_assert_eq!(frame.as_is().map(|parts| parts.concat()), mask.is_none().then(|| expected.clone()));
                if mask.is_none() {
                    frame.skip(skipped);
                    let mut rest = Vec::new();
                    rest.put(frame);
                    prop_assert_eq!(&rest, &expected[skipped..]);
                }
            }

            let (mut vec, mut queue) = (vec![7], ByteQueue::default());
            vec.put(FrameBytes::new(&header, &payload));
            queue.put(FrameBytes::new(&header, &payload));
            prop_assert_eq!(&vec[1..], &expected[..]);
            prop_assert_eq!(&queue[..], &expected[..]);
        }
    }
}
