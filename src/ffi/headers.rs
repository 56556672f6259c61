//! Request headers ("the ah"), and the response header lines that programs build in their own buffers.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null;
use std::rc::Rc;

use super::guard::guard;
use super::handle::{wsi, wsi_cx};
use super::types::*;
use crate::engine::respond::HeadWriter;
use crate::proto::http::cookie;
use crate::proto::http::header::HeaderTable;
use crate::proto::http::response::HeaderError;
use crate::proto::http::token::Token;
use crate::proto::http::uri;

/// The header table of the wsi's request; `None` between requests.
unsafe fn ah(wsi: *mut lws) -> Option<Rc<HeaderTable>> {
    // SAFETY: the caller's promise.
    unsafe { self::wsi(wsi) }?.ah()
}

/// Copies `value` and a NUL into `dest`: its length, or -1 when it does not fit.
///
/// # Safety
/// `dest` is NULL or has room for `len` bytes.
unsafe fn put_string(value: &[u8], dest: *mut c_char, len: c_int) -> c_int {
    let room = usize::try_from(len).unwrap_or(0);
    if dest.is_null() || value.len() >= room {
        return -1;
    }
    // SAFETY: it fits, with its NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(value.as_ptr(), dest.cast::<u8>(), value.len());
        *dest.add(value.len()) = 0;
    }
    value.len() as c_int
}

/// An absent value: `dest` becomes an empty string.
///
/// # Safety
/// `dest` is NULL or has room for `len` bytes.
unsafe fn put_nothing(dest: *mut c_char, len: c_int) {
    if !dest.is_null() && len > 0 {
        // SAFETY: at least one byte.
        unsafe { *dest = 0 };
    }
}

/// # Safety
/// `name` is NULL or has `len` bytes.
unsafe fn name_bytes<'a>(name: *const c_char, len: c_int) -> Option<&'a [u8]> {
    let len = usize::try_from(len).ok()?;
    // SAFETY: the caller's promise.
    (!name.is_null()).then(|| unsafe { std::slice::from_raw_parts(name.cast::<u8>(), len) })
}

/// The length in bytes of header `h` of the request, all its lines joined; 0 when it is absent, when there is no request,
/// and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hdr_total_length(wsi: *mut lws, h: enum_lws_token_indexes) -> c_int {
    guard(0, || {
        // SAFETY: the caller's promise.
        let Some(ah) = (unsafe { ah(wsi) }) else { return 0 };
        Token::from_index(h).map_or(0, |token| ah.total_length(token) as c_int)
    })
}

/// The length in bytes of one fragment of header `h`: a line of a repeated header, or an argument of
/// `WSI_TOKEN_HTTP_URI_ARGS`; 0 when there is none.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hdr_fragment_length(
    wsi: *mut lws,
    h: enum_lws_token_indexes,
    frag_idx: c_int,
) -> c_int {
    guard(0, || {
        // SAFETY: the caller's promise.
        let (Some(ah), Ok(index)) = (unsafe { ah(wsi) }, usize::try_from(frag_idx)) else { return 0 };
        let fragment =
            Token::from_index(h).and_then(|token| ah.fragment(token, index).map(|value| value.len()));
        fragment.unwrap_or(0) as c_int
    })
}

/// Copies header `h` of the request into `dest`, NUL-terminated, all its lines joined. Returns its length; 0 when it is
/// absent (`dest` is then empty); -1 when it does not fit in `len` bytes with its NUL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `dest` is NULL or has room for `len` bytes. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hdr_copy(
    wsi: *mut lws,
    dest: *mut c_char,
    len: c_int,
    h: enum_lws_token_indexes,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        unsafe {
            put_nothing(dest, len);
            let Some(ah) = ah(wsi) else { return 0 };
            match Token::from_index(h).and_then(|token| ah.value(token).map(std::borrow::Cow::into_owned)) {
                Some(value) if !value.is_empty() => put_string(&value, dest, len),
                _ => 0,
            }
        }
    })
}

/// As `lws_hdr_copy()`, one fragment: a line of a repeated header, or an argument of `WSI_TOKEN_HTTP_URI_ARGS`. -1 also when
/// there is no such fragment.
///
/// # Safety
/// As `lws_hdr_copy()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hdr_copy_fragment(
    wsi: *mut lws,
    dest: *mut c_char,
    len: c_int,
    h: enum_lws_token_indexes,
    frag_idx: c_int,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        unsafe {
            put_nothing(dest, len);
            let (Some(ah), Ok(index)) = (ah(wsi), usize::try_from(frag_idx)) else { return -1 };
            match Token::from_index(h).and_then(|token| ah.fragment(token, index)) {
                Some(value) => put_string(&value, dest, len),
                None => -1,
            }
        }
    })
}

/// The length of a request header by name (`nlen` bytes, lower case; a trailing `:` is tolerated); -1 when it is absent.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `name` is NULL or has `nlen` bytes. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hdr_custom_length(wsi: *mut lws, name: *const c_char, nlen: c_int) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let (Some(ah), Some(name)) = (unsafe { ah(wsi) }, unsafe { name_bytes(name, nlen) }) else {
            return -1;
        };
        ah.custom(name).map_or(-1, |value| value.len() as c_int)
    })
}

/// Copies a request header by name, NUL-terminated: its length; -1 when it is absent or does not fit.
///
/// # Safety
/// As `lws_hdr_custom_length()`; `dst` is NULL or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hdr_custom_copy(
    wsi: *mut lws,
    dst: *mut c_char,
    len: c_int,
    name: *const c_char,
    nlen: c_int,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        unsafe {
            put_nothing(dst, len);
            let (Some(ah), Some(name)) = (ah(wsi), name_bytes(name, nlen)) else { return -1 };
            ah.custom(name).map_or(-1, |value| put_string(&value, dst, len))
        }
    })
}

/// Calls `cb` with the name of each request header that has no token: in lower case, with its colon, `nlen` bytes and not
/// NUL-terminated. 0; -1 when there is no request, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_hdr_custom_name_foreach(
    wsi: *mut lws,
    cb: lws_hdr_custom_fe_cb_t,
    opaque: *mut c_void,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let (Some((wsi, cx)), Some(cb)) = (unsafe { wsi_cx(wsi) }, cb) else { return -1 };
        let Some(ah) = wsi.ah() else { return -1 };
        let mut named = Vec::new();
        ah.for_each_custom(b"", |name, _| {
            named.clear();
            named.extend_from_slice(name.as_bytes());
            named.push(b':');
            // SAFETY: the program promised this signature.
            cx.outside(|| unsafe { cb(named.as_ptr().cast(), named.len() as c_int, opaque) });
        });
        cx.settle();
        0
    })
}

/// Copies the value of a request's cookie into `buf`, NUL-terminated. `*max` is the room in `buf` before, the value's length
/// after. 0 when found; nonzero when there is no such cookie, when it does not fit, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `name` is NULL or a C string; `buf` is NULL or has room for `*max` bytes. Service
/// thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_cookie_get(
    wsi: *mut lws,
    name: *const c_char,
    buf: *mut c_char,
    max: *mut usize,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        unsafe {
            let (Some(ah), Some(max)) = (ah(wsi), max.as_mut()) else { return 1 };
            if name.is_null() {
                return 1;
            }
            let Some(header) = ah.value(Token::HTTP_COOKIE) else { return 1 };
            let Some(value) = cookie::cookie(&header, CStr::from_ptr(name).to_bytes()) else { return 1 };
            let copied = put_string(value, buf, c_int::try_from(*max).unwrap_or(c_int::MAX));
            *max = value.len();
            if copied < 0 { 2 } else { 0 }
        }
    })
}

/// Copies an argument of the request's URL into `buf`, NUL-terminated: the one that starts with `name` (give its `=` too).
/// Returns a pointer to what follows `name` in `buf`; NULL when there is none, when it does not fit, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `name` is NULL or a C string; `buf` is NULL or has room for `len` bytes. Service
/// thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_urlarg_by_name(
    wsi: *mut lws,
    name: *const c_char,
    buf: *mut c_char,
    len: c_int,
) -> *const c_char {
    // SAFETY: the caller's promise.
    if unsafe { lws_get_urlarg_by_name_safe(wsi, name, buf, len) } < 0 { null() } else { buf }
}

/// As `lws_get_urlarg_by_name()`; returns the length of the value, -1 when there is none or it does not fit.
///
/// # Safety
/// As `lws_get_urlarg_by_name()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_urlarg_by_name_safe(
    wsi: *mut lws,
    name: *const c_char,
    buf: *mut c_char,
    len: c_int,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        unsafe {
            put_nothing(buf, len);
            let Some(ah) = ah(wsi) else { return -1 };
            if name.is_null() {
                return -1;
            }
            let found = ah.query().and_then(|query| uri::urlarg(query, CStr::from_ptr(name).to_bytes()));
            found.map_or(-1, |value| put_string(&value, buf, len))
        }
    })
}

/// The request's path and method: `*puri_ptr` points at the decoded path, NUL-terminated, for as long as the request lasts;
/// `*puri_len` is its length. Returns `LWSHUMETH_*`, -1 when there is no request (a client's wsi has a response), and
/// for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; the others are NULL or writable. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_get_uri_and_method(
    wsi: *mut lws,
    puri_ptr: *mut *mut c_char,
    puri_len: *mut c_int,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise. The path lives in the header table, which the wsi holds.
        unsafe {
            let (Some(ah), Some(path), Some(len)) = (ah(wsi), puri_ptr.as_mut(), puri_len.as_mut()) else {
                return -1;
            };
            if ah.status() != 0 {
                return -1;
            }
            *path = ah.path().as_ptr().cast_mut();
            *len = ah.path().count_bytes() as c_int;
            ah.method() as c_int
        }
    })
}

/// Gives the request's header table back early; header calls find nothing from then on. 0; -1 for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_headers_detach(wsi: *mut lws) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return -1 };
        cx.detach_headers(wsi);
        cx.settle();
        0
    })
}

/// The name of a token as it stands in a request, `:` included, for the life of the process; NULL for a number that is none.
#[unsafe(no_mangle)]
pub extern "C" fn lws_token_to_string(token: enum_lws_token_indexes) -> *const u8 {
    Token::from_index(token).and_then(Token::c_string).map_or(null(), |name| name.as_ptr().cast())
}

// ---- response headers ----

/// Lets `build` write header lines at `*p`, which it moves; `*p` stays when it fails. 0, or 1 with the reason in the log.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `*p` up to `end` is writable.
pub(super) unsafe fn build(
    wsi: *mut lws,
    p: *mut *mut u8,
    end: *mut u8,
    build: impl FnOnce(
        &crate::engine::context::Context,
        &crate::engine::wsi::Wsi,
        &mut HeadWriter<'_>,
    ) -> Result<(), HeaderError>,
) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        unsafe {
            let (Some((wsi, cx)), Some(p)) = (wsi_cx(wsi), p.as_mut()) else { return 1 };
            let Some(room) = (end as usize).checked_sub(*p as usize).filter(|_| !p.is_null()) else {
                return 1;
            };
            let mut head = HeadWriter::new(std::slice::from_raw_parts_mut(*p, room));
            match build(&cx, wsi, &mut head) {
                Ok(()) => {
                    *p = p.add(head.len());
                    0
                }
                Err(error) => {
                    crate::log_err!("{}: response header not added: {error:?}", wsi.tag());
                    1
                }
            }
        }
    })
}

/// # Safety
/// `value` has `length` bytes.
pub(super) unsafe fn bytes<'a>(value: *const u8, length: c_int) -> &'a [u8] {
    match usize::try_from(length) {
        // SAFETY: the caller's promise.
        Ok(length) if !value.is_null() => unsafe { std::slice::from_raw_parts(value, length) },
        _ => &[],
    }
}

/// Writes one response header line at `*p` and moves `*p` behind it. `name` may end with `:` and is written in lower case;
/// a NULL name is refused. CR, LF and NUL in the value are refused.
///
/// 0; 1, and nothing written, when it does not fit before `end` or is refused.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `name` is NULL or a C string; `value` has `length` bytes; `*p` up to `end` is
/// writable. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_add_http_header_by_name(
    wsi: *mut lws,
    name: *const u8,
    value: *const u8,
    length: c_int,
    p: *mut *mut u8,
    end: *mut u8,
) -> c_int {
    if name.is_null() {
        return 1;
    }
    // SAFETY: the caller's promise.
    unsafe {
        build(wsi, p, end, |_, _, head| {
            head.header(CStr::from_ptr(name.cast()).to_bytes(), bytes(value, length))
        })
    }
}

/// As `lws_add_http_header_by_name()`, with the name of `token`.
///
/// # Safety
/// As `lws_add_http_header_by_name()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_add_http_header_by_token(
    wsi: *mut lws,
    token: enum_lws_token_indexes,
    value: *const u8,
    length: c_int,
    p: *mut *mut u8,
    end: *mut u8,
) -> c_int {
    let Some(name) = Token::from_index(token).and_then(Token::c_string) else { return 1 };
    // SAFETY: the caller's promise.
    unsafe { build(wsi, p, end, |_, _, head| head.header(name.to_bytes(), bytes(value, length))) }
}

/// Writes a `content-length` line. 0, or 1 when it does not fit.
///
/// # Safety
/// As `lws_add_http_header_by_name()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_add_http_header_content_length(
    wsi: *mut lws,
    content_length: lws_filepos_t,
    p: *mut *mut u8,
    end: *mut u8,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { build(wsi, p, end, |cx, _, head| cx.content_length(head, content_length)) }
}

/// Starts a response head: the status line and the headers that the vhost adds to every response. `code` may carry
/// `LWSAHH_FLAG_NO_SERVER_NAME`. 0, or 1 when it does not fit.
///
/// # Safety
/// As `lws_add_http_header_by_name()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_add_http_header_status(
    wsi: *mut lws,
    code: u32,
    p: *mut *mut u8,
    end: *mut u8,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { build(wsi, p, end, |cx, wsi, head| cx.start_head(wsi, code, head)) }
}

/// Starts a response head with status, `content-type` (NULL for none) and `content-length`. With
/// `LWS_ILLEGAL_HTTP_CONTENT_LEN` there is no length: the end of the body is the end of the stream on HTTP/2, of the
/// connection on HTTP/1. 0, or 1 when it does not fit.
///
/// # Safety
/// As `lws_add_http_header_by_name()`; `content_type` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_add_http_common_headers(
    wsi: *mut lws,
    code: u32,
    content_type: *const c_char,
    content_len: lws_filepos_t,
    p: *mut *mut u8,
    end: *mut u8,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let content_type = (!content_type.is_null()).then(|| CStr::from_ptr(content_type).to_bytes());
        let length = Some(content_len).filter(|&length| length != LWS_ILLEGAL_HTTP_CONTENT_LEN);
        build(wsi, p, end, |cx, wsi, head| cx.common_head(wsi, code, content_type, length, head))
    }
}

/// Ends a response head. 0, or 1 when there is no room.
///
/// # Safety
/// As `lws_add_http_header_by_name()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_finalize_http_header(wsi: *mut lws, p: *mut *mut u8, end: *mut u8) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { build(wsi, p, end, |_, _, head| head.end()) }
}

/// Ends the response head that was built from `start` to `*p`, and sends it. 0, or 1 when there is no room or it cannot be
/// sent.
///
/// # Safety
/// As `lws_add_http_header_by_name()`; `start` up to `*p` is the head.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_finalize_write_http_header(
    wsi: *mut lws,
    start: *mut u8,
    p: *mut *mut u8,
    end: *mut u8,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if start.is_null() || lws_finalize_http_header(wsi, p, end) != 0 {
            return 1;
        }
        let Some(len) = (*p as usize).checked_sub(start as usize) else { return 1 };
        let written =
            super::write::lws_write(wsi, start, len, lws_write_protocol::LWS_WRITE_HTTP_HEADERS.c());
        (usize::try_from(written) != Ok(len)).into()
    }
}
