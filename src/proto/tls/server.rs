//! The server side of one TLS connection.

use std::io;
use std::mem;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::server::{Accepted, UnbufferedServerConnection};
use rustls::{CommonState, HandshakeKind, ProtocolVersion};

use super::hello::{ClientHello, HelloReader};
use super::outgoing::Outgoing;
use super::session::Session;
use super::{ErrorKind, ServerConfig, TlsError};
use crate::util::byte_queue::Spares;

/// A fatal `unrecognized_name` alert (RFC 6066 §3) as an unencrypted record.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The server side of one TLS connection: bytes in, bytes out.
///
/// It has no limits of its own on plaintext or outgoing ciphertext: what it holds is bounded by what the
/// caller gives it between two calls of [`take_plaintext`](Self::take_plaintext) and
/// [`write_to`](Self::write_to). When everything is taken and written it holds no buffers.
#[derive(Default)]
pub struct TlsServer {
    state: State,
    plaintext: BytesMut,
    outgoing: Outgoing,
    sni: Option<Box<str>>,
    failure: Option<Box<TlsError>>,
    completed: bool,
}

enum State {
    Hello(HelloReader),
    // Boxed: of over a kilobyte, and not there yet on connections that have said nothing.
    Session(Box<Session<UnbufferedServerConnection>>),
}

/// How far the handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// More flights are needed.
    Ongoing,
    /// It ended in this call.
    Completed,
    /// It ended in an earlier call.
    Done,
}

/// What a call to [`TlsServer::receive`] has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How far the handshake is.
    pub handshake: Handshake,
    /// Bytes that [`TlsServer::take_plaintext`] would give now (after `receive`), or that were appended
    /// (by `receive_into`).
    pub plaintext: usize,
    /// The peer has sent `close_notify`: nothing more will come from it. A connection that ends without
    /// was cut, perhaps by an attacker.
    pub close_notify: bool,
}

impl TlsServer {
    /// A connection that waits for a `ClientHello`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`new`](Self::new), with outgoing buffers from `spares`.
    #[must_use]
    pub fn with_spares(spares: &Spares) -> Self {
        Self { outgoing: Outgoing::new(spares), ..Self::default() }
    }

    /// Feeds all of `ciphertext`, cut anyhow. `choose` is called in the one call that completes the
    /// `ClientHello`; `None` refuses the connection ([`ErrorKind::NoCertificate`]).
    ///
    /// A client that offers protocols (ALPN) of which the configuration has none is served without ALPN,
    /// as OpenSSL servers do, rather than refused as RFC 7301 §3.2 would have it.
    ///
    /// After an error every further call returns the same error. What was decrypted before it can still be
    /// taken, and the alert still be written.
    pub fn receive(
        &mut self,
        ciphertext: &[u8],
        choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    ) -> Result<Progress, TlsError> {
        let mut plaintext = mem::take(&mut self.plaintext);
        let result = self.receive_into(&mut ciphertext.to_vec(), &mut plaintext, choose);
        self.plaintext = plaintext;
        result.map(|progress| Progress { plaintext: self.plaintext.len(), ..progress })
    }

    /// As [`receive`](Self::receive), without its copies: decrypts inside `ciphertext` (whose content is
    /// undefined afterwards) and appends to `plaintext` instead of keeping for
    /// [`take_plaintext`](Self::take_plaintext). On an error, too, what came before it was appended.
    pub fn receive_into(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut BytesMut,
        choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    ) -> Result<Progress, TlsError> {
        if let Some(failure) = &self.failure {
            return Err(TlsError::clone(failure));
        }
        let before = plaintext.len();
        if let Err(error) = self.advance(ciphertext, plaintext, choose) {
            self.failure = Some(Box::new(error.clone()));
            return Err(error);
        }
        let handshake = match (self.is_handshaking(), self.completed) {
            (true, _) => Handshake::Ongoing,
            (false, false) => Handshake::Completed,
            (false, true) => Handshake::Done,
        };
        self.completed = handshake != Handshake::Ongoing;
        Ok(Progress {
            handshake,
            plaintext: plaintext.len() - before,
            close_notify: self.session().is_some_and(Session::peer_closed),
        })
    }

    /// Moves everything decrypted to the end of `into`; returns how many bytes, 0 if there are none.
    pub fn take_plaintext(&mut self, into: &mut BytesMut) -> usize {
        let plaintext = mem::take(&mut self.plaintext);
        let taken = plaintext.len();
        if into.capacity() == 0 {
            *into = plaintext;
        } else {
            into.extend_from_slice(&plaintext);
        }
        taken
    }

    /// Encrypts the concatenation of `plaintext` into the outgoing queue, in records as large as TLS
    /// allows.
    ///
    /// An error is [`ErrorKind::NotSendable`] before the end of the handshake, after `close_notify` and
    /// after an error, and then nothing is queued; or [`ErrorKind::Internal`] when the keys are worn out
    /// (TLS 1.2 only, after hundreds of gigabytes), and then the connection must be closed.
    pub fn send(&mut self, plaintext: &[&[u8]]) -> Result<(), TlsError> {
        if let Some(failure) = &self.failure {
            return Err(TlsError::new(ErrorKind::NotSendable, failure.to_string()));
        }
        match &mut self.state {
            State::Session(session) => session.send(plaintext, &mut self.outgoing),
            State::Hello(_) => {
                Err(TlsError::new(ErrorKind::NotSendable, "send before the start of the TLS handshake"))
            }
        }
    }

    /// Writes the outgoing queue to `out` until it is empty, or until `out` takes less than it is offered
    /// or would block, which is no error; returns the bytes written. Handshake flights and alerts are in
    /// the queue as well.
    pub fn write_to(&mut self, out: &mut dyn io::Write) -> io::Result<usize> {
        self.outgoing.write_to(out)
    }

    /// Whether ciphertext waits for [`write_to`](Self::write_to).
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.pending_output() != 0
    }

    /// Bytes of ciphertext in the outgoing queue.
    #[must_use]
    pub fn pending_output(&self) -> usize {
        self.outgoing.len()
    }

    /// Whether the handshake is not finished.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.common().is_none_or(CommonState::is_handshaking)
    }

    /// The protocol agreed by ALPN.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.common()?.alpn_protocol()
    }

    /// The server name in the `ClientHello`, lower case.
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        self.sni.as_deref()
    }

    /// Queues `close_notify`: we send nothing more, and what still arrives is ignored, whether good or bad.
    /// The connection is over when the socket says so.
    ///
    /// Once is enough. Does nothing before the end of the handshake and after an error, when the peer is
    /// told otherwise or not at all.
    pub fn send_close_notify(&mut self) {
        if self.failure.is_some() {
            return;
        }
        if let State::Session(session) = &mut self.state
            && let Err(error) = session.send_close_notify(&mut self.outgoing)
        {
            self.failure = Some(Box::new(error));
        }
    }

    /// Whether the session is an earlier one, resumed.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.common().and_then(CommonState::handshake_kind) == Some(HandshakeKind::Resumed)
    }

    /// Protocol version for the log, as OpenSSL names it: `"TLSv1.3"`.
    #[must_use]
    pub fn version(&self) -> Option<&'static str> {
        match self.common()?.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// Cipher suite for the log: `"TLS13_AES_256_GCM_SHA384"`.
    #[must_use]
    pub fn cipher(&self) -> Option<&'static str> {
        self.common()?.negotiated_cipher_suite()?.suite().as_str()
    }

    /// The client's certificate (DER), if it was asked for one and sent it.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        Some(self.common()?.peer_certificates()?.first()?)
    }

    fn session(&self) -> Option<&Session<UnbufferedServerConnection>> {
        match &self.state {
            State::Session(session) => Some(session),
            State::Hello(_) => None,
        }
    }

    fn common(&self) -> Option<&CommonState> {
        self.session().map(Session::common)
    }

    fn advance(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut BytesMut,
        choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    ) -> Result<(), TlsError> {
        let reader = match &mut self.state {
            State::Session(session) => {
                return session.receive(ciphertext, plaintext, &mut self.outgoing);
            }
            State::Hello(reader) => reader,
        };
        let Some(accepted) = reader.receive(ciphertext, &mut self.outgoing)? else {
            return Ok(());
        };
        let mut first_bytes = mem::take(reader).into_bytes();
        let mut session = Box::new(Session::new(self.begin(&accepted, choose)?));
        drop(accepted);
        let result = session.receive(&mut first_bytes, plaintext, &mut self.outgoing);
        self.state = State::Session(session);
        result
    }

    /// The connection of the vhost that `choose` chooses.
    fn begin(
        &mut self,
        accepted: &Accepted,
        choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    ) -> Result<UnbufferedServerConnection, TlsError> {
        let hello = ClientHello::new(accepted);
        self.sni = hello.sni().map(Box::from);
        let Some(config) = choose(&hello) else {
            self.outgoing.push(&UNRECOGNIZED_NAME);
            return Err(TlsError::new(
                ErrorKind::NoCertificate,
                match hello.sni() {
                    Some(name) => format!("no vhost with a certificate for {name}"),
                    None => "no vhost with a certificate for a client without SNI".to_owned(),
                },
            ));
        };
        Ok(UnbufferedServerConnection::new(config.for_client(&hello))?)
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Hello(HelloReader::default())
    }
}
