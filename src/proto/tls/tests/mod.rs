//! A rustls client and our server in memory, and what they must make of each other.

mod client;
mod handshake;
mod hostile;
mod identity;
mod idle;
mod transfer;
mod trust;

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use super::*;
use crate::util::byte_queue::Spares;

const TLS12: &SupportedProtocolVersion = &rustls::version::TLS12;
const TLS13: &SupportedProtocolVersion = &rustls::version::TLS13;

/// A certificate authority and what it issues.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A chain and its key, both in PEM.
struct Identity {
    chain: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self { issuer: CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    fn issue(&self, name: &str) -> Identity {
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { chain: certificate.pem() + &self.issuer.pem(), key: key.serialize_pem() }
    }
}

impl Identity {
    fn server(&self) -> Credentials<'_> {
        Credentials {
            cert_chain: self.chain.as_bytes(),
            private_key: self.key.as_bytes(),
            key_password: None,
        }
    }
}

/// The authority that [`client_config`] trusts.
static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("test authority"));

static LOCALHOST: LazyLock<Identity> = LazyLock::new(|| AUTHORITY.issue("localhost"));

fn options() -> ServerOptions<'static> {
    ServerOptions::new(LOCALHOST.server())
}

fn client_builder(
    versions: &[&'static SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(AUTHORITY.issuer.der().clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}

fn client_config(versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> ClientConfig {
    let mut config = client_builder(versions).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

fn client_config_with_certificate(identity: &Identity) -> ClientConfig {
    let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    client_builder(&[TLS13, TLS12]).with_client_auth_cert(chain, key).unwrap()
}

/// Our client, which trusts [`AUTHORITY`].
fn trusting_client() -> ClientTls {
    ClientTls::new(&ClientOptions::new(AUTHORITY.issuer.pem().as_bytes())).unwrap()
}

/// Both ends of one connection.
struct Pair {
    client: ClientConnection,
    server: TlsServer,
    config: Option<Arc<ServerConfig>>,
    /// The client's bytes reach the server in pieces of this size.
    piece: usize,
    at_client: Vec<u8>,
    at_server: BytesMut,
    completed: u32,
    chosen: u32,
}

impl Pair {
    fn new(client: impl Into<Arc<ClientConfig>>, server: &Arc<ServerConfig>) -> Self {
        Self::named("localhost", client, Some(Arc::clone(server)))
    }

    fn named(name: &str, client: impl Into<Arc<ClientConfig>>, config: Option<Arc<ServerConfig>>) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(client.into(), name).unwrap();
        client.set_buffer_limit(None);
        Self {
            client,
            server: TlsServer::new(),
            config,
            piece: usize::MAX,
            at_client: Vec::new(),
            at_server: BytesMut::new(),
            completed: 0,
            chosen: 0,
        }
    }

    fn in_pieces(mut self, piece: usize) -> Self {
        self.piece = piece;
        self
    }

    /// What the client has to send.
    fn client_output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    fn server_output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let pending = self.server.pending_output();
        assert_eq!(self.server.write_to(&mut bytes).unwrap(), pending);
        assert!(!self.server.wants_write());
        bytes
    }

    fn give_server(&mut self, bytes: &[u8]) -> Result<(), TlsError> {
        for piece in bytes.chunks(self.piece) {
            let (config, chosen) = (&self.config, &mut self.chosen);
            let choose = |_: &ClientHello<'_>| {
                *chosen += 1;
                config.clone()
            };
            // Both ways of receiving get their share.
            let progress = if piece.len() % 2 == 0 {
                let before = self.at_server.len();
                let mut piece = piece.to_vec();
                let progress = self.server.receive_into(&mut piece, &mut self.at_server, choose)?;
                assert_eq!(progress.plaintext, self.at_server.len() - before);
                progress
            } else {
                let progress = self.server.receive(piece, choose)?;
                let taken = self.server.take_plaintext(&mut self.at_server);
                assert_eq!(progress.plaintext, taken);
                progress
            };
            self.completed += u32::from(progress.handshake == Handshake::Completed);
            assert_eq!(progress.handshake == Handshake::Ongoing, self.server.is_handshaking());
        }
        Ok(())
    }

    fn give_client(&mut self, bytes: &[u8]) -> Result<(), rustls::Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).unwrap();
            let state = self.client.process_new_packets()?;
            let start = self.at_client.len();
            self.at_client.resize(start + state.plaintext_bytes_to_read(), 0);
            let room = &mut self.at_client[start..];
            if !room.is_empty() {
                self.client.reader().read_exact(room).unwrap();
            }
        }
        Ok(())
    }

    /// Carries bytes both ways until both are silent.
    fn run(&mut self) -> Result<(), TlsError> {
        loop {
            let up = self.client_output();
            self.give_server(&up)?;
            let down = self.server_output();
            self.give_client(&down).unwrap();
            if up.is_empty() && down.is_empty() {
                return Ok(());
            }
        }
    }

    /// Runs into an error of the server; returns it and what the client makes of the alert.
    fn run_into_error(&mut self) -> (TlsError, Result<(), rustls::Error>) {
        let error = self.run().unwrap_err();
        let mut sink = BytesMut::new();
        let again = self.server.receive_into(&mut [0; 4], &mut sink, |_| None);
        assert_eq!(again.unwrap_err(), error, "errors are final");
        let alert = self.server_output();
        (error, self.give_client(&alert))
    }

    fn say_from_client(&mut self, text: &[u8]) {
        self.client.writer().write_all(text).unwrap();
    }

    /// A few bytes each way.
    fn exchange(&mut self) {
        self.at_client.clear();
        self.at_server.clear();
        self.say_from_client(b"ping");
        self.run().unwrap();
        assert_eq!(&self.at_server[..], b"ping");
        self.server.send(&[b"po", b"", b"ng"]).unwrap();
        self.run().unwrap();
        assert_eq!(self.at_client, b"pong");
    }
}

/// The lengths of the records in `bytes`, headers included.
fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, _, _, high, low, ..] = *bytes {
        let length = 5 + usize::from(u16::from_be_bytes([high, low]));
        lengths.push(length);
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty(), "the last record is cut");
    lengths
}

/// Bytes that repeat with no period that could hide a loss.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
