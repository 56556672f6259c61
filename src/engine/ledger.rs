//! The ledger: everything that can leak is counted where it is made and where it is freed.
//!
//! One per context, always on: a make or a free costs a few additions. `ferrows.h` shows it to programs,
//! context destruction checks it, and the tests assert on it.

use std::cell::Cell;

/// A kind of thing that can leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The context itself.
    Context,
    /// Virtual hosts.
    Vhost,
    /// `struct lws` of every sort: listeners, pipe, connections, streams.
    Wsi,
    /// HTTP/2 streams that have a wsi.
    H2Stream,
    /// Header tables ("ah").
    Ah,
    /// Per-session user memory (`per_session_data_size`).
    Session,
    /// File descriptors registered with the event loop.
    Fd,
    /// Armed timeouts and timers of ours (not the program's own `lws_sul`).
    Timer,
    /// Output accepted from the program and not yet given to the kernel.
    Buffered,
}

/// Every kind, in the order of `struct ferrows_stats`.
pub const KINDS: [(Kind, &str); 9] = [
    (Kind::Context, "context"),
    (Kind::Vhost, "vhost"),
    (Kind::Wsi, "wsi"),
    (Kind::H2Stream, "h2_stream"),
    (Kind::Ah, "ah"),
    (Kind::Session, "session"),
    (Kind::Fd, "fd"),
    (Kind::Timer, "timer"),
    (Kind::Buffered, "buffered"),
];

/// The account of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Things that exist now.
    pub live: u64,
    /// The most that ever existed at once.
    pub peak: u64,
    /// Things ever made.
    pub total: u64,
    /// Bytes held by the live ones, as far as they are ours to know.
    pub bytes: u64,
}

/// The accounts of one context.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: [Cell<Account>; KINDS.len()],
    turns: Cell<u64>,
}

impl Ledger {
    /// Counts one thing of `kind`, holding `bytes`.
    pub fn made(&self, kind: Kind, bytes: usize) {
        self.change(kind, |account| {
            account.live += 1;
            account.total += 1;
            account.peak = account.peak.max(account.live);
            account.bytes += bytes as u64;
        });
    }

    /// Counts the end of one thing of `kind`, which held `bytes`.
    pub fn freed(&self, kind: Kind, bytes: usize) {
        self.change(kind, |account| {
            debug_assert!(account.live > 0, "{kind:?} freed more often than made");
            account.live = account.live.saturating_sub(1);
            account.bytes = account.bytes.saturating_sub(bytes as u64);
        });
    }

    /// Sets a kind that is measured rather than counted (buffered bytes of one connection changing).
    pub fn resized(&self, kind: Kind, before: usize, after: usize) {
        if before == after {
            return;
        }
        self.change(kind, |account| {
            account.bytes = (account.bytes + after as u64).saturating_sub(before as u64);
            match (before, after) {
                (0, _) => {
                    account.live += 1;
                    account.total += 1;
                    account.peak = account.peak.max(account.live);
                }
                (_, 0) => account.live = account.live.saturating_sub(1),
                _ => {}
            }
        });
    }

    /// Counts one turn of the loop: one entry of the service functions.
    pub fn turn(&self) {
        self.turns.set(self.turns.get() + 1);
    }

    /// Turns counted so far.
    pub fn turns(&self) -> u64 {
        self.turns.get()
    }

    /// The account of one kind.
    pub fn account(&self, kind: Kind) -> Account {
        self.accounts[kind as usize].get()
    }

    /// The kinds of which something is still live.
    pub fn outstanding(&self) -> impl Iterator<Item = (&'static str, Account)> {
        KINDS.iter().filter_map(|&(kind, name)| {
            let account = self.account(kind);
            (account.live > 0).then_some((name, account))
        })
    }

    /// All accounts as one JSON object, keys as in `struct ferrows_stats`.
    pub fn json(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::from("{");
        for (kind, name) in KINDS {
            let Account { live, peak, total, bytes } = self.account(kind);
            let _ = write!(
                out,
                "\"{name}\":{{\"live\":{live},\"peak\":{peak},\"total\":{total},\"bytes\":{bytes}}},"
            );
        }
        let _ = write!(out, "\"loop_turns\":{}}}", self.turns());
        out
    }

    fn change(&self, kind: Kind, edit: impl FnOnce(&mut Account)) {
        let cell = &self.accounts[kind as usize];
        let mut account = cell.get();
        edit(&mut account);
        cell.set(account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_follow_makes_and_frees() {
        let ledger = Ledger::default();
        ledger.made(Kind::Wsi, 100);
        ledger.made(Kind::Wsi, 50);
        ledger.freed(Kind::Wsi, 100);
        assert_eq!(ledger.account(Kind::Wsi), Account { live: 1, peak: 2, total: 2, bytes: 50 });
        assert_eq!(ledger.outstanding().map(|(name, _)| name).collect::<Vec<_>>(), ["wsi"]);
        ledger.freed(Kind::Wsi, 50);
        assert_eq!(ledger.outstanding().count(), 0);
    }

    #[test]
    fn resizing_counts_holders_and_bytes() {
        let ledger = Ledger::default();
        ledger.resized(Kind::Buffered, 0, 10);
        ledger.resized(Kind::Buffered, 10, 300);
        assert_eq!(ledger.account(Kind::Buffered), Account { live: 1, peak: 1, total: 1, bytes: 300 });
        ledger.resized(Kind::Buffered, 300, 0);
        assert_eq!(ledger.outstanding().count(), 0);
    }

    #[test]
    fn json_names_every_kind() {
        let json = Ledger::default().json();
        for (_, name) in KINDS {
            assert!(json.contains(&format!("\"{name}\":{{\"live\":0")), "{json}");
        }
        assert!(json.ends_with("\"loop_turns\":0}"));
    }
}
