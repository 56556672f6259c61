//! permessage-deflate (RFC 7692): what the two ends agreed on, and the two halves of it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

use super::settings::{Compressor, Settings, Tuning};
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
    /// How much memory we compress with: 1 to 9, each twice the one before.
    pub mem_level: u8,
    /// A compressed message that inflates to more is refused with 1009.
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
            mem_level: 8,
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
pub(super) const LEAST_BITS: u8 = 9;

/// What a sender takes off the end of a message (RFC 7692 §7.2.1), and the receiver puts back.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// By how much the room for inflated data grows at a time.
const STEP: usize = 4096;

/// The most bytes of inflated data in one piece, however many are asked for.
const MOST_INFLATED: usize = 256 * 1024;

/// The receiving half: inflates the peer's messages.
pub struct Inflater {
    bits: u8,
    takeover: bool,
    max_inflated: u64,
    tuning: Rc<Cell<Tuning>>,
    /// Made at the first use.
    context: Option<Box<Inflate>>,
    /// The last of what was inflated, as much as the window has: the decompressor forgets its own where a stream ends.
    history: VecDeque<u8>,
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
        Settings::new(side, params.clone()).inflater()
    }

    /// What receives from `sender`, in pieces as `tuning` has them.
    pub(super) fn of(sender: Side, params: &Params, tuning: Rc<Cell<Tuning>>) -> Self {
        let (bits, no_takeover) = params.of(sender);
        Self {
            bits,
            takeover: !no_takeover,
            max_inflated: params.max_inflated.unwrap_or(u64::MAX),
            tuning,
            context: None,
            history: VecDeque::new(),
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
        let chunk = chunk.min(MOST_INFLATED).min(self.tuning.get().largest_piece());
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
        let context = self.context.get_or_insert_with(|| Box::new(Inflate::new(false, self.bits)));
        let held = self.out.len();
        self.out.resize((held + STEP).min(chunk + 1), 0);
        let before = (context.total_in(), context.total_out());
        let status = context.decompress(input, &mut self.out[held..], InflateFlush::SyncFlush);
        let taken = (context.total_in() - before.0) as usize;
        let made = (context.total_out() - before.1) as usize;
        self.full = held + made == self.out.len();
        self.out.truncate(held + made);
        keep_last(&mut self.history, &self.out[held..], 1 << self.bits);
        self.inflated += made as u64;
        if self.inflated > self.max_inflated {
            return Err(Violation {
                code: CloseCode::TOO_LARGE,
                why: "message inflates to more than is taken",
            });
        }
        match status {
            Ok(Status::StreamEnd) => {
                // A block with BFINAL ended (RFC 7692 §7.2.3.4). What follows is the next stream of the message, which may
                // refer to what was before (§7.2.2).
                context.reset(false);
                let (older, newer) = self.history.as_slices();
                for part in [older, newer] {
                    if !part.is_empty() && context.set_dictionary(part).is_err() {
                        return Err(Violation::payload("compressed data without its window"));
                    }
                }
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
            self.history = VecDeque::new();
            self.out = BytesMut::new();
        }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater")
            .field("bits", &self.bits)
            .field("takeover", &self.takeover)
            .finish_non_exhaustive()
    }
}

/// Appends `new` to the last `most` bytes that `history` keeps.
fn keep_last(history: &mut VecDeque<u8>, new: &[u8], most: usize) {
    let new = &new[new.len().saturating_sub(most)..];
    let too_many = (history.len() + new.len()).saturating_sub(most);
    history.drain(..too_many);
    history.extend(new);
}

/// The sending half: deflates our messages.
pub struct Deflater {
    tuning: Rc<Cell<Tuning>>,
    /// A message has begun and not ended.
    in_message: bool,
    /// Made at the first use.
    context: Option<Context>,
}

/// A compressor, and what it was made for.
struct Context {
    deflate: Box<Deflate>,
    compressor: Compressor,
}

impl Deflater {
    /// What `side` sends with.
    #[must_use]
    pub fn new(side: Side, params: &Params) -> Self {
        Settings::new(side, params.clone()).deflater()
    }

    /// What sends as `tuning` has it.
    pub(super) fn of(tuning: Rc<Cell<Tuning>>) -> Self {
        Self { tuning, in_message: false, context: None }
    }

    /// Appends to `out` what the next piece of a message, its last if `fin`, is in a frame.
    ///
    /// Each piece ends with a flush, so that the peer can inflate all of it; that leaves the stream at a byte's border.
    pub(super) fn deflate(&mut self, piece: &[u8], fin: bool, out: &mut Vec<u8>) {
        let wanted = self.tuning.get().compressor;
        if !self.in_message && self.context.as_ref().is_some_and(|context| context.compressor != wanted) {
            // An empty window is one that the peer's decompressor has no objection to.
            self.context = None;
        }
        self.in_message = !fin;
        if !piece.is_empty() {
            self.compress(piece, out);
            if fin {
                out.truncate(out.len() - TAIL.len());
            }
        } else if fin {
            // The head of an empty stored block, whose rest is the tail (RFC 7692 §7.2.3.6).
            out.push(0);
        }
        if fin && self.tuning.get().no_takeover {
            self.context = None;
        }
    }

    fn compress(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let compressor = self.tuning.get().compressor;
        let context = self.context.get_or_insert_with(|| Context::new(compressor));
        let deflate = &mut context.deflate;
        let mut taken = 0;
        loop {
            let held = out.len();
            out.resize(held + (piece.len() - taken) / 2 + 64, 0);
            let before = (deflate.total_in(), deflate.total_out());
            let status = deflate.compress(&piece[taken..], &mut out[held..], DeflateFlush::SyncFlush);
            assert!(
                status.is_ok(),
                "a compressor refuses only parameters, which were checked when it was made"
            );
            taken += (deflate.total_in() - before.0) as usize;
            let made = (deflate.total_out() - before.1) as usize;
            let full = held + made == out.len();
            out.truncate(held + made);
            if taken == piece.len() && !full {
                return;
            }
        }
    }
}

impl Context {
    fn new(compressor: Compressor) -> Self {
        let config = DeflateConfig {
            // Without the head and checksum of zlib's own format.
            window_bits: -i32::from(compressor.bits),
            level: compressor.level.into(),
            mem_level: compressor.mem_level.into(),
            ..DeflateConfig::default()
        };
        Self { deflate: Box::new(Deflate::new_with_config(config)), compressor }
    }
}

impl std::fmt::Debug for Deflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflater").field("tuning", &self.tuning).finish_non_exhaustive()
    }
}

impl Params {
    /// Bits of the window and whether it is not kept, of what `sender` sends.
    pub(super) fn of(&self, sender: Side) -> (u8, bool) {
        let (bits, no_takeover) = match sender {
            Side::Server => (self.server_max_window_bits, self.server_no_context_takeover),
            Side::Client => (self.client_max_window_bits, self.client_no_context_takeover),
        };
        (bits.clamp(LEAST_BITS, MOST_BITS), no_takeover)
    }
}
