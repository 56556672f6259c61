//! Dates as HTTP headers write them (RFC 9110 §5.6.7).

use std::ffi::{c_char, c_int};
use std::time::{Duration, SystemTime};

use super::guard::guard;
use super::types::time_t;

/// The first second that a date with a year of four digits cannot name.
const YEAR_10000: u64 = 253_402_300_800;

/// Bytes of a rendered date, with its NUL.
const RENDERED: usize = "Thu, 01 Jan 1970 00:00:00 GMT".len() + 1;

/// Writes the time `*t` (seconds since 1970 UTC) into `buf` as `"Thu, 01 Jan 1970 00:00:00 GMT"`, NUL-terminated: 30 bytes.
///
/// 0; -1 with `buf` left alone when `len` is too small, the time is before 1970 or after 9999, and for NULL.
///
/// # Safety
/// `buf` is NULL or has room for `len` bytes; `t` is NULL or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_date_render_from_unix(
    buf: *mut c_char,
    len: usize,
    t: *const time_t,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller's promise.
        let Some(seconds) = (unsafe { t.as_ref() }).and_then(|&t| u64::try_from(t).ok()) else { return -1 };
        if buf.is_null() || len < RENDERED || seconds >= YEAR_10000 {
            return -1;
        }
        let text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        // SAFETY: the text and its NUL fit in `len` bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr(), buf.cast::<u8>(), text.len());
            *buf.add(text.len()) = 0;
        }
        0
    })
}

/// Reads a date of any of the three forms that HTTP knows from the `len` bytes at `b`, and sets `*t` to it: seconds since
/// 1970 UTC. 0; -1 with `*t` left alone when it is no such date, and for NULL.
///
/// # Safety
/// `b` is NULL or has `len` bytes; `t` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_http_date_parse_unix(b: *const c_char, len: usize, t: *mut time_t) -> c_int {
    guard(-1, || {
        if b.is_null() || t.is_null() {
            return -1;
        }
        // SAFETY: the caller's promise.
        let bytes = unsafe { std::slice::from_raw_parts(b.cast::<u8>(), len) };
        let date =
            std::str::from_utf8(bytes).ok().and_then(|text| httpdate::parse_http_date(text.trim()).ok());
        let seconds = date.and_then(|date| date.duration_since(SystemTime::UNIX_EPOCH).ok());
        let Some(seconds) = seconds else { return -1 };
        // SAFETY: the caller's promise.
        unsafe { t.write(seconds.as_secs() as time_t) };
        0
    })
}

#[cfg(test)]
mod tests {
    use std::ptr::null;

    use super::*;

    fn parse(text: &str) -> Option<time_t> {
        let mut t = -7;
        // SAFETY: the pointers are the slice's and the variable's.
        let result = unsafe { lws_http_date_parse_unix(text.as_ptr().cast(), text.len(), &raw mut t) };
        if result == 0 {
            return Some(t);
        }
        assert_eq!((result, t), (-1, -7), "{text}");
        None
    }

    fn render(t: time_t, room: usize) -> Option<String> {
        let mut buf = [b'?'; 40];
        // SAFETY: the pointers are the buffer's and the variable's, the room is no more than it has.
        let result =
            unsafe { lws_http_date_render_from_unix(buf[..room].as_mut_ptr().cast(), room, &raw const t) };
        if result == 0 {
            return Some(std::ffi::CStr::from_bytes_until_nul(&buf).unwrap().to_str().unwrap().to_owned());
        }
        assert!(result == -1 && buf == [b'?'; 40], "{t} in {room}");
        None
    }

    #[test]
    fn the_three_forms_are_read() {
        for form in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse(form), Some(784_111_777), "{form}");
        }
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in
            ["", "yesterday", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "784111777"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
        let mut t = 0;
        // SAFETY: NULL is allowed.
        unsafe {
            assert_eq!(lws_http_date_parse_unix(null(), 3, &raw mut t), -1);
            assert_eq!(lws_http_date_parse_unix(c"x".as_ptr(), 1, std::ptr::null_mut()), -1);
            assert_eq!(lws_http_date_render_from_unix(std::ptr::null_mut(), 40, &0), -1);
            assert_eq!(lws_http_date_render_from_unix([0; 40].as_mut_ptr(), 40, null()), -1);
        }
    }

    #[test]
    fn rendering_needs_thirty_bytes_and_a_year_of_four_digits() {
        assert_eq!(render(784_111_777, 30).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(render(784_111_777, 29), None);
        assert_eq!(render(253_402_300_799, 40).as_deref(), Some("Fri, 31 Dec 9999 23:59:59 GMT"));
        assert_eq!(render(253_402_300_800, 40), None);
        assert_eq!(render(-1, 40), None);
    }

    #[test]
    fn what_is_rendered_is_read_back() {
        for t in (0..YEAR_10000 as time_t).step_by(9_876_543_210) {
            assert_eq!(parse(&render(t, 30).unwrap()), Some(t));
        }
    }
}
