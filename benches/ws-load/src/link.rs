//! A connection's socket, and its TLS.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use crate::Failure;
use crate::load::{Load, Tally};
use crate::protocol::Protocol;

/// Plaintext that is encrypted at once.
const TOGETHER: usize = 64 * 1024;

/// What sending came to.
#[derive(Copy, Clone, PartialEq, Eq)]
pub enum Moved {
    /// All is sent.
    All,
    /// The socket takes no more for now.
    Blocked,
}

pub struct Link {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Link {
    pub fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Result<Self, Failure> {
        let socket = TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
        let prepared = socket.set_nodelay(true).and_then(|()| socket.set_nonblocking(true));
        prepared.map_err(|error| error.to_string())?;
        // No TIME_WAIT: rows follow one another, each with thousands of connections.
        rustix::net::sockopt::set_socket_linger(&socket, Some(std::time::Duration::ZERO))
            .map_err(|error| error.to_string())?;
        let tls = tls.map(|config| {
            let name = ServerName::try_from("localhost").map_err(|error| error.to_string())?;
            ClientConnection::new(Arc::clone(config), name).map(Box::new).map_err(|error| error.to_string())
        });
        Ok(Self { socket, tls: tls.transpose()? })
    }

    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Sends what there is, as far as the socket takes it.
    pub fn send(&mut self, protocol: &mut Protocol, load: &Load) -> Result<Moved, Failure> {
        loop {
            if let Some(tls) = &mut self.tls {
                while tls.wants_write() {
                    if let Err(error) = tls.write_tls(&mut self.socket) {
                        return blocked("send", &error);
                    }
                }
                if tls.is_handshaking() {
                    return Ok(Moved::All);
                }
            }
            let bytes = protocol.pending(load);
            if bytes.is_empty() {
                return Ok(Moved::All);
            }
            let taken = match &mut self.tls {
                Some(tls) => tls.writer().write(&bytes[..bytes.len().min(TOGETHER)]),
                None => self.socket.write(bytes),
            };
            match taken {
                Ok(len) => protocol.sent(len, load),
                Err(error) => return blocked("send", &error),
            }
        }
    }

    /// Takes what has come.
    pub fn receive(
        &mut self,
        buffer: &mut [u8],
        protocol: &mut Protocol,
        load: &Load,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        loop {
            let len = match self.socket.read(buffer) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(len) => len,
                Err(error) => return blocked("receive", &error).map(|_| ()),
            };
            match &mut self.tls {
                None => protocol.receive(&buffer[..len], load, tally)?,
                Some(tls) => decrypt(tls, &buffer[..len], protocol, load, tally)?,
            }
            if len < buffer.len() {
                return Ok(());
            }
        }
    }
}

fn decrypt(
    tls: &mut ClientConnection,
    mut wire: &[u8],
    protocol: &mut Protocol,
    load: &Load,
    tally: &mut Tally,
) -> Result<(), Failure> {
    while !wire.is_empty() {
        tls.read_tls(&mut wire).map_err(|error| format!("TLS: {error}"))?;
        tls.process_new_packets().map_err(|error| format!("TLS: {error}"))?;
        let mut reader = tls.reader();
        loop {
            match reader.fill_buf() {
                Ok([]) => return Err("the server closed a connection".into()),
                Ok(plain) => {
                    protocol.receive(plain, load, tally)?;
                    let len = plain.len();
                    reader.consume(len);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(format!("TLS: {error}").into()),
            }
        }
    }
    Ok(())
}

fn blocked(what: &str, error: &io::Error) -> Result<Moved, Failure> {
    if error.kind() == io::ErrorKind::WouldBlock {
        Ok(Moved::Blocked)
    } else {
        Err(format!("{what}: {error}").into())
    }
}

/// For servers on this machine that have certificates of their own making.
pub fn tls_config(h2: bool) -> Result<Arc<ClientConfig>, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![if h2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    // Each connection's handshake is as long as the others'.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
