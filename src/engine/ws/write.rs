//! What a WebSocket sends: frames, into its connection's output or its stream's.

use super::{Stage, WsCore};
use crate::engine::context::Context;
use crate::engine::drive::stream_io;
use crate::engine::farewell::Farewell;
use crate::engine::write::{FLUSH_AT, WriteError};
use crate::engine::wsi::Wsi;
use crate::proto::ws::{CloseCode, Opcode, SendError, Side};
use crate::util::blocks::BLOCK;

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
        self.send_frame(wsi, plain, |ws, out, key| {
            if opcode.is_control() {
                ws.sender.control(out, opcode, payload, key)
            } else {
                ws.sender.message(out, opcode, fin, payload, key)
            }
        })?;
        Ok(payload.len())
    }

    /// Sends a PING or PONG of the library's own.
    pub(super) fn send_control(&self, wsi: &Wsi, opcode: Opcode, payload: &[u8]) -> Result<(), WriteError> {
        self.send_frame(wsi, false, |ws, out, key| ws.sender.control(out, opcode, payload, key))
    }

    /// Sends the CLOSE. Without a code it is empty.
    pub(super) fn send_close(
        &self,
        wsi: &Wsi,
        code: Option<CloseCode>,
        text: &[u8],
    ) -> Result<(), WriteError> {
        self.send_frame(wsi, false, |ws, out, key| ws.sender.close(out, code, text, key))
    }

    /// Has a frame made, and takes it for sending.
    fn send_frame(
        &self,
        wsi: &Wsi,
        plain: bool,
        make: impl FnOnce(&mut WsCore, &mut Vec<u8>, [u8; 4]) -> Result<(), SendError>,
    ) -> Result<(), WriteError> {
        let connection = self.connection_of(wsi).ok_or(WriteError::Gone)?;
        let mut frame = Vec::new();
        wsi.with_ws(|ws| {
            let is_masked = ws.side == Side::Client && !plain;
            let key = if is_masked { self.mask_key()? } else { [0; 4] };
            make(ws, &mut frame, key).map_err(WriteError::Frame)
        })
        .ok_or(WriteError::NotWebSocket)??;
        if wsi.is_stream() {
            stream_io(wsi, |io, _| {
                frame.chunks(BLOCK).try_for_each(|piece| io.send_data(self.blocks.copy(piece), false))
            })
            .ok_or(WriteError::Gone)??;
            connection.with_net(|net| net.room = net.room.saturating_sub(frame.len()));
            self.mark_ready(wsi);
            return Ok(());
        }
        let full = connection.with_net(|net| {
            let open = net.farewell == Farewell::No;
            if open {
                net.tx.extend_from_slice(&frame);
            }
            open.then_some(net.tx.len() >= FLUSH_AT)
        });
        if full.flatten().ok_or(WriteError::Gone)? {
            self.flush_quietly(connection);
        }
        self.schedule(connection);
        Ok(())
    }

    /// What the next frame of a client is masked with: nobody may guess it (RFC 6455 §10.3).
    fn mask_key(&self) -> Result<[u8; 4], WriteError> {
        self.random.borrow_mut().take().map_err(|_| WriteError::NoMask)
    }
}
