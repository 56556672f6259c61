//! Addresses as programs write them: taken apart in place.

use std::ffi::{c_char, c_int};

use super::guard::guard;

/// The port that a scheme implies.
fn port_of(scheme: &[u8]) -> Option<c_int> {
    match scheme {
        b"http" | b"ws" => Some(80),
        b"https" | b"wss" => Some(443),
        _ => None,
    }
}

/// Where the parts of an address begin in its buffer; what separated them becomes NUL.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    scheme: usize,
    host: usize,
    /// `None`: the default of the scheme; where that has none either, whatever it was before.
    port: Option<c_int>,
    /// `None`: `"/"`, which is not in the buffer.
    path: Option<usize>,
}

/// Takes `text`, whose last byte is its NUL, apart.
fn take_apart(text: &mut [u8]) -> Parts {
    let end = text.len() - 1;
    let (scheme, mut at) = match text.windows(3).position(|three| three == b"://") {
        Some(colon) => {
            text[colon] = 0;
            (0, colon + 3)
        }
        None => (end, 0),
    };
    let mut port = text[scheme..].split(|&byte| byte == 0).next().and_then(port_of);
    let find = |text: &[u8], from: usize, stop: &dyn Fn(u8) -> bool| {
        text[from..end].iter().position(|&byte| stop(byte)).map_or(end, |at| from + at)
    };
    // A path of a unix socket, after the '+', has slashes of its own.
    let is_unix = text[at] == b'+';
    let mut host = at;
    if text[at] == b'[' {
        host += 1;
        at = find(text, at, &|byte| byte == b']');
        if at < end {
            text[at] = 0;
            at += 1;
        }
    } else {
        at = find(text, at, &|byte| byte == b':' || (byte == b'/' && !is_unix));
    }
    if text[at] == b':' {
        text[at] = 0;
        at += 1;
        port = Some(number(&text[at..end]));
        at = find(text, at, &|byte| byte == b'/');
    }
    let mut path = None;
    if at < end {
        text[at] = 0;
        at += 1;
        path = (at < end).then_some(at);
    }
    Parts { scheme, host, port, path }
}

/// As `atoi()`: spaces, a sign, digits; whatever follows. What does not fit is cut to the nearest that does.
fn number(text: &[u8]) -> c_int {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        _ => (false, text.strip_prefix(b"+").unwrap_or(text)),
    };
    digits.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |number: c_int, byte| {
        let digit = c_int::from(byte - b'0');
        let tens = number.saturating_mul(10);
        if negative { tens.saturating_sub(digit) } else { tens.saturating_add(digit) }
    })
}

/// Takes the address at `p` apart: `scheme://host:port/path`. The buffer is changed; the results point into it.
///
/// - `*prot`: the scheme; an empty string when there is none.
/// - `*ads`: the host, without the brackets of an IPv6 address. After a `+`, the path of a unix socket, with the `+` and
///   its slashes; it ends at a `:`.
/// - `*port`: the port; 80 for `http` and `ws`, 443 for `https` and `wss`; for any other scheme, and without one, it is left
///   alone when the address names none.
/// - `*path`: what follows the host's `/`, without that `/`, query and all; `"/"`, a constant, when nothing follows.
///
/// 0; 1 for NULL.
///
/// # Safety
/// `p` is NULL or a writable C string; the others are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_parse_uri(
    p: *mut c_char,
    prot: *mut *const c_char,
    ads: *mut *const c_char,
    port: *mut c_int,
    path: *mut *const c_char,
) -> c_int {
    guard(1, || {
        if p.is_null() || prot.is_null() || ads.is_null() || port.is_null() || path.is_null() {
            return 1;
        }
        // SAFETY: the caller's promise; the string and its NUL are the caller's to have changed.
        unsafe {
            let text = std::slice::from_raw_parts_mut(p.cast::<u8>(), libc::strlen(p) + 1);
            let parts = take_apart(text);
            *prot = p.add(parts.scheme);
            *ads = p.add(parts.host);
            if let Some(number) = parts.port {
                *port = number;
            }
            *path = parts.path.map_or(c"/".as_ptr(), |at| p.add(at).cast_const());
        }
        0
    })
}
