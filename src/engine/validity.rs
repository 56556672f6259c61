//! Doubt: peers that are silent for long are asked whether they live, and given up when they stay silent.
//!
//! Concerns HTTP/2 connections with streams on them and WebSockets, which nothing else times: the program may answer as late
//! as it likes. Anything that arrives is a sign of life.

use rustix::net::RecvFlags;

use super::connection::Net;
use super::context::Context;
use super::timer::{NEVER, SECOND, Usec};
use super::wsi::Wsi;

impl Context {
    /// A connection rests with streams on it: from here on its silence is watched.
    pub(super) fn watch_silence(&self, wsi: &Wsi) {
        if wsi.deadlines.doubted_at() == NEVER {
            // While nothing was asked, silence was no sign of anything.
            wsi.deadlines.heard_at.set(self.now());
            self.doubt_later(wsi);
        }
    }

    /// The peer may have been silent for too long.
    pub(super) fn doubt(&self, wsi: &Wsi, now: Usec) {
        if has_unread(wsi) {
            wsi.deadlines.heard_at.set(now);
        }
        let policy = self.retry_policy_of(wsi);
        let silent = now.saturating_sub(wsi.deadlines.heard_at.get());
        if wsi.with_net(|net| net.streams.is_empty() && !net.is_ws()) != Some(false) {
            // Idle connections have a timeout of their own.
            self.set_doubt(wsi, NEVER);
        } else if policy.hangup_after > 0 && silent >= policy.hangup_after {
            crate::log_info!("{}: no sign of life for {} s", wsi.tag(), silent / SECOND);
            wsi.with_net(|net| {
                net.dead = true;
                net.lost = Some("the server gives no sign of life".to_owned());
            });
            self.close(wsi);
        } else {
            if policy.asks() && silent >= policy.ping_after {
                if !self.ping_ws(wsi) {
                    wsi.with_net(Net::ask_for_life);
                }
                self.schedule(wsi);
            }
            self.doubt_later(wsi);
        }
    }

    /// The program knows that the peer lives (`lws_validity_confirmed`).
    pub fn confirm_life(&self, wsi: &Wsi) {
        if let Some(connection) = self.connection_of(wsi) {
            connection.deadlines.heard_at.set(self.now());
        }
    }

    /// Sets the next time to look: when the peer is to be asked, or else when it is to be given up.
    fn doubt_later(&self, wsi: &Wsi) {
        let policy = self.retry_policy_of(wsi);
        if policy.hangup_after == 0 {
            return;
        }
        let heard = wsi.deadlines.heard_at.get();
        let ask = heard.saturating_add(policy.ping_after);
        let at =
            if policy.asks() && ask > self.now() { ask } else { heard.saturating_add(policy.hangup_after) };
        self.set_doubt(wsi, at);
    }
}

/// Whether something has arrived that nobody has looked at: the program was busy, or the system asleep.
fn has_unread(wsi: &Wsi) -> bool {
    let peeked = wsi.with_fd(|fd| rustix::net::recv(fd, &mut [0_u8; 1][..], RecvFlags::PEEK));
    matches!(peeked, Some(Ok((1.., _))))
}
