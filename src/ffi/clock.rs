//! Clocks and version of the C API.

use std::ffi::{c_char, c_ulong};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use super::guard::guard;
use super::types::lws_usec_t;

/// The libwebsockets release whose API and ABI this is, as Debian 13 names it.
pub(super) const LIBRARY_VERSION: &std::ffi::CStr = c"4.3.5-unknown";

/// Microseconds in a second.
const USECS_PER_SEC: lws_usec_t = 1_000_000;

/// Returns the microseconds of the system's monotonic clock: the one that timers are set by.
///
/// It starts anywhere, and does not jump when the wall clock is set. Any thread.
///
/// # Safety
///
/// None: callable at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_now_usecs() -> lws_usec_t {
    guard(0, || {
        let now = clock_gettime(ClockId::Monotonic);
        now.tv_sec * USECS_PER_SEC + now.tv_nsec / 1000
    })
}

/// Returns the seconds since 1970-01-01 00:00 UTC by the wall clock. Any thread.
///
/// # Safety
///
/// None: callable at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_now_secs() -> c_ulong {
    guard(0, || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as c_ulong))
}

/// Returns the version of libwebsockets whose API this is, a static string.
///
/// # Safety
///
/// None: callable at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_library_version() -> *const c_char {
    LIBRARY_VERSION.as_ptr()
}
