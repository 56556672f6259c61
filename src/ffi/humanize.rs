//! Human-readable quantities of the C API.

use std::ffi::{CStr, c_char, c_int};
use std::io::Write as _;
use std::ptr;

use super::guard::guard;
use super::strings::{Output, c_bytes};
use super::types::lws_humanize_unit;

/// Decimals that are shown of a quantity in a larger unit.
const DECIMALS: u64 = 1000;

// SAFETY: a unit is a pointer that nothing writes through and a number; what its name points to is the
// business of who makes one. The ones here point to literals.
unsafe impl Sync for lws_humanize_unit {}

const fn unit(name: &'static CStr, factor: u64) -> lws_humanize_unit {
    lws_humanize_unit { name: name.as_ptr(), factor }
}

const END: lws_humanize_unit = lws_humanize_unit { name: ptr::null(), factor: 0 };

/// Counts, by powers of 1024: "22.130Gi".
#[unsafe(no_mangle)]
pub static humanize_schema_si: [lws_humanize_unit; 7] = [
    unit(c"Pi", 1 << 50),
    unit(c"Ti", 1 << 40),
    unit(c"Gi", 1 << 30),
    unit(c"Mi", 1 << 20),
    unit(c"Ki", 1 << 10),
    unit(c"", 1),
    END,
];

/// Bytes, by powers of 1024: "22.130GiB".
#[unsafe(no_mangle)]
pub static humanize_schema_si_bytes: [lws_humanize_unit; 7] = [
    unit(c"PiB", 1 << 50),
    unit(c"TiB", 1 << 40),
    unit(c"GiB", 1 << 30),
    unit(c"MiB", 1 << 20),
    unit(c"KiB", 1 << 10),
    unit(c"B", 1),
    END,
];

/// Times in microseconds: "14.350min".
#[unsafe(no_mangle)]
pub static humanize_schema_us: [lws_humanize_unit; 8] = [
    unit(c"y", 365 * 24 * 3600 * 1_000_000),
    unit(c"d", 24 * 3600 * 1_000_000),
    unit(c"hr", 3600 * 1_000_000),
    unit(c"min", 60 * 1_000_000),
    unit(c"s", 1_000_000),
    unit(c"ms", 1000),
    unit(c"μs", 1),
    END,
];

/// Writes `value` to `buf`, which has room for `len` bytes, in the first unit of `schema` that it is at least
/// one of: "1.512Ki".
///
/// `schema` lists units from the largest to one of factor 1, and ends in a NULL name;
/// `humanize_schema_si` and its siblings are some. The three decimals count thousandths of the unit's
/// factor, rounded down to an integer, as in libwebsockets: 1536 of 1024 gives ".512".
///
/// Returns the length of the result, or `len` if it was cut to fit, with the NUL that always ends it; 0 if no
/// unit is small enough, a pointer is NULL or `len` is 0.
///
/// # Safety
///
/// `buf` is NULL or has room for `len` bytes; `schema` is NULL or an array that ends in a NULL name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_humanize(
    buf: *mut c_char,
    len: usize,
    value: u64,
    schema: *const lws_humanize_unit,
) -> c_int {
    guard(0, || {
        // SAFETY: the caller gives that much room.
        let Some(mut out) = (unsafe { Output::new(buf, len) }) else {
            return 0;
        };
        // SAFETY: the caller gives a schema.
        let Some((factor, name)) = (unsafe { fitting_unit(value, schema) }) else {
            return 0;
        };
        let mut text = Vec::with_capacity(32);
        // Writing to memory does not fail.
        let _ = write!(text, "{}", value / factor);
        if factor > 1 {
            let _ = write!(text, ".{:03}", decimals(value % factor, factor));
        }
        text.extend_from_slice(name);
        out.push_all(&text);
        text.len().min(len) as c_int
    })
}

/// The first unit of `schema` that `value` is at least one of: its factor and name.
///
/// # Safety
///
/// `schema` is null or an array that ends in a null name; names are C strings.
unsafe fn fitting_unit<'a>(value: u64, schema: *const lws_humanize_unit) -> Option<(u64, &'a [u8])> {
    let mut at = schema;
    // SAFETY: the caller gives an array with an end.
    unsafe {
        while !at.is_null() && !(*at).name.is_null() {
            let factor = (*at).factor;
            if factor == 1 || (factor > 1 && value >= factor) {
                return Some((factor, c_bytes((*at).name)));
            }
            at = at.add(1);
        }
    }
    None
}

fn decimals(remainder: u64, factor: u64) -> u64 {
    match factor / DECIMALS {
        0 => remainder * DECIMALS / factor,
        thousandth => remainder / thousandth % DECIMALS,
    }
}
