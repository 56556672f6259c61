//! The wall clock as the process's time zone shows it: what a log line starts with.

use std::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in local time, to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Year of the Gregorian calendar, four digits.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 60.
    pub second: i32,
    /// 0 to 999999.
    pub micros: u32,
}

impl LocalTime {
    /// The present moment; `None` if the system cannot express it as a calendar date.
    #[must_use]
    pub fn now() -> Option<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Self::from_unix(since_epoch.as_secs().try_into().ok()?, since_epoch.subsec_micros())
    }

    /// The moment `secs` seconds and `micros` microseconds after 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn from_unix(secs: libc::time_t, micros: u32) -> Option<Self> {
        let mut broken_down = MaybeUninit::<libc::tm>::uninit();
        // SAFETY: both pointers are valid for the call, and `localtime_r` keeps neither of them. The C
        // library is asked, not a crate, so that our lines agree with the program's own time stamps.
        let filled = unsafe { libc::localtime_r(&raw const secs, broken_down.as_mut_ptr()) };
        if filled.is_null() {
            return None;
        }
        // SAFETY: a non-null result says that the whole structure was written.
        let tm = unsafe { broken_down.assume_init() };
        Some(Self {
            year: tm.tm_year.checked_add(1900)?,
            month: tm.tm_mon + 1,
            day: tm.tm_mday,
            hour: tm.tm_hour,
            minute: tm.tm_min,
            second: tm.tm_sec,
            micros,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_calendar_ranges() {
        let now = LocalTime::now().expect("the clock is after 1970");
        assert!(now.year >= 2024);
        assert!((1..=12).contains(&now.month));
        assert!((1..=31).contains(&now.day));
        assert!((0..=23).contains(&now.hour));
        assert!((0..=59).contains(&now.minute));
        assert!((0..=60).contains(&now.second));
        assert!(now.micros < 1_000_000);
    }

    #[test]
    fn a_day_later_is_another_day() {
        let first = LocalTime::from_unix(1_700_000_000, 5).expect("in range");
        let next = LocalTime::from_unix(1_700_000_000 + 86_400, 5).expect("in range");
        assert_eq!((first.year, first.month), (2023, 11));
        assert_ne!(first.day, next.day);
        assert_eq!(first.micros, 5);
    }

    #[test]
    fn an_inexpressible_year_is_none() {
        assert_eq!(LocalTime::from_unix(libc::time_t::MAX, 0), None);
    }
}
