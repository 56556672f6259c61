//! The program's protocols.

use std::ffi::{c_char, c_uint, c_void};

use super::lws_callback_function;

/// A protocol: a callback and the memory of its sessions.
///
/// Given as an array that ends with `LWS_PROTOCOL_LIST_TERM`. The array is copied at vhost
/// creation; what its members point to must live as long as the vhost.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_protocols {
    /// Name: the WebSocket subprotocol, and what mounts and options refer to. NULL ends the array.
    pub name: *const c_char,
    /// The callback, never NULL.
    pub callback: lws_callback_function,
    /// Bytes of zeroed memory that each session gets as `user`; 0 for none.
    pub per_session_data_size: usize,
    /// Largest piece of payload, in bytes, that one receive callback gets; 0 for the thread buffer's size.
    pub rx_buffer_size: usize,
    /// For the program; the library does not look at it.
    pub id: c_uint,
    /// For the program; the library does not look at it.
    pub user: *mut c_void,
    /// Largest piece in bytes that one socket write takes; 0 for `rx_buffer_size`.
    pub tx_packet_size: usize,
}
assert_layout!(lws_protocols, 56, {name: 0, callback: 8, per_session_data_size: 16, rx_buffer_size: 24, id: 32, user: 40, tx_packet_size: 48});
