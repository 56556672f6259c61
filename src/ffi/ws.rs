//! WebSockets: what programs ask about one, and how they end it.

use std::ffi::{c_int, c_void};

use super::guard::guard;
use super::handle::{wsi, wsi_cx};
use super::types::*;
use crate::engine::ws::PieceInfo;
use crate::engine::ws::close::MOST_REASON;

/// What the program was given last; `None` for what is no WebSocket.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context.
unsafe fn piece(wsi: *mut lws) -> Option<PieceInfo> {
    // SAFETY: the caller's promise.
    unsafe { self::wsi(wsi) }?.with_ws(|ws| ws.piece)
}

/// Whether a message begins with the payload of this `LWS_CALLBACK_RECEIVE` or `LWS_CALLBACK_CLIENT_RECEIVE`: 1 or 0; 0 for
/// NULL, and for what is no WebSocket.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only; meant for that callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_is_first_fragment(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    guard(0, || unsafe { piece(wsi) }.is_some_and(|piece| piece.first).into())
}

/// Whether a message ends with the payload of this `LWS_CALLBACK_RECEIVE` or `LWS_CALLBACK_CLIENT_RECEIVE`: 1 or 0; 0 for
/// NULL, and for what is no WebSocket.
///
/// # Safety
/// As `lws_is_first_fragment()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_is_final_fragment(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    guard(0, || unsafe { piece(wsi) }.is_some_and(|piece| piece.last).into())
}

/// Whether the message is one of bytes (1) or text (0), in the receive callbacks; 0 for NULL, and for what is no WebSocket.
///
/// # Safety
/// As `lws_is_first_fragment()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_frame_is_binary(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    guard(0, || unsafe { piece(wsi) }.is_some_and(|piece| piece.binary).into())
}

/// Bytes of the frame that are still to come after the payload of this receive callback; when the message is compressed, as
/// they are on the wire. 0 for NULL, and for what is no WebSocket.
///
/// # Safety
/// As `lws_is_first_fragment()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_remaining_packet_payload(wsi: *mut lws) -> usize {
    guard(0, || {
        // SAFETY: the caller's promise.
        unsafe { piece(wsi) }.map_or(0, |piece| usize::try_from(piece.remaining).unwrap_or(usize::MAX))
    })
}

/// The reserved bits of the frame, any of `0x70`: 0 unless an extension uses them. 0 for NULL, and for what is no WebSocket.
///
/// # Safety
/// As `lws_is_first_fragment()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_reserved_bits(wsi: *mut lws) -> u8 {
    // SAFETY: the caller's promise.
    guard(0, || unsafe { piece(wsi) }.map_or(0, |piece| piece.reserved))
}

/// Prepares the CLOSE: status and up to 123 bytes of text, which should be UTF-8; more are cut off. It is sent when the program
/// ends the WebSocket by returning -1 from one of its callbacks; the peer then has 5 seconds to send its own. Without it, -1
/// ends the connection without a CLOSE. `LWS_CLOSE_STATUS_NOSTATUS` sends an empty one.
///
/// `buf` may be NULL. Ignored for NULL, and for what is no WebSocket (the latter with an error in the log).
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `buf` is NULL or has `len` bytes. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_close_reason(
    wsi: *mut lws,
    status: enum_lws_close_status,
    buf: *mut u8,
    len: usize,
) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return };
        let text = if buf.is_null() || len == 0 {
            &[][..]
        } else {
            // SAFETY: the caller's promise.
            unsafe { std::slice::from_raw_parts(buf, len.min(MOST_REASON)) }
        };
        let status = u16::try_from(status).unwrap_or(u16::MAX);
        if !cx.prepare_close(wsi, status, text) {
            crate::log_err!("{}: lws_close_reason: it is no WebSocket", wsi.tag());
        }
    });
}

/// Bytes of what `lws_get_close_payload()` points at: what `lws_close_reason()` prepared, on a client also what the server's
/// CLOSE said. 0 when there is nothing, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_close_length(wsi: *mut lws) -> c_int {
    guard(0, || {
        // SAFETY: the caller's promise.
        unsafe { self::wsi(wsi) }
            .and_then(|wsi| wsi.with_ws(|ws| ws.close_reason().len() as c_int))
            .unwrap_or(0)
    })
}

/// The status, two bytes with the high one first, and the text of the CLOSE; see `lws_get_close_length()`. Valid until the next
/// `lws_close_reason()` or the end of the wsi. NULL for NULL, and for what is no WebSocket.
///
/// # Safety
/// As `lws_get_close_length()`; the bytes are not to be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_close_payload(wsi: *mut lws) -> *mut u8 {
    guard(std::ptr::null_mut(), || {
        // SAFETY: the caller's promise.
        unsafe { self::wsi(wsi) }
            .and_then(|wsi| wsi.with_ws(|ws| ws.close_reason().as_ptr().cast_mut()))
            .unwrap_or(std::ptr::null_mut())
    })
}

/// The program has reason to know that the peer lives: the times of its retry policy after which a silent peer is asked, and
/// given up, begin anew. Whatever arrives from the peer does the same by itself. Of a stream, its connection is meant. NULL is
/// ignored.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_validity_confirmed(wsi: *mut lws) {
    guard((), || {
        // SAFETY: the caller's promise.
        if let Some((wsi, cx)) = unsafe { wsi_cx(wsi) } {
            cx.confirm_life(wsi);
        }
    });
}

/// permessage-deflate (RFC 7692), for the table in `info.extensions`: `{ "permessage-deflate",
/// lws_extension_callback_pm_deflate, "permessage-deflate; client_max_window_bits" }`. A vhost with it compresses the
/// WebSockets of clients that offer that, unless the protocol's callback returns nonzero for
/// `LWS_CALLBACK_CONFIRM_EXTENSION_OKAY`.
///
/// It stands for the library's own implementation, which is not called through it. Not meant to be called: -1.
///
/// # Safety
/// None is needed; the arguments are not looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_extension_callback_pm_deflate(
    _context: *mut lws_context,
    _ext: *const lws_extension,
    _wsi: *mut lws,
    _reason: enum_lws_extension_callback_reasons,
    _user: *mut c_void,
    _in: *mut c_void,
    _len: usize,
) -> c_int {
    -1
}
