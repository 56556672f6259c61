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

/// Bytes that the h2 crate keeps for each open stream, at either end, beside what waits on it to be sent or read: as measured
/// (a test does), because it does not say.
pub const STREAM_STATE: usize = 380;

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

/// One stream, whoever opened it: what goes both ways on it once its heads have been exchanged.
pub trait StreamIo {
    /// Queues bytes of any number; they leave as credit allows.
    fn send_data(&mut self, data: Bytes, end: bool) -> Result<(), SendError>;
    /// Whether more may be written now; if not, the waker tells when.
    fn poll_writeable(&mut self, waker: &StreamWaker) -> bool;
    /// The most bytes that may be waiting for credit.
    fn backlog(&self) -> usize;
    /// Whether our side has been sent to its end.
    fn is_ended(&self) -> bool;
    /// The next piece of what the peer sends.
    fn poll_body(&mut self, waker: &StreamWaker) -> Received;
    /// Gives the peer back credit for so many bytes.
    fn release(&mut self, len: usize);
    /// Whether the peer has reset the stream; if not, the waker tells when.
    fn poll_reset(&mut self, waker: &StreamWaker) -> bool;
}

/// Makes the methods of a stream's own those of [`StreamIo`].
macro_rules! stream_io {
    ($stream:ty) => {
        impl StreamIo for $stream {
            fn send_data(&mut self, data: Bytes, end: bool) -> Result<(), SendError> {
                self.send_data(data, end)
            }

            fn poll_writeable(&mut self, waker: &StreamWaker) -> bool {
                self.poll_writeable(waker)
            }

            fn backlog(&self) -> usize {
                self.backlog()
            }

            fn is_ended(&self) -> bool {
                self.is_ended()
            }

            fn poll_body(&mut self, waker: &StreamWaker) -> Received {
                self.poll_body(waker)
            }

            fn release(&mut self, len: usize) {
                self.release(len);
            }

            fn poll_reset(&mut self, waker: &StreamWaker) -> bool {
                self.poll_reset(waker)
            }
        }
    };
}

stream_io!(H2Stream);
stream_io!(H2ClientStream);

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
