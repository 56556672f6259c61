//! `ferrows.h`: what libwebsockets does not have. Statistics of everything that can leak.

use std::ffi::{c_char, c_int};

use super::guard::guard;
use super::handle::context;
use super::types::lws_context;
use crate::engine::ledger::{Account, Kind, Ledger};

/// One kind of resource.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ferrows_resource_stats {
    /// How many exist now.
    pub live: u64,
    /// The most that ever existed at once.
    pub peak: u64,
    /// How many were ever made.
    pub total: u64,
    /// Bytes held by the live ones, as far as the library allocated them.
    pub bytes: u64,
}

/// The resources of a context. New members are only ever added at the end.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ferrows_stats {
    /// The context itself.
    pub context: ferrows_resource_stats,
    /// Virtual hosts.
    pub vhost: ferrows_resource_stats,
    /// `struct lws` of every sort: the event pipe, listening sockets, connections, streams.
    pub wsi: ferrows_resource_stats,
    /// HTTP/2 streams, with what the protocol keeps of each; what the library itself has for one is part of its wsi.
    pub h2_stream: ferrows_resource_stats,
    /// Header tables ("ah").
    pub ah: ferrows_resource_stats,
    /// Per-session memory.
    pub session: ferrows_resource_stats,
    /// Descriptors that the event loop was shown and not told to forget.
    pub fd: ferrows_resource_stats,
    /// Running timeouts and timers of wsi; the program's own `lws_sul` are not counted.
    pub timer: ferrows_resource_stats,
    /// Connections with output that the kernel has not taken yet, and its bytes.
    pub buffered: ferrows_resource_stats,
    /// Turns of the loop: calls of the service functions.
    pub loop_turns: u64,
}

impl From<Account> for ferrows_resource_stats {
    fn from(Account { live, peak, total, bytes }: Account) -> Self {
        Self { live, peak, total, bytes }
    }
}

impl From<&Ledger> for ferrows_stats {
    fn from(ledger: &Ledger) -> Self {
        let of = |kind| ledger.account(kind).into();
        Self {
            context: of(Kind::Context),
            vhost: of(Kind::Vhost),
            wsi: of(Kind::Wsi),
            h2_stream: of(Kind::H2Stream),
            ah: of(Kind::Ah),
            session: of(Kind::Session),
            fd: of(Kind::Fd),
            timer: of(Kind::Timer),
            buffered: of(Kind::Buffered),
            loop_turns: ledger.turns(),
        }
    }
}

/// Fills `stats` with the context's resources. `size` is `sizeof *stats` as the program was compiled: a library that
/// knows more fills no more than that, one that knows less zeroes the rest.
///
/// 0, or -1 when a pointer is NULL. Allowed in every callback and event loop operation.
///
/// # Safety
/// `cx` is NULL or a context that has not been destroyed; `stats` is NULL or has room for `size` bytes. Service thread
/// only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferrows_context_stats(
    cx: *const lws_context,
    stats: *mut ferrows_stats,
    size: usize,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { context(cx) }) else { return -1 };
        if stats.is_null() {
            return -1;
        }
        let now = ferrows_stats::from(&cx.ledger);
        let known = size.min(size_of::<ferrows_stats>());
        // SAFETY: `size` bytes are writable, and no more than both have are copied.
        unsafe {
            stats.cast::<u8>().write_bytes(0, size);
            std::ptr::copy_nonoverlapping((&raw const now).cast::<u8>(), stats.cast::<u8>(), known);
        }
        0
    })
}

/// Writes the statistics as one line of JSON, NUL-terminated, cut at `len` bytes.
///
/// Returns the length of the whole text without the NUL, as snprintf(3): it was cut if that is `len` or more. `buf` may be
/// NULL when `len` is 0. -1 when `cx` is NULL.
///
/// # Safety
/// `cx` is NULL or a context that has not been destroyed; `buf` has room for `len` bytes. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferrows_context_stats_json(
    cx: *const lws_context,
    buf: *mut c_char,
    len: usize,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { context(cx) }) else { return -1 };
        let json = cx.ledger.json();
        if !buf.is_null() && len > 0 {
            let shown = json.len().min(len - 1);
            // SAFETY: `len` bytes are writable.
            unsafe {
                std::ptr::copy_nonoverlapping(json.as_ptr(), buf.cast::<u8>(), shown);
                *buf.add(shown) = 0;
            }
        }
        c_int::try_from(json.len()).unwrap_or(c_int::MAX)
    })
}

/// Logs the statistics at `LLL_NOTICE`, a line a kind. NULL is ignored.
///
/// # Safety
/// `cx` is NULL or a context that has not been destroyed. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferrows_context_dump(cx: *const lws_context) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some(cx) = (unsafe { context(cx) }) else { return };
        for (kind, name) in crate::engine::ledger::KINDS {
            let Account { live, peak, total, bytes } = cx.ledger.account(kind);
            crate::log_notice!("{name}: {live} live, {peak} peak, {total} total, {bytes} bytes");
        }
        crate::log_notice!("loop turns: {}", cx.ledger.turns());
    });
}
