//! A vhost's TLS settings, parsed and checked once.

use std::fmt;
use std::sync::Arc;

/// The certificate chain and the private key that a server shows.
#[derive(Clone, Copy)]
pub struct ServerIdentity<'a> {
    /// The chain, the server's own certificate first: PEM (one or several), or one certificate in DER.
    pub cert_chain: &'a [u8],
    /// The private key: PEM (PKCS#8, PKCS#1, SEC 1, encrypted PKCS#8) or any of these in DER.
    pub private_key: &'a [u8],
    /// Decrypts an encrypted PKCS#8 key; ignored when the key is not encrypted.
    pub key_password: Option<&'a str>,
}

/// Whether clients are asked for a certificate, and who must have issued it.
#[derive(Clone, Copy)]
pub enum ClientAuth<'a> {
    /// Not asked.
    None,
    /// Asked; a client without one is served, one with a bad one is refused.
    Optional {
        /// Accepted issuers: PEM (one or several) or one certificate in DER.
        ca: &'a [u8],
    },
    /// A client without a valid certificate is refused.
    Required {
        /// Accepted issuers: PEM (one or several) or one certificate in DER.
        ca: &'a [u8],
    },
}

/// What [`server_config`] makes a configuration from.
#[derive(Clone, Copy)]
pub struct ServerOptions<'a> {
    /// Certificate chain and private key.
    pub identity: ServerIdentity<'a>,
    /// Protocols in order of preference, comma separated (`"h2,http/1.1"`); empty: no ALPN.
    pub alpn: &'a str,
    /// Client certificates.
    pub client_auth: ClientAuth<'a>,
    /// Whether TLS 1.2 is spoken.
    pub tls12: bool,
    /// Whether TLS 1.3 is spoken.
    pub tls13: bool,
    /// Whether clients may resume sessions. Stateless: costs no memory per session.
    pub session_tickets: bool,
}

impl<'a> ServerOptions<'a> {
    /// The defaults for an HTTP server: h2 and h1, TLS 1.2 and 1.3, tickets, no client certificates.
    #[must_use]
    pub fn new(identity: ServerIdentity<'a>) -> Self {
        Self {
            identity,
            alpn: "h2,http/1.1",
            client_auth: ClientAuth::None,
            tls12: true,
            tls13: true,
            session_tickets: true,
        }
    }
}

/// A vhost's TLS settings, shared by its connections.
pub struct ServerConfig {}

/// Which of the [`ServerOptions`] was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// [`ServerIdentity::cert_chain`].
    Certificate,
    /// [`ServerIdentity::private_key`].
    PrivateKey,
    /// [`ServerIdentity::key_password`].
    KeyPassword,
    /// [`ServerOptions::alpn`].
    Alpn,
    /// [`ServerOptions::client_auth`].
    ClientCa,
    /// [`ServerOptions::tls12`] and [`ServerOptions::tls13`].
    Versions,
    /// No option: the machine refused (no entropy).
    System,
}

/// Why a configuration was refused: the option, and one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Which option is wrong.
    pub field: Field,
    /// What is wrong with it; one line, without the name of the field.
    pub reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.field, self.reason)
    }
}

impl std::error::Error for ConfigError {}

/// Parses and checks `options`.
pub fn server_config(options: &ServerOptions<'_>) -> Result<Arc<ServerConfig>, ConfigError> {
    let _ = options;
    todo!()
}
