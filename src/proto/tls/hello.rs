//! The first message of a client, read before a vhost and hence a configuration is chosen.

use rustls::server::{Accepted, Acceptor};

use super::outgoing::Outgoing;
use super::{ErrorKind, TlsError};

/// A plaintext record may be this long (RFC 5246 §6.2.3, the laxest of the limits), its header included.
const MAX_RECORD: usize = 5 + 16 * 1024 + 2048;

/// What the client said first; decides the vhost.
pub struct ClientHello<'a> {
    hello: rustls::server::ClientHello<'a>,
}

impl<'a> ClientHello<'a> {
    pub(super) fn new(accepted: &'a Accepted) -> Self {
        Self { hello: accepted.client_hello() }
    }

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

/// Collects the bytes of the `ClientHello`.
///
/// They are kept, and later given to the session as well: rustls's acceptor, which reads them here, has only
/// a buffered session to continue with. It is made when a record is complete, so that a connection that says
/// nothing costs nothing.
#[derive(Default)]
pub(super) struct HelloReader {
    bytes: Vec<u8>,
    acceptor: Option<Box<Acceptor>>,
    /// How much of `bytes` the acceptor has had.
    fed: usize,
}

impl HelloReader {
    /// Takes all of `ciphertext`. On an error the alert is in `outgoing`.
    pub(super) fn receive(
        &mut self,
        ciphertext: &[u8],
        outgoing: &mut Outgoing,
    ) -> Result<Option<Accepted>, TlsError> {
        self.bytes.extend_from_slice(ciphertext);
        if self.acceptor.is_none() && !first_record_is_decidable(&self.bytes) {
            return Ok(None);
        }
        let acceptor = self.acceptor.get_or_insert_default();
        while self.fed < self.bytes.len() {
            let mut rest = &self.bytes[self.fed..];
            let taken = acceptor
                .read_tls(&mut rest)
                .map_err(|error| TlsError::new(ErrorKind::Protocol, format!("ClientHello: {error}")))?;
            self.fed += taken;
            match acceptor.accept() {
                Ok(Some(accepted)) => return Ok(Some(accepted)),
                Ok(None) if taken == 0 => break,
                Ok(None) => {}
                Err((error, mut alert)) => {
                    let mut bytes = Vec::new();
                    // Writing to memory cannot fail.
                    let _ = alert.write_all(&mut bytes);
                    outgoing.push(&bytes);
                    return Err(not_tls(&self.bytes).unwrap_or_else(|| error.into()));
                }
            }
        }
        Ok(None)
    }

    /// All bytes received so far.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Whether the first record is complete, or will not become a good one.
fn first_record_is_decidable(bytes: &[u8]) -> bool {
    let [kind, major, _, high, low, ..] = *bytes else {
        return false;
    };
    let length = 5 + usize::from(u16::from_be_bytes([high, low]));
    (kind, major) != (0x16, 3) || length > MAX_RECORD || bytes.len() >= length
}

/// The error of a peer whose first bytes are no TLS record at all.
fn not_tls(bytes: &[u8]) -> Option<TlsError> {
    if matches!(bytes, [0x14..=0x17, 3, ..]) {
        return None;
    }
    let start = &bytes[..bytes.len().min(16)];
    let hint =
        if start.iter().take(3).all(u8::is_ascii_uppercase) { "plain HTTP on a TLS port" } else { "not TLS" };
    Some(TlsError::new(ErrorKind::NotTls, format!("{hint}: starts with \"{}\"", start.escape_ascii())))
}
