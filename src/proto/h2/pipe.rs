//! The two directions in memory, and the h2 crate's side of them.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::util::byte_queue::{ByteQueue, Spares};

/// Plaintext bytes waiting to be sent above which no more frames are produced.
pub const HIGH_WATER: usize = 256 * 1024;

/// The two directions in memory.
pub(super) struct Pipe {
    pub(super) inbound: BytesMut,
    pub(super) outbound: ByteQueue,
    pub(super) eof: bool,
    /// What the h2 crate may have of `inbound`.
    gate: Gate,
}

impl Pipe {
    pub(super) fn new(spares: &Spares, gate: Gate) -> Self {
        Self { inbound: BytesMut::new(), outbound: ByteQueue::new(spares), eof: false, gate }
    }

    /// Lets so many more heads pass the gate.
    pub(super) fn open_gate(&mut self, heads: usize) {
        self.gate.heads = heads;
        self.gate.holds = false;
    }

    /// Whether a head was held back since the gate was opened.
    pub(super) fn gate_holds(&self) -> bool {
        self.gate.holds
    }
}

/// Lets requests through one by one.
///
/// The h2 crate takes in all that it can read before it gives a request out. When many come at once, so many of each of
/// its allocations live at the same time that the allocator's quick lists are exhausted; one by one, each request finds
/// the memory that the one before has left.
///
/// And it takes out SETTINGS acknowledgements that acknowledge nothing: libwebsockets acknowledges our acknowledgement, too.
/// No rule forbids it (RFC 9113 §6.5.3), but the h2 crate ends the connection.
pub(super) struct Gate {
    /// Bytes of frames that are on their way through, from the start of what is inbound.
    passing: usize,
    /// Heads that may pass before the gate is opened anew.
    heads: usize,
    /// A head was held back.
    holds: bool,
    /// The peer has acknowledged our SETTINGS, of which there is one frame.
    acknowledged: bool,
}

impl Gate {
    const FRAME_HEADER: usize = 9;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const ACK: u8 = 1;

    /// A closed one, on a connection from its preface on.
    pub(super) fn new() -> Self {
        Self { passing: super::PREFACE.len(), heads: 0, ..Self::open() }
    }

    /// One that lets any number of heads through, on a connection that begins with a frame.
    pub(super) fn open() -> Self {
        Self { passing: 0, heads: usize::MAX, holds: false, acknowledged: false }
    }

    /// How many of the first bytes may pass. A frame of which not even the header is complete waits for it.
    fn passable(&mut self, inbound: &mut BytesMut) -> usize {
        while let Some(header) =
            inbound.get(self.passing..).and_then(<[u8]>::first_chunk::<{ Self::FRAME_HEADER }>)
        {
            match header[3] {
                Self::HEADERS if self.heads == 0 => {
                    self.holds = true;
                    break;
                }
                Self::HEADERS => self.heads -= 1,
                Self::SETTINGS if Self::is_acknowledgement(header) => {
                    if self.acknowledged && self.passing > 0 {
                        // It is taken out when what is before it has passed.
                        break;
                    }
                    if self.acknowledged {
                        inbound.advance(Self::FRAME_HEADER);
                        continue;
                    }
                    self.acknowledged = true;
                }
                // The h2 crate must see how many requests are reset before they are taken: too many are an attack.
                Self::RST_STREAM => self.heads = usize::MAX,
                _ => {}
            }
            let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
            self.passing += Self::FRAME_HEADER + length as usize;
        }
        self.passing.min(inbound.len())
    }

    /// Whether this header of a SETTINGS frame is all of an acknowledgement.
    fn is_acknowledgement(header: &[u8; Self::FRAME_HEADER]) -> bool {
        *header == [0, 0, 0, Self::SETTINGS, Self::ACK, 0, 0, 0, 0]
    }
}

/// The h2 crate's side of the pipe.
pub(super) struct MemIo(pub(super) Rc<RefCell<Pipe>>);

impl AsyncRead for MemIo {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Pipe { inbound, gate, eof, .. } = &mut *self.0.borrow_mut();
        if *eof {
            gate.heads = usize::MAX;
        }
        let passable = match gate.passable(inbound) {
            // The beginning of a frame that will never be whole.
            0 if *eof => inbound.len(),
            passable => passable,
        };
        let n = passable.min(buf.remaining());
        if n == 0 && !*eof {
            return Poll::Pending;
        }
        gate.passing = gate.passing.saturating_sub(n);
        buf.put_slice(&inbound[..n]);
        inbound.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MemIo {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.borrow_mut();
        if pipe.outbound.len() >= HIGH_WATER {
            return Poll::Pending;
        }
        pipe.outbound.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.borrow_mut();
        if pipe.outbound.len() >= HIGH_WATER {
            return Poll::Pending;
        }
        let before = pipe.outbound.len();
        for buf in bufs {
            pipe.outbound.extend_from_slice(buf);
        }
        Poll::Ready(Ok(pipe.outbound.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const DATA: u8 = 0;
    const PING: u8 = 6;

    fn frame(kind: u8, len: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, len, kind, 0, 0, 0, 0, 1];
        frame.resize(Gate::FRAME_HEADER + usize::from(len), kind);
        frame
    }

    fn gated(frames: &[Vec<u8>]) -> Rc<RefCell<Pipe>> {
        let mut pipe = Pipe::new(&Spares::default(), Gate::new());
        pipe.inbound.extend_from_slice(crate::proto::h2::PREFACE);
        pipe.inbound.extend_from_slice(&frames.concat());
        Rc::new(RefCell::new(pipe))
    }

    /// All that can be read, in pieces of `step` bytes.
    fn read(pipe: &Rc<RefCell<Pipe>>, step: usize) -> usize {
        let mut all = Vec::new();
        take(pipe, step, &mut all);
        all.len()
    }

    fn take(pipe: &Rc<RefCell<Pipe>>, step: usize, all: &mut Vec<u8>) {
        loop {
            let mut room = vec![0; step];
            let mut buf = ReadBuf::new(&mut room);
            let mut cx = Context::from_waker(Waker::noop());
            let read = Pin::new(&mut MemIo(Rc::clone(pipe))).poll_read(&mut cx, &mut buf);
            if read.is_pending() || buf.filled().is_empty() {
                return;
            }
            all.extend_from_slice(buf.filled());
        }
    }

    #[test]
    fn heads_pass_one_by_one_and_take_along_what_is_between() {
        let frames = [
            frame(PING, 8),
            frame(Gate::HEADERS, 20),
            frame(DATA, 50),
            frame(Gate::HEADERS, 1),
            frame(PING, 8),
        ];
        for step in [1, 7, 64, 1000] {
            let pipe = gated(&frames);
            let mut sizes = Vec::new();
            for heads in [0, 1, 0, 1, 1] {
                pipe.borrow_mut().open_gate(heads);
                sizes.push((read(&pipe, step), pipe.borrow().gate_holds()));
            }
            let preface = crate::proto::h2::PREFACE.len();
            assert_eq!(
                sizes,
                [(preface + 17, true), (29 + 59, true), (0, true), (10 + 17, false), (0, false)]
            );
        }
    }

    #[test]
    fn one_acknowledgement_passes() {
        const ACK: [u8; Gate::FRAME_HEADER] = [0, 0, 0, Gate::SETTINGS, Gate::ACK, 0, 0, 0, 0];
        // Look like one, and are none: of a stream, of a PING, SETTINGS themselves; and what is inside of DATA.
        let others =
            [[0, 0, 0, 4, 1, 0, 0, 0, 1], [0, 0, 0, 6, 1, 0, 0, 0, 0], [0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
        let data = [&[0, 0, 9, 0, 0, 0, 0, 0, 1][..], &ACK].concat();
        let good = [&frame(PING, 8)[..], &ACK, &data, &others, &frame(DATA, 3)].concat();
        let mut sent = good.clone();
        for at in [good.len(), good.len() - 12, 17 + Gate::FRAME_HEADER] {
            sent.splice(at..at, [ACK, ACK].concat());
        }
        for piece in (1..40).chain([sent.len()]) {
            for step in [1, 7, 9, 30, 1000] {
                let pipe = Rc::new(RefCell::new(Pipe::new(&Spares::default(), Gate::open())));
                let mut passed = Vec::new();
                for piece in sent.chunks(piece) {
                    pipe.borrow_mut().inbound.extend_from_slice(piece);
                    take(&pipe, step, &mut passed);
                }
                assert_eq!(passed, good, "{piece} at a time, read {step} at a time");
            }
        }
    }

    #[test]
    fn a_frame_comes_when_its_header_is_complete() {
        let pipe = gated(&[]);
        pipe.borrow_mut().open_gate(usize::MAX);
        assert_eq!(read(&pipe, 100), crate::proto::h2::PREFACE.len());
        let frame = frame(DATA, 30);
        let mut seen = Vec::new();
        for byte in frame {
            pipe.borrow_mut().inbound.extend_from_slice(&[byte]);
            seen.push(read(&pipe, 100));
        }
        assert_eq!(seen[..10], [0, 0, 0, 0, 0, 0, 0, 0, 9, 1]);
        assert_eq!(seen.iter().sum::<usize>(), 39);
    }

    #[test]
    fn a_reset_and_the_end_open_the_gate() {
        let heads = || [Gate::HEADERS; 3].map(|kind| frame(kind, 4)).to_vec();
        let pipe = gated(&[vec![frame(Gate::HEADERS, 4), frame(Gate::RST_STREAM, 4)], heads()].concat());
        pipe.borrow_mut().open_gate(1);
        read(&pipe, 1000);
        assert!(
            pipe.borrow().inbound.is_empty(),
            "the h2 crate counts streams that are reset before they are taken"
        );
        let pipe = gated(&heads());
        pipe.borrow_mut().eof = true;
        read(&pipe, 1000);
        assert!(pipe.borrow().inbound.is_empty());
    }
}
