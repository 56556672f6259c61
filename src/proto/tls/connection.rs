//! What the two sides of a TLS connection have in common: all that comes after the first flight.

use std::io;

use bytes::BytesMut;
use rustls::{CommonState, HandshakeKind, ProtocolVersion};

use super::outgoing::Outgoing;
use super::session::{Session, Unbuffered};
use super::{ErrorKind, TlsError};

/// One side of a TLS connection: bytes in, bytes out. [`TlsServer`](super::TlsServer) or
/// [`TlsClient`](super::TlsClient), which add how their side begins.
///
/// It has no limits of its own on plaintext or outgoing ciphertext: what it holds is bounded by what the
/// caller gives it between two calls of [`write_to`](Self::write_to). When everything is written it holds no
/// buffers.
pub struct TlsConnection<C, S> {
    // Boxed: of over a kilobyte, and not there yet on server connections that have received nothing.
    pub(super) session: Option<Box<Session<C>>>,
    pub(super) outgoing: Outgoing,
    pub(super) side: S,
    failure: Option<Box<TlsError>>,
    completed: bool,
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

/// What a call to `receive_into` has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How far the handshake is.
    pub handshake: Handshake,
    /// Bytes that were appended (by `receive_into`), or that [`TlsServer::take_plaintext`](super::TlsServer::take_plaintext)
    /// would give now (after `receive`).
    pub plaintext: usize,
    /// The peer has sent `close_notify`: nothing more will come from it. A connection that ends without
    /// was cut, perhaps by an attacker.
    pub close_notify: bool,
}

#[expect(private_bounds, reason = "sealed: the sides are a server and a client, each a type of rustls")]
impl<C: Unbuffered, S> TlsConnection<C, S> {
    pub(super) fn with_side(side: S, outgoing: Outgoing) -> Self {
        Self { session: None, outgoing, side, failure: None, completed: false }
    }

    /// Lets `advance` take in what has come and append to `plaintext`; after its first error only that error.
    pub(super) fn take_in(
        &mut self,
        plaintext: &mut BytesMut,
        advance: impl FnOnce(&mut Self, &mut BytesMut) -> Result<(), TlsError>,
    ) -> Result<Progress, TlsError> {
        if let Some(failure) = &self.failure {
            return Err(TlsError::clone(failure));
        }
        let before = plaintext.len();
        if let Err(error) = advance(self, plaintext) {
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
            close_notify: self.session.as_ref().is_some_and(|session| session.peer_closed()),
        })
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
        match &mut self.session {
            Some(session) => session.send(plaintext, &mut self.outgoing),
            None => Err(TlsError::new(ErrorKind::NotSendable, "send before the start of the TLS handshake")),
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

    /// Queues `close_notify`: we send nothing more, and what still arrives is ignored, whether good or bad.
    /// The connection is over when the socket says so.
    ///
    /// Once is enough. Does nothing before the end of the handshake and after an error, when the peer is
    /// told otherwise or not at all.
    pub fn send_close_notify(&mut self) {
        if self.failure.is_some() {
            return;
        }
        if let Some(session) = &mut self.session
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

    /// The peer's own certificate (DER): the server's, or the client's if it was asked for one and sent it.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        Some(self.common()?.peer_certificates()?.first()?)
    }

    pub(super) fn common(&self) -> Option<&CommonState> {
        self.session.as_ref().map(|session| session.common())
    }
}
