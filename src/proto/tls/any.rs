//! A TLS connection of whichever side.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::{ClientHello, Progress, ServerConfig, TlsClient, TlsError, TlsServer};

/// A TLS connection of whichever side, for code to which it makes no difference once both are talking.
pub enum Tls {
    /// We accepted the connection.
    Server(TlsServer),
    /// We made the connection.
    Client(TlsClient),
}

/// `$call` of the connection, whichever it is.
macro_rules! of_either {
    ($tls:expr, $connection:ident => $call:expr) => {
        match $tls {
            Tls::Server($connection) => $call,
            Tls::Client($connection) => $call,
        }
    };
}

impl Tls {
    /// [`TlsServer::receive_into`] or [`TlsClient::receive_into`]; only a server needs `choose`.
    pub fn receive_into(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut BytesMut,
        choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    ) -> Result<Progress, TlsError> {
        match self {
            Self::Server(server) => server.receive_into(ciphertext, plaintext, choose),
            Self::Client(client) => client.receive_into(ciphertext, plaintext),
        }
    }

    /// [`TlsConnection::send`](super::TlsConnection::send).
    pub fn send(&mut self, plaintext: &[&[u8]]) -> Result<(), TlsError> {
        of_either!(self, tls => tls.send(plaintext))
    }

    /// [`TlsConnection::write_to`](super::TlsConnection::write_to).
    pub fn write_to(&mut self, out: &mut dyn io::Write) -> io::Result<usize> {
        of_either!(self, tls => tls.write_to(out))
    }

    /// [`TlsConnection::wants_write`](super::TlsConnection::wants_write).
    #[must_use]
    pub fn wants_write(&self) -> bool {
        of_either!(self, tls => tls.wants_write())
    }

    /// [`TlsConnection::pending_output`](super::TlsConnection::pending_output).
    #[must_use]
    pub fn pending_output(&self) -> usize {
        of_either!(self, tls => tls.pending_output())
    }

    /// [`TlsConnection::is_handshaking`](super::TlsConnection::is_handshaking).
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        of_either!(self, tls => tls.is_handshaking())
    }

    /// [`TlsConnection::alpn`](super::TlsConnection::alpn).
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        of_either!(self, tls => tls.alpn())
    }

    /// [`TlsConnection::send_close_notify`](super::TlsConnection::send_close_notify).
    pub fn send_close_notify(&mut self) {
        of_either!(self, tls => tls.send_close_notify());
    }

    /// [`TlsConnection::resumed`](super::TlsConnection::resumed).
    #[must_use]
    pub fn resumed(&self) -> bool {
        of_either!(self, tls => tls.resumed())
    }

    /// [`TlsConnection::version`](super::TlsConnection::version).
    #[must_use]
    pub fn version(&self) -> Option<&'static str> {
        of_either!(self, tls => tls.version())
    }

    /// [`TlsConnection::cipher`](super::TlsConnection::cipher).
    #[must_use]
    pub fn cipher(&self) -> Option<&'static str> {
        of_either!(self, tls => tls.cipher())
    }

    /// [`TlsConnection::peer_certificate`](super::TlsConnection::peer_certificate).
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        of_either!(self, tls => tls.peer_certificate())
    }

    /// [`TlsServer::is_verified`] or [`TlsClient::is_verified`].
    #[must_use]
    pub fn is_verified(&self, now: Duration) -> bool {
        of_either!(self, tls => tls.is_verified(now))
    }
}

impl From<TlsServer> for Tls {
    fn from(server: TlsServer) -> Self {
        Self::Server(server)
    }
}

impl From<TlsClient> for Tls {
    fn from(client: TlsClient) -> Self {
        Self::Client(client)
    }
}
