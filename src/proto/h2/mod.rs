//! HTTP/2: the `h2` crate driven over memory, on the server's side and on the client's.
//!
//! Plaintext goes in with [`H2Server::receive`], requests come out of [`H2Server::poll`], and what is to be
//! sent collects in [`H2Server::output`]; [`H2Client`] has the same methods, and opens streams by
//! [`H2Client::open`]. Nothing is polled by a runtime: after any call that may have
//! produced frames (a poll, or a stream's send) call `poll` again until it says [`Event::Idle`], then send the
//! output. While more than [`HIGH_WATER`] bytes wait there, `poll` moves no more: the peer's pace decides.
//!
//! Streams are polled only when woken: each method that can wait takes the stream's [`StreamWaker`], which puts the
//! stream's id on the connection's [`WakeQueue`].

mod client;
mod ping;
mod pipe;
mod sender;
mod server;
mod wake;

use ::h2::Reason;
use bytes::Bytes;

pub use self::client::{Answer, ClientEvent, H2Client, H2ClientSettings, H2ClientStream, OpenError};
pub use self::pipe::HIGH_WATER;
pub use self::server::{Event, H2Server, H2Settings, H2Stream};
pub use self::wake::{StreamWaker, WakeQueue};

/// The client connection preface (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Body bytes one stream may have waiting for credit before it stops being writeable.
const STREAM_BUFFER: usize = 256 * 1024;

/// Body bytes up to which a stream that has sent no more is writeable without asking for credit.
const FREE_WRITE: usize = 16 * 1024;

/// What a stream has received.
pub enum Received {
    /// A piece of the body. Tell the stream's `release` when it has been consumed.
    Data(Bytes),
    /// The body is complete.
    End,
    /// Nothing yet; the waker will tell.
    Pending,
    /// The peer reset the stream, or the connection failed.
    Reset,
}

/// The stream cannot send: it was reset, ended, or has no headers yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError(pub String);

impl From<::h2::Error> for SendError {
    fn from(error: ::h2::Error) -> Self {
        Self(error.to_string())
    }
}

/// Whether the peer ended the connection as it may: GOAWAY with NO_ERROR, or closing the socket.
fn is_orderly(error: &::h2::Error) -> bool {
    error.is_io() || error.reason() == Some(Reason::NO_ERROR)
}

#[cfg(test)]
mod tests;
