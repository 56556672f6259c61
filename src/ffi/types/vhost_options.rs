//! Named options.

use std::ffi::c_char;

/// A named option in a linked list; it may have options of its own.
///
/// Used for per-vhost protocol options, response headers, mime types and interpreters.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct lws_protocol_vhost_options {
    /// The next option, or NULL.
    pub next: *const lws_protocol_vhost_options,
    /// The options of this option, or NULL.
    pub options: *const lws_protocol_vhost_options,
    /// Name.
    pub name: *const c_char,
    /// Value.
    pub value: *const c_char,
}
assert_layout!(lws_protocol_vhost_options, 32, {next: 0, options: 8, name: 16, value: 24});
