//! Why a TLS connection died.

use std::fmt;

use rustls::AlertDescription;

/// Why a TLS connection died, for the log and for the close reason.
///
/// The connection is over, but the alert that tells the peer may still be queued: drain it with
/// [`TlsConnection::write_to`](super::TlsConnection::write_to) before closing the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    kind: ErrorKind,
    text: String,
    alert: Option<AlertDescription>,
}

/// What kind of failure a [`TlsError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The first bytes were not a TLS handshake (plain HTTP on a TLS port, a port scan).
    NotTls,
    /// The peer broke the protocol, or bytes were damaged on the way.
    Protocol,
    /// The peer sent a fatal alert.
    AlertReceived,
    /// No protocol version, cipher suite, group or signature scheme in common.
    Incompatible,
    /// Nobody had a certificate for the name in the `ClientHello`.
    NoCertificate,
    /// The peer's certificate is missing although required, or was not accepted.
    PeerCertificate,
    /// Sending is not possible now: before the end of the handshake, or after `close_notify`.
    NotSendable,
    /// Failure on our side (entropy, clock, keys exhausted).
    Internal,
}

impl TlsError {
    pub(super) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), alert: None }
    }

    /// The alert that the peer sent, as long as nobody has found better words for it.
    pub(super) fn alert(&self) -> Option<AlertDescription> {
        self.alert
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TlsError {}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        use rustls::Error as E;
        let kind = match &error {
            E::AlertReceived(_) => ErrorKind::AlertReceived,
            E::PeerIncompatible(_) | E::NoApplicationProtocol | E::UnsupportedNameType => {
                ErrorKind::Incompatible
            }
            E::NoCertificatesPresented | E::InvalidCertificate(_) | E::InvalidCertRevocationList(_) => {
                ErrorKind::PeerCertificate
            }
            E::InappropriateMessage { .. }
            | E::InappropriateHandshakeMessage { .. }
            | E::InvalidMessage(_)
            | E::PeerMisbehaved(_)
            | E::DecryptError
            | E::PeerSentOversizedRecord => ErrorKind::Protocol,
            _ => ErrorKind::Internal,
        };
        let alert = match &error {
            E::AlertReceived(alert) => Some(*alert),
            _ => None,
        };
        Self { alert, ..Self::new(kind, error.to_string()) }
    }
}
