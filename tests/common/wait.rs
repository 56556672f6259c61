//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// No condition that a test waits for takes this long on a machine that works at all.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Asks until the answer is `Some`; panics with `what` when the deadline passes.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, &mut ask).unwrap_or_else(|| panic!("waited {DEADLINE:?} in vain for {what}"))
}

/// As [`until`], but the deadline passing is an answer.
pub(crate) fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
