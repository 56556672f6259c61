//! A vhost's TLS settings, parsed and checked once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, SupportedProtocolVersion};

use super::{ClientHello, identity};

/// The certificate chain that a side of a connection shows, and the private key that proves it.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The chain, one's own certificate first: PEM (one or several), or one certificate in DER.
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
    pub identity: Credentials<'a>,
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
    pub fn new(identity: Credentials<'a>) -> Self {
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
#[derive(Debug)]
pub struct ServerConfig {
    with_alpn: Arc<rustls::ServerConfig>,
    /// For clients that offer protocols of which we have none: rustls would refuse them.
    without_alpn: Arc<rustls::ServerConfig>,
    certificate: CertificateDer<'static>,
}

impl ServerConfig {
    /// The server's own certificate (DER).
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// What rustls needs for a client that said `hello`.
    pub(super) fn for_client(&self, hello: &ClientHello<'_>) -> Arc<rustls::ServerConfig> {
        let ours = &self.with_alpn.alpn_protocols;
        let common = hello.alpn().any(|offered| ours.iter().any(|our| our == offered));
        Arc::clone(if common { &self.with_alpn } else { &self.without_alpn })
    }
}

/// Which of the [`ServerOptions`] was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// [`Credentials::cert_chain`].
    Certificate,
    /// [`Credentials::private_key`].
    PrivateKey,
    /// [`Credentials::key_password`].
    KeyPassword,
    /// [`ServerOptions::alpn`].
    Alpn,
    /// [`ServerOptions::client_auth`].
    ClientCa,
    /// [`ClientOptions::ca`](super::ClientOptions::ca).
    ServerCa,
    /// [`ServerOptions::tls12`] and [`ServerOptions::tls13`].
    Versions,
    /// No option: the system gives no entropy.
    System,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::PrivateKey => "private key",
            Self::KeyPassword => "private key password",
            Self::Alpn => "ALPN list",
            Self::ClientCa => "client CA",
            Self::ServerCa => "server CA",
            Self::Versions => "TLS versions",
            Self::System => "system",
        })
    }
}

/// Why a configuration was refused: the option, and one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Which option is wrong.
    pub field: Field,
    /// What is wrong with it: one line that does not name the field.
    pub reason: String,
}

impl ConfigError {
    pub(super) fn new(field: Field, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for ConfigError {}

/// Parses and checks `options`.
///
/// Each configuration has its own ticket keys, not shared with those of other vhosts: rustls does not check on
/// a resumption whether the session was made under the same client certificate rules, and a name that is served
/// with them on one port and without on another would let clients in through the second.
pub fn server_config(options: &ServerOptions<'_>) -> Result<Arc<ServerConfig>, ConfigError> {
    let provider = provider();
    let versions = versions(options.tls12, options.tls13)?;
    let alpn_protocols = alpn_protocols(options.alpn)?;
    let identity = identity::certified_key(&options.identity, &provider)?;
    let certificate = identity.end_entity_cert().map(|own| own.clone().into_owned());
    let certificate = certificate.map_err(|error| ConfigError::new(Field::Certificate, error.to_string()))?;
    let verifier = client_verifier(&options.client_auth, &provider)?;

    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| ConfigError::new(Field::Versions, error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    // Sessions live in their tickets, so that they cost us no memory.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if options.session_tickets {
        config.ticketer =
            Ticketer::new().map_err(|error| ConfigError::new(Field::System, error.to_string()))?;
    } else {
        config.send_tls13_tickets = 0;
    }
    let without_alpn = Arc::new(config.clone());
    config.alpn_protocols = alpn_protocols;
    Ok(Arc::new(ServerConfig { with_alpn: Arc::new(config), without_alpn, certificate }))
}

pub(super) fn versions(
    tls12: bool,
    tls13: bool,
) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
    let mut versions = Vec::new();
    if tls13 {
        versions.push(&rustls::version::TLS13);
    }
    if tls12 {
        versions.push(&rustls::version::TLS12);
    }
    if versions.is_empty() {
        return Err(ConfigError::new(Field::Versions, "both TLS 1.2 and TLS 1.3 are switched off"));
    }
    Ok(versions)
}

/// One for the process: it holds the lists of suites and groups.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

fn alpn_protocols(list: &str) -> Result<Vec<Vec<u8>>, ConfigError> {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| match name.len() {
            1..=255 => Ok(name.as_bytes().to_vec()),
            length => Err(ConfigError::new(
                Field::Alpn,
                format!("a protocol name has {length} bytes, at most 255 are possible"),
            )),
        })
        .collect()
}

fn client_verifier(
    auth: &ClientAuth<'_>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
    let (ca, required) = match *auth {
        ClientAuth::None => return Ok(WebPkiClientVerifier::no_client_auth()),
        ClientAuth::Optional { ca } => (ca, false),
        ClientAuth::Required { ca } => (ca, true),
    };
    let roots = Arc::new(authorities(ca)?);
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    if !required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| ConfigError::new(Field::ClientCa, error.to_string()))
}

/// The certificates in `ca`, as issuers to trust.
fn authorities(ca: &[u8]) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for (i, certificate) in identity::certificates(ca, Field::ClientCa)?.into_iter().enumerate() {
        roots
            .add(certificate)
            .map_err(|error| ConfigError::new(Field::ClientCa, format!("certificate {}: {error}", i + 1)))?;
    }
    Ok(roots)
}
