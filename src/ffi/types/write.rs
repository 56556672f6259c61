//! What `lws_write()` sends.

use std::ffi::c_int;

/// What the bytes given to `lws_write()` are. The low five bits choose one, the rest are flags.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_write_protocol {
    /// A WebSocket text message, or its first fragment.
    LWS_WRITE_TEXT = 0,
    /// A WebSocket binary message, or its first fragment.
    LWS_WRITE_BINARY = 1,
    /// The next fragment of a WebSocket message.
    LWS_WRITE_CONTINUATION = 2,
    /// HTTP body; raw bytes for raw roles.
    LWS_WRITE_HTTP = 3,
    /// A WebSocket PING with up to 125 bytes.
    LWS_WRITE_PING = 5,
    /// A WebSocket PONG with up to 125 bytes.
    LWS_WRITE_PONG = 6,
    /// The last piece of an HTTP body: ends the stream on h2.
    LWS_WRITE_HTTP_FINAL = 7,
    /// A finalized header block.
    LWS_WRITE_HTTP_HEADERS = 8,
    /// More of a header block begun with `LWS_WRITE_NO_FIN`.
    LWS_WRITE_HTTP_HEADERS_CONTINUATION = 9,
    /// Flag: queue it, do not try to send now.
    LWS_WRITE_BUFLIST = 32,
    /// Flag: more fragments, or more of the header block, follow.
    LWS_WRITE_NO_FIN = 64,
    /// Flag: these headers end the h2 stream, there is no body.
    LWS_WRITE_H2_STREAM_END = 128,
}
c_enum!(lws_write_protocol: LWS_WRITE_TEXT, LWS_WRITE_BINARY, LWS_WRITE_CONTINUATION, LWS_WRITE_HTTP, LWS_WRITE_PING, LWS_WRITE_PONG, LWS_WRITE_HTTP_FINAL, LWS_WRITE_HTTP_HEADERS, LWS_WRITE_HTTP_HEADERS_CONTINUATION, LWS_WRITE_BUFLIST, LWS_WRITE_NO_FIN, LWS_WRITE_H2_STREAM_END);

/// Flag for WebSocket clients: send with a zero mask.
pub const LWS_WRITE_CLIENT_IGNORE_XOR_MASK: c_int = 0x80;

/// Writable bytes that must lie before a buffer given to `lws_write()`: frame headers go there.
pub const LWS_PRE: usize = 16;
/// Bytes needed after the buffer: none.
pub const LWS_SEND_BUFFER_POST_PADDING: c_int = 0;

/// Receive flow control: the program asked.
pub const LWS_RXFLOW_REASON_USER_BOOL: c_int = 0x1;
/// Receive flow control: HTTP body is buffered.
pub const LWS_RXFLOW_REASON_HTTP_RXBUFFER: c_int = 0x40;
/// Receive flow control: h2 protocol packets wait to be sent.
pub const LWS_RXFLOW_REASON_H2_PPS_PENDING: c_int = 0x80;
/// Receive flow control: only the reasons given are changed.
pub const LWS_RXFLOW_REASON_APPLIES: c_int = 0x4000;
/// Receive flow control: the reasons given are lifted.
pub const LWS_RXFLOW_REASON_APPLIES_ENABLE_BIT: c_int = 0x2000;
/// Receive flow control: lift only the reasons given.
pub const LWS_RXFLOW_REASON_APPLIES_ENABLE: c_int = 0x6000;
/// Receive flow control: set only the reasons given.
pub const LWS_RXFLOW_REASON_APPLIES_DISABLE: c_int = 0x4000;
/// Receive flow control: apply at once.
pub const LWS_RXFLOW_REASON_FLAG_PROCESS_NOW: c_int = 0x1000;

/// Transmit credit from us to the peer.
pub const LWSTXCR_US_TO_PEER: c_int = 0;
/// Transmit credit from the peer to us.
pub const LWSTXCR_PEER_TO_US: c_int = 1;
