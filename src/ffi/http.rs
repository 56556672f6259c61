//! HTTP transactions.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::guard::guard;
use super::handle::{text, wsi_cx};
use super::headers::{build, bytes};
use super::types::*;
use crate::proto::http::mime::{self, Choice};

/// The program has answered the request. On a kept HTTP/1 connection the next one is served, after the rest of this
/// request's body, if any, has been thrown away; a stream ends.
///
/// Returns 1 when the connection or stream will close, so that the callback can `return -1`, else 0; 1 for NULL. The session
/// memory and the headers stay valid until the callback returns.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_transaction_completed(wsi: *mut lws) -> c_int {
    // SAFETY: the caller's promise.
    guard(1, || unsafe { wsi_cx(wsi) }.is_none_or(|(wsi, cx)| cx.complete_transaction(wsi)).into())
}

/// Answers with a status and a small HTML page that shows it and `html_body` (NULL for nothing more, else markup that is
/// inserted as it is). A 404 is a redirect to `info.error_document_404`, when there is one.
///
/// 0, or 1 when it could not be sent, and for NULL; the caller completes the transaction.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `html_body` is NULL or a C string. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_return_http_status(wsi: *mut lws, code: u32, html_body: *const c_char) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return 1 };
        // SAFETY: the caller's promise.
        let body = unsafe { text(html_body) }.unwrap_or_default();
        cx.return_status(wsi, code, &body).is_err().into()
    })
}

/// Builds a redirect to `loc` (`len` bytes) at `*p`, sends it, and ends the stream on HTTP/2. Returns the number of bytes
/// written, -1 when it does not fit before `end` or cannot be sent; the caller completes the transaction.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `loc` has `len` bytes; `*p` up to `end` is writable. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_redirect(
    wsi: *mut lws,
    code: c_int,
    loc: *const u8,
    len: c_int,
    p: *mut *mut u8,
    end: *mut u8,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(start) = p.as_ref().copied() else { return -1 };
        if build(wsi, p, end, |cx, wsi, head| cx.put_redirect(wsi, code as u32, bytes(loc, len), head)) != 0 {
            return -1;
        }
        let len = *p as usize - start as usize;
        let mode =
            lws_write_protocol::LWS_WRITE_HTTP_HEADERS.c() | lws_write_protocol::LWS_WRITE_H2_STREAM_END.c();
        super::write::lws_write(wsi, start, len, mode)
    }
}

/// Answers with a file, in pieces as the peer takes them; `LWS_CALLBACK_HTTP_FILE_COMPLETION` follows. A file that cannot
/// be opened is a 404.
///
/// `content_type` is NULL for none; `other_headers` are `other_headers_len` bytes of header lines, as
/// `lws_add_http_header_*()` write them. 0 when it is being sent, -1 when it cannot be, and for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context; `file` is NULL or a C string, `content_type` too; `other_headers` has its bytes.
/// Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_serve_http_file(
    wsi: *mut lws,
    file: *const c_char,
    content_type: *const c_char,
    other_headers: *const c_char,
    other_headers_len: c_int,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        unsafe {
            let Some((wsi, cx)) = wsi_cx(wsi) else { return -1 };
            if file.is_null() {
                return -1;
            }
            let path = Path::new(OsStr::from_bytes(CStr::from_ptr(file).to_bytes()));
            let content_type = text(content_type).unwrap_or_default();
            match cx.serve_file(wsi, path, &content_type, bytes(other_headers.cast(), other_headers_len)) {
                Ok(()) => 0,
                Err(error) => {
                    crate::log_err!("{}: lws_serve_http_file {}: {error}", wsi.tag(), path.display());
                    -1
                }
            }
        }
    })
}

/// The content type that `file` is served with below mount `m`, by its suffix: the mount's `extra_mimetypes` first, then the
/// built-in table, then the mount's `"*"`. NULL when nothing fits: such a file is not served (415).
///
/// The text belongs to the mount, or to the library for good. `m` may be NULL for the built-in table alone; NULL for a NULL
/// `file`.
///
/// # Safety
/// `file` is NULL or a C string, `m` is NULL or a mount whose lists obey their contract.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_get_mimetype(file: *const c_char, m: *const lws_http_mount) -> *const c_char {
    guard(std::ptr::null(), || {
        if file.is_null() {
            return std::ptr::null();
        }
        // SAFETY: the caller's promise.
        unsafe {
            let first = m.as_ref().map_or(std::ptr::null(), |mount| mount.extra_mimetypes);
            let own = std::iter::successors(first.as_ref(), |pair| pair.next.as_ref());
            let suffixes = own.clone().map(|pair| match pair.name.as_ref() {
                Some(name) => CStr::from_ptr(name).to_bytes(),
                None => b"",
            });
            match mime::choose(CStr::from_ptr(file).to_bytes(), suffixes) {
                Some(Choice::Own(index)) => {
                    own.clone().nth(index).map_or(std::ptr::null(), |pair| pair.value)
                }
                Some(Choice::BuiltIn(mime)) => mime.as_ptr(),
                None => std::ptr::null(),
            }
        }
    })
}

/// Marks the transaction as one that has no end (server-sent events): it is not timed out. 0; 1 for NULL.
///
/// # Safety
/// `wsi` is NULL or a wsi of a live context. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_mark_sse(wsi: *mut lws) -> c_int {
    guard(1, || {
        // SAFETY: the caller's promise.
        let Some((wsi, cx)) = (unsafe { wsi_cx(wsi) }) else { return 1 };
        cx.set_timeout(wsi, crate::engine::timer::Timeout::None, 0);
        0
    })
}

/// What a protocol's callback does with the reasons it does not handle itself: requests get a 404, bodies that have been
/// received a 200, sent files complete their transaction. Returns what the callback should return.
///
/// # Safety
/// As for any callback: called by one, with its own arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_callback_http_dummy(
    wsi: *mut lws,
    reason: enum_lws_callback_reasons,
    _user: *mut c_void,
    _in: *mut c_void,
    _len: usize,
) -> c_int {
    const HTTP: u32 = lws_callback_reasons::LWS_CALLBACK_HTTP.c();
    const BODY_COMPLETION: u32 = lws_callback_reasons::LWS_CALLBACK_HTTP_BODY_COMPLETION.c();
    const FILE_COMPLETION: u32 = lws_callback_reasons::LWS_CALLBACK_HTTP_FILE_COMPLETION.c();
    // SAFETY: the caller's promise.
    unsafe {
        match reason {
            HTTP => complete_with(wsi, Some(404)),
            BODY_COMPLETION => complete_with(wsi, Some(200)),
            FILE_COMPLETION => complete_with(wsi, None),
            _ => 0,
        }
    }
}

/// Answers with a status page, if one is asked for, and completes the transaction; what the callback should return. Apart,
/// so that the many reasons that need nothing cost nothing.
///
/// # Safety
/// As [`lws_return_http_status`].
#[inline(never)]
unsafe fn complete_with(wsi: *mut lws, page: Option<u32>) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if page.is_some_and(|status| lws_return_http_status(wsi, status, std::ptr::null()) != 0) {
            return -1;
        }
        -lws_http_transaction_completed(wsi)
    }
}

/// Writes the value of an `Authorization` header for `user` and `pw` (RFC 7617) to `buf`, NUL-terminated: `"Basic "` and
/// `user:pw` in base64.
///
/// 0; 1 with `buf` left alone when that does not fit in `len` bytes, and for NULL.
///
/// # Safety
/// `user` and `pw` are NULL or C strings; `buf` is NULL or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_basic_auth_gen(
    user: *const c_char,
    pw: *const c_char,
    buf: *mut c_char,
    len: usize,
) -> c_int {
    guard(1, || {
        if user.is_null() || pw.is_null() || buf.is_null() {
            return 1;
        }
        // SAFETY: the caller's promise.
        let (user, pw) = unsafe { (CStr::from_ptr(user), CStr::from_ptr(pw)) };
        let credentials = [user.to_bytes(), b":", pw.to_bytes()].concat();
        let value = format!("Basic {}\0", STANDARD.encode(credentials));
        if value.len() > len {
            return 1;
        }
        // SAFETY: it fits.
        unsafe { buf.copy_from_nonoverlapping(value.as_ptr().cast(), value.len()) };
        0
    })
}
