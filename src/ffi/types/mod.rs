//! The types of the C API: structs, enums, constants and callback types, laid out exactly as
//! libwebsockets 4.3.5 lays them out in Debian 13 (LP64).
//!
//! Everything here is re-exported flat: `use crate::ffi::types::*` gives C's own names. The C header
//! is generated from these files, doc comments included, so they speak to the C programmer.
//!
//! # Enums that come from C
//!
//! A C program may pass any `int` where the header says `enum x` (`LWS_CALLBACK_USER + 3`, or'ed
//! `LWS_WRITE_*` flags), so an enum is never taken from C as a Rust enum: that would be undefined
//! behaviour. Each such parameter is written with the alias `enum_x`, a plain [`c_uint`] that the
//! header generator prints as `enum x`:
//!
//! ```text
//! pub unsafe extern "C" fn lws_write(wsi: *mut lws, .., protocol: enum_lws_write_protocol) -> c_int
//! ```
//!
//! The Rust enum exists for the header and for the values: `lws_write_protocol::LWS_WRITE_HTTP.c()`
//! is the number, usable in `const`s, and [`CEnum::from_c`] goes the other way where the set is
//! needed as a set.
//!
//! # Foreign types
//!
//! The file `foreign.rs` is the one the generator does not read: names in there stand for what C
//! gets from system headers or from a prelude (`struct pollfd`, function types, bit fields).
//!
//! Not here, because nothing exports them: `lws_threadpool*`, `lws_cache*`, `lws_xos`, `struct
//! lejp_ctx`, metrics.

use std::ffi::c_uint;

/// Fails the build when a struct differs from the layout of Debian 13's libwebsockets 4.3.5.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
macro_rules! assert_layout {
    ($name:ident, $size:expr, {$($field:ident: $offset:expr),* $(,)?}) => {
        const _: () = {
            assert!(size_of::<$name>() == $size);
            $(assert!(std::mem::offset_of!($name, $field) == $offset);)*
        };
    };
}
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
macro_rules! assert_layout {
    ($name:ident, $size:expr, {$($field:ident: $offset:expr),* $(,)?}) => {};
}

/// The way between a C enum's number and its Rust enum.
pub trait CEnum: Sized + Copy {
    /// The constant with this value, if the set has one.
    fn from_c(value: c_uint) -> Option<Self>;
}

/// Gives an enum `c()` (number, `const`) and, when its constants are listed, [`CEnum`].
macro_rules! c_enum {
    ($name:ident) => {
        impl $name {
            /// The number C sees.
            #[must_use]
            pub const fn c(self) -> std::ffi::c_uint {
                self as std::ffi::c_uint
            }
        }
    };
    ($name:ident: $($constant:ident),+ $(,)?) => {
        c_enum!($name);
        impl crate::ffi::types::CEnum for $name {
            fn from_c(value: std::ffi::c_uint) -> Option<Self> {
                $(if value == $name::$constant.c() { return Some($name::$constant); })+
                None
            }
        }
    };
}

mod adopt;
mod callback;
mod client;
mod context;
mod event_loop;
mod file;
mod foreign;
mod form;
mod http;
mod json;
mod log;
mod opaque;
mod plugin;
mod protocol;
mod system;
mod timer;
mod tls;
mod tokenize;
mod vhost_options;
mod write;
mod ws;

pub use self::adopt::*;
pub use self::callback::*;
pub use self::client::*;
pub use self::context::*;
pub use self::event_loop::*;
pub use self::file::*;
pub use self::foreign::*;
pub use self::form::*;
pub use self::http::*;
pub use self::json::*;
pub use self::log::*;
pub use self::opaque::*;
pub use self::plugin::*;
pub use self::protocol::*;
pub use self::system::*;
pub use self::timer::*;
pub use self::tls::*;
pub use self::tokenize::*;
pub use self::vhost_options::*;
pub use self::write::*;
pub use self::ws::*;

#[cfg(test)]
mod tests {
    //! The Rust items against Debian's library; `tests/abi.rs` does the same with the C headers.

    use std::collections::{BTreeMap, BTreeSet};

    use super::{CEnum, lws_mount_protocols, lws_write_protocol};
    use crate::ffi::types;

    const ENUMS: &str = include_str!("../../../tests/abi/enums.tsv");
    const MACROS: &str = include_str!("../../../tests/abi/macros.tsv");

    /// The header is made from the Rust items, so this covers those that it does not take its values from.
    #[test]
    fn rust_constants_are_debians() {
        let expected: BTreeMap<&str, i128> =
            rows(MACROS).map(|[name, value]| (name, value.parse().expect("a number"))).collect();
        let mut seen = BTreeSet::new();
        macro_rules! constants {
            ($($name:ident)*) => {$(
                #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "the constants have many types")]
                let value = types::$name as i128;
                let name = stringify!($name);
                // An unsigned type's all-ones is what C writes as -1.
                let wanted = if expected[name] == -1 && value > 0 { i128::from(u64::MAX) } else { expected[name] };
                assert_eq!(value, wanted, "{name}");
                seen.insert(name);
            )*};
        }
        constants! {
            AUTH_MODE_MASK CONTEXT_PORT_NO_LISTEN CONTEXT_PORT_NO_LISTEN_SERVER LLLF_LOG_CONTEXT_AWARE
            LLLF_LOG_TIMESTAMP LLLF_SECRECY_BEARER LLLF_SECRECY_PII LLL_CLIENT LLL_COUNT LLL_DEBUG
            LLL_ERR LLL_EXT LLL_HEADER LLL_INFO LLL_LATENCY LLL_NOTICE LLL_PARSER LLL_THREAD LLL_USER
            LLL_WARN LWS_FOP_FLAGS_MASK LWS_FOP_FLAG_COMPR_ACCEPTABLE_GZIP LWS_FOP_FLAG_COMPR_IS_GZIP
            LWS_FOP_FLAG_MOD_TIME_VALID LWS_FOP_FLAG_VIRTUAL LWS_H2_STREAM_SID
            LWS_ILLEGAL_HTTP_CONTENT_LEN LWS_ITOSA_BUSY LWS_ITOSA_NOT_EXIST LWS_ITOSA_NOT_USABLE
            LWS_ITOSA_USABLE LWS_MS_PER_SEC LWS_NS_PER_US LWS_PLUGIN_API_MAGIC LWS_POLLHUP LWS_POLLIN
            LWS_POLLOUT LWS_PRE LWS_SEND_BUFFER_POST_PADDING LWS_SEND_BUFFER_PRE_PADDING
            LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG
            LWS_SERVER_OPTION_ALLOW_HTTP_ON_HTTPS_LISTENER LWS_SERVER_OPTION_ALLOW_LISTEN_SHARE
            LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX
            LWS_SERVER_OPTION_DISABLE_IPV6 LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS
            LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT
            LWS_SERVER_OPTION_EXPLICIT_VHOSTS LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND
            LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG LWS_SERVER_OPTION_FALLBACK_TO_RAW
            LWS_SERVER_OPTION_GLIB LWS_SERVER_OPTION_H2_JUST_FIX_WINDOW_UPDATE_OVERFLOW
            LWS_SERVER_OPTION_H2_PRIOR_KNOWLEDGE
            LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE
            LWS_SERVER_OPTION_IGNORE_MISSING_CERT LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY
            LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE LWS_SERVER_OPTION_JUST_USE_RAW_ORIGIN
            LWS_SERVER_OPTION_LIBEV LWS_SERVER_OPTION_LIBEVENT LWS_SERVER_OPTION_LIBUV
            LWS_SERVER_OPTION_NO_LWS_SYSTEM_STATES LWS_SERVER_OPTION_ONLY_RAW
            LWS_SERVER_OPTION_PEER_CERT_NOT_REQUIRED LWS_SERVER_OPTION_REDIRECT_HTTP_TO_HTTPS
            LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT LWS_SERVER_OPTION_SDEVENT
            LWS_SERVER_OPTION_SKIP_PROTOCOL_INIT LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME
            LWS_SERVER_OPTION_SSL_ECDH LWS_SERVER_OPTION_SS_PROXY LWS_SERVER_OPTION_STS
            LWS_SERVER_OPTION_ULOOP LWS_SERVER_OPTION_UNIX_SOCK
            LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN LWS_SERVER_OPTION_VALIDATE_UTF8
            LWS_SERVER_OPTION_VHOST_UPG_STRICT_HOST_CHECK LWS_SERVER_OPTION_VH_H2_HALF_CLOSED_LONG_POLL
            LWS_SET_TIMER_USEC_CANCEL LWS_SOCK_INVALID LWS_TO_KILL_ASYNC LWS_TO_KILL_SYNC
            LWS_USEC_PER_SEC LWS_US_PER_MS LWS_US_PER_SEC
        }
        assert_eq!(seen, expected.keys().copied().collect(), "macros without a Rust constant");
    }

    #[test]
    fn enums_convert_both_ways() {
        for [tag, name, value] in rows(ENUMS) {
            let value: i64 = value.parse().expect("a number");
            let back = match tag {
                "lws_write_protocol" => {
                    lws_write_protocol::from_c(value as u32).map(|e| (e.c(), format!("{e:?}")))
                }
                "lws_mount_protocols" => {
                    lws_mount_protocols::from_c(value as u32).map(|e| (e.c(), format!("{e:?}")))
                }
                _ => continue,
            };
            // Two names for one flag; Rust has the first as the enum's and the second as a constant.
            let name =
                if name == "LWS_WRITE_CLIENT_IGNORE_XOR_MASK" { "LWS_WRITE_H2_STREAM_END" } else { name };
            assert_eq!(back, Some((value as u32, name.to_owned())));
        }
        assert_eq!(lws_write_protocol::from_c(4), None);
        assert_eq!(lws_mount_protocols::from_c(7), None);
    }

    /// The columns of a table of facts; `#` begins a comment.
    fn rows<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            columns.try_into().unwrap_or_else(|_| panic!("{N} columns expected: {line}"))
        })
    }
}
