//! Descriptors that the program hands over.

use std::ffi::{c_char, c_int, c_void};

use super::{
    enum_lws_adoption_type, lws, lws_filefd_type, lws_sockfd_type, lws_vhost, sockaddr_in, sockaddr_in6,
    sockaddr_storage, socklen_t,
};

/// What an adopted descriptor is; values are or'ed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_adoption_type {
    /// A file descriptor for the raw file role.
    LWS_ADOPT_RAW_FILE_DESC = 0,
    /// It speaks HTTP; otherwise it is raw.
    LWS_ADOPT_HTTP = 1,
    /// It is a socket.
    LWS_ADOPT_SOCKET = 2,
    /// TLS is used if the vhost has it.
    LWS_ADOPT_ALLOW_SSL = 4,
    /// It is a UDP socket.
    LWS_ADOPT_FLAG_UDP = 16,
    /// A UDP socket for the raw role.
    LWS_ADOPT_RAW_SOCKET_UDP = 18,
    /// It is the onward side of a raw proxy.
    LWS_ADOPT_FLAG_RAW_PROXY = 32,
}
c_enum!(lws_adoption_type);

/// A socket or a file.
#[repr(C)]
#[derive(Clone, Copy)]
pub union lws_sock_file_fd {
    /// The socket.
    pub sockfd: lws_sockfd_type,
    /// The file.
    pub filefd: lws_filefd_type,
}
/// A socket or a file.
pub type lws_sock_file_fd_type = lws_sock_file_fd;

/// An IPv4 or IPv6 address with port; the family says which.
#[repr(C)]
#[derive(Clone, Copy)]
pub union lws_sockaddr46_u {
    /// As IPv6.
    pub sa6: sockaddr_in6,
    /// As IPv4.
    pub sa4: sockaddr_in,
}
/// An IPv4 or IPv6 address with port; the family says which.
pub type lws_sockaddr46 = lws_sockaddr46_u;

/// State of a UDP wsi.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_udp {
    /// The peer.
    pub sa46: lws_sockaddr46,
    /// The peer whose datagram is being handled.
    pub sa46_pending: lws_sockaddr46,
    /// Whether the socket is connected.
    /// cbindgen:bitfield=1
    pub connected: u8,
}
assert_layout!(lws_udp, 60, {sa46: 0, sa46_pending: 28, connected: 56});

/// What to adopt, and how.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_adopt_desc {
    /// The vhost that gets it.
    pub vh: *mut lws_vhost,
    /// `LWS_ADOPT_*`.
    pub r#type: enum_lws_adoption_type,
    /// The descriptor; owned by the library from here on.
    pub fd: lws_sock_file_fd_type,
    /// Name of the protocol to bind, or NULL.
    pub vh_prot_name: *const c_char,
    /// The parent wsi, or NULL.
    pub parent: *mut lws,
    /// The opaque user data of the new wsi.
    pub opaque: *mut c_void,
    /// Fault injection name; not used.
    pub fi_wsi_name: *const c_char,
}
assert_layout!(lws_adopt_desc, 48, {vh: 0, r#type: 8, fd: 12, vh_prot_name: 16, parent: 24, opaque: 32, fi_wsi_name: 40});
/// What to adopt, and how.
pub type lws_adopt_desc_t = lws_adopt_desc;

/// What `LWS_CALLBACK_FILTER_NETWORK_CONNECTION` gets as `in`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_filter_network_conn_args {
    /// The peer's address.
    pub cli_addr: sockaddr_storage,
    /// Its length in bytes.
    pub clilen: socklen_t,
    /// The accepted socket.
    pub accept_fd: lws_sockfd_type,
}
assert_layout!(lws_filter_network_conn_args, 136, {cli_addr: 0, clilen: 128, accept_fd: 132});

/// UDP adoption flag: bind to the address given.
pub const LWS_CAUDP_BIND: c_int = 1 << 0;
/// UDP adoption flag: broadcasts are allowed.
pub const LWS_CAUDP_BROADCAST: c_int = 1 << 1;
/// UDP adoption flag: a packet socket.
pub const LWS_CAUDP_PF_PACKET: c_int = 1 << 2;

/// An interface or address can be bound.
pub const LWS_ITOSA_USABLE: c_int = 0;
/// An interface or address does not exist.
pub const LWS_ITOSA_NOT_EXIST: c_int = -1;
/// An interface or address exists and cannot be bound.
pub const LWS_ITOSA_NOT_USABLE: c_int = -2;
/// An address is in use.
pub const LWS_ITOSA_BUSY: c_int = -3;
