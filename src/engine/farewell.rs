//! Orderly ends of connections: what has been said leaves before the socket closes, and the peer gets to read it.
//!
//! A socket that is closed while bytes of the peer lie unread in it sends a reset, and a reset makes the peer throw away
//! what it has not read yet: the very answer that explains the close. So, where the peer may still be sending, our side
//! is shut down first and the rest is read and dropped for a while (RFC 9112 §9.6).

use std::os::fd::BorrowedFd;

use rustix::net::Shutdown;

use super::connection::{Net, Speaks};
use super::context::Context;
use super::timer::{SECOND, Timeout, Usec};
use super::wsi::Wsi;

/// How far the orderly end of a connection has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Farewell {
    /// It has not begun.
    #[default]
    No,
    /// What has been said is leaving; nothing more is received or served.
    Flushing,
    /// Everything has left and our side is shut down; what the peer still sends is dropped.
    Lingering,
}

/// Time a peer has to notice that it should stop sending.
pub(super) const LINGERING: Usec = 2 * SECOND;

impl Net {
    /// Begins or continues the farewell; `None` when the socket can be closed.
    fn take_leave(&mut self, fd: BorrowedFd<'_>, now: Usec) -> Option<Farewell> {
        if self.farewell != Farewell::Lingering {
            self.farewell = Farewell::Flushing;
            if self.dead || !self.flush(fd, now) {
                return None;
            }
            if let Some(tls) = self.tls.as_mut().filter(|_| !self.blocked) {
                tls.send_close_notify();
                if !self.flush(fd, now) {
                    return None;
                }
            }
            if self.pending() > 0 {
                return Some(Farewell::Flushing);
            }
            if !self.linger || rustix::net::shutdown(fd, Shutdown::Write).is_err() {
                return None;
            }
            self.farewell = Farewell::Lingering;
        }
        (!self.eof && !self.dead).then_some(Farewell::Lingering)
    }
}

impl Net {
    /// The connection closes at once, by our own wish: the peer is told so, as far as the socket takes it.
    pub(super) fn last_words(&mut self, fd: BorrowedFd<'_>, now: Usec) {
        if self.farewell == Farewell::No && !self.dead && !self.eof {
            match &mut self.speaks {
                Speaks::H2(h2) => h2.go_away(),
                Speaks::H2Client(h2) => h2.go_away(),
                _ => {}
            }
            self.linger = false;
            self.take_leave(fd, now);
        }
    }
}

impl Context {
    /// Closes a connection as soon as what it has to say has left. Called again, it goes on from where it is.
    pub(super) fn close_gently(&self, wsi: &Wsi) {
        if !wsi.is_open() {
            return;
        }
        let now = self.now();
        let moved = self.output_moved_at(wsi);
        let stage = wsi.with_fd(|fd| wsi.with_net(|net| net.take_leave(fd, now))).flatten().flatten();
        self.account_output(wsi);
        let (why, patience) = match stage {
            None | Some(Farewell::No) => {
                self.close(wsi);
                return;
            }
            Some(Farewell::Flushing) => (Timeout::FlushBeforeClose, self.config.timeout),
            Some(Farewell::Lingering) => (Timeout::Linger, LINGERING),
        };
        // Anew while the peer takes it, however slowly.
        let slow = why == Timeout::FlushBeforeClose && self.output_moved_at(wsi) > moved;
        if slow || wsi.deadlines.timeout.get() != why {
            self.set_timeout(wsi, why, patience);
        }
        self.update_interest(wsi);
    }

    /// [`Context::close_gently`], where the peer may still be sending.
    pub(super) fn close_lingering(&self, wsi: &Wsi) {
        wsi.with_net(|net| {
            net.linger = true;
        });
        self.close_gently(wsi);
    }
}
