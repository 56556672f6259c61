//! The program's own event loop: its operations and the events they are told about.

use std::ffi::{c_char, c_int, c_uint, c_void};

use super::{lws, lws_context, lws_context_creation_info};

/// A socket.
pub type lws_sockfd_type = c_int;
/// A file descriptor that is not a socket.
pub type lws_filefd_type = c_int;

/// Event loop `io`: readability.
pub const LWS_EV_READ: c_uint = 1;
/// Event loop `io`: writability.
pub const LWS_EV_WRITE: c_uint = 2;
/// Event loop `io`: watch for it from now on.
pub const LWS_EV_START: c_uint = 4;
/// Event loop `io`: stop watching for it.
pub const LWS_EV_STOP: c_uint = 8;

/// Flags of `struct lws_event_loop_ops`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_event_lib_ops_flags {
    /// No flag in this version: its value is 0.
    LELOF_DESTROY_FINAL = 0,
    /// The loop is `poll()` in the service call itself.
    LELOF_ISPOLL = 1,
}
c_enum!(lws_event_lib_ops_flags);

/// The operations of an event loop. Any of them may be NULL.
///
/// All are called on the thread that entered the library, and never for h2 streams, which have no
/// fd. For each fd: one `sock_accept` or `init_vhost_listen_wsi`; then, if it returned 0, `io` when
/// the interest changes and one `wsi_logical_close`, before the fd is closed. What an op returns
/// never keeps the library's own state alive.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_event_loop_ops {
    /// The loop's name, for logs.
    pub name: *const c_char,
    /// The context exists, its threads do not yet. Nonzero fails the creation.
    pub init_context: Option<
        unsafe extern "C" fn(context: *mut lws_context, info: *const lws_context_creation_info) -> c_int,
    >,
    /// The context's destruction: all connections are closed. The result is ignored.
    pub destroy_context1: Option<unsafe extern "C" fn(context: *mut lws_context) -> c_int>,
    /// The context's destruction, last step. The result is ignored.
    pub destroy_context2: Option<unsafe extern "C" fn(context: *mut lws_context) -> c_int>,
    /// A listening socket is about to listen. Nonzero refuses it: the vhost's creation fails.
    pub init_vhost_listen_wsi: Option<unsafe extern "C" fn(wsi: *mut lws) -> c_int>,
    /// A service thread starts; `loop` is its element of `info.foreign_loops`, or NULL. Nonzero fails
    /// the context's creation.
    pub init_pt:
        Option<unsafe extern "C" fn(context: *mut lws_context, r#loop: *mut c_void, tsi: c_int) -> c_int>,
    /// The fd of `wsi` is about to be closed: forget it.
    pub wsi_logical_close: Option<unsafe extern "C" fn(wsi: *mut lws) -> c_int>,
    /// A client connection is about to be attempted. Nonzero fails the attempt.
    pub check_client_connect_ok: Option<unsafe extern "C" fn(wsi: *mut lws) -> c_int>,
    /// Not called.
    pub close_handle_manually: Option<unsafe extern "C" fn(wsi: *mut lws)>,
    /// `wsi` has a new fd: accepted, adopted, connecting, or the library's own event pipe. Nonzero
    /// refuses it, and the library closes it.
    pub sock_accept: Option<unsafe extern "C" fn(wsi: *mut lws) -> c_int>,
    /// Change what `wsi` is watched for: `LWS_EV_START` or `LWS_EV_STOP` with `LWS_EV_READ`,
    /// `LWS_EV_WRITE` or both.
    pub io: Option<unsafe extern "C" fn(wsi: *mut lws, flags: c_uint)>,
    /// Run the loop: `lws_service()` calls it and returns what it is told to.
    pub run_pt: Option<unsafe extern "C" fn(context: *mut lws_context, tsi: c_int)>,
    /// A service thread ends.
    pub destroy_pt: Option<unsafe extern "C" fn(context: *mut lws_context, tsi: c_int)>,
    /// `wsi` is about to be freed; it has no fd any more.
    pub destroy_wsi: Option<unsafe extern "C" fn(wsi: *mut lws)>,
    /// Is the calling thread not the loop's? Nonzero for a foreign thread. Debug builds ask.
    pub foreign_thread: Option<unsafe extern "C" fn(context: *mut lws_context, tsi: c_int) -> c_int>,
    /// `LELOF_*`.
    pub flags: u8,
    /// Bytes of zeroed, aligned memory per context for the loop.
    pub evlib_size_ctx: u16,
    /// Bytes of zeroed, aligned memory per service thread; see `lws_evlib_tsi_to_evlib_pt()`.
    pub evlib_size_pt: u16,
    /// Bytes of zeroed, aligned memory per vhost for the loop.
    pub evlib_size_vh: u16,
    /// Bytes of zeroed, aligned memory per wsi for the loop.
    pub evlib_size_wsi: u16,
}
assert_layout!(lws_event_loop_ops, 136, {name: 0, init_context: 8, destroy_context1: 16, destroy_context2: 24, init_vhost_listen_wsi: 32, init_pt: 40, wsi_logical_close: 48, check_client_connect_ok: 56, close_handle_manually: 64, sock_accept: 72, io: 80, run_pt: 88, destroy_pt: 96, destroy_wsi: 104, foreign_thread: 112, flags: 120, evlib_size_ctx: 122, evlib_size_pt: 124, evlib_size_vh: 126, evlib_size_wsi: 128});

/// What the external poll callbacks (`LWS_CALLBACK_ADD_POLL_FD` …) get as `in`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct lws_pollargs {
    /// The socket.
    pub fd: lws_sockfd_type,
    /// The `POLLIN`, `POLLOUT` set to watch for.
    pub events: c_int,
    /// The set so far.
    pub prev_events: c_int,
}
assert_layout!(lws_pollargs, 12, {fd: 0, events: 4, prev_events: 8});
