//! The client side of TLS: a vhost's settings, and one connection.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, ClientConfig, CommonState, SupportedProtocolVersion};

use super::config::{self, ConfigError, Credentials, Field};
use super::connection::{Progress, TlsConnection};
use super::identity;
use super::outgoing::Outgoing;
use super::session::Session;
use super::store::{Roots, Store};
use super::verify::Verifier;
use super::{ErrorKind, TlsError};
use crate::util::byte_queue::Spares;

/// Gives the issuers that the system trusts; the first connection that needs them calls it.
pub type LoadRoots = fn() -> Arc<Roots>;

/// What [`ClientTls::new`] makes a client from.
#[derive(Clone, Copy)]
pub struct ClientOptions<'a> {
    /// Issuers to trust, PEM (one or several) or one certificate in DER; empty: none but the system's. Those among them that
    /// others have issued are not trusted; they stand in for what servers do not send.
    pub ca: &'a [u8],
    /// The issuers that the system trusts, if they are trusted.
    pub system_roots: Option<LoadRoots>,
    /// What servers that ask for a client certificate are shown.
    pub credentials: Option<Credentials<'a>>,
    /// Whether TLS 1.2 is spoken.
    pub tls12: bool,
    /// Whether TLS 1.3 is spoken.
    pub tls13: bool,
    /// With how many servers sessions are kept for resumption; 0 keeps none.
    pub sessions: usize,
}

impl<'a> ClientOptions<'a> {
    /// The defaults: TLS 1.2 and 1.3, no client certificate, only the issuers in `ca` trusted.
    #[must_use]
    pub fn new(ca: &'a [u8]) -> Self {
        Self { ca, system_roots: None, credentials: None, tls12: true, tls13: true, sessions: 10 }
    }
}

/// What is forgiven a server's certificate: for each flag what upstream forgives, and nothing else. That the server has the key
/// of its certificate is always verified, as are purposes, signatures and limits within the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the C API")]
pub struct Trust {
    /// That it is self-signed, or the last of the chain that the server sends is, and not trusted (`LCCSCF_ALLOW_SELFSIGNED`).
    pub allow_selfsigned: bool,
    /// That it is for other names (`LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK`).
    pub skip_hostname: bool,
    /// That it or one above it has expired, or is not valid yet (`LCCSCF_ALLOW_EXPIRED`).
    pub allow_expired: bool,
    /// That its issuer, or that of one above it, is neither trusted nor sent (`LCCSCF_ALLOW_INSECURE`).
    pub allow_insecure: bool,
}

/// The client side of a vhost's TLS: whom it trusts, who it is, and the sessions it can resume.
pub struct ClientTls {
    versions: Vec<&'static SupportedProtocolVersion>,
    own: RefCell<Store>,
    load_system_roots: Option<LoadRoots>,
    system_roots: OnceCell<Arc<Roots>>,
    credentials: Option<Arc<SingleCertAndKey>>,
    sessions: usize,
    /// Made when first needed: most vhosts are nobody's client.
    trusting: RefCell<HashMap<Trust, Rc<Trusting>>>,
}

/// What connections under the same [`Trust`] share; above all their sessions, which are nobody else's.
struct Trusting {
    config: ClientConfig,
    verifier: Arc<Verifier>,
}

impl ClientTls {
    /// Parses and checks `options`.
    pub fn new(options: &ClientOptions<'_>) -> Result<Self, ConfigError> {
        let mut own = Store::default();
        if !options.ca.is_empty() {
            for (i, der) in identity::certificates(options.ca, Field::ServerCa)?.into_iter().enumerate() {
                let refuse =
                    |error| ConfigError::new(Field::ServerCa, format!("certificate {}: {error}", i + 1));
                own.add(der).map_err(refuse)?;
            }
        }
        let credentials = options
            .credentials
            .as_ref()
            .map(|credentials| identity::certified_key(credentials, &config::provider()))
            .transpose()?;
        Ok(Self {
            versions: config::versions(options.tls12, options.tls13)?,
            own: RefCell::new(own),
            load_system_roots: options.system_roots,
            system_roots: OnceCell::new(),
            credentials: credentials.map(|key| Arc::new(SingleCertAndKey::from(key))),
            sessions: options.sessions,
            trusting: RefCell::default(),
        })
    }

    /// One more certificate (DER) on connections to come: an issuer to trust if it is self-signed, else one between a
    /// trusted issuer and servers that do not send it.
    pub fn add_certificate(&self, certificate: &[u8]) -> Result<(), ConfigError> {
        let der = CertificateDer::from(certificate).into_owned();
        self.own.borrow_mut().add(der).map_err(|reason| ConfigError::new(Field::ServerCa, reason))?;
        // Sessions go as well: who is trusted is different now.
        self.trusting.borrow_mut().clear();
        Ok(())
    }

    /// A connection to `server_name`, a host name or a numeric address (an IPv6 one with or without brackets),
    /// which the certificate must be for; `alpn` are the protocols to offer, the favourite first. The first
    /// flight is in the outgoing queue already.
    pub fn connect(
        &self,
        server_name: &str,
        alpn: &[&[u8]],
        trust: Trust,
        spares: &Spares,
    ) -> Result<TlsClient, TlsError> {
        let name = parse_name(server_name)?;
        let server_name = name.clone();
        if let Some(bad) = alpn.iter().find(|name| !(1..=255).contains(&name.len())) {
            let text = format!("an ALPN protocol name has 1 to 255 bytes, not {}", bad.len());
            return Err(TlsError::new(ErrorKind::Incompatible, text));
        }
        let trusting = self.trusting(trust)?;
        let mut config = trusting.config.clone();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let connection = UnbufferedClientConnection::new(Arc::new(config), name)?;
        let offered = alpn.iter().map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>().join(", ");
        let mut client = TlsClient::with_side(
            ClientSide { trusting, server_name, offered: offered.into_boxed_str(), heard: false },
            Outgoing::new(spares),
        );
        let session = client.session.insert(Box::new(Session::new(connection)));
        session.start(&mut client.outgoing)?;
        Ok(client)
    }

    fn trusting(&self, trust: Trust) -> Result<Rc<Trusting>, TlsError> {
        if let Some(trusting) = self.trusting.borrow().get(&trust) {
            return Ok(Rc::clone(trusting));
        }
        let provider = config::provider();
        let system = self.load_system_roots.map(|load| Arc::clone(self.system_roots.get_or_init(load)));
        let own = self.own.borrow().clone();
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Arc::new(Verifier::new(own, system, trust, algorithms));
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _);
        let mut config = match &self.credentials {
            Some(credentials) => builder.with_client_cert_resolver(Arc::clone(credentials) as _),
            None => builder.with_no_client_auth(),
        };
        config.resumption = match self.sessions {
            0 => Resumption::disabled(),
            // rustls counts eight tickets a server.
            servers => Resumption::in_memory_sessions(servers.saturating_mul(8)),
        };
        let trusting = Rc::new(Trusting { config, verifier });
        self.trusting.borrow_mut().insert(trust, Rc::clone(&trusting));
        Ok(trusting)
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

/// The client side of one TLS connection.
pub type TlsClient = TlsConnection<UnbufferedClientConnection, ClientSide>;

/// What a client connection has beside its session.
pub struct ClientSide {
    trusting: Rc<Trusting>,
    server_name: ServerName<'static>,
    /// The protocols offered, for the error of a server that has none of them.
    offered: Box<str>,
    /// Whether the server has said anything.
    heard: bool,
}

impl TlsClient {
    /// Feeds all of `ciphertext`, cut anyhow: decrypts inside it (its content is undefined afterwards) and
    /// appends to `plaintext`. On an error, too, what came before it was appended.
    ///
    /// After an error every further call returns the same error. The alert may still be written.
    pub fn receive_into(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut BytesMut,
    ) -> Result<Progress, TlsError> {
        self.take_in(plaintext, |this, plaintext| {
            let Some(session) = &mut this.session else {
                return Err(TlsError::new(ErrorKind::Internal, "a TLS client without a session"));
            };
            if !this.side.heard && !ciphertext.is_empty() {
                check_first_bytes(ciphertext)?;
                this.side.heard = true;
            }
            let was_handshaking = session.common().is_handshaking();
            let result = session.receive(ciphertext, plaintext, &mut this.outgoing);
            result.map_err(|error| this.explain(&error, was_handshaking))
        })
    }

    /// Whether nothing speaks against the server's certificate at `now` (since 1970), so that nothing need have been
    /// forgiven. `false` before there is one.
    #[must_use]
    pub fn is_verified(&self, now: Duration) -> bool {
        let chain = self.common().and_then(CommonState::peer_certificates).unwrap_or_default();
        let side = &self.side;
        side.trusting.verifier.is_faultless(chain, &side.server_name, UnixTime::since_unix_epoch(now))
    }

    /// Words for the person who wonders why there is no connection.
    fn explain(&self, error: &TlsError, handshaking: bool) -> TlsError {
        use AlertDescription as A;
        let text = match (error.alert(), error.kind()) {
            (None, ErrorKind::PeerCertificate) => {
                self.side.trusting.verifier.take_refusal().unwrap_or_else(|| error.to_string())
            }
            (Some(A::NoApplicationProtocol), _) => {
                format!("the server has none of the protocols offered (ALPN: {})", self.side.offered)
            }
            (Some(A::UnrecognisedName), _) => {
                "the server does not serve the name it was asked for (alert unrecognized_name)".to_owned()
            }
            // A TLS 1.3 server says so when for the client the handshake is over.
            (Some(A::CertificateRequired), _) => {
                "the server requires a client certificate (alert certificate_required)".to_owned()
            }
            (Some(A::ProtocolVersion), _) => {
                "the server has no TLS version in common with us (alert protocol_version)".to_owned()
            }
            (Some(alert), _) if handshaking => {
                format!("the server refused the TLS handshake (alert {alert:?})")
            }
            (None, _) if handshaking => format!("TLS handshake: {error}"),
            _ => return error.clone(),
        };
        TlsError::new(error.kind(), text)
    }
}

/// Tells servers that do not speak TLS at all.
fn check_first_bytes(bytes: &[u8]) -> Result<(), TlsError> {
    if matches!(bytes, [0x14..=0x17] | [0x14..=0x17, 3, ..]) {
        return Ok(());
    }
    let start = &bytes[..bytes.len().min(16)];
    let text = format!("the server does not speak TLS: it begins with \"{}\"", start.escape_ascii());
    Err(TlsError::new(ErrorKind::NotTls, text))
}

fn parse_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    // The zone of a link-local address is our own business.
    let bare = bare.split_once('%').map_or(bare, |(address, _)| address);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        TlsError::new(
            ErrorKind::Incompatible,
            format!("{name:?} is neither a host name nor an address, so no certificate can be for it"),
        )
    })
}
