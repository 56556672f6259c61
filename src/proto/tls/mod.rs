//! TLS, sans IO: ciphertext in, plaintext and ciphertext out, over rustls with the ring provider.
//!
//! The engine makes one [`ServerConfig`] a vhost with [`server_config`], and one [`TlsServer`] a
//! connection. It reads the socket, calls [`TlsServer::receive`] (or the cheaper
//! [`TlsServer::receive_into`]), hands the plaintext to h1 or h2, gives their output to
//! [`TlsServer::send`], and drains the ciphertext with [`TlsServer::write_to`].

mod config;
mod error;
mod hello;
mod identity;
mod outgoing;
mod server;
mod session;

#[cfg(test)]
mod tests;

pub use config::{
    ClientAuth, ConfigError, Field, ServerConfig, ServerIdentity, ServerOptions, server_config,
};
pub use error::{ErrorKind, TlsError};
pub use hello::ClientHello;
pub use server::{Handshake, Progress, TlsServer};

/// Whether a connection that starts with these bytes speaks TLS: a handshake record of any SSL 3.0 or
/// TLS version (RFC 8446 §5.1). One byte is enough to tell; with none the answer is `false`.
///
/// For listeners that also allow plain HTTP: no HTTP method starts with byte 0x16.
#[must_use]
pub fn looks_like_tls(first_bytes: &[u8]) -> bool {
    matches!(first_bytes, [0x16] | [0x16, 0x03, ..])
}
