//! One WebSocket: frames out of the load, messages in.

use crate::Failure;
use crate::load::{Load, Tally};

/// A WebSocket that is open.
#[derive(Debug, Default)]
pub struct WebSocket {
    /// Bytes that are still to be sent, all of frames of the load.
    left: usize,
    /// How much of the frame at the front is sent.
    at: usize,
    head: [u8; 10],
    head_len: usize,
    state: State,
    /// The frame ends its message.
    fin: bool,
    /// How much of the message has come.
    received: usize,
    /// The first message that was compressed, which is inflated to be compared. Others are counted only.
    first: Option<Vec<u8>>,
    compared: bool,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    #[default]
    Head,
    /// Bytes of the frame's payload that are still to come.
    Payload(u64),
    /// The same, of a frame that is none of a message's.
    Skip(u64),
}

impl WebSocket {
    /// Has one more message to send.
    pub fn queue(&mut self, load: &Load) {
        self.left += load.frame_len();
    }

    /// What is to be sent next; empty for nothing.
    pub fn pending<'load>(&self, load: &'load Load) -> &'load [u8] {
        load.from(self.at, self.left)
    }

    /// The first `len` bytes of that are sent.
    pub fn sent(&mut self, len: usize, load: &Load) {
        self.left -= len;
        self.at = (self.at + len) % load.frame_len();
    }

    /// Takes what has come. Each message that is complete lets another one go.
    pub fn receive(&mut self, mut bytes: &[u8], load: &Load, tally: &mut Tally) -> Result<(), Failure> {
        loop {
            match self.state {
                State::Head => {
                    if !self.head(&mut bytes)? {
                        return Ok(());
                    }
                }
                State::Payload(left) => {
                    let len = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    if len == 0 && left > 0 {
                        return Ok(());
                    }
                    self.payload(&bytes[..len], load)?;
                    bytes = &bytes[len..];
                    self.state = State::Payload(left - len as u64);
                    if left == len as u64 {
                        self.state = State::Head;
                        if self.fin {
                            self.complete(load, tally)?;
                        }
                    }
                }
                State::Skip(left) => {
                    let len = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    bytes = &bytes[len..];
                    if len as u64 != left {
                        self.state = State::Skip(left - len as u64);
                        return Ok(());
                    }
                    self.state = State::Head;
                }
            }
        }
    }

    /// Reads a frame's head; `false` when it is not all there.
    fn head(&mut self, bytes: &mut &[u8]) -> Result<bool, Failure> {
        loop {
            let need = match self.head[1] {
                _ if self.head_len < 2 => 2,
                126 => 4,
                127 => 10,
                _ => 2,
            };
            if self.head_len == need {
                break;
            }
            let Some((first, rest)) = bytes.split_first() else { return Ok(false) };
            self.head[self.head_len] = *first;
            self.head_len += 1;
            *bytes = rest;
        }
        self.head_len = 0;
        let len = match self.head[1] {
            126 => u64::from(u16::from_be_bytes([self.head[2], self.head[3]])),
            127 => u64::from_be_bytes(*self.head.last_chunk().unwrap_or(&[0; 8])),
            len => len.into(),
        };
        match self.head[0] & 0xf {
            0..=2 => {
                self.fin = self.head[0] & 0x80 != 0;
                self.state = State::Payload(len);
            }
            8 => return Err("the server closed a WebSocket".into()),
            _ => self.state = State::Skip(len),
        }
        Ok(true)
    }

    fn payload(&mut self, bytes: &[u8], load: &Load) -> Result<(), Failure> {
        if load.deflate {
            if !self.compared {
                self.first.get_or_insert_default().extend_from_slice(bytes);
            }
        } else if load.message.get(self.received..self.received + bytes.len()) != Some(bytes) {
            return Err("a message came back changed".into());
        }
        self.received += bytes.len();
        Ok(())
    }

    fn complete(&mut self, load: &Load, tally: &mut Tally) -> Result<(), Failure> {
        let received = std::mem::take(&mut self.received);
        if load.deflate {
            if let Some(first) = self.first.take()
                && !load.is_deflated_message(&first)
            {
                return Err("a compressed message came back changed".into());
            }
            self.compared = true;
        } else if received != load.message.len() {
            return Err("a message came back too short".into());
        }
        tally.completed += 1;
        if !load.broadcast && tally.take_one() {
            self.queue(load);
        }
        Ok(())
    }
}
