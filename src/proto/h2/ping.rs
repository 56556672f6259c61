//! Asking the peer whether it lives.

use std::task::{Context, Waker};

use ::h2::{Ping, PingPong};

/// Sends PING frames of our own, one at a time.
#[derive(Default)]
pub(super) struct Pinger(Option<PingPong>);

impl Pinger {
    /// A PING goes out with the next poll of the connection, unless an earlier one is unanswered: that will do. `first` is
    /// the connection's handle, asked for once.
    pub(super) fn ask(&mut self, first: impl FnOnce() -> Option<PingPong>) {
        if self.0.is_none() {
            self.0 = first();
        }
        if let Some(pings) = &mut self.0 {
            // An answer that has come makes room for another question.
            let _ = pings.poll_pong(&mut Context::from_waker(Waker::noop()));
            let _ = pings.send_ping(Ping::opaque());
        }
    }
}
