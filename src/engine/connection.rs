//! A connection: its socket, its TLS, and which protocol it turned out to speak.
//!
//! Reading takes everything the socket has (bounded per turn) through TLS, so that no decrypted byte is ever
//! left where the event loop cannot see it. Writing collects in memory and leaves once per turn.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use bytes::BytesMut;
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::context::Context;
use super::event_loop::interest;
use super::farewell::Farewell;
use super::ledger::Kind;
use super::timer::Usec;
use super::wsi::{Life, Wsi};
use crate::engine::vhost::{PlainOnTls, Vhost};
use crate::proto::h1::client::{BadResponse, ClientEvent, H1Client};
use crate::proto::h1::{self, H1Server};
use crate::proto::h2::{H2Client, H2ClientSettings, H2Server, PREFACE, WakeQueue};
use crate::proto::tls::{ClientHello, Handshake, Tls, TlsServer, looks_like_tls};
use crate::util::byte_queue::{ByteQueue, Spares};
use crate::util::slots::Id;

/// Bytes read from one socket in one turn, before others get theirs.
const READ_PER_TURN: usize = 512 * 1024;

/// The same of a WebSocket: what has been read is still in the processor's cache when the program gets to see it.
const READ_PER_TURN_WS: usize = 128 * 1024;

/// Output waiting in memory above which nobody is asked to write more.
pub const HIGH_WATER: usize = 256 * 1024;

/// The protocol of a connection.
pub enum Speaks {
    /// Not known: nothing, or too little, has been received.
    Unknown,
    /// HTTP/1.x.
    H1(H1Server),
    /// HTTP/2.
    H2(Box<H2Server>),
    /// HTTP/1.x, from the client's side.
    H1Client(Box<H1Client>),
    /// HTTP/2, from the client's side.
    H2Client(Box<H2Client>),
    /// WebSocket, from either side; the wsi has what belongs to it.
    Ws,
}

/// What a connection is beside its descriptor.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the socket")]
pub struct Net {
    /// TLS, when the bytes on the wire are not plain.
    pub tls: Option<Box<Tls>>,
    /// TLS is expected, but the first bytes will tell.
    pub tls_pending: bool,
    /// Above TLS.
    pub speaks: Speaks,
    /// Plaintext received and not yet parsed (HTTP/1, WebSocket, or not known).
    pub rx: BytesMut,
    /// Plaintext to send (HTTP/1; HTTP/2 keeps its own).
    pub tx: ByteQueue,
    spares: Spares,
    /// Bytes that streams may still produce before what they have produced is sent (HTTP/2).
    pub room: usize,
    /// A stream was given up, and the protocol has not been polled since (HTTP/2).
    pub reset_due: bool,
    /// The peer has ended its side.
    pub eof: bool,
    /// The socket failed; there is no point in flushing.
    pub dead: bool,
    /// How the socket or its TLS failed, for the program to be told.
    pub lost: Option<String>,
    /// The peer has said, in TLS, that nothing more comes: nobody has cut it off.
    pub close_notify: bool,
    /// The kernel took no more when last asked.
    pub blocked: bool,
    /// When the kernel last took something.
    pub moved_at: Usec,
    /// How far its orderly end has come.
    pub farewell: Farewell,
    /// The peer may still be sending: it must get to see our last words before the socket closes.
    pub linger: bool,
    /// The streams of HTTP/2, in no order.
    pub streams: Vec<Id>,
    /// Streams that have something to do.
    pub ready: Vec<Id>,
    /// Where streams report news.
    pub wakes: Option<Arc<WakeQueue>>,
    /// The last drive left work for another turn.
    pub more: bool,
    /// Answer everything with a redirect to https.
    pub redirect_to_tls: bool,
    /// Output bytes that the ledger knows of.
    accounted: usize,
}

impl Net {
    /// A fresh connection.
    #[must_use]
    pub fn new(tls: bool, spares: &Spares) -> Self {
        Self {
            tls: None,
            tls_pending: tls,
            speaks: Speaks::Unknown,
            rx: BytesMut::new(),
            tx: ByteQueue::new(spares),
            spares: spares.clone(),
            room: HIGH_WATER,
            reset_due: false,
            eof: false,
            dead: false,
            lost: None,
            close_notify: false,
            blocked: false,
            moved_at: 0,
            farewell: Farewell::No,
            linger: false,
            streams: Vec::new(),
            ready: Vec::new(),
            wakes: None,
            more: false,
            redirect_to_tls: false,
            accounted: 0,
        }
    }

    /// Output that waits in memory, encrypted or not.
    #[must_use]
    pub fn pending(&self) -> usize {
        let protocol = match &self.speaks {
            Speaks::H2(h2) => h2.output_len(),
            Speaks::H2Client(h2) => h2.output_len(),
            _ => 0,
        };
        self.tx.len() + protocol + self.tls.as_ref().map_or(0, |tls| tls.pending_output())
    }

    /// Input that waits in memory, because the protocol cannot take it now.
    fn unparsed(&self) -> usize {
        match &self.speaks {
            Speaks::H2(h2) => h2.input_len(),
            Speaks::H2Client(h2) => h2.input_len(),
            _ => self.rx.len(),
        }
    }

    /// The HTTP/2 side, if it is that.
    pub(super) fn h2(&mut self) -> Option<&mut H2Server> {
        match &mut self.speaks {
            Speaks::H2(h2) => Some(h2),
            _ => None,
        }
    }

    /// The HTTP/2 side of a client, if it is that.
    pub(super) fn h2_client(&mut self) -> Option<&mut H2Client> {
        match &mut self.speaks {
            Speaks::H2Client(h2) => Some(h2),
            _ => None,
        }
    }

    /// The next thing that a client's HTTP/1 connection has received, if it is that.
    pub(super) fn next_answer(&mut self) -> Option<Result<ClientEvent, BadResponse>> {
        match &mut self.speaks {
            Speaks::H1Client(parser) => Some(parser.poll(&mut self.rx)),
            _ => None,
        }
    }

    /// What it means to a client's HTTP/1 connection that nothing more comes.
    pub(super) fn end_of_answers(&mut self) -> Option<Result<ClientEvent, BadResponse>> {
        match &mut self.speaks {
            Speaks::H1Client(parser) => Some(parser.eof()),
            _ => None,
        }
    }

    /// Asks the peer whether it lives; the connection is to be driven for it.
    pub(super) fn ask_for_life(&mut self) {
        match &mut self.speaks {
            Speaks::H2(h2) => h2.ping(),
            Speaks::H2Client(h2) => h2.ping(),
            _ => {}
        }
    }

    /// The next thing that an HTTP/1 connection has received, if it is that.
    pub(super) fn parse(&mut self) -> Option<Result<h1::Event, h1::Reject>> {
        match &mut self.speaks {
            Speaks::H1(parser) => Some(parser.poll(&mut self.rx)),
            _ => None,
        }
    }

    /// An HTTP/1 connection goes on to its next request.
    pub(super) fn next_request(&mut self) {
        if let Speaks::H1(parser) = &mut self.speaks {
            parser.next_request();
        }
    }

    /// Whether it speaks WebSocket.
    pub(super) fn is_ws(&self) -> bool {
        matches!(self.speaks, Speaks::Ws)
    }

    /// Whether it speaks HTTP/2.
    #[must_use]
    pub fn is_h2(&self) -> bool {
        matches!(self.speaks, Speaks::H2(_) | Speaks::H2Client(_))
    }

    /// Whether the end of what was received may be somebody else's doing: TLS had none.
    pub(super) fn is_truncated(&self) -> bool {
        self.tls.is_some() && !self.close_notify
    }

    /// Sends the concatenation of `parts` before anything is queued, if nothing is and they are sent as they are; how many bytes
    /// have gone. What is wrong with the socket shows when the rest is flushed.
    pub(super) fn send_at_once(&mut self, fd: BorrowedFd<'_>, parts: [&[u8]; 2], now: Usec) -> usize {
        if self.tls.is_some() || !self.tx.is_empty() || self.blocked || self.dead {
            return 0;
        }
        let mut socket = Socket { fd, blocked: false, moved: false };
        let sent = io::Write::write_vectored(&mut socket, &parts.map(IoSlice::new)).unwrap_or(0);
        if socket.moved {
            self.moved_at = now;
        }
        sent
    }

    /// Sends what it can; `false` when the socket failed.
    pub(super) fn flush(&mut self, fd: BorrowedFd<'_>, now: Usec) -> bool {
        self.blocked = false;
        if self.dead {
            return false;
        }
        let Self { tls, speaks, tx, .. } = self;
        let mut socket = Socket { fd, blocked: false, moved: false };
        let sent = match (speaks, tls) {
            (Speaks::H2(h2), None) => h2.output(|out| send_plain(&mut socket, out)),
            (Speaks::H2Client(h2), None) => h2.output(|out| send_plain(&mut socket, out)),
            (_, None) => send_plain(&mut socket, tx),
            (Speaks::H2(h2), Some(tls)) => h2.output(|out| send_tls(&mut socket, tls, out)),
            (Speaks::H2Client(h2), Some(tls)) => h2.output(|out| send_tls(&mut socket, tls, out)),
            (_, Some(tls)) => send_tls(&mut socket, tls, tx),
        };
        self.blocked = socket.blocked;
        if socket.moved {
            self.moved_at = now;
        }
        if let Err(error) = sent {
            crate::log_debug!("send: {error}");
            self.dead = true;
            self.lost.get_or_insert_with(|| format!("sending failed: {error}"));
        }
        !self.dead
    }
}

/// The socket as rustls wants it.
struct Socket<'a> {
    fd: BorrowedFd<'a>,
    blocked: bool,
    moved: bool,
}

impl Socket<'_> {
    fn check(&mut self, sent: rustix::io::Result<usize>) -> io::Result<usize> {
        match sent {
            Ok(n) => self.moved |= n > 0,
            Err(error) => self.blocked |= error == Errno::AGAIN,
        }
        Ok(sent?)
    }
}

impl io::Write for Socket<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let sent = retry(|| rustix::net::send(self.fd, buf, SendFlags::NOSIGNAL));
        self.check(sent)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let sent = retry(|| {
            rustix::net::sendmsg(
                self.fd,
                bufs,
                &mut rustix::net::SendAncillaryBuffer::default(),
                SendFlags::NOSIGNAL,
            )
        });
        self.check(sent)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

fn send_plain(socket: &mut Socket<'_>, out: &mut ByteQueue) -> io::Result<()> {
    while !out.is_empty() {
        match io::Write::write(socket, out) {
            Ok(n) => out.advance(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ciphertext waiting in memory above which no more plaintext is encrypted.
const CIPHERTEXT_AHEAD: usize = 64 * 1024;

fn send_tls(socket: &mut Socket<'_>, tls: &mut Tls, out: &mut ByteQueue) -> io::Result<()> {
    loop {
        if !out.is_empty() && !tls.is_handshaking() && tls.pending_output() < CIPHERTEXT_AHEAD {
            let n = out.len().min(CIPHERTEXT_AHEAD);
            tls.send(&[&out[..n]]).map_err(io::Error::other)?;
            out.advance(n);
        }
        if !tls.wants_write() {
            return Ok(());
        }
        match tls.write_to(socket) {
            Ok(_) if socket.blocked => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// What reading a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// Go on.
    Open,
    /// The connection must be closed; whatever is queued (an alert) may be flushed first.
    Close,
}

impl Context {
    /// Reads everything a readable connection has into its protocol, and finds out which protocol that is.
    /// `false`: it must be closed.
    pub(super) fn receive(&self, wsi: &Wsi) -> bool {
        let is_ws = wsi.with_net(|net| net.is_ws()) == Some(true);
        let most = if is_ws { READ_PER_TURN_WS } else { READ_PER_TURN };
        let mut buffer = self.take_buffer();
        let mut total = 0;
        let mut result = Read::Open;
        while result == Read::Open && total < most && wsi.life() == Life::Open {
            let got = wsi.with_fd(|fd| {
                retry(|| rustix::net::recv(fd, &mut buffer[..], rustix::net::RecvFlags::empty()))
            });
            match got {
                Some(Ok((0, _))) => {
                    wsi.with_net(|net| net.eof = true);
                    break;
                }
                Some(Ok((n, _))) => {
                    total += n;
                    wsi.deadlines.heard_at.set(self.now());
                    result = self.take_in(wsi, &mut buffer[..n]);
                    if n < buffer.len() {
                        break;
                    }
                }
                Some(Err(Errno::AGAIN)) => break,
                Some(Err(error)) => {
                    crate::log_debug!("{}: recv: {error}", wsi.tag());
                    wsi.with_net(|net| {
                        net.dead = true;
                        net.lost.get_or_insert_with(|| format!("the connection was lost: {error}"));
                    });
                    result = Read::Close;
                }
                None => result = Read::Close,
            }
        }
        self.give_buffer(buffer);
        result == Read::Open
    }

    /// Takes bytes off the wire.
    fn take_in(&self, wsi: &Wsi, wire: &mut [u8]) -> Read {
        let Some(vhost) = wsi.vhost() else { return Read::Close };
        if wsi.with_net(|net| net.farewell != Farewell::No) != Some(false) {
            // Read only so that the peer gets to read.
            return Read::Open;
        }
        if (wsi.with_net(|net| net.tls_pending) == Some(true)) && !self.admit_tls(wsi, &vhost, wire) {
            return Read::Close;
        }
        let mut chosen = None;
        let result = wsi.with_net(|net| {
            if net.is_ws() {
                self.ws_rx.lend(&mut net.rx);
            }
            let Some(tls) = &mut net.tls else {
                take_plain(net, &vhost, |rx| {
                    rx.extend_from_slice(wire);
                });
                return Read::Open;
            };
            let choose = |hello: &ClientHello<'_>| {
                let vhost = self.vhost_for_sni(&vhost, hello.sni());
                let config = vhost.tls.as_ref().map(|tls| Arc::clone(&tls.config));
                chosen = Some(vhost);
                config
            };
            let received = match &mut net.speaks {
                Speaks::H2(h2) => h2.receive(|inbound| tls.receive_into(wire, inbound, choose)),
                Speaks::H2Client(h2) => h2.receive(|inbound| tls.receive_into(wire, inbound, choose)),
                _ => tls.receive_into(wire, &mut net.rx, choose),
            };
            let progress = match received {
                Ok(progress) => progress,
                Err(error) => {
                    crate::log_info!("TLS with fd {}: {error}", wsi.raw_fd());
                    net.lost = Some(format!("TLS: {error}"));
                    return Read::Close;
                }
            };
            net.eof |= progress.close_notify;
            net.close_notify |= progress.close_notify;
            if progress.handshake == Handshake::Completed && !wsi.is_client() {
                if tls.alpn() == Some(b"h2") {
                    net.start_h2(&vhost);
                } else {
                    net.speaks = Speaks::H1(H1Server::new(vhost.limits));
                }
            }
            Read::Open
        });
        let result = result.unwrap_or(Read::Close);
        if let Some(chosen) = chosen
            && !std::rc::Rc::ptr_eq(&chosen, &vhost)
        {
            wsi.bind_vhost(Some(chosen));
        }
        result
    }

    /// The first bytes where TLS is expected: TLS indeed, or plain HTTP that the vhost lets pass.
    fn admit_tls(&self, wsi: &Wsi, vhost: &Vhost, wire: &[u8]) -> bool {
        let plain = vhost.tls.as_ref().map_or(PlainOnTls::Serve, |tls| tls.plain);
        let is_tls = plain == PlainOnTls::Refuse || looks_like_tls(wire);
        wsi.with_net(|net| {
            net.tls_pending = false;
            if is_tls {
                net.tls = Some(Box::new(Tls::Server(TlsServer::with_spares(&net.spares))));
            } else {
                net.redirect_to_tls = plain == PlainOnTls::Redirect;
            }
        });
        true
    }

    /// Sends what waits, sets the loop's interest, and closes the connection when its socket failed.
    pub(super) fn flush(&self, wsi: &Wsi) {
        let now = self.now();
        let ok = wsi.with_fd(|fd| wsi.with_net(|net| net.flush(fd, now))).flatten() != Some(false);
        self.account_output(wsi);
        if ok {
            self.update_interest(wsi);
        } else if wsi.is_client() && wsi.with_net(|net| net.eof) == Some(false) {
            // The server may have answered before it stopped listening.
            self.set_interest(wsi, interest::READ);
        } else {
            self.close(wsi);
        }
    }

    /// Tells the ledger how much output the connection holds.
    pub(super) fn account_output(&self, wsi: &Wsi) {
        wsi.with_net(|net| {
            let pending = net.pending();
            self.ledger.resized(Kind::Buffered, net.accounted, pending);
            net.accounted = pending;
        });
    }

    /// The connection ends: its output leaves the ledger.
    pub(super) fn forget_output(&self, wsi: &Wsi) {
        wsi.with_net(|net| {
            self.ledger.resized(Kind::Buffered, net.accounted, 0);
            net.accounted = 0;
        });
    }

    /// Asks the loop for what the connection can use now.
    pub(super) fn update_interest(&self, wsi: &Wsi) {
        if !wsi.admitted.get() {
            return;
        }
        let told = wsi.with_net(|net| {
            let held_back = match net.farewell {
                Farewell::No => wsi.rx_paused.get() && !net.is_h2(),
                Farewell::Flushing => true,
                Farewell::Lingering => false,
            };
            (net.blocked, net.more, !(net.eof || held_back || net.unparsed() >= READ_PER_TURN))
        });
        let Some((blocked, more, read)) = told else { return };
        let mut want = 0;
        if read && wsi.life() == Life::Open {
            want |= interest::READ;
        }
        if blocked || more {
            want |= interest::WRITE;
        }
        self.set_interest(wsi, want);
        self.time_output(wsi, blocked);
    }

    /// Whether the peer takes output, if only a little: the loop tells of room only when there is a lot of it.
    pub(super) fn output_moves(&self, wsi: &Wsi) -> bool {
        let before = self.output_moved_at(wsi);
        if let Some(connection) = self.connection_of(wsi) {
            self.flush_quietly(connection);
        }
        self.output_moved_at(wsi) > before
    }

    /// When the connection of `wsi` last got rid of output.
    pub(super) fn output_moved_at(&self, wsi: &Wsi) -> Usec {
        self.connection_of(wsi).and_then(|connection| connection.with_net(|net| net.moved_at)).unwrap_or(0)
    }

    /// The vhost that a TLS client asks for by name, among those of the listener.
    fn vhost_for_sni(&self, listening: &std::rc::Rc<Vhost>, sni: Option<&str>) -> std::rc::Rc<Vhost> {
        sni.and_then(|name| self.vhost_named(listening, name.as_bytes()))
            .filter(|vhost| vhost.tls.is_some())
            .unwrap_or_else(|| std::rc::Rc::clone(listening))
    }
}

/// Plain bytes: to the protocol that is known, or to the buffer where it will be.
fn take_plain(net: &mut Net, vhost: &Vhost, fill: impl FnOnce(&mut BytesMut)) {
    match &mut net.speaks {
        Speaks::H2(h2) => h2.receive(fill),
        Speaks::H2Client(h2) => h2.receive(fill),
        Speaks::H1(_) | Speaks::H1Client(_) | Speaks::Ws => fill(&mut net.rx),
        Speaks::Unknown => {
            fill(&mut net.rx);
            let seen = net.rx.len().min(PREFACE.len());
            if vhost.h2_only || (vhost.h2c && net.rx[..seen] == PREFACE[..seen]) {
                if vhost.h2_only || seen == PREFACE.len() {
                    net.start_h2(vhost);
                }
            } else {
                net.speaks = Speaks::H1(H1Server::new(vhost.limits));
            }
        }
    }
}

impl Net {
    /// From here on it is HTTP/2, also what has been received already.
    fn start_h2(&mut self, vhost: &Vhost) {
        let mut h2 = H2Server::new(&vhost.h2, vhost.limits, &self.spares);
        h2.receive(|inbound| *inbound = std::mem::take(&mut self.rx));
        self.wakes = Some(h2.wakes());
        self.speaks = Speaks::H2(Box::new(h2));
    }

    /// From here on a client's connection is HTTP/2, also what has been received already.
    pub(super) fn start_h2_client(&mut self, vhost: &Vhost) {
        let settings =
            H2ClientSettings { max_header_list: vhost.h2.max_header_list, ..H2ClientSettings::default() };
        let mut h2 = H2Client::new(&settings, &self.spares);
        h2.receive(|inbound| *inbound = std::mem::take(&mut self.rx));
        self.wakes = Some(h2.wakes());
        self.speaks = Speaks::H2Client(Box::new(h2));
    }
}

impl Context {
    /// Sends what it can without telling anybody: the driver on the stack, or the next turn, sees to the rest.
    pub(super) fn flush_quietly(&self, wsi: &Wsi) {
        let now = self.now();
        wsi.with_fd(|fd| wsi.with_net(|net| net.flush(fd, now)));
        self.account_output(wsi);
    }
}
