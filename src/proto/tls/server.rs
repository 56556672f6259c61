//! The server side of one TLS connection.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::server::{Accepted, UnbufferedServerConnection};

use super::connection::{Progress, TlsConnection};
use super::hello::{ClientHello, HelloReader};
use super::outgoing::Outgoing;
use super::session::Session;
use super::{ErrorKind, ServerConfig, TlsError};
use crate::util::byte_queue::Spares;

/// A fatal `unrecognized_name` alert (RFC 6066 §3) as an unencrypted record.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The server side of one TLS connection.
pub type TlsServer = TlsConnection<UnbufferedServerConnection, ServerSide>;

/// What a server connection has beside its session.
#[derive(Default)]
pub struct ServerSide {
    hello: HelloReader,
    plaintext: BytesMut,
    sni: Option<Box<str>>,
}

impl TlsServer {
    /// A connection that waits for a `ClientHello`.
    #[must_use]
    pub fn new() -> Self {
        Self::with_side(ServerSide::default(), Outgoing::default())
    }

    /// As [`new`](Self::new), with outgoing buffers from `spares`.
    #[must_use]
    pub fn with_spares(spares: &Spares) -> Self {
        Self::with_side(ServerSide::default(), Outgoing::new(spares))
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
        let mut plaintext = mem::take(&mut self.side.plaintext);
        let result = self.receive_into(&mut ciphertext.to_vec(), &mut plaintext, choose);
        self.side.plaintext = plaintext;
        result.map(|progress| Progress { plaintext: self.side.plaintext.len(), ..progress })
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
        self.take_in(plaintext, |this, plaintext| this.advance(ciphertext, plaintext, choose))
    }

    /// Moves everything decrypted to the end of `into`; returns how many bytes, 0 if there are none.
    pub fn take_plaintext(&mut self, into: &mut BytesMut) -> usize {
        let plaintext = mem::take(&mut self.side.plaintext);
        let taken = plaintext.len();
        if into.capacity() == 0 {
            *into = plaintext;
        } else {
            into.extend_from_slice(&plaintext);
        }
        taken
    }

    /// The server name in the `ClientHello`, lower case.
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        self.side.sni.as_deref()
    }

    /// Whether the client has shown a certificate: only good ones get this far.
    #[must_use]
    pub fn is_verified(&self, _now: Duration) -> bool {
        self.peer_certificate().is_some()
    }

    fn advance(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut BytesMut,
        choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    ) -> Result<(), TlsError> {
        if let Some(session) = &mut self.session {
            return session.receive(ciphertext, plaintext, &mut self.outgoing);
        }
        let Some(accepted) = self.side.hello.receive(ciphertext, &mut self.outgoing)? else {
            return Ok(());
        };
        let mut first_bytes = mem::take(&mut self.side.hello).into_bytes();
        let session = Session::new(self.begin(&accepted, choose)?);
        drop(accepted);
        let session = self.session.insert(Box::new(session));
        session.receive(&mut first_bytes, plaintext, &mut self.outgoing)
    }

    /// The connection of the vhost that `choose` chooses.
    fn begin(
        &mut self,
        accepted: &Accepted,
        choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    ) -> Result<UnbufferedServerConnection, TlsError> {
        let hello = ClientHello::new(accepted);
        self.side.sni = hello.sni().map(Box::from);
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

impl Default for TlsServer {
    fn default() -> Self {
        Self::new()
    }
}
