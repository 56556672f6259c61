//! Client connections: `lws_client_connect_via_info` and what follows from it.
//!
//! A client wsi is a connection that was not accepted but made. Read in this order: [`connect`] (addresses, sockets, who is
//! first), [`tunnel`] (through a proxy, and into TLS), [`request`] (what is asked), [`receive`] (what is answered),
//! [`redirect`], [`cookies`], and [`share`] (several requests over one connection). [`resolve`] finds addresses off the
//! loop's thread.
//!
//! On HTTP/1 one wsi is both the connection and its request. On HTTP/2 the wsi that connected stays as the connection, and
//! its request moves to a stream of its own.

pub mod connect;
pub mod cookies;
pub mod measure;
pub mod receive;
pub mod redirect;
pub mod request;
pub mod resolve;
pub mod share;
pub mod tunnel;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;

use self::connect::Address;
use self::measure::Measured;
use super::context::{Context, Ending};
use super::dispatch::{Arg, Core, UserPtr};
use super::reason::Reason;
use super::retry::RetryPolicy;
use super::timer::{Timeout, Usec};
use super::vhost::Vhost;
use super::ws::client::{Offered, WebSocketRequest};
use super::wsi::{Role, Wsi};
use crate::proto::h2::{H2ClientStream, StreamWaker};
use crate::proto::tls::Trust;
use crate::util::slots::Id;

/// What is asked of whom. A redirect changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or number of the machine, or the path of a unix socket after a `+`.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// TLS is spoken.
    pub tls: bool,
    /// What the server is called in the request, port included where it is not the scheme's own.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// The request's method.
    pub method: String,
}

impl Target {
    /// The name that the server's certificate must be for: the host without its port.
    #[must_use]
    pub fn server_name(&self) -> &str {
        if let Some(literal) = self.host.strip_prefix('[') {
            return literal.split(']').next().unwrap_or(literal);
        }
        match self.host.split_once(':') {
            // More than one colon: an IPv6 address without its brackets.
            Some((name, port)) if !port.contains(':') => name,
            _ => &self.host,
        }
    }
}

/// A body that the library describes in the request's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// None, or the program describes it.
    #[default]
    None,
    /// `multipart/form-data`, its parts by [`Context::multipart_boundary`].
    Multipart,
    /// `application/x-www-form-urlencoded`.
    UrlEncoded,
}

/// How a client connection is made and used.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the C API")]
pub struct ClientOptions {
    /// What to forgive the server's certificate.
    pub trust: Trust,
    /// Share a connection to the same server with other requests (`LCCSCF_PIPELINE`).
    pub pipeline: bool,
    /// HTTP/2 without negotiation.
    pub h2_only: bool,
    /// HTTP/2: bytes that the program takes before it grants more (`LCCSCF_H2_MANUAL_RXFLOW`).
    pub manual_credit: Option<u64>,
    /// Redirects are answers like any other.
    pub keep_redirects: bool,
    /// Redirects from TLS to plain are followed.
    pub allow_downgrade: bool,
    /// Cookies are kept of its answers, and sent (`LCCSCF_CACHE_COOKIES`).
    pub cookies: bool,
    /// It is to be a WebSocket.
    pub websocket: Option<WebSocketRequest>,
    /// What kind of body the head announces.
    pub form: Form,
    /// The value of the origin header.
    pub origin: Option<String>,
    /// Name or number of the interface to connect from.
    pub iface: Option<String>,
    /// Protocols offered by ALPN, best first; none are offered when it is empty.
    pub alpn: Vec<Vec<u8>>,
    /// How long a connection without requests is kept for the next.
    pub keep_warm: Usec,
    /// The addresses of the server are kept for the program (`LCCSCF_CONMON`).
    pub keep_addresses: bool,
    /// Bits of the IP type of service.
    pub tos: u8,
    /// Priority of the socket's packets in the kernel's queues, 0 to 6.
    pub priority: u8,
}

impl ClientOptions {
    /// Whether a connection made with `other` may carry a request that asks for these.
    fn may_share(&self, other: &Self) -> bool {
        self.pipeline
            && other.pipeline
            && self.trust == other.trust
            && self.h2_only == other.h2_only
            && self.iface == other.iface
            && self.alpn == other.alpn
    }
}

/// Everything `lws_client_connect_via_info` was told.
pub struct ClientInfo {
    /// The vhost whose protocols, trust and proxy are used.
    pub vhost: Rc<Vhost>,
    /// Index of the protocol whose callback hears of it.
    pub protocol: usize,
    /// Where to, and what to ask.
    pub target: Target,
    /// How.
    pub options: ClientOptions,
    /// The program's own session memory; NULL: allocated.
    pub user: UserPtr,
    /// Opaque user data.
    pub opaque: UserPtr,
    /// The parent in the program's hierarchy.
    pub parent: Option<Id>,
    /// When to try again, for programs that ask; `None`: the vhost's.
    pub retry: Option<Rc<RetryPolicy>>,
}

/// How far a client has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The name is being looked up.
    #[default]
    Resolving,
    /// Sockets are connecting.
    Connecting,
    /// One of them is connected, and the program is being asked for its part of the request.
    Opening,
    /// Another wsi has, or is making, the connection that this one waits for.
    Queued,
    /// The proxy has been asked for a tunnel.
    Tunnel,
    /// TLS.
    Handshake,
    /// The request has been sent, the answer's head has not come.
    Waiting,
    /// The answer's body is being received.
    Receiving,
    /// The answer has been received; the connection waits for another request.
    Idle,
    /// It is an HTTP/2 connection; its streams have the requests.
    Network,
    /// It is a WebSocket.
    WebSocket,
}

/// An HTTP/2 stream of a client.
pub struct ClientStream {
    /// The protocol's side.
    pub h2: H2ClientStream,
    /// Reports to the connection.
    pub waker: StreamWaker,
}

/// What a client wsi has beside what any wsi has.
pub struct Client {
    /// How it connects.
    pub options: ClientOptions,
    /// What is asked of whom.
    pub target: RefCell<Target>,
    /// How far it has come.
    pub stage: Cell<Stage>,
    /// The program has been told of the answer: its end is a close, not a failed connect.
    pub established: Cell<bool>,
    /// The program will not be told of a failure: it is still inside the call that connects, which says so itself.
    pub silent: Cell<bool>,
    /// The program has been told that it failed.
    told: Cell<bool>,
    /// Why it failed, when it did.
    failure: RefCell<Option<String>>,
    /// What it has offered in a WebSocket's handshake, to check the answer by.
    pub(super) offered: RefCell<Option<Offered>>,
    /// The server takes no WebSockets over HTTP/2: it is not offered again.
    pub(super) h1_only: Cell<bool>,
    /// The answer's status; 0 before there is one.
    pub status: Cell<u16>,
    /// A redirect made a GET of what was asked.
    pub redirected_to_get: Cell<bool>,
    redirects: Cell<u32>,
    /// It was asked again, on another connection, after the first was lost.
    retried: Cell<bool>,
    /// The connection on which the server refused it: it is asked again on another.
    refused_on: Cell<Option<Id>>,
    /// The program has written something of its body, which it need not have for a second time.
    body_begun: Cell<bool>,
    /// The program has a body to send (`lws_client_http_body_pending`).
    pub body_pending: Cell<bool>,
    /// The body is framed in chunks, because nobody said how long it is.
    chunked: Cell<bool>,
    /// What delimits the parts of a multipart body.
    boundary: RefCell<Option<String>>,
    /// A part of the multipart body has been begun.
    parts_begun: Cell<bool>,
    /// Addresses not tried yet.
    addresses: RefCell<VecDeque<Address>>,
    /// Why the last attempt failed.
    last_error: RefCell<Option<String>>,
    /// Attempts that race the wsi's own.
    rivals: RefCell<Vec<Id>>,
    /// The one whose connection this waits for.
    leader: Cell<Option<Id>>,
    /// Those that wait for this one's connection.
    queue: RefCell<VecDeque<Id>>,
    /// The connection was used for another request before.
    reused: Cell<bool>,
    /// The whole answer has been received.
    complete: Cell<bool>,
    /// The program did not read what it was told of (`LWS_CALLBACK_RECEIVE_CLIENT_HTTP`): it will by itself.
    unread: Cell<bool>,
    /// Bytes of the body that the program still grants; `None`: any number.
    credit: Cell<Option<u64>>,
    /// A piece of the body that the program has not taken.
    held: RefCell<Bytes>,
    /// How long its steps took.
    pub measured: RefCell<Measured>,
    /// Its stream, on HTTP/2.
    pub stream: Core<Option<ClientStream>>,
}

impl Client {
    fn new(options: ClientOptions, target: Target) -> Rc<Self> {
        Rc::new(Self {
            credit: Cell::new(options.manual_credit),
            options,
            target: RefCell::new(target),
            stage: Cell::default(),
            established: Cell::default(),
            silent: Cell::default(),
            told: Cell::default(),
            failure: RefCell::default(),
            offered: RefCell::default(),
            h1_only: Cell::default(),
            status: Cell::default(),
            redirected_to_get: Cell::default(),
            redirects: Cell::default(),
            retried: Cell::default(),
            refused_on: Cell::default(),
            body_begun: Cell::default(),
            body_pending: Cell::default(),
            chunked: Cell::default(),
            boundary: RefCell::default(),
            parts_begun: Cell::default(),
            addresses: RefCell::default(),
            last_error: RefCell::default(),
            rivals: RefCell::default(),
            leader: Cell::default(),
            queue: RefCell::default(),
            reused: Cell::default(),
            complete: Cell::default(),
            unread: Cell::default(),
            held: RefCell::default(),
            measured: RefCell::default(),
            stream: Core::default(),
        })
    }

    /// Says why it fails, unless something has said so already.
    pub(super) fn blame(&self, why: impl Into<String>) {
        self.failure.borrow_mut().get_or_insert_with(|| why.into());
    }

    /// Whether it has a connection that can be driven.
    pub(super) fn has_connection(&self) -> bool {
        !matches!(self.stage.get(), Stage::Resolving | Stage::Connecting | Stage::Opening | Stage::Queued)
    }

    /// Whether its end is a failed connect, of which the program hears by `LWS_CALLBACK_CLIENT_CONNECTION_ERROR`.
    fn fails(&self) -> bool {
        !self.established.get() && self.stage.get() != Stage::Network
    }
}

impl Context {
    /// Connects as `info` says; `None` when that failed at once, and the program hears no more of it.
    ///
    /// `seat` is told of the wsi before any callback, and of its failure.
    pub fn connect_client(&self, info: ClientInfo, seat: &dyn Fn(Option<&Wsi>)) -> Option<&Wsi> {
        if self.ending() != Ending::No || info.vhost.going.get() {
            seat(None);
            return None;
        }
        self.init_protocols();
        let wsi = self.new_wsi(Role::Connection);
        let id = wsi.id();
        let client = Client::new(info.options, info.target);
        client.silent.set(true);
        wsi.set_client(Some(Rc::clone(&client)));
        wsi.bind_vhost(Some(info.vhost));
        wsi.protocol.set(info.protocol);
        wsi.user.set(info.user);
        wsi.opaque.set(info.opaque);
        if let Some(elder) = info.parent.and_then(|id| self.wsi(id)) {
            wsi.become_child_of(elder);
        }
        wsi.retry.replace(info.retry);
        seat(Some(wsi));
        if self.bind_client_protocol(wsi) && !self.join_connection(wsi, &client) {
            self.start_connecting(wsi, &client);
        }
        // It may have been freed meanwhile, and its slot even used again.
        let open = || self.wsi(id).filter(|wsi| wsi.is_open());
        if let Some(wsi) = open() {
            self.dispatch(wsi, Reason::ServerNewClientInstantiated, Arg::Null);
        }
        // What callbacks have asked for, this wsi's or the context's end, is carried out before the program goes on.
        self.settle();
        let connecting = open();
        if connecting.is_some() {
            client.silent.set(false);
        } else {
            seat(None);
        }
        connecting
    }

    pub(super) fn bind_client_protocol(&self, wsi: &Wsi) -> bool {
        self.ensure_session(wsi);
        wsi.http.bound.set(true);
        let taken = self.dispatch(wsi, Reason::ClientHttpBindProtocol, Arg::Null) == 0;
        if !taken {
            self.fail_client(wsi, "the protocol's callback refused CLIENT_HTTP_BIND_PROTOCOL");
        }
        taken
    }

    /// The client's connection or request comes to nothing, because of `why`.
    pub(super) fn fail_client(&self, wsi: &Wsi, why: impl Into<String>) {
        if let Some(client) = wsi.client() {
            client.blame(why);
        }
        self.close(wsi);
    }

    /// The client's wsi has a connection. Told once, however often it connects; to its own protocol, as programs have seen it,
    /// where it is no stream. Its end the first hears of, as that of any wsi.
    pub(super) fn announce_client(&self, wsi: &Wsi) {
        if !wsi.announced.replace(true) {
            let index = if wsi.is_stream() { 0 } else { wsi.protocol.get() };
            self.dispatch_as(wsi, index, Reason::WsiCreate, Arg::Null);
        }
    }

    /// A client's connection goes: what became of it is why its requests fail, where they know nothing better.
    pub(super) fn blame_connection(&self, wsi: &Wsi, client: &Client) {
        let (lost, streams) = wsi.with_net(|net| (net.lost.take(), net.streams.clone())).unwrap_or_default();
        if let Some(lost) = lost {
            client.blame(lost);
        }
        if let Some(why) = &*client.failure.borrow() {
            let clients = streams.into_iter().filter_map(|id| self.wsi(id)?.client());
            clients.for_each(|of_stream| of_stream.blame(why.clone()));
        }
    }

    /// Tells the program that a client never got its answer. The wsi is being closed.
    pub(super) fn tell_of_failure(&self, wsi: &Wsi, client: &Client) {
        if !client.fails() || client.told.replace(true) {
            return;
        }
        let why = client.failure.take();
        let why = why.as_deref().unwrap_or("closed before established");
        crate::log_info!("{}: {why}", wsi.tag());
        if !client.silent.get() {
            let text = std::ffi::CString::new(why.replace('\0', "")).unwrap_or_default();
            self.dispatch(wsi, Reason::ClientConnectionError, Arg::Text(&text));
        }
    }

    /// A client waited too long.
    pub(super) fn client_timed_out(&self, wsi: &Wsi, client: &Client, why: Timeout) {
        let text = match (why, client.stage.get()) {
            (Timeout::Connect, Stage::Resolving) => "Timed out looking up the address",
            (Timeout::Connect, Stage::Tunnel) => "Timed out waiting for the proxy",
            (Timeout::Connect, Stage::Handshake) => "Timed out waiting SSL",
            (Timeout::Connect, _) => "Timed out waiting for the connection",
            (Timeout::HttpContent, Stage::Waiting) => "Timed out waiting server reply",
            _ => "Timed out",
        };
        if !(client.established.get() || matches!(why, Timeout::KeepAlive | Timeout::Killed)) {
            let detail = client.last_error.take().map(|error| format!(" ({error})")).unwrap_or_default();
            client.blame(format!("{text}{detail}"));
        }
        crate::log_info!("{}: {text}", wsi.tag());
        self.close(wsi);
    }
}
