//! Output.

use std::ffi::c_int;

use super::guard::guard;
use super::handle::wsi_cx;
use super::types::*;
use crate::engine::write::{Mode, What, WriteError};
use crate::engine::ws::write::Frame;
use crate::proto::ws::Opcode;

/// What a program writes.
enum Written {
    Http(Mode),
    Ws(Frame),
}

/// What `wp` asks for; `None` when it has no meaning.
fn written(wp: enum_lws_write_protocol) -> Option<Written> {
    const TEXT: u32 = lws_write_protocol::LWS_WRITE_TEXT.c();
    const BINARY: u32 = lws_write_protocol::LWS_WRITE_BINARY.c();
    const MORE: u32 = lws_write_protocol::LWS_WRITE_CONTINUATION.c();
    const PING: u32 = lws_write_protocol::LWS_WRITE_PING.c();
    const PONG: u32 = lws_write_protocol::LWS_WRITE_PONG.c();
    const HEADERS: u32 = lws_write_protocol::LWS_WRITE_HTTP_HEADERS.c();
    const CONTINUATION: u32 = lws_write_protocol::LWS_WRITE_HTTP_HEADERS_CONTINUATION.c();
    const BODY: u32 = lws_write_protocol::LWS_WRITE_HTTP.c();
    const FINAL: u32 = lws_write_protocol::LWS_WRITE_HTTP_FINAL.c();
    let more = wp & lws_write_protocol::LWS_WRITE_NO_FIN.c() != 0;
    let end = wp & lws_write_protocol::LWS_WRITE_H2_STREAM_END.c() != 0;
    // The same bit as LWS_WRITE_H2_STREAM_END, which WebSockets have no use for.
    let plain = wp & LWS_WRITE_CLIENT_IGNORE_XOR_MASK as u32 != 0;
    let frame = |opcode| Written::Ws(Frame { opcode, fin: !more, plain });
    match wp & 0x1f {
        HEADERS | CONTINUATION => Some(Written::Http(Mode { what: What::Headers, more, end })),
        BODY => Some(Written::Http(Mode { what: What::Body, more, end })),
        FINAL => Some(Written::Http(Mode { what: What::Body, more: false, end: true })),
        TEXT => Some(frame(Opcode::Text)),
        BINARY => Some(frame(Opcode::Binary)),
        MORE => Some(frame(Opcode::Continuation)),
        PING => Some(frame(Opcode::Ping)),
        PONG => Some(frame(Opcode::Pong)),
        _ => None,
    }
}

/// Takes `len` bytes from `buf` for sending: all of them, whatever their number. What the peer does not take at once waits in
/// memory; a program that wants to bound that writes from its writeable callback, or asks `lws_send_pipe_choked()`.
///
/// `protocol` says what the bytes are: `LWS_WRITE_HTTP_HEADERS` (a head made with `lws_add_http_header_*()`; with
/// `LWS_WRITE_NO_FIN` more of it follows as `LWS_WRITE_HTTP_HEADERS_CONTINUATION`), `LWS_WRITE_HTTP` (body),
/// `LWS_WRITE_HTTP_FINAL` (its last piece: END_STREAM on HTTP/2, nothing on HTTP/1, which programs frame themselves). With
/// `LWS_WRITE_H2_STREAM_END`, a head ends the stream. On HTTP/2 the write that completes a given content-length ends it too.
///
/// On a WebSocket each call makes one frame: `LWS_WRITE_TEXT`, `LWS_WRITE_BINARY` (a message; with `LWS_WRITE_NO_FIN` it goes on
/// as `LWS_WRITE_CONTINUATION`, whose last is written without), `LWS_WRITE_PING`, `LWS_WRITE_PONG` (at most 125 bytes).
///
/// The `LWS_PRE` bytes before `buf` are not used. Returns `len`; -1 when the wsi is closing, was reset, or cannot send this
/// (the reason is logged), and for NULL: the callback should then return -1.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `buf` has `len` bytes. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_write(
    wsi: *mut lws,
    buf: *mut u8,
    len: usize,
    protocol: enum_lws_write_protocol,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return -1 };
        if (buf.is_null() && len > 0) || len > c_int::MAX as usize {
            return -1;
        }
        let Some(written) = written(protocol) else {
            crate::log_err!("{}: lws_write: there is no write protocol {protocol:#x}", wsi.tag());
            return -1;
        };
        // SAFETY: the caller's promise.
        let bytes = if len == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(buf, len) } };
        let taken = match written {
            Written::Http(mode) => cx.write(wsi, bytes, mode),
            Written::Ws(frame) => cx.write_ws(wsi, bytes, frame),
        };
        match taken {
            Ok(n) => n as c_int,
            Err(error @ (WriteError::WebSocket | WriteError::NotWebSocket)) => {
                crate::log_err!("{}: lws_write: write protocol {protocol:#x}: {error}", wsi.tag());
                -1
            }
            Err(error) => {
                crate::log_info!("{}: lws_write: {error}", wsi.tag());
                -1
            }
        }
    })
}

/// Whether more output would only wait in memory: 1 or 0. What waits is offered to the socket first. 1 for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_send_pipe_choked(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    guard(1, || unsafe { wsi_cx(wsi) }.is_none_or(|(wsi, cx)| cx.is_choked(wsi)).into())
}

/// Whether output of the wsi's connection waits in memory: 1 or 0; 0 for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_partial_buffered(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    guard(0, || unsafe { wsi_cx(wsi) }.is_some_and(|(wsi, cx)| cx.is_buffering(wsi)).into())
}
