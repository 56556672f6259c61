//! Certificates for the tests, and a TLS client that trusts anybody.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};

use super::library::lock;
use super::tmp;
use super::tools::openssl;

/// A self-signed certificate and its key, as PEM files.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Identity {
    /// "CERT,KEY", as the C programs take it.
    pub(crate) fn pair(&self) -> String {
        format!("{},{}", self.cert.display(), self.key.display())
    }
}

/// P-256, for localhost and the loopback addresses; made once.
pub(crate) fn localhost() -> Identity {
    identity("localhost")
}

/// P-256, for one host name; made once.
pub(crate) fn identity(host: &str) -> Identity {
    make(host, &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "ec")
}

/// RSA 2048, for one host name; made once.
pub(crate) fn rsa_identity(host: &str) -> Identity {
    make(host, &["-newkey", "rsa:2048"], "rsa")
}

fn make(host: &str, newkey: &[&str], kind: &str) -> Identity {
    let dir = tmp().join("identities");
    fs::create_dir_all(&dir).expect("directory of identities");
    let name = format!("{host}-{kind}");
    let identity =
        Identity { cert: dir.join(format!("{name}.cert.pem")), key: dir.join(format!("{name}.key.pem")) };
    let _lock = lock(&dir.join(format!("{name}.lock")));
    if identity.cert.exists() && identity.key.exists() {
        return identity;
    }
    let subject = format!("/CN={host}");
    let names = if host == "localhost" {
        "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1".to_owned()
    } else {
        format!("subjectAltName=DNS:{host}")
    };
    let key = identity.key.to_str().expect("UTF-8 path");
    let new = dir.join(format!("{name}.new"));
    let mut args = vec!["req", "-x509", "-nodes", "-days", "3650", "-subj", &subject];
    args.extend(["-addext", &names, "-keyout", key, "-out", new.to_str().expect("UTF-8 path")]);
    args.extend(newkey);
    openssl(&args, &dir);
    fs::rename(new, &identity.cert).expect("the finished certificate");
    identity
}

/// The DER of the first certificate in a PEM file.
pub(crate) fn der_of(cert: &Path) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_file(cert).expect("a PEM certificate").to_vec()
}

/// How a client speaks TLS.
pub(crate) struct Options<'a> {
    /// Offered in this order; empty: no ALPN extension.
    pub(crate) alpn: &'a [&'a str],
    /// SNI.
    pub(crate) host: &'a str,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { alpn: &["h2"], host: "localhost", versions: rustls::ALL_VERSIONS }
    }
}

/// A stream over TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A configuration that can be shared between connections, to resume sessions.
pub(crate) fn config(options: &Options<'_>) -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(options.versions)
        .expect("versions that the provider has")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustAll(provider)))
        .with_no_client_auth();
    config.alpn_protocols = options.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.resumption = Resumption::in_memory_sessions(16);
    Arc::new(config)
}

/// Connects to the port on the loopback and finishes the handshake.
pub(crate) fn connect(port: u16, options: &Options<'_>) -> io::Result<TlsStream> {
    connect_with(port, config(options), options.host)
}

/// As [`connect`], with a shared configuration.
pub(crate) fn connect_with(port: u16, config: Arc<ClientConfig>, host: &str) -> io::Result<TlsStream> {
    handshake(super::h1::connect(port), config, host)
}

/// Makes the handshake on a connected socket.
pub(crate) fn handshake(
    mut socket: TcpStream,
    config: Arc<ClientConfig>,
    host: &str,
) -> io::Result<TlsStream> {
    let name = ServerName::try_from(host.to_owned()).expect("a host name");
    let mut session = ClientConnection::new(config, name).expect("a TLS session");
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(session, socket))
}

/// Sends a `ClientHello`, nothing more, and returns the socket.
pub(crate) fn half_handshake(port: u16, config: Arc<ClientConfig>) -> io::Result<TcpStream> {
    let mut socket = super::h1::connect(port);
    let name = ServerName::try_from("localhost").expect("a host name");
    let mut session = ClientConnection::new(config, name).expect("a TLS session");
    session.write_tls(&mut socket)?;
    Ok(socket)
}

#[derive(Debug)]
struct TrustAll(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
