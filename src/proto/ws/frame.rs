//! The head of a frame (RFC 6455 §5.2): what stands before the payload.

use super::{Opcode, Side, Violation};

/// The longest head: two bytes, eight of length, four of masking key.
pub const MOST_HEADER: usize = 14;

/// The longest payload of a control frame (RFC 6455 §5.5).
pub const MOST_CONTROL: usize = 125;

/// The first reserved bit, which says that a message is compressed (RFC 7692 §6).
pub const RSV1: u8 = 0x40;

const FIN: u8 = 0x80;
const RSV: u8 = 0x70;
const MASKED: u8 = 0x80;

/// The head of a frame.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// No frame of the message follows.
    pub fin: bool,
    /// The reserved bits, where they stand in the first byte: any of `0x70`.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key of a frame from a client.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub len: u64,
}

/// What the frames before say about the next one.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Expect {
    /// Who reads.
    pub side: Side,
    /// A message has begun and not ended.
    pub in_message: bool,
    /// [`RSV1`] has a meaning.
    pub compression: bool,
}

impl Header {
    /// Reads the head at the front of `bytes`; `None` when it is not all there. With the number of its bytes.
    ///
    /// What is wrong is seen at the first byte that shows it, so the answer does not depend on the pieces in which the
    /// head arrives.
    pub fn decode(bytes: &[u8], expect: Expect) -> Result<Option<(Self, usize)>, Violation> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        let opcode = opcode_of(first, expect)?;
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        let masked = second & MASKED != 0;
        match expect.side {
            Side::Server if !masked => return Err(Violation::protocol("frame of a client without mask")),
            Side::Client if masked => return Err(Violation::protocol("masked frame of a server")),
            Side::Server | Side::Client => {}
        }
        if opcode.is_control() && usize::from(second & !MASKED) > MOST_CONTROL {
            return Err(Violation::protocol("control frame with more than 125 bytes"));
        }
        let Some((len, at)) = length(bytes, second & !MASKED)? else {
            return Ok(None);
        };
        let mask = match bytes.get(at..).and_then(<[u8]>::first_chunk) {
            _ if !masked => None,
            Some(key) => Some(*key),
            None => return Ok(None),
        };
        let header = Self { fin: first & FIN != 0, rsv: first & RSV, opcode, mask, len };
        Ok(Some((header, at + if masked { 4 } else { 0 })))
    }

    /// The head as it stands on the wire, and how many of the bytes are it. The length is in its shortest form.
    #[must_use]
    pub fn encode(&self) -> ([u8; MOST_HEADER], usize) {
        let mut bytes = [0; MOST_HEADER];
        bytes[0] = if self.fin { FIN } else { 0 } | self.rsv & RSV | self.opcode as u8;
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        let mut at = match (u8::try_from(self.len), u16::try_from(self.len)) {
            (Ok(len), _) if len < 126 => {
                bytes[1] = masked + len;
                2
            }
            (_, Ok(len)) => {
                bytes[1] = masked + 126;
                bytes[2..4].copy_from_slice(&len.to_be_bytes());
                4
            }
            _ => {
                bytes[1] = masked + 127;
                bytes[2..10].copy_from_slice(&self.len.to_be_bytes());
                10
            }
        };
        if let Some(key) = self.mask {
            bytes[at..at + 4].copy_from_slice(&key);
            at += 4;
        }
        (bytes, at)
    }
}

/// What the first byte allows to be seen.
fn opcode_of(first: u8, expect: Expect) -> Result<Opcode, Violation> {
    let opcode = Opcode::from_number(first & 0xf).ok_or(Violation::protocol("reserved opcode"))?;
    let begins = matches!(opcode, Opcode::Text | Opcode::Binary);
    let meant = if begins && expect.compression { RSV1 } else { 0 };
    if first & RSV & !meant != 0 {
        return Err(Violation::protocol("reserved bit without meaning"));
    }
    if opcode.is_control() && first & FIN == 0 {
        return Err(Violation::protocol("fragmented control frame"));
    }
    if begins && expect.in_message {
        return Err(Violation::protocol("new message inside of a message"));
    }
    if opcode == Opcode::Continuation && !expect.in_message {
        return Err(Violation::protocol("continuation of nothing"));
    }
    Ok(opcode)
}

/// The payload's length and where it ends in `bytes`, `short` being what the second byte has of it.
fn length(bytes: &[u8], short: u8) -> Result<Option<(u64, usize)>, Violation> {
    match short {
        126 => {
            let Some(len) = bytes[2..].first_chunk() else {
                return Ok(None);
            };
            let len = u16::from_be_bytes(*len);
            if len < 126 {
                return Err(Violation::protocol("length not in its shortest form"));
            }
            Ok(Some((len.into(), 4)))
        }
        127 => {
            if bytes.get(2).is_some_and(|top| top & 0x80 != 0) {
                return Err(Violation::protocol("length with the top bit set"));
            }
            let Some(len) = bytes[2..].first_chunk() else {
                return Ok(None);
            };
            let len = u64::from_be_bytes(*len);
            if len <= u16::MAX.into() {
                return Err(Violation::protocol("length not in its shortest form"));
            }
            Ok(Some((len, 10)))
        }
        short => Ok(Some((short.into(), 2))),
    }
}
