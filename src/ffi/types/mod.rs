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
