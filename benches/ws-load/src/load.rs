//! What is sent, made once; and what has happened so far.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::Failure;

/// Frames of short messages lie there several times over, so that many go with one write.
const TOGETHER: usize = 64 * 1024;

/// The masking key of every frame. Servers cannot know that it is always the same.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The message, and its frame.
pub struct Load {
    /// Nobody answers; what one says reaches everybody.
    pub broadcast: bool,
    pub deflate: bool,
    /// The message itself.
    pub message: Vec<u8>,
    /// A frame of it, as often as fits.
    frames: Vec<u8>,
    frame_len: usize,
}

impl Load {
    pub fn new(size: usize, deflate: bool, broadcast: bool) -> Result<Self, Failure> {
        let message = text(size);
        let (rsv, payload) = if deflate { (0x40, compressed(&message)?) } else { (0, message.clone()) };
        let frame = masked_frame(rsv, &payload);
        let frames = frame.repeat((TOGETHER / frame.len()).max(1));
        Ok(Self { broadcast, deflate, message, frame_len: frame.len(), frames })
    }

    pub fn frame_len(&self) -> usize {
        self.frame_len
    }

    /// What follows when `at` bytes of a frame are sent, at most `len` bytes of it and of the frames behind.
    pub fn from(&self, at: usize, len: usize) -> &[u8] {
        &self.frames[at..self.frames.len().min(at + len)]
    }

    /// Whether what came back is the message, compressed.
    pub fn is_deflated_message(&self, payload: &[u8]) -> bool {
        let mut inflated = Vec::with_capacity(self.message.len() + 64);
        let mut input = payload.to_vec();
        input.extend_from_slice(&[0, 0, 0xff, 0xff]);
        Decompress::new(false).decompress_vec(&input, &mut inflated, FlushDecompress::Sync).is_ok()
            && inflated == self.message
    }
}

/// Text such as programs send one another: it compresses to a fourth or so.
fn text(size: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(size + 64);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    while text.len() < size {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        text.extend_from_slice(
            format!("{{\"id\":{},\"bid\":{}.{:02}}},", random >> 44, random & 0xfff, random >> 20 & 63)
                .as_bytes(),
        );
    }
    text.truncate(size);
    text
}

/// A message's payload as permessage-deflate has it, from an empty window.
fn compressed(message: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(message.len() + 1024);
    Compress::new(Compression::new(6), false)
        .compress_vec(message, &mut out, FlushCompress::Sync)
        .map_err(|error| error.to_string())?;
    out.truncate(out.len() - 4);
    Ok(out)
}

fn masked_frame(rsv: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81 | rsv];
    match payload.len() {
        len @ ..126 => frame.push(0x80 | len as u8),
        len @ ..65536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// What has happened.
#[derive(Debug, Default)]
pub struct Tally {
    /// WebSockets that are open.
    pub established: usize,
    /// Messages that may be sent in this phase.
    pub allowed: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages received, whole and right.
    pub completed: u64,
}

impl Tally {
    /// Begins a phase.
    pub fn start(&mut self, allowed: u64) {
        (self.allowed, self.sent, self.completed) = (allowed, 0, 0);
    }

    /// Whether one more may be sent; counts it.
    pub fn take_one(&mut self) -> bool {
        let may = self.sent < self.allowed;
        self.sent += u64::from(may);
        may
    }
}
