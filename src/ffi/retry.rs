//! Trying again: the delays of the program's tables, and its scheduled functions run after them.

use std::ffi::{c_char, c_int, c_uint};
use std::ptr::null_mut;
use std::time::{Duration, SystemTime};

use super::context::lws_get_random;
use super::guard::guard;
use super::handle::{context, wsi_cx};
use super::timer::schedule;
use super::types::*;
use crate::engine::retry::{Backoff, NextTry, RetryPolicy};
use crate::engine::timer::SECOND;
use crate::proto::http::header::HeaderTable;
use crate::proto::http::token::Token;

/// The delays of the program's table.
///
/// # Safety
/// `retry` is valid, and so is the table it refers to, if any.
unsafe fn backoff(retry: &lws_retry_bo_t) -> Backoff<'_> {
    let table = if retry.retry_ms_table.is_null() {
        &[]
    } else {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(retry.retry_ms_table, retry.retry_ms_table_count.into()) }
    };
    Backoff { table, conceal: retry.conceal_count, jitter_percent: retry.jitter_percent }
}

/// A policy of the program's, copied; `None` for NULL.
///
/// # Safety
/// `retry` is NULL or as [`backoff`] has it.
pub(super) unsafe fn policy(retry: *const lws_retry_bo_t) -> Option<RetryPolicy> {
    // SAFETY: the caller's promise.
    let retry = unsafe { retry.as_ref() }?;
    // SAFETY: the caller's promise.
    let Backoff { table, conceal, jitter_percent } = unsafe { backoff(retry) };
    Some(RetryPolicy {
        table: table.to_vec(),
        conceal,
        jitter_percent,
        ping_after: u64::from(retry.secs_since_valid_ping) * SECOND,
        hangup_after: u64::from(retry.secs_since_valid_hangup) * SECOND,
    })
}

/// What the context goes by where nobody says otherwise: `info`'s policy decides about silence only.
///
/// # Safety
/// As [`policy`].
pub(super) unsafe fn context_policy(retry: *const lws_retry_bo_t) -> RetryPolicy {
    // SAFETY: the caller's promise.
    let given = unsafe { policy(retry) }.filter(|given| given.ping_after > 0);
    let default = RetryPolicy::default();
    match given {
        Some(given) => {
            RetryPolicy { ping_after: given.ping_after, hangup_after: given.hangup_after, ..default }
        }
        None => default,
    }
}

fn chance() -> u16 {
    let mut chance = [0; 2];
    // SAFETY: the buffer is as long as it says. Without randomness there is no jitter.
    unsafe { lws_get_random(null_mut(), chance.as_mut_ptr().cast(), chance.len()) };
    u16::from_ne_bytes(chance)
}

/// Counts a try in `*ctry` and returns after how many milliseconds to make the next.
///
/// The delay is entry `*ctry` of `retry`'s table, the last one when the table is shorter, plus a random part of up to
/// `jitter_percent` (30 if 0) of it. 3 seconds, plus up to 30 %, when `retry` is NULL or has no table. `*conceal` becomes 1 as
/// long as `*ctry`, counted, is no more than `conceal_count` (with `LWS_RETRY_CONCEAL_ALWAYS`: for ever), else 0; 0 when
/// `retry` is NULL.
///
/// NULL for `ctry` means the first try; NULL for `conceal` is allowed.
///
/// # Safety
/// `retry` is NULL or valid with its table; `ctry` and `conceal` are NULL or writable; `context` is not looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_retry_get_delay_ms(
    _context: *mut lws_context,
    retry: *const lws_retry_bo_t,
    ctry: *mut u16,
    conceal: *mut c_char,
) -> c_uint {
    guard(0, || {
        // SAFETY: the caller's promise.
        unsafe {
            let next = next_try(retry, ctry);
            if let Some(conceal) = conceal.as_mut() {
                *conceal = next.concealed.into();
            }
            next.delay_ms
        }
    })
}

/// # Safety
/// As [`lws_retry_get_delay_ms`].
unsafe fn next_try(retry: *const lws_retry_bo_t, ctry: *mut u16) -> NextTry {
    // SAFETY: the caller's promise.
    unsafe {
        let delays = retry.as_ref().map_or_else(Backoff::default, |retry| backoff(retry));
        delays.next(ctry.as_mut().unwrap_or(&mut 0), chance())
    }
}

/// Schedules `cb`, as `lws_sul_schedule()` does, for the next try: after what `lws_retry_get_delay_ms()` says.
///
/// 0; 1, with nothing scheduled and the try counted, when the failure is not to be concealed any more: always when
/// `retry` is NULL. 1 for NULL, and for another `tid` than 0.
///
/// # Safety
/// As `lws_sul_schedule()` and `lws_retry_get_delay_ms()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_retry_sul_schedule(
    context: *mut lws_context,
    tid: c_int,
    sul: *mut lws_sorted_usec_list_t,
    retry: *const lws_retry_bo_t,
    cb: sul_cb_t,
    ctry: *mut u16,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { self::context(context) }) else { return 1 };
        if sul.is_null() || tid != 0 {
            return 1;
        }
        // SAFETY: the caller's promise.
        unsafe {
            let next = next_try(retry, ctry);
            if !next.concealed {
                return 1;
            }
            schedule(&cx, sul, cb, lws_usec_t::from(next.delay_ms) * LWS_US_PER_MS, false);
        }
        0
    })
}

/// `lws_retry_sul_schedule()` by the policy of `wsi`: that of its connection (`retry_and_idle_policy` of the connect
/// info), else, if it was accepted, its vhost's, else the context's, which tries again after 1, 3, 9 and 17 seconds and then gives up. A
/// longer wait that the response asks for (`Retry-After`) is granted.
///
/// # Safety
/// As `lws_retry_sul_schedule()`; `wsi` is NULL or a wsi of a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_retry_sul_schedule_retry_wsi(
    wsi: *mut lws,
    sul: *mut lws_sorted_usec_list_t,
    cb: sul_cb_t,
    ctry: *mut u16,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return 1 };
        if sul.is_null() {
            return 1;
        }
        // SAFETY: the caller's promise.
        let tries = unsafe { ctry.as_mut() };
        let next = cx.retry_policy_of(wsi).backoff().next(tries.unwrap_or(&mut 0), chance());
        if !next.concealed {
            return 1;
        }
        let own = lws_usec_t::from(next.delay_ms) * LWS_US_PER_MS;
        let asked = wsi.ah().and_then(|ah| retry_after(&ah, SystemTime::now())).unwrap_or(0);
        // SAFETY: the caller's promise.
        unsafe { schedule(&cx, sul, cb, own.max(asked), false) };
        0
    })
}

/// Raises `*us_interval_in_out` to the microseconds that the response's `Retry-After` asks for, in either of its forms
/// (RFC 9110 §10.2.3). A date counts from the response's `Date`, or from now when it has none.
///
/// 0; 1 with the interval left alone when the header is absent, means no later time, or cannot be read, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `us_interval_in_out` is NULL or valid. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_check_retry_after(
    wsi: *mut lws,
    us_interval_in_out: *mut lws_usec_t,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let (Some((wsi, _cx)), Some(interval)) =
            (unsafe { wsi_cx(wsi) }, unsafe { us_interval_in_out.as_mut() })
        else {
            return 1;
        };
        match wsi.ah().and_then(|ah| retry_after(&ah, SystemTime::now())) {
            Some(asked) if asked >= *interval => {
                *interval = asked;
                0
            }
            _ => 1,
        }
    })
}

/// The wait that a response asks for; `None` when it asks for none, or for one that is over.
fn retry_after(ah: &HeaderTable, now: SystemTime) -> Option<lws_usec_t> {
    let text = |token| ah.value(token).and_then(|value| String::from_utf8(value.into_owned()).ok());
    let date = |text: &str| httpdate::parse_http_date(text.trim()).ok();
    let asked = text(Token::HTTP_RETRY_AFTER)?;
    let wait = if let Ok(seconds) = asked.trim().parse::<u32>() {
        Duration::from_secs(seconds.into())
    } else {
        let from = text(Token::HTTP_DATE).as_deref().and_then(date).unwrap_or(now);
        date(&asked)?.duration_since(from).ok().filter(|wait| !wait.is_zero())?
    };
    lws_usec_t::try_from(wait.as_micros()).ok()
}
