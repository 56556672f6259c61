//! WebSocket: close codes and extensions.

use std::ffi::{c_char, c_int};

use super::{enum_lws_ext_options_types, lws_extension_callback_function};

/// WebSocket close codes (RFC 6455 section 7.4.1), and what the library adds.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_close_status {
    /// No code is sent.
    LWS_CLOSE_STATUS_NOSTATUS = 0,
    /// The purpose of the connection is fulfilled.
    LWS_CLOSE_STATUS_NORMAL = 1000,
    /// The endpoint goes away.
    LWS_CLOSE_STATUS_GOINGAWAY = 1001,
    /// The peer broke the protocol.
    LWS_CLOSE_STATUS_PROTOCOL_ERR = 1002,
    /// Data of a type that is not accepted.
    LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE = 1003,
    /// Reserved.
    LWS_CLOSE_STATUS_RESERVED = 1004,
    /// Never sent: the CLOSE carried no code.
    LWS_CLOSE_STATUS_NO_STATUS = 1005,
    /// Never sent: the connection ended without CLOSE.
    LWS_CLOSE_STATUS_ABNORMAL_CLOSE = 1006,
    /// Text that is not UTF-8.
    LWS_CLOSE_STATUS_INVALID_PAYLOAD = 1007,
    /// The message violates a policy.
    LWS_CLOSE_STATUS_POLICY_VIOLATION = 1008,
    /// The message is too large.
    LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE = 1009,
    /// The client expected an extension.
    LWS_CLOSE_STATUS_EXTENSION_REQUIRED = 1010,
    /// The server met an unexpected condition.
    LWS_CLOSE_STATUS_UNEXPECTED_CONDITION = 1011,
    /// Never sent: the TLS handshake failed.
    LWS_CLOSE_STATUS_TLS_FAILURE = 1015,
    /// Internal: a client transaction is complete.
    LWS_CLOSE_STATUS_CLIENT_TRANSACTION_DONE = 2000,
    /// Internal: the context is being destroyed.
    LWS_CLOSE_STATUS_NOSTATUS_CONTEXT_DESTROY = 9999,
}
c_enum!(lws_close_status);

/// Why an extension's callback is called.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_extension_callback_reasons {
    /// A server connection uses the extension.
    LWS_EXT_CB_CONSTRUCT = 4,
    /// A client connection uses the extension.
    LWS_EXT_CB_CLIENT_CONSTRUCT = 5,
    /// The connection ends.
    LWS_EXT_CB_DESTROY = 8,
    /// A frame is about to be sent.
    LWS_EXT_CB_PACKET_TX_PRESEND = 12,
    /// Payload may be transformed before sending.
    LWS_EXT_CB_PAYLOAD_TX = 21,
    /// Payload may be transformed after reception.
    LWS_EXT_CB_PAYLOAD_RX = 22,
    /// Set the options' defaults.
    LWS_EXT_CB_OPTION_DEFAULT = 23,
    /// Set one option by index.
    LWS_EXT_CB_OPTION_SET = 24,
    /// Check the set of options.
    LWS_EXT_CB_OPTION_CONFIRM = 25,
    /// Set one option by name.
    LWS_EXT_CB_NAMED_OPTION_SET = 26,
}
c_enum!(lws_extension_callback_reasons);

/// What kind of argument an extension's option takes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_ext_options_types {
    /// None.
    EXTARG_NONE = 0,
    /// A decimal number.
    EXTARG_DEC = 1,
    /// A decimal number or nothing.
    EXTARG_OPT_DEC = 2,
}
c_enum!(lws_ext_options_types);

/// One option of an extension.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_ext_options {
    /// The option's name; NULL ends a table.
    pub name: *const c_char,
    /// What kind of argument it takes.
    pub r#type: enum_lws_ext_options_types,
}
assert_layout!(lws_ext_options, 16, {name: 0, r#type: 8});

/// An option as parsed from a peer's offer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_ext_option_arg {
    /// Its name, or NULL when `option_index` tells.
    pub option_name: *const c_char,
    /// Its index in the table of options.
    pub option_index: c_int,
    /// Its value, not terminated.
    pub start: *const c_char,
    /// Length of the value in bytes.
    pub len: c_int,
}

/// A WebSocket extension.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_extension {
    /// Its name on the wire; NULL ends a table.
    pub name: *const c_char,
    /// Its implementation.
    pub callback: lws_extension_callback_function,
    /// What a client offers: the name with parameters. See `lws_extension_callback_pm_deflate()` for NULL.
    pub client_offer: *const c_char,
}
assert_layout!(lws_extension, 24, {name: 0, callback: 8, client_offer: 16});
