//! WebSockets: what programs ask about one, how they end it, and extensions.

use std::ffi::{CStr, c_char, c_int, c_void};

use super::guard::guard;
use super::handle::{context_ptr, text, wsi, wsi_cx};
use super::types::*;
use crate::engine::ws::PieceInfo;
use crate::engine::ws::close::MOST_REASON;
use crate::proto::ws::options::{Argument, Known, parse};

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
/// lws_extension_callback_pm_deflate, "permessage-deflate; client_max_window_bits" }`.
///
/// A vhost with it compresses the WebSockets of clients that offer that, unless the protocol's callback returns nonzero for
/// `LWS_CALLBACK_CONFIRM_EXTENSION_OKAY`. WebSocket clients of the vhost offer the third member, which may have several offers with
/// commas between, and must name nothing else; NULL offers `permessage-deflate; client_max_window_bits`, an empty string
/// nothing. They offer nothing where the callback of the vhost's first protocol returns nonzero for
/// `LWS_CALLBACK_CLIENT_CONFIRM_EXTENSION_SUPPORTED`. An answer that does not fit the offer fails the connection (RFC 7692 §5).
///
/// A client's protocol may set options when the server has agreed: for `LWS_CALLBACK_WS_EXT_DEFAULTS`, `user` is the extension's
/// name and `in` has `len` bytes of room for a string as `"compression_level=9; rx_buf_size=12"`. Nonzero, and options that
/// cannot be set, fail the connection. Both sides may set them later, see `lws_set_extension_option()`, which lists them.
///
/// A compressed message that inflates to more than 1 GiB is refused with 1009. Others have no limit: what arrives is handed out
/// piece by piece and not kept, so a program that collects messages limits them itself, by `lws_close_reason()` with
/// `LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE` and -1.
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

/// Sets an option of an extension on a WebSocket that uses it: `ext_name` is `"permessage-deflate"`, `opt_val` a decimal number, or
/// NULL for an option that needs none. It counts from the next message on.
///
/// - `compression_level`: 0 (none) to 9, 1 unless set;
/// - `mem_level`: memory for compressing, 1 to 9, each twice the one before; 8 unless set;
/// - `rx_buf_size`: pieces of compressed messages are at most two to this many bytes, 0 to 30; unless set, and where that is less,
///   as large as `rx_buffer_size` of the protocol says;
/// - `tx_buf_size`: 0 to 30, and without effect: one `lws_write()` is one frame;
/// - `server_no_context_takeover` on a server, `client_no_context_takeover` on a client: each message is compressed by itself. 0
///   takes it back, unless it was agreed on;
/// - `server_max_window_bits` on a server, `client_max_window_bits` on a client: the window that is compressed with is two to this
///   many bytes, 8 to 15, and no more than was agreed on.
///
/// The last four of the other side are for the handshake, and refused unless they say what was agreed on.
///
/// Returns 0, or -1 after an error in the log: for a value out of its range, an option that there is not, a WebSocket that does
/// not use the extension (any but an established one among them), what is no WebSocket, and NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; the others are NULL or C strings. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_set_extension_option(
    wsi: *mut lws,
    ext_name: *const c_char,
    opt_name: *const c_char,
    opt_val: *const c_char,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let (wsi, extension, option, value) =
            unsafe { (self::wsi(wsi), text(ext_name), text(opt_name), text(opt_val)) };
        let (Some(wsi), Some(extension), Some(option)) = (wsi, extension, option) else { return -1 };
        let set = wsi.with_ws(|ws| ws.set_option(&extension, &option, value.as_deref()));
        match set.unwrap_or(Err("it is no WebSocket")) {
            Ok(()) => 0,
            Err(why) => {
                let value = value.unwrap_or_default();
                crate::log_err!(
                    "{}: lws_set_extension_option: {extension} {option} {value}: {why}",
                    wsi.tag()
                );
                -1
            }
        }
    })
}

/// Reads options of an extension of the program's own: `name; name=10; name="10"`, up to `len` bytes or a comma. For each, `ext`'s
/// callback is called with `LWS_EXT_CB_OPTION_SET`, `ext_user`, and in `in` a `struct lws_ext_option_arg` with the index in
/// `opts` and the value, which is not terminated; NULL where there is none.
///
/// `opts` is a table that ends with a NULL name; names are compared whole. `EXTARG_NONE` has no value, `EXTARG_DEC` has one,
/// `EXTARG_OPT_DEC` may have one. What the callback returns does not matter.
///
/// Returns 0, or -1 at the first option that is not in the table or has not the value that it should, after those before have
/// been set; also for NULL in place of `ext`, its callback, `wsi`, `opts` or `o`.
///
/// # Safety
/// `ext` and `wsi` are NULL or valid, `opts` is NULL or such a table, `o` is NULL or has `len` bytes. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_ext_parse_options(
    ext: *const lws_extension,
    wsi: *mut lws,
    ext_user: *mut c_void,
    opts: *const lws_ext_options,
    o: *const c_char,
    len: c_int,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let (ext_ref, known_wsi) = unsafe { (ext.as_ref(), wsi_cx(wsi)) };
        let (Some(callback), Some((_, cx))) = (ext_ref.and_then(|ext| ext.callback), known_wsi) else {
            return -1;
        };
        if opts.is_null() || o.is_null() {
            return -1;
        }
        // SAFETY: the caller's promise.
        let (known, text) = unsafe {
            let text = std::slice::from_raw_parts(o.cast::<u8>(), usize::try_from(len).unwrap_or(0));
            (known_options(opts), text)
        };
        let parsed = parse(text, &known, |at, value| {
            let mut arg = lws_ext_option_arg {
                option_name: std::ptr::null(),
                option_index: at as c_int,
                start: value.map_or(std::ptr::null(), |value| value.as_ptr().cast()),
                len: value.map_or(0, |value| value.len() as c_int),
            };
            let reason = lws_extension_callback_reasons::LWS_EXT_CB_OPTION_SET as u32;
            // SAFETY: the program promised this signature; the argument lives for the call.
            cx.outside(|| unsafe {
                callback(context_ptr(&cx), ext, wsi, reason, ext_user, (&raw mut arg).cast(), 0)
            });
        });
        cx.settle();
        if parsed.is_ok() { 0 } else { -1 }
    })
}

/// A table of options.
///
/// # Safety
/// `table` ends with a NULL name; the names are C strings that live for as long as the result.
unsafe fn known_options<'a>(table: *const lws_ext_options) -> Vec<Known<'a>> {
    let mut known = Vec::new();
    for at in 0.. {
        // SAFETY: the caller's promise: the end was not reached.
        let option = unsafe { &*table.add(at) };
        if option.name.is_null() {
            break;
        }
        let argument = match option.r#type {
            0 => Argument::None,
            1 => Argument::Number,
            _ => Argument::Optional,
        };
        // SAFETY: the caller's promise.
        known.push(Known { name: unsafe { CStr::from_ptr(option.name) }.to_bytes(), argument });
    }
    known
}
