//! When to try again, and how many failures nobody needs to hear of; and from when on a silent connection is doubted.

use std::rc::Rc;

use super::context::Context;
use super::timer::{SECOND, Usec};
use super::wsi::Wsi;

/// Milliseconds before the next try where no table says otherwise.
const DELAY_MS: u64 = 3000;

/// How much of the delay chance may add, in percent, where nobody says otherwise.
const JITTER_PERCENT: u8 = 30;

/// The delays of one who keeps trying.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff<'a> {
    /// Milliseconds before the next try, by the number of tries up to now; the last one repeats. Empty: 3 seconds.
    pub table: &'a [u32],
    /// This many failures are nobody's business.
    pub conceal: u16,
    /// Up to how much is added to a delay by chance, in percent; 0: 30.
    pub jitter_percent: u8,
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextTry {
    /// Milliseconds from now.
    pub delay_ms: u32,
    /// The failure need not be reported: there are tries left.
    pub concealed: bool,
}

impl Backoff<'_> {
    /// Counts a try in `tries` and says what comes next. `chance` is any number.
    #[must_use]
    pub fn next(&self, tries: &mut u16, chance: u16) -> NextTry {
        let base = match self.table {
            [] => DELAY_MS,
            table => table[usize::from(*tries).min(table.len() - 1)].into(),
        };
        let percent = if self.jitter_percent == 0 { JITTER_PERCENT } else { self.jitter_percent };
        let jitter = ((base * u64::from(percent) * u64::from(chance)) >> 16) / 100;
        *tries = tries.saturating_add(1);
        NextTry {
            delay_ms: u32::try_from(base + jitter).unwrap_or(u32::MAX),
            concealed: *tries <= self.conceal,
        }
    }
}

/// A policy that is kept: of a context, a vhost, a client connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// As [`Backoff::table`].
    pub table: Vec<u32>,
    /// As [`Backoff::conceal`].
    pub conceal: u16,
    /// As [`Backoff::jitter_percent`].
    pub jitter_percent: u8,
    /// How long a peer may be silent before it is asked whether it lives; 0, or no less than `hangup_after`: it is not asked.
    pub ping_after: Usec,
    /// How long it may be silent before the connection is closed; 0: for ever, and it is not asked.
    pub hangup_after: Usec,
}

impl Default for RetryPolicy {
    /// What contexts start with.
    fn default() -> Self {
        Self {
            table: vec![1000, 3000, 9000, 17_000],
            conceal: 4,
            jitter_percent: 20,
            ping_after: 300 * SECOND,
            hangup_after: 310 * SECOND,
        }
    }
}

impl RetryPolicy {
    /// Whether silent peers are asked before they are given up.
    #[must_use]
    pub fn asks(&self) -> bool {
        0 < self.ping_after && self.ping_after < self.hangup_after
    }

    /// Its delays.
    #[must_use]
    pub fn backoff(&self) -> Backoff<'_> {
        Backoff { table: &self.table, conceal: self.conceal, jitter_percent: self.jitter_percent }
    }
}

impl Context {
    /// What goes for `wsi`: its own policy; or its vhost's, if it was accepted; or the context's.
    pub fn retry_policy_of(&self, wsi: &Wsi) -> Rc<RetryPolicy> {
        let own = wsi.retry.borrow().clone();
        own.or_else(|| if wsi.client().is_some() { None } else { wsi.vhost()?.retry.clone() })
            .unwrap_or_else(|| Rc::clone(&self.config.retry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Backoff<'_> = Backoff { table: &[1000, 2000, 5000], conceal: 4, jitter_percent: 10 };

    #[test]
    fn the_last_delay_repeats_and_failures_show_after_the_count() {
        let mut tries = 0;
        let seen: Vec<(u32, bool)> = (0..6)
            .map(|_| {
                let next = TABLE.next(&mut tries, 0);
                (next.delay_ms, next.concealed)
            })
            .collect();
        assert_eq!(
            seen,
            [(1000, true), (2000, true), (5000, true), (5000, true), (5000, false), (5000, false)]
        );
        assert_eq!(tries, 6);
    }

    #[test]
    fn chance_adds_up_to_the_percentage() {
        let delay = |backoff: Backoff<'_>, chance| backoff.next(&mut 1, chance).delay_ms;
        assert_eq!(delay(TABLE, 0x8000), 2100);
        assert_eq!(delay(TABLE, 0xffff), 2199);
        let unsaid = Backoff { jitter_percent: 0, ..TABLE };
        assert_eq!(delay(unsaid, 0x8000), 2300);
        assert_eq!(delay(Backoff::default(), 0), 3000);
        assert_eq!(delay(Backoff::default(), 0x8000), 3450);
    }

    #[test]
    fn counting_stops_at_its_end() {
        let mut tries = 0xfffe;
        let always = Backoff { conceal: 0xffff, ..TABLE };
        for _ in 0..3 {
            assert!(always.next(&mut tries, 0).concealed, "conceal_count 0xffff conceals for ever");
        }
        assert_eq!(tries, 0xffff);
        let nearly = Backoff { conceal: 0xfffe, ..TABLE };
        assert!(!nearly.next(&mut tries, 0).concealed);
    }

    #[test]
    fn nothing_overflows() {
        let long = Backoff { table: &[u32::MAX], conceal: 0, jitter_percent: 255 };
        assert_eq!(long.next(&mut 7, 0xffff).delay_ms, u32::MAX);
    }
}
