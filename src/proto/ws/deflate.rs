//! permessage-deflate (RFC 7692): what the two ends agreed on, and the two halves of it.

use bytes::{Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{CloseCode, Side, Violation};

/// What was agreed on, and how we use it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Params {
    /// The server begins each message with an empty window.
    pub server_no_context_takeover: bool,
    /// The client begins each message with an empty window.
    pub client_no_context_takeover: bool,
    /// The server's window is at most two to this: 8 to 15.
    pub server_max_window_bits: u8,
    /// The client's window is at most two to this: 8 to 15.
    pub client_max_window_bits: u8,
    /// How hard we compress: 0 to 9.
    pub level: u8,
    /// A message that inflates to more is refused with 1009.
    pub max_inflated: Option<u64>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: MOST_BITS,
            client_max_window_bits: MOST_BITS,
            level: 1,
            max_inflated: None,
        }
    }
}

/// The bounds of both windows.
pub(super) const LEAST_RFC_BITS: u8 = 8;
pub(super) const MOST_BITS: u8 = 15;

/// The smallest window that zlib has for raw DEFLATE. A compressor of that size does not look back further than 250
/// bytes (it keeps 262 of its 512 free for what it looks at), so it obeys a limit of 8 bits, too; that is also how zlib
/// itself and others serve 8. A decompressor may always be larger.
const LEAST_BITS: u8 = 9;

/// What a sender takes off the end of a message (RFC 7692 §7.2.1), and the receiver puts back.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// By how much the room for inflated data grows at a time.
const STEP: usize = 4096;

/// The most bytes of inflated data in one piece, however many are asked for.
const MOST_INFLATED: usize = 256 * 1024;

/// The receiving half: inflates the peer's messages.
#[derive(Debug)]
pub struct Inflater {
    bits: u8,
    takeover: bool,
    max_inflated: u64,
    /// Made at the first use.
    context: Option<Box<Decompress>>,
    /// Inflated and not handed out: one byte at most between calls.
    out: BytesMut,
    /// Bytes of this message that were inflated.
    inflated: u64,
    /// The decompressor filled the room it was given: it may have more.
    full: bool,
    /// Nothing was fed since the stream was at the start of a DEFLATE stream or message.
    clean: bool,
    /// How much of [`TAIL`] was fed at the end of this message.
    tail: usize,
}

/// What one call inflated.
pub(super) struct Inflated {
    /// At most as much as was asked for. When empty, all input was taken.
    pub(super) data: Bytes,
    /// Bytes taken off the input.
    pub(super) taken: usize,
    /// There is no more without more input.
    pub(super) drained: bool,
    /// The message has ended, and this was all of it.
    pub(super) ended: bool,
}

impl Inflater {
    /// What `side` receives with.
    #[must_use]
    pub fn new(side: Side, params: &Params) -> Self {
        let (bits, no_takeover) = params.of(match side {
            Side::Server => Side::Client,
            Side::Client => Side::Server,
        });
        Self {
            bits,
            takeover: !no_takeover,
            max_inflated: params.max_inflated.unwrap_or(u64::MAX),
            context: None,
            out: BytesMut::new(),
            inflated: 0,
            full: false,
            clean: true,
            tail: 0,
        }
    }

    /// Inflates the next of a message's `input`, which is the last of it if `ends`, to at most `chunk` bytes.
    ///
    /// What is not taken must be given again. One byte more than asked for is inflated, to know whether the message
    /// goes on behind the piece; it stays for the next call.
    pub(super) fn inflate(&mut self, input: &[u8], ends: bool, chunk: usize) -> Result<Inflated, Violation> {
        let chunk = chunk.min(MOST_INFLATED);
        let mut taken = 0;
        while self.out.len() <= chunk && (self.full || taken < input.len()) {
            taken += self.step(&input[taken..], chunk)?;
        }
        if ends && taken == input.len() {
            while self.out.len() <= chunk && !self.clean && (self.full || self.tail < TAIL.len()) {
                self.tail += self.step(&TAIL[self.tail..], chunk)?;
            }
        }
        let drained = self.out.len() <= chunk && !self.full;
        let ended = drained && ends && taken == input.len();
        let data = self.out.split_to(self.out.len().min(chunk)).freeze();
        if ended {
            self.end_message();
        }
        Ok(Inflated { data, taken, drained, ended })
    }

    /// One turn of the decompressor; how much of `input` it took.
    fn step(&mut self, input: &[u8], chunk: usize) -> Result<usize, Violation> {
        let context =
            self.context.get_or_insert_with(|| Box::new(Decompress::new_with_window_bits(false, self.bits)));
        let held = self.out.len();
        self.out.resize((held + STEP).min(chunk + 1), 0);
        let before = (context.total_in(), context.total_out());
        let status = context.decompress(input, &mut self.out[held..], FlushDecompress::Sync);
        let taken = (context.total_in() - before.0) as usize;
        let made = (context.total_out() - before.1) as usize;
        self.full = held + made == self.out.len();
        self.out.truncate(held + made);
        self.inflated += made as u64;
        if self.inflated > self.max_inflated {
            return Err(Violation {
                code: CloseCode::TOO_LARGE,
                why: "message inflates to more than is taken",
            });
        }
        match status {
            Ok(Status::StreamEnd) => {
                // A block with BFINAL ended (RFC 7692 §7.2.3.4): what follows is the next stream of the message.
                context.reset(false);
                self.full = false;
                self.clean = true;
            }
            Ok(Status::Ok | Status::BufError) if taken > 0 || made > 0 || input.is_empty() => {
                self.clean &= taken == 0;
            }
            _ => return Err(Violation::payload("compressed data that is not DEFLATE")),
        }
        Ok(taken)
    }

    fn end_message(&mut self) {
        self.inflated = 0;
        self.clean = true;
        self.tail = 0;
        if !self.takeover {
            self.context = None;
            self.out = BytesMut::new();
        }
    }
}

/// The sending half: deflates our messages.
#[derive(Debug)]
pub struct Deflater {
    bits: u8,
    takeover: bool,
    level: u8,
    /// Made at the first use.
    context: Option<Box<Compress>>,
}

impl Deflater {
    /// What `side` sends with.
    #[must_use]
    pub fn new(side: Side, params: &Params) -> Self {
        let (bits, no_takeover) = params.of(side);
        Self { bits, takeover: !no_takeover, level: params.level.min(9), context: None }
    }

    /// Appends to `out` what the next piece of a message, its last if `fin`, is in a frame.
    ///
    /// Each piece ends with a flush, so that the peer can inflate all of it; that leaves the stream at a byte's border.
    pub(super) fn deflate(&mut self, piece: &[u8], fin: bool, out: &mut Vec<u8>) {
        if !piece.is_empty() {
            self.compress(piece, out);
            if fin {
                out.truncate(out.len() - TAIL.len());
            }
        } else if fin {
            // The head of an empty stored block, whose rest is the tail (RFC 7692 §7.2.3.6).
            out.push(0);
        }
        if fin && !self.takeover {
            self.context = None;
        }
    }

    fn compress(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let context = self.context.get_or_insert_with(|| {
            Box::new(Compress::new_with_window_bits(Compression::new(self.level.into()), false, self.bits))
        });
        let mut taken = 0;
        loop {
            out.reserve((piece.len() - taken) / 2 + 64);
            let before = context.total_in();
            let status = context.compress_vec(&piece[taken..], out, FlushCompress::Sync);
            assert!(
                status.is_ok(),
                "a compressor refuses only parameters, which were checked when it was made"
            );
            taken += (context.total_in() - before) as usize;
            if taken == piece.len() && out.len() < out.capacity() {
                return;
            }
        }
    }
}

impl Params {
    /// Bits of the window and whether it is not kept, of what `sender` sends.
    fn of(&self, sender: Side) -> (u8, bool) {
        let (bits, no_takeover) = match sender {
            Side::Server => (self.server_max_window_bits, self.server_no_context_takeover),
            Side::Client => (self.client_max_window_bits, self.client_no_context_takeover),
        };
        (bits.clamp(LEAST_BITS, MOST_BITS), no_takeover)
    }
}
