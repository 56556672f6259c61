//! Lists, timers, timeouts and retry policies.

use std::ffi::{c_int, c_uint, c_void};

/// Time and intervals in microseconds.
pub type lws_usec_t = i64;

/// A node of a doubly linked list, embedded in the program's struct. Zeroed means: in no list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct lws_dll2 {
    /// The node towards the head.
    pub prev: *mut lws_dll2,
    /// The node towards the tail.
    pub next: *mut lws_dll2,
    /// The list it is in, or NULL.
    pub owner: *mut lws_dll2_owner,
}
assert_layout!(lws_dll2, 24, {prev: 0, next: 8, owner: 16});
/// A node of a doubly linked list.
pub type lws_dll2_t = lws_dll2;

/// A doubly linked list. Zeroed means: empty.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct lws_dll2_owner {
    /// The last node, or NULL.
    pub tail: *mut lws_dll2,
    /// The first node, or NULL.
    pub head: *mut lws_dll2,
    /// How many nodes.
    pub count: u32,
}
assert_layout!(lws_dll2_owner, 24, {tail: 0, head: 8, count: 16});
/// A doubly linked list.
pub type lws_dll2_owner_t = lws_dll2_owner;

/// Called by `lws_dll2_foreach_safe()` per node; nonzero ends the walk.
pub type lws_dll2_foreach_cb_t = Option<unsafe extern "C" fn(d: *mut lws_dll2, user: *mut c_void) -> c_int>;

/// Called on the service thread when a timer is due. The timer is not scheduled any more by then.
pub type sul_cb_t = Option<unsafe extern "C" fn(sul: *mut lws_sorted_usec_list)>;

/// A timer, embedded in the program's struct. Zero it before the first use; cancel it before its
/// memory goes away.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_sorted_usec_list {
    /// Links it to the pending timers.
    pub list: lws_dll2,
    /// When it is due, on the clock of `lws_now_usecs()`.
    pub us: lws_usec_t,
    /// What to call then.
    pub cb: sul_cb_t,
    /// By how many microseconds it may be early.
    pub latency_us: u32,
}
assert_layout!(lws_sorted_usec_list, 48, {list: 0, us: 24, cb: 32, latency_us: 40});
/// A timer.
pub type lws_sorted_usec_list_t = lws_sorted_usec_list;

/// Timer schedule flag: it need not wake the system.
pub const LWSSULLI_MISS_IF_SUSPENDED: c_int = 0;
/// Timer schedule flag: it must wake the system.
pub const LWSSULLI_WAKE_IF_SUSPENDED: c_int = 1;

/// Seconds of `lws_set_timeout()` that mean: close when the service loop is reached next.
pub const LWS_TO_KILL_ASYNC: c_int = -1;
/// Seconds of `lws_set_timeout()` that mean: close now, before the call returns.
pub const LWS_TO_KILL_SYNC: c_int = -2;

/// What a timeout waits for.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum pending_timeout {
    /// Nothing: clears the timeout.
    NO_PENDING_TIMEOUT = 0,
    /// An HTTP proxy's answer.
    PENDING_TIMEOUT_AWAITING_PROXY_RESPONSE = 1,
    /// A TCP connection.
    PENDING_TIMEOUT_AWAITING_CONNECT_RESPONSE = 2,
    /// The request that follows an accept.
    PENDING_TIMEOUT_ESTABLISH_WITH_SERVER = 3,
    /// The server's response.
    PENDING_TIMEOUT_AWAITING_SERVER_RESPONSE = 4,
    /// A ping.
    PENDING_TIMEOUT_AWAITING_PING = 5,
    /// The peer's CLOSE in answer to ours.
    PENDING_TIMEOUT_CLOSE_ACK = 6,
    /// Not used.
    PENDING_TIMEOUT_UNUSED1 = 7,
    /// The server's handshake.
    PENDING_TIMEOUT_SENT_CLIENT_HANDSHAKE = 8,
    /// The TLS handshake.
    PENDING_TIMEOUT_SSL_ACCEPT = 9,
    /// Progress of an HTTP transaction.
    PENDING_TIMEOUT_HTTP_CONTENT = 10,
    /// The chance to send the client's handshake.
    PENDING_TIMEOUT_AWAITING_CLIENT_HS_SEND = 11,
    /// Buffered output to leave before a close.
    PENDING_FLUSH_STORED_SEND_BEFORE_CLOSE = 12,
    /// The peer's end after our shutdown.
    PENDING_TIMEOUT_SHUTDOWN_FLUSH = 13,
    /// The CGI process.
    PENDING_TIMEOUT_CGI = 14,
    /// The next request on a kept connection.
    PENDING_TIMEOUT_HTTP_KEEPALIVE_IDLE = 15,
    /// The chance to send a PING.
    PENDING_TIMEOUT_WS_PONG_CHECK_SEND_PING = 16,
    /// The PONG.
    PENDING_TIMEOUT_WS_PONG_CHECK_GET_PONG = 17,
    /// The chance to send the client's body.
    PENDING_TIMEOUT_CLIENT_ISSUE_PAYLOAD = 18,
    /// A SOCKS greeting.
    PENDING_TIMEOUT_AWAITING_SOCKS_GREETING_REPLY = 19,
    /// A SOCKS connection.
    PENDING_TIMEOUT_AWAITING_SOCKS_CONNECT_REPLY = 20,
    /// A SOCKS authentication.
    PENDING_TIMEOUT_AWAITING_SOCKS_AUTH_REPLY = 21,
    /// Nothing: closed because of a TLS event.
    PENDING_TIMEOUT_KILLED_BY_SSL_INFO = 22,
    /// Nothing: closed because the parent closes.
    PENDING_TIMEOUT_KILLED_BY_PARENT = 23,
    /// The chance to send CLOSE.
    PENDING_TIMEOUT_CLOSE_SEND = 24,
    /// The end of a too long use of a header table.
    PENDING_TIMEOUT_HOLDING_AH = 25,
    /// Another datagram.
    PENDING_TIMEOUT_UDP_IDLE = 26,
    /// Another use of an idle client connection.
    PENDING_TIMEOUT_CLIENT_CONN_IDLE = 27,
    /// A peer that lags behind.
    PENDING_TIMEOUT_LAGGING = 28,
    /// A thread pool.
    PENDING_TIMEOUT_THREADPOOL = 29,
    /// A thread pool's task.
    PENDING_TIMEOUT_THREADPOOL_TASK = 30,
    /// Nothing: closed because the proxied side closed.
    PENDING_TIMEOUT_KILLED_BY_PROXY_CLIENT_CLOSE = 31,
    /// Whatever the program thinks of; its expiry is no error.
    PENDING_TIMEOUT_USER_OK = 32,
    /// The first value that is the program's own.
    PENDING_TIMEOUT_USER_REASON_BASE = 1000,
}
c_enum!(pending_timeout);

/// How to retry, and how to notice that a connection is dead.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct lws_retry_bo {
    /// Delays in milliseconds, by try; the last one repeats.
    pub retry_ms_table: *const u32,
    /// How many delays.
    pub retry_ms_table_count: u16,
    /// After how many tries the failure is reported; `LWS_RETRY_CONCEAL_ALWAYS` for never.
    pub conceal_count: u16,
    /// Seconds without a sign of life after which a ping is sent; 0, or no less than `secs_since_valid_hangup`: none is.
    pub secs_since_valid_ping: u16,
    /// Seconds without a sign of life after which the connection is closed; 0: it is not, and no ping is sent.
    pub secs_since_valid_hangup: u16,
    /// Up to how much is added to a delay at random, in percent.
    pub jitter_percent: u8,
}
assert_layout!(lws_retry_bo, 24, {retry_ms_table: 0, retry_ms_table_count: 8, conceal_count: 10, secs_since_valid_ping: 12, secs_since_valid_hangup: 14, jitter_percent: 16});
/// How to retry, and how to notice that a connection is dead.
pub type lws_retry_bo_t = lws_retry_bo;

/// `conceal_count` of a policy that retries for ever.
pub const LWS_RETRY_CONCEAL_ALWAYS: c_uint = 0xffff;
