//! What a program's loop calls.

use std::ffi::c_int;

use super::guard::{guard, guard_whole};
use super::handle::{context, wsi_cx, wsi_ptr};
use super::types::*;
use crate::engine::context::Context;
use crate::engine::service::Serviced;

/// Waits for events and services them: as long as until the next timer if `timeout_ms` is 0 or more (the value itself
/// does not matter, as in lws), not at all if it is negative.
///
/// 0 when the program should go on; -1 when the context is being destroyed, and for NULL; 1 when the event loop's
/// `run_pt` has run. With a custom event loop that has no `run_pt`, poll(2) over the library's own descriptors.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_service(context: *mut lws_context, timeout_ms: c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard_whole(-1, || unsafe { self::context(context) }.map_or(-1, |cx| cx.service(timeout_ms)))
}

/// `lws_service()` for one service thread; there is thread 0 only, and -1 for any other.
///
/// # Safety
/// As `lws_service()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_service_tsi(context: *mut lws_context, timeout_ms: c_int, tsi: c_int) -> c_int {
    // SAFETY: the caller's promise.
    if tsi == 0 { unsafe { lws_service(context, timeout_ms) } } else { -1 }
}

/// Services one descriptor that poll(2) found ready: for programs with their own loop.
///
/// `pollfd->fd` may be anybody's; `pollfd->revents` says what happened, one bit or several. `pollfd->events` is not
/// looked at: the library knows what it waits for.
///
/// 0: handled (`revents` is cleared), or not one of the library's descriptors (`revents` stays). 1: the wsi of the
/// descriptor is gone, and so is its entry in the program's table. -1: the context is being destroyed, or NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed; `pollfd` is NULL or points to a structure that stays where
/// it is during the call, though what it holds may be changed by the event loop's operations. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_service_fd(context: *mut lws_context, pollfd: *mut lws_pollfd) -> c_int {
    guard_whole(-1, || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { self::context(context) }) else { return -1 };
        if pollfd.is_null() {
            return -1;
        }
        // SAFETY: not NULL, so valid by the caller's promise; copied, because the operations may rewrite the table.
        let ready = unsafe { *pollfd };
        match cx.service_fd(ready.fd, ready.revents) {
            Serviced::NotOurs => 0,
            Serviced::Handled => {
                // SAFETY: still the program's memory. Only the entry that was asked about is touched.
                unsafe {
                    if (*pollfd).fd == ready.fd {
                        (*pollfd).revents = 0;
                    }
                }
                0
            }
            Serviced::Died => 1,
            Serviced::Ending => -1,
        }
    })
}

/// `lws_service_fd()` for one service thread; there is thread 0 only, and -1 for any other.
///
/// # Safety
/// As `lws_service_fd()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_service_fd_tsi(
    context: *mut lws_context,
    pollfd: *mut lws_pollfd,
    tsi: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    if tsi == 0 { unsafe { lws_service_fd(context, pollfd) } } else { -1 }
}

/// To be called before the program's loop waits: runs due timers, PROTOCOL_INIT where it has not been raised, and
/// everything that can go on without an event.
///
/// Returns how many milliseconds the loop may wait, at most `timeout_ms`: until the next timer, rounded up; 0 only if
/// calling again at once makes progress. 1 for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_service_adjust_timeout(
    context: *mut lws_context,
    timeout_ms: c_int,
    tsi: c_int,
) -> c_int {
    guard_whole(1, || {
        // SAFETY: the caller's promise.
        match unsafe { self::context(context) } {
            Some(cx) if tsi == 0 => cx.adjust_timeout(timeout_ms),
            _ => 1,
        }
    })
}

/// Everything that can be done without waiting; 0, -1 for NULL. For event libs.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _lws_plat_service_forced_tsi(context: *mut lws_context, tsi: c_int) -> c_int {
    guard_whole(-1, || {
        // SAFETY: the caller's promise.
        match unsafe { self::context(context) } {
            Some(cx) if tsi == 0 => {
                cx.service_forced();
                0
            }
            _ => -1,
        }
    })
}

/// Makes the loop come back soon; every protocol then gets `LWS_CALLBACK_EVENT_WAIT_CANCELLED`.
///
/// The only function that may be called from any thread, and from signal handlers. NULL is ignored.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed, and is not destroyed during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_cancel_service(context: *mut lws_context) {
    // SAFETY: the caller's promise. Only the descriptor of the event pipe is read, which never changes; nothing is
    // counted, because counts are not atomic.
    if let Some(cx) = unsafe { context.cast::<Context>().as_ref() } {
        cx.wake();
    }
}

/// `lws_cancel_service()` for the service thread of `wsi`. Service thread only.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_cancel_service_pt(wsi: *mut lws) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some((_, cx)) = unsafe { wsi_cx(wsi) } {
            cx.wake();
        }
    });
}

/// The wsi that owns descriptor `fd`; NULL when it is none of the context's, and for NULL.
///
/// # Safety
/// `context` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsi_from_fd(context: *const lws_context, fd: c_int) -> *mut lws {
    guard(std::ptr::null_mut(), || {
        // SAFETY: the caller's promise.
        unsafe { self::context(context) }
            .and_then(|cx| cx.wsi_from_fd(fd).map(wsi_ptr))
            .unwrap_or(std::ptr::null_mut())
    })
}
