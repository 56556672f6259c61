//! The one place every layer logs through. The C API's emitter plugs in as the sink.
//!
//! Levels are lws's bits (`LLL_ERR` = 1 …); the mask is process-wide, as in lws.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

/// A log level: one bit of the process-wide mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// Something failed and the program should know.
    Err = 1,
    /// Unexpected, survived.
    Warn = 2,
    /// Worth a line in normal operation.
    Notice = 4,
    /// Detail for the curious.
    Info = 8,
    /// Detail for us.
    Debug = 16,
}

/// `LLL_ERR | LLL_WARN | LLL_NOTICE`, as lws starts.
static MASK: AtomicU32 = AtomicU32::new(7);

/// Whether a line of `level` would be emitted.
pub fn enabled(level: Level) -> bool {
    MASK.load(Ordering::Relaxed) & level as u32 != 0
}

/// The present mask of `LLL_*` bits.
pub fn mask() -> u32 {
    MASK.load(Ordering::Relaxed)
}

/// Replaces the mask of `LLL_*` bits.
pub fn set_mask(mask: u32) {
    MASK.store(mask, Ordering::Relaxed);
}

/// Emits one line; use the macros, which test the level before formatting.
pub fn emit(level: Level, line: fmt::Arguments<'_>) {
    eprintln!("{level:?}: {line}");
}

/// Logs at `LLL_ERR`.
#[macro_export]
macro_rules! log_err { ($($a:tt)*) => { $crate::util::log::at!(Err, $($a)*) } }
/// Logs at `LLL_WARN`.
#[macro_export]
macro_rules! log_warn { ($($a:tt)*) => { $crate::util::log::at!(Warn, $($a)*) } }
/// Logs at `LLL_NOTICE`.
#[macro_export]
macro_rules! log_notice { ($($a:tt)*) => { $crate::util::log::at!(Notice, $($a)*) } }
/// Logs at `LLL_INFO`.
#[macro_export]
macro_rules! log_info { ($($a:tt)*) => { $crate::util::log::at!(Info, $($a)*) } }
/// Logs at `LLL_DEBUG`.
#[macro_export]
macro_rules! log_debug { ($($a:tt)*) => { $crate::util::log::at!(Debug, $($a)*) } }

/// Shared body of the level macros.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_at {
    ($level:ident, $($a:tt)*) => {
        if $crate::util::log::enabled($crate::util::log::Level::$level) {
            $crate::util::log::emit($crate::util::log::Level::$level, format_args!($($a)*));
        }
    };
}
pub use __log_at as at;
