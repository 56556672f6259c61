//! Virtual hosts: a name, a place to listen, protocols, mounts, TLS, and the numbers that go with them.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Arc;

use parking_lot::Mutex;

use super::dispatch::{Callback, UserPtr};
use super::retry::RetryPolicy;
use super::timer::Usec;
use super::ws::Compression;
use crate::proto::h2::H2Settings;
use crate::proto::http::header::HeaderLimits;
use crate::proto::http::mount::Mount;
use crate::proto::tls::{ClientTls, ServerConfig};
use crate::util::slots::Id;
use crate::util::zeroed::Zeroed;

/// One entry of the program's protocol table.
pub struct Protocol {
    /// The name that mounts and upgrades ask for.
    pub name: String,
    /// The program's function.
    pub callback: Box<dyn Callback>,
    /// Bytes of a WebSocket's payload that it takes at a time; 0: as many as the service buffer has.
    pub rx_buffer_size: usize,
    /// Bytes of zeroed memory each session gets.
    pub session_size: Cell<usize>,
    /// `in` of `LWS_CALLBACK_PROTOCOL_INIT`: the per-vhost options named after the protocol.
    pub options: UserPtr,
    /// Whether `LWS_CALLBACK_PROTOCOL_INIT` is raised at all.
    pub wants_init: bool,
    /// Whether it has been raised.
    pub initialised: Cell<bool>,
    /// `lws_protocol_vh_priv_zalloc`.
    pub private: RefCell<Option<Zeroed>>,
}

/// Where a vhost listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere: a client-side vhost, or one that only adopts.
    No,
    /// A TCP port.
    Tcp {
        /// 0 asks the kernel for one.
        port: u16,
        /// Interface name or numeric address to bind to.
        iface: Option<String>,
        /// Listen on IPv4 only.
        ipv4_only: bool,
        /// `IPV6_V6ONLY`, when the program says.
        v6only: Option<bool>,
    },
    /// A unix socket; `@` starts an abstract name.
    Unix {
        /// Path, or abstract name after `@`.
        path: String,
        /// `user:group` for the socket file.
        owner: Option<String>,
    },
}

/// What to do with plain HTTP that arrives where TLS is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainOnTls {
    /// Close the connection.
    #[default]
    Refuse,
    /// Serve it.
    Serve,
    /// Answer each request with a redirect to `https://`.
    Redirect,
}

/// TLS of a vhost.
#[derive(Clone)]
pub struct VhostTls {
    /// With the vhost's ALPN list.
    pub config: Arc<ServerConfig>,
    /// What plain bytes get.
    pub plain: PlainOnTls,
}

/// Where the clients of a vhost connect through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Name or number.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `user:password` in base64, for `proxy-authorization: basic`.
    pub credentials: Option<String>,
}

/// What is raised when a vhost has ended.
pub type Finalize = Box<dyn Fn(&Vhost)>;

/// What sets options on a TCP socket that is bound and will listen.
pub type PrepareListener = Box<dyn Fn(BorrowedFd<'_>)>;

/// Everything a vhost is made of.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the C API")]
pub struct VhostConfig {
    /// The name matched against SNI and `Host`.
    pub name: String,
    /// Where it listens.
    pub listen: Listen,
    /// Backlog of `listen(2)`.
    pub backlog: i32,
    /// Share the port with other processes (`SO_REUSEPORT`).
    pub share_port: bool,
    /// TLS, or plain.
    pub tls: Option<VhostTls>,
    /// TLS of the connections that are made from it; [`Vhost::client_tls`] has it afterwards.
    pub client_tls: Option<ClientTls>,
    /// Clients connect by IPv4 only (`LWS_SERVER_OPTION_DISABLE_IPV6`).
    pub ipv4_only: bool,
    /// Protocols that clients offer by ALPN where they do not say themselves.
    pub client_alpn: Vec<Vec<u8>>,
    /// The proxy that clients connect through.
    pub proxy: RefCell<Option<Proxy>>,
    /// Preface is HTTP/2's, always (`LWS_SERVER_OPTION_H2_PRIOR_KNOWLEDGE`).
    pub h2_only: bool,
    /// HTTP/2 on plain connections whose preface says so.
    pub h2c: bool,
    /// The protocol table; never empty.
    pub protocols: Vec<Protocol>,
    /// Index of the protocol of WebSockets that ask for none; past the table, such are refused.
    pub default_protocol: usize,
    /// How WebSockets are compressed; `None`: they are not.
    pub compression: Option<Compression>,
    /// Mounts, in the program's order.
    pub mounts: Vec<Mount>,
    /// Headers added to every response the library writes.
    pub headers: Vec<(String, String)>,
    /// `server:` value.
    pub server_string: Option<String>,
    /// Where a 404 redirects to.
    pub error_document_404: Option<String>,
    /// Add the best-practice security headers.
    pub security_headers: bool,
    /// Add `strict-transport-security` (TLS only).
    pub sts: bool,
    /// Idle time before a keep-alive connection is closed; `None` is the default of its protocol.
    pub keepalive: Option<Usec>,
    /// Bounds on request heads.
    pub limits: HeaderLimits,
    /// What HTTP/2 connections announce.
    pub h2: H2Settings,
    /// TCP keep-alive: seconds idle, probes, seconds between.
    pub tcp_keepalive: Option<(u32, u32, u32)>,
    /// When to try again, and when to doubt a connection, if the vhost has its own policy.
    pub retry: Option<Rc<RetryPolicy>>,
    /// `info.user`.
    pub user: UserPtr,
    /// What the C API keeps beside the vhost.
    pub foreign: Box<dyn Any>,
    /// Raised when the last wsi of a destroyed vhost is gone.
    pub finalize: Option<Finalize>,
    /// Run before the vhost listens on its TCP port.
    pub prepare_listener: Option<PrepareListener>,
}

/// Addresses of the vhosts there are, of every context of the process.
static EXISTING: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// A virtual host; C's `struct lws_vhost *` is its address.
pub struct Vhost {
    config: VhostConfig,
    /// The wsi that listens for it, which may belong to another vhost of the same port.
    pub listener: Cell<Option<Id>>,
    /// The port it really listens on, once known.
    pub port: Cell<u16>,
    /// wsi that refer to it.
    pub bound: Cell<usize>,
    /// TLS of the connections that are made from it: there from the beginning, or later, or never.
    pub client_tls: OnceCell<ClientTls>,
    /// Its sockets are being closed; it ends with its last wsi.
    pub going: Cell<bool>,
    /// It has ended: kept for a while, so that its address is used again late.
    pub gone: Cell<bool>,
    /// The name used in logs.
    pub tag: String,
}

impl Vhost {
    /// A vhost that listens nowhere yet.
    #[must_use]
    pub fn new(mut config: VhostConfig, tag: String) -> Rc<Self> {
        let vhost = Rc::new(Self {
            client_tls: config.client_tls.take().map(OnceCell::from).unwrap_or_default(),
            config,
            listener: Cell::new(None),
            port: Cell::new(0),
            bound: Cell::new(0),
            going: Cell::new(false),
            gone: Cell::new(false),
            tag,
        });
        EXISTING.lock().insert(Rc::as_ptr(&vhost).addr());
        vhost
    }

    /// Whether there is a vhost at this address, be it one that has ended: others have left nothing that could be read.
    pub fn exists(at: *const Self) -> bool {
        EXISTING.lock().contains(&at.addr())
    }

    /// The protocol called `name`.
    #[must_use]
    pub fn protocol(&self, name: &str) -> Option<usize> {
        self.protocols.iter().position(|protocol| protocol.name == name)
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        EXISTING.lock().remove(&std::ptr::from_ref(self).addr());
    }
}

impl std::ops::Deref for Vhost {
    type Target = VhostConfig;

    fn deref(&self) -> &VhostConfig {
        &self.config
    }
}
