//! What a WebSocket sends: frames, into its connection's output or its stream's.

use std::os::fd::BorrowedFd;

use super::Stage;
use super::drive::BACKLOG;
use crate::engine::connection::Net;
use crate::engine::context::Context;
use crate::engine::drive::stream_io;
use crate::engine::farewell::Farewell;
use crate::engine::timer::Usec;
use crate::engine::write::{FLUSH_AT, WriteError};
use crate::engine::wsi::Wsi;
use crate::proto::h2::{self, StreamIo};
use crate::proto::ws::{CloseCode, FrameBytes, FrameSink, Opcode, SendError, Sender, Side};
use crate::util::blocks::{BLOCK, Blocks};

/// What a program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// A message's text, bytes or continuation; a ping or a pong.
    pub opcode: Opcode,
    /// The message ends with it.
    pub fin: bool,
    /// A client's frame is not to be made unguessable (`LWS_WRITE_CLIENT_IGNORE_XOR_MASK`).
    pub plain: bool,
}

impl From<SendError> for WriteError {
    fn from(error: SendError) -> Self {
        Self::Frame(error)
    }
}

/// A frame of at least so many bytes need not wait for others to leave with it.
const LONG: usize = 16 * 1024;

/// A frame for the connection that is the WebSocket's own.
struct IntoConnection<'a> {
    net: &'a mut Net,
    socket: BorrowedFd<'a>,
    now: Usec,
}

impl FrameSink for IntoConnection<'_> {
    fn put(&mut self, mut frame: FrameBytes<'_>) {
        // A long one leaves from where it lies, as much of it as the socket takes.
        if frame.left() >= LONG
            && let Some(parts) = frame.as_is()
        {
            let sent = self.net.send_at_once(self.socket, parts, self.now);
            frame.skip(sent);
        }
        self.net.tx.put(frame);
    }
}

/// A frame for the stream of HTTP/2 that carries the WebSocket.
struct IntoStream<'a> {
    io: &'a mut dyn StreamIo,
    blocks: &'a Blocks,
    sent: Result<usize, h2::SendError>,
}

impl FrameSink for IntoStream<'_> {
    fn put(&mut self, mut frame: FrameBytes<'_>) {
        let len = frame.left();
        while frame.left() > 0 && self.sent.is_ok() {
            let piece = self.blocks.make(frame.left().min(BLOCK), |place| frame.fill(place));
            self.sent = self.io.send_data(piece, false).map(|()| len);
        }
    }
}

impl Context {
    /// Takes `payload` for sending in one frame; all of it, or none with an error.
    pub fn write_ws(&self, wsi: &Wsi, payload: &[u8], frame: Frame) -> Result<usize, WriteError> {
        if !wsi.is_open() {
            return Err(WriteError::Gone);
        }
        match wsi.with_ws(|ws| ws.stage) {
            None => return Err(WriteError::NotWebSocket),
            Some(Stage::Open) => {}
            Some(Stage::Handshake | Stage::Closing | Stage::Over) => return Err(WriteError::NotOpen),
        }
        let Frame { opcode, fin, plain } = frame;
        self.send_frame(wsi, plain, |sender, out, key| {
            if opcode.is_control() {
                sender.control(out, opcode, payload, key)
            } else {
                sender.message(out, opcode, fin, payload, key)
            }
        })?;
        Ok(payload.len())
    }

    /// Sends a PING or PONG of the library's own.
    pub(super) fn send_control(&self, wsi: &Wsi, opcode: Opcode, payload: &[u8]) -> Result<(), WriteError> {
        self.send_frame(wsi, false, |sender, out, key| sender.control(out, opcode, payload, key))
    }

    /// Sends the CLOSE. Without a code it is empty.
    pub(super) fn send_close(
        &self,
        wsi: &Wsi,
        code: Option<CloseCode>,
        text: &[u8],
    ) -> Result<(), WriteError> {
        self.send_frame(wsi, false, |sender, out, key| sender.close(out, code, text, key))
    }

    /// Has a frame made where it is sent from: its connection's output, or its stream's blocks.
    fn send_frame(
        &self,
        wsi: &Wsi,
        plain: bool,
        make: impl FnOnce(&mut Sender, &mut dyn FrameSink, [u8; 4]) -> Result<(), SendError>,
    ) -> Result<(), WriteError> {
        let connection = self.connection_of(wsi).ok_or(WriteError::Gone)?;
        let make = |out: &mut dyn FrameSink| {
            wsi.with_ws(|ws| {
                let is_masked = ws.side == Side::Client && !plain;
                let key = if is_masked { self.mask_key()? } else { [0; 4] };
                make(&mut ws.sender, out, key).map_err(WriteError::Frame)
            })
            .unwrap_or(Err(WriteError::NotWebSocket))
        };
        if wsi.is_stream() {
            let sent = stream_io(wsi, |io, _| {
                let mut out = IntoStream { io, blocks: &self.blocks, sent: Ok(0) };
                make(&mut out)?;
                let len = out.sent?;
                Ok::<_, WriteError>((len, io.backlog() >= BACKLOG))
            });
            let (len, swamped) = sent.ok_or(WriteError::Gone)??;
            connection.with_net(|net| net.room = net.room.saturating_sub(len));
            if swamped {
                // What a peer does not take is timed, also if nothing else happens on the stream.
                self.mark_ready(wsi);
            }
        } else {
            let now = self.now();
            let full = connection.with_fd(|fd| {
                connection.with_net(|net| {
                    if net.farewell != Farewell::No {
                        return Err(WriteError::Gone);
                    }
                    make(&mut IntoConnection { net, socket: fd, now })?;
                    Ok(net.tx.len() >= FLUSH_AT)
                })
            });
            if full.flatten().ok_or(WriteError::Gone)?? {
                self.flush_quietly(connection);
            }
        }
        self.schedule(connection);
        Ok(())
    }

    /// What the next frame of a client is masked with: nobody may guess it (RFC 6455 §10.3).
    fn mask_key(&self) -> Result<[u8; 4], WriteError> {
        self.random.borrow_mut().take().map_err(|_| WriteError::NoMask)
    }
}
