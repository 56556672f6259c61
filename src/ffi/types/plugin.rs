//! What plugins export, event libraries among them.

use std::ffi::{c_char, c_int, c_uint};

use super::{lws_event_loop_ops, lws_extension, lws_protocols};

/// Version of the plugin structs.
pub const LWS_PLUGIN_API_MAGIC: c_uint = 191;

/// The head of each plugin struct.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_plugin_header {
    /// The plugin's name.
    pub name: *const c_char,
    /// Its kind: `"lws_protocol_plugin"`, `"lws_evlib_plugin"`.
    #[allow(clippy::pub_underscore_fields, reason = "the C API's name")]
    pub _class: *const c_char,
    /// `LWS_BUILD_HASH` of the headers it was compiled with.
    pub lws_build_hash: *const c_char,
    /// `LWS_PLUGIN_API_MAGIC` of the headers it was compiled with.
    pub api_magic: c_uint,
}
assert_layout!(lws_plugin_header, 32, {name: 0, _class: 8, lws_build_hash: 16, api_magic: 24});
/// The head of each plugin struct.
pub type lws_plugin_header_t = lws_plugin_header;

/// A plugin that brings protocols or extensions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_plugin_protocol {
    /// The head.
    pub hdr: lws_plugin_header_t,
    /// Its protocols, `count_protocols` of them.
    pub protocols: *const lws_protocols,
    /// Its extensions, `count_extensions` of them.
    pub extensions: *const lws_extension,
    /// How many protocols.
    pub count_protocols: c_int,
    /// How many extensions.
    pub count_extensions: c_int,
}
assert_layout!(lws_plugin_protocol, 56, {hdr: 0, protocols: 32, extensions: 40, count_protocols: 48, count_extensions: 52});
/// A plugin that brings protocols or extensions.
pub type lws_plugin_protocol_t = lws_plugin_protocol;

/// An event library: what `lws_context_creation_info.event_lib_custom` points to.
///
/// Nothing in `hdr` is checked. `ops` is used where it is, not copied: it must outlive the context.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_plugin_evlib {
    /// The head.
    pub hdr: lws_plugin_header_t,
    /// The loop's operations.
    pub ops: *const lws_event_loop_ops,
}
assert_layout!(lws_plugin_evlib, 40, {hdr: 0, ops: 32});
/// An event library.
pub type lws_plugin_evlib_t = lws_plugin_evlib;
