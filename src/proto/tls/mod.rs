//! TLS, sans IO: ciphertext in, plaintext and ciphertext out, over rustls with the ring provider.
//!
//! The engine makes one [`ServerConfig`] a vhost with [`server_config`] and one [`TlsServer`] a connection that
//! it accepts; and one [`ClientTls`] a vhost, whose [`ClientTls::connect`] gives a [`TlsClient`]. It reads the
//! socket, calls [`TlsServer::receive`] (or the cheaper
//! [`TlsServer::receive_into`]), hands the plaintext to h1 or h2, gives their output to
//! [`TlsServer::send`], and drains the ciphertext with [`TlsServer::write_to`].

mod any;
mod chain;
mod client;
mod config;
mod connection;
mod error;
mod hello;
mod identity;
mod info;
mod outgoing;
mod server;
mod session;
mod store;
mod verify;
mod x509;

#[cfg(test)]
mod tests;

pub use any::Tls;
pub use client::{ClientOptions, ClientTls, LoadRoots, TlsClient, Trust};
pub use config::{ClientAuth, ConfigError, Credentials, Field, ServerConfig, ServerOptions, server_config};
pub use connection::{Handshake, Progress, TlsConnection};
pub use error::{ErrorKind, TlsError};
pub use hello::ClientHello;
pub use info::CertificateInfo;
pub use server::TlsServer;
pub use store::Roots;

/// Whether a connection that starts with these bytes speaks TLS: a handshake record of any SSL 3.0 or
/// TLS version (RFC 8446 §5.1). One byte is enough to tell; with none the answer is `false`.
///
/// For listeners that also allow plain HTTP: no HTTP method starts with byte 0x16.
#[must_use]
pub fn looks_like_tls(first_bytes: &[u8]) -> bool {
    matches!(first_bytes, [0x16] | [0x16, 0x03, ..])
}
