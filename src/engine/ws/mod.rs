//! WebSockets (RFC 6455), over a connection of their own that was HTTP/1 or over a stream of HTTP/2 (RFC 8441), from
//! either side.
//!
//! A wsi is a WebSocket when it has a [`WsCore`]: a connection whose protocol is [`Speaks::Ws`](super::connection::Speaks),
//! or a stream. Read in this order: [`upgrade`] (how a server's begins), [`mod@client`] (how a client's
//! does), [`drive`] (what is received), [`mod@write`] (what is
//! sent), [`close`] (how it ends). What differs between a connection and a stream is where bytes come from and go to
//! ([`drive`]'s `poll_ws`, [`mod@write`]'s `send_frame`); what differs between server and client is what the program is told,
//! which is `reason`'s to know.

pub mod client;
pub mod close;
pub mod drive;
pub mod upgrade;
pub mod write;

use std::cell::RefCell;
use std::ffi::CStr;

use bytes::BytesMut;

use super::reason::Reason;
use super::wsi::Wsi;
use crate::proto::ws::deflate::Params;
use crate::proto::ws::settings::Settings;
use crate::proto::ws::{Piece, Receiver, Sender, Side};

/// The one extension that there is, as programs are asked about it.
const EXTENSION: &CStr = c"permessage-deflate";

/// What a vhost's table of extensions says of permessage-deflate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// What a server agrees to, and what is not agreed on.
    pub params: Params,
    /// What a client offers, as it stands in the header; empty for nothing.
    pub offer: String,
}

/// How far a WebSocket has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The handshake is under way, nothing can be sent yet.
    #[default]
    Handshake,
    /// Messages go both ways.
    Open,
    /// Our CLOSE is sent: of what comes, only the peer's CLOSE matters.
    Closing,
    /// Nothing is sent or received any more.
    Over,
}

/// What the program is told of a WebSocket, on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The handshake is complete.
    Established,
    /// A piece of a message.
    Receive,
    /// A PONG.
    Pong,
    /// There is room for output.
    Writeable,
    /// It leaves its protocol.
    Drop,
    /// It is over.
    Closed,
}

/// What `side` calls it.
pub(super) fn reason(side: Side, told: Told) -> Reason {
    match (told, side) {
        (Told::Established, Side::Server) => Reason::Established,
        (Told::Established, Side::Client) => Reason::ClientEstablished,
        (Told::Receive, Side::Server) => Reason::Receive,
        (Told::Receive, Side::Client) => Reason::ClientReceive,
        (Told::Pong, Side::Server) => Reason::ReceivePong,
        (Told::Pong, Side::Client) => Reason::ClientReceivePong,
        (Told::Writeable, Side::Server) => Reason::ServerWriteable,
        (Told::Writeable, Side::Client) => Reason::ClientWriteable,
        (Told::Drop, Side::Server) => Reason::WsServerDropProtocol,
        (Told::Drop, Side::Client) => Reason::WsClientDropProtocol,
        (Told::Closed, Side::Server) => Reason::Closed,
        (Told::Closed, Side::Client) => Reason::ClientClosed,
    }
}

/// What the program may ask about the piece that it was given last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PieceInfo {
    /// The message begins with it (`lws_is_first_fragment`).
    pub first: bool,
    /// The message ends with it (`lws_is_final_fragment`).
    pub last: bool,
    /// The message is not text (`lws_frame_is_binary`).
    pub binary: bool,
    /// Bytes of its frame that are still to come (`lws_remaining_packet_payload`).
    pub remaining: u64,
    /// The reserved bits of its frame (`lws_get_reserved_bits`).
    pub reserved: u8,
}

impl From<&Piece> for PieceInfo {
    fn from(piece: &Piece) -> Self {
        Self {
            first: piece.first,
            last: piece.last,
            binary: piece.binary,
            remaining: piece.remaining,
            reserved: piece.rsv,
        }
    }
}

/// What a wsi has as a WebSocket.
pub struct WsCore {
    /// Which end of it we are.
    pub side: Side,
    /// How far it has come.
    pub stage: Stage,
    receiver: Receiver,
    sender: Sender,
    /// Of its compression, where that was agreed on.
    settings: Option<Settings>,
    /// What a stream has received and not parsed. A connection's is in its [`Net`](super::connection::Net).
    rx: BytesMut,
    /// Of the piece that the program was given last.
    pub piece: PieceInfo,
    /// A stream has nothing to be received, and its waker will tell when it has.
    drained: bool,
    /// Payload handed out since the program was last asked to write.
    unanswered: usize,
    /// The peer has sent its CLOSE.
    peer_closed: bool,
    /// Status and text of the CLOSE that the program has prepared (`lws_close_reason`); on a client also what the server's
    /// had.
    reason: Vec<u8>,
}

impl WsCore {
    /// At the start of its handshake.
    #[must_use]
    pub fn new(side: Side) -> Self {
        Self {
            side,
            stage: Stage::Handshake,
            receiver: Receiver::new(side, None),
            sender: Sender::new(side, None),
            settings: None,
            rx: BytesMut::new(),
            piece: PieceInfo::default(),
            drained: false,
            unanswered: 0,
            peer_closed: false,
            reason: Vec::new(),
        }
    }

    /// Messages are compressed from here on, as was agreed.
    pub(super) fn compress(&mut self, settings: Settings) {
        self.receiver = Receiver::new(self.side, Some(settings.inflater()));
        self.sender = Sender::new(self.side, Some(settings.deflater()));
        self.settings = Some(settings);
    }

    /// `lws_set_extension_option`: sets an option of an extension that is in use.
    pub fn set_option(&self, extension: &str, option: &str, value: Option<&str>) -> Result<(), &'static str> {
        match &self.settings {
            Some(settings) if EXTENSION.to_str() == Ok(extension) => settings.set(option, value),
            _ => Err("the extension is not in use"),
        }
    }

    /// What the program has prepared for the CLOSE, status first; empty when nothing.
    #[must_use]
    pub fn close_reason(&self) -> &[u8] {
        &self.reason
    }
}

/// The buffer in which what WebSockets have received is parsed. All have the same one, one after the other: they are idle most of
/// the time, and hold none then.
#[derive(Debug, Default)]
pub(in crate::engine) struct RxBuffer(RefCell<BytesMut>);

impl RxBuffer {
    /// Less room is not worth being kept.
    const LEAST: usize = 4 * 1024;
    /// More is given back to the system.
    const MOST: usize = 512 * 1024;

    /// Gives the buffer to who has none.
    pub(in crate::engine) fn lend(&self, rx: &mut BytesMut) {
        if rx.capacity() == 0 {
            *rx = self.0.take();
            rx.reserve(Self::LEAST);
        }
    }

    /// Takes it from who needs it no more.
    pub(in crate::engine) fn take_back(&self, rx: &mut BytesMut) {
        if rx.is_empty() {
            let mut rx = std::mem::take(rx);
            // What was read of it is room again, unless a piece is still in use somewhere.
            if rx.try_reclaim(Self::LEAST) && rx.capacity() <= Self::MOST {
                self.0.replace(rx);
            }
        }
    }
}

impl Wsi {
    /// Makes it a WebSocket.
    pub(super) fn set_ws(&self, ws: WsCore) {
        self.ws.with(|slot| *slot = Some(Box::new(ws)));
    }

    /// Opens what it has as a WebSocket; `None` for anything else.
    pub fn with_ws<R>(&self, work: impl FnOnce(&mut WsCore) -> R) -> Option<R> {
        self.ws.with(|ws| ws.as_deref_mut().map(work))
    }

    /// Whether it is a WebSocket, or becoming one.
    pub fn is_ws(&self) -> bool {
        self.ws.with(|ws| ws.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_buffer_serves_one_after_the_other_and_is_held_by_nobody_idle() {
        let spare = RxBuffer::default();
        let mut first = BytesMut::new();
        spare.lend(&mut first);
        first.extend_from_slice(b"message");
        let (at, piece) = (first.as_ptr(), first.split_to(4));
        spare.take_back(&mut first);
        assert_eq!(&first[..], b"age", "what is not parsed stays");
        drop((piece, first.split()));
        spare.take_back(&mut first);
        assert_eq!(first.capacity(), 0);
        let mut second = BytesMut::new();
        spare.lend(&mut second);
        assert_eq!(second.as_ptr(), at, "also the room of what was taken off it");
        assert!(second.capacity() >= RxBuffer::LEAST);
    }

    #[test]
    fn what_is_in_use_or_too_large_is_not_kept() {
        let spare = RxBuffer::default();
        let mut rx = BytesMut::new();
        spare.lend(&mut rx);
        rx.extend_from_slice(&[1; RxBuffer::LEAST]);
        let piece = rx.split();
        spare.take_back(&mut rx);
        assert_eq!(spare.0.borrow().capacity(), 0);
        assert_eq!(piece[..], [1; RxBuffer::LEAST]);
        let mut giant = BytesMut::with_capacity(RxBuffer::MOST + 1);
        spare.take_back(&mut giant);
        assert_eq!((giant.capacity(), spare.0.borrow().capacity()), (0, 0));
    }
}
