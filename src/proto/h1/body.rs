//! The chunked coding (RFC 9112 §7.1), byte by byte where it is structure and in one piece where it is content.

use bytes::{Buf, Bytes, BytesMut};

use super::Reject;
use super::head::{BlockEnd, check_trailers};
use crate::proto::http::header::HeaderLimits;

/// What was found in a chunked body.
#[derive(Debug)]
pub(super) enum Piece {
    /// The input is used up.
    NeedMore,
    /// Content, never empty.
    Content(Bytes),
    /// The last chunk and the trailers are read.
    End,
}

/// Where in a chunked body the reader is.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// Bytes of chunk extensions so far, of all chunks.
    extensions: usize,
}

#[derive(Debug)]
enum State {
    /// In the digits of a chunk's size.
    Size { size: u64, digits: u8 },
    /// In the extensions after it, which mean nothing here.
    Extension { size: u64 },
    /// After the CR that ends the size line.
    SizeLf { size: u64 },
    /// In the content, that much of it to come.
    Content(u64),
    /// After the content.
    ContentCr,
    /// After the CR that ends the content.
    ContentLf,
    /// In the trailers after the last chunk.
    Trailers(BlockEnd),
}

/// Extensions are read by nobody; a body may not consist of them.
const MOST_EXTENSION_BYTES: usize = 4096;

/// Hexadecimal digits of a `u64`. Leading zeros count: there is no reason for more.
const MOST_SIZE_DIGITS: u8 = 16;

impl Chunked {
    pub(super) const fn new() -> Self {
        Self { state: State::NEXT_CHUNK, extensions: 0 }
    }

    /// Takes what it can off the front of `input`.
    pub(super) fn poll(&mut self, input: &mut BytesMut, limits: &HeaderLimits) -> Result<Piece, Reject> {
        loop {
            match &mut self.state {
                State::Content(left) => {
                    if input.is_empty() {
                        return Ok(Piece::NeedMore);
                    }
                    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    *left -= len as u64;
                    if *left == 0 {
                        self.state = State::ContentCr;
                    }
                    return Ok(Piece::Content(input.split_to(len).freeze()));
                }
                State::Trailers(end) => {
                    let Some(len) = end.find(input, limits)? else {
                        return Ok(Piece::NeedMore);
                    };
                    check_trailers(&input[..len], limits)?;
                    input.advance(len);
                    return Ok(Piece::End);
                }
                _ => {
                    let Some(&byte) = input.first() else {
                        return Ok(Piece::NeedMore);
                    };
                    self.step(byte)?;
                    input.advance(1);
                }
            }
        }
    }

    /// Takes one byte of what is not content.
    fn step(&mut self, byte: u8) -> Result<(), Reject> {
        self.state = match (&self.state, byte) {
            (&State::Size { size, digits }, byte) if byte.is_ascii_hexdigit() => {
                if digits == MOST_SIZE_DIGITS {
                    return Err(Reject::BadRequest("chunk size overflows"));
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                State::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (State::Size { digits: 0, .. }, _) => return Err(Reject::BadRequest("no chunk size")),
            (&(State::Size { size, .. } | State::Extension { size }), b'\r') => State::SizeLf { size },
            (&State::Size { size, .. }, b';') => State::Extension { size },
            (State::Size { .. }, _) => return Err(Reject::BadRequest("bad chunk size")),
            (&State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extensions += 1;
                if self.extensions > MOST_EXTENSION_BYTES {
                    return Err(Reject::BadRequest("chunk extensions over the limit"));
                }
                State::Extension { size }
            }
            (State::Extension { .. }, _) => {
                return Err(Reject::BadRequest("control byte in a chunk extension"));
            }
            (State::SizeLf { size: 0 }, b'\n') => State::Trailers(BlockEnd::of_trailers()),
            (&State::SizeLf { size }, b'\n') => State::Content(size),
            (State::ContentCr, b'\r') => State::ContentLf,
            (State::ContentLf, b'\n') => State::NEXT_CHUNK,
            _ => return Err(Reject::BadRequest("bad line end in a chunked body")),
        };
        Ok(())
    }
}

impl State {
    const NEXT_CHUNK: Self = Self::Size { size: 0, digits: 0 };
}
