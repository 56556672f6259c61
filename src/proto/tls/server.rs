//! The server side of one TLS connection.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;

use super::{ServerConfig, TlsError};

/// The server side of one TLS connection.
#[derive(Default)]
pub struct TlsServer {}

/// What the client said first; decides the vhost.
pub struct ClientHello<'a> {
    hello: rustls::server::ClientHello<'a>,
}

impl ClientHello<'_> {
    /// The server name the client wants (RFC 6066 §3), lower case, or `None` if it sent none.
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        self.hello.server_name()
    }

    /// The protocols the client offers, its favourite first; nothing if it sent no ALPN.
    pub fn alpn(&self) -> impl Iterator<Item = &[u8]> {
        self.hello.alpn().into_iter().flatten()
    }
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
    /// The peer sent `close_notify`: nothing more will come from it.
    pub close_notify: bool,
}

impl TlsServer {
    /// A connection that waits for a `ClientHello`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Feeds all of `ciphertext`. `choose` is called once, with the `ClientHello`; `None` refuses the
    /// connection.
    pub fn receive(
        &mut self,
        ciphertext: &[u8],
        choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    ) -> Result<Progress, TlsError> {
        let (_, _) = (ciphertext, choose);
        todo!()
    }

    /// As [`receive`](Self::receive), without its copies: decrypts inside `ciphertext` (whose content is
    /// undefined afterwards) and appends the plaintext to `plaintext`.
    pub fn receive_into(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut BytesMut,
        choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    ) -> Result<Progress, TlsError> {
        let (_, _, _) = (ciphertext, plaintext, choose);
        todo!()
    }

    /// Appends everything decrypted to `into`; returns how many bytes, 0 if there are none.
    pub fn take_plaintext(&mut self, into: &mut BytesMut) -> usize {
        let _ = into;
        todo!()
    }

    /// Encrypts the concatenation of `plaintext` into the outgoing queue.
    pub fn send(&mut self, plaintext: &[&[u8]]) -> Result<(), TlsError> {
        let _ = plaintext;
        todo!()
    }

    /// Writes the outgoing queue to `out` until it is empty or `out` would block; returns the bytes written.
    pub fn write_to(&mut self, out: &mut dyn io::Write) -> io::Result<usize> {
        let _ = out;
        todo!()
    }

    /// Whether ciphertext waits for [`write_to`](Self::write_to).
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.pending_output() != 0
    }

    /// Bytes of ciphertext in the outgoing queue.
    #[must_use]
    pub fn pending_output(&self) -> usize {
        todo!()
    }

    /// Whether the handshake is not finished.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        todo!()
    }

    /// The protocol agreed by ALPN.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        todo!()
    }

    /// The server name in the `ClientHello`, lower case.
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        todo!()
    }

    /// Queues `close_notify`: we will send nothing more.
    pub fn send_close_notify(&mut self) {
        todo!()
    }

    /// Whether the session is an earlier one, resumed.
    #[must_use]
    pub fn resumed(&self) -> bool {
        todo!()
    }

    /// Protocol version for the log: `"TLSv1.3"`.
    #[must_use]
    pub fn version(&self) -> Option<&'static str> {
        todo!()
    }

    /// Cipher suite for the log, as IANA names it.
    #[must_use]
    pub fn cipher(&self) -> Option<&'static str> {
        todo!()
    }

    /// The client's certificate (DER), if it was asked for one and sent it.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        todo!()
    }
}
