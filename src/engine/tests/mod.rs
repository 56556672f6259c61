//! The engine against a loop and a program written for the tests: ops that refuse, lie, close, re-enter and panic, callbacks
//! that do anything, and time that passes when a test says so.
//!
//! A [`Fixture`] checks the event-loop contract while a test runs (each descriptor admitted and removed once, interest told
//! exactly, no stream ever shown), and at its end that every callback had its counterpart and the ledger is empty.

mod client;
mod faults;
mod flow;
mod timers;
mod validity;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::context::{Context, ContextConfig, CreateError, Ending};
use super::dispatch::{Call, Callback};
use super::event_loop::{Admit, EventLoop, Refused};
use super::reason::Reason;
use super::vhost::{Listen, PlainOnTls, Protocol, VhostConfig};
use super::write::Mode;
use super::wsi::{Role, Wsi};
use crate::proto::h2::H2Settings;
use crate::proto::http::header::HeaderLimits;

/// Real time after which something awaited has not come, however much else the machine has to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the loop is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Op {
    InitContext,
    InitThread,
    Admit,
    Interest,
    Remove,
    Destroyed,
    DestroyThread,
    DestroyContext,
}

const OPS: [Op; 8] = [
    Op::InitContext,
    Op::InitThread,
    Op::Admit,
    Op::Interest,
    Op::Remove,
    Op::Destroyed,
    Op::DestroyThread,
    Op::DestroyContext,
];

/// What a test has an op do; `true` refuses.
type OpHook = Rc<dyn Fn(&Context, Op, &Wsi) -> bool>;

/// What a test has a callback do.
type CallHook = Rc<dyn Fn(&Context, &Call<'_>) -> i32>;

/// The loop's table, and what it found wrong.
#[derive(Default)]
struct Table {
    entries: RefCell<BTreeMap<i32, u8>>,
    hook: RefCell<Option<OpHook>>,
    wrong: RefCell<Vec<String>>,
}

impl Table {
    fn run_hook(&self, cx: &Context, op: Op, wsi: &Wsi) -> bool {
        if wsi.is_stream() {
            self.wrong.borrow_mut().push(format!("{op:?} shown {wsi:?}"));
        }
        let hook = self.hook.borrow().clone();
        hook.is_some_and(|hook| hook(cx, op, wsi))
    }

    fn complain(&self, what: String) {
        self.wrong.borrow_mut().push(what);
    }

    fn interest(&self, fd: i32) -> u8 {
        self.entries.borrow().get(&fd).copied().unwrap_or(0)
    }
}

struct Fake(Rc<Table>);

impl EventLoop for Fake {
    fn name(&self) -> String {
        "fake".to_owned()
    }

    fn init_context(&self, cx: &Context) -> Result<(), Refused> {
        if self.0.run_hook(cx, Op::InitContext, cx.standin()) { Err(Refused) } else { Ok(()) }
    }

    fn init_thread(&self, cx: &Context) -> Result<(), Refused> {
        if self.0.run_hook(cx, Op::InitThread, cx.standin()) { Err(Refused) } else { Ok(()) }
    }

    fn admit(&self, cx: &Context, wsi: &Wsi, _what: Admit) -> Result<(), Refused> {
        let fd = wsi.raw_fd();
        if self.0.run_hook(cx, Op::Admit, wsi) {
            return Err(Refused);
        }
        if self.0.entries.borrow_mut().insert(fd, 0).is_some() {
            self.0.complain(format!("{wsi:?} admitted twice"));
        }
        Ok(())
    }

    fn interest(&self, cx: &Context, wsi: &Wsi, start: u8, stop: u8) {
        let fd = wsi.raw_fd();
        match self.0.entries.borrow_mut().get_mut(&fd) {
            Some(bits) if *bits & start == 0 && *bits & stop == stop => *bits = *bits & !stop | start,
            Some(bits) => self.0.complain(format!("{wsi:?}: has {bits}, start {start}, stop {stop}")),
            None => self.0.complain(format!("interest of {wsi:?}, which is not in the table")),
        }
        self.0.run_hook(cx, Op::Interest, wsi);
    }

    fn remove(&self, cx: &Context, wsi: &Wsi) {
        if self.0.entries.borrow_mut().remove(&wsi.raw_fd()).is_none() {
            self.0.complain(format!("{wsi:?} removed and not in the table"));
        }
        self.0.run_hook(cx, Op::Remove, wsi);
    }

    fn destroyed(&self, cx: &Context, wsi: &Wsi) {
        self.0.run_hook(cx, Op::Destroyed, wsi);
    }

    fn run(&self, cx: &Context, timeout_ms: i32) -> Option<i32> {
        poll_table(&self.0, cx, timeout_ms);
        Some(0)
    }

    fn destroy_thread(&self, cx: &Context) {
        self.0.run_hook(cx, Op::DestroyThread, cx.standin());
    }

    fn destroy_context(&self, cx: &Context, _half: u8) {
        self.0.run_hook(cx, Op::DestroyContext, cx.standin());
    }
}

fn poll_table(table: &Table, cx: &Context, timeout_ms: i32) -> usize {
    let entries: Vec<(i32, u8)> = table.entries.borrow().iter().map(|(&fd, &bits)| (fd, bits)).collect();
    // Duplicates: what is polled stays open whatever becomes of the wsi.
    let open: Vec<(i32, u8, OwnedFd)> = entries
        .into_iter()
        .filter_map(|(fd, bits)| {
            let clone = cx.wsi_from_fd(fd).and_then(|wsi| wsi.with_fd(|fd| fd.try_clone_to_owned()));
            if clone.is_none() {
                table.complain(format!("fd {fd} in the table is nobody's"));
            }
            Some((fd, bits, clone?.expect("a duplicate")))
        })
        .collect();
    let mut fds: Vec<PollFd<'_>> = open
        .iter()
        .map(|(_, bits, fd)| PollFd::new(fd, PollFlags::from_bits_retain((*bits).into())))
        .collect();
    let wait = Timespec::try_from(Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))).ok();
    rustix::event::poll(&mut fds, wait.as_ref()).expect("poll works");
    let ready: Vec<(i32, i16)> = fds
        .iter()
        .zip(&open)
        .filter(|(fd, _)| !fd.revents().is_empty())
        .map(|(fd, &(number, ..))| (number, fd.revents().bits() as i16))
        .collect();
    for &(fd, revents) in &ready {
        cx.service_fd(fd, revents);
    }
    ready.len()
}

/// The program: one protocol, what a test makes of it, and the books of what it was told.
#[derive(Default)]
struct Program {
    hook: RefCell<Option<CallHook>>,
    told: RefCell<BTreeMap<String, i64>>,
    wrong: RefCell<Vec<String>>,
    depth: Cell<u32>,
    deepest: Cell<u32>,
}

impl Program {
    fn count(&self, reason: Reason) -> i64 {
        self.told.borrow().get(&format!("{reason:?}")).copied().unwrap_or(0)
    }
}

struct Handler(Rc<Program>);

impl Callback for Handler {
    fn call(&self, call: &Call<'_>) -> i32 {
        let program = &self.0;
        // Listeners are destroyed without having been created, as in libwebsockets.
        if call.wsi.role.get() != Role::Listen {
            *program.told.borrow_mut().entry(format!("{:?}", call.reason)).or_default() += 1;
        }
        if !call.wsi.is_open() && !call.reason.is_of_the_end() {
            program.wrong.borrow_mut().push(format!("{:?} of {:?}", call.reason, call.wsi));
        }
        program.depth.set(program.depth.get() + 1);
        program.deepest.set(program.deepest.get().max(program.depth.get()));
        let _leave = Leave(program);
        let cx = call.wsi.context().expect("a context in callbacks");
        let hook = program.hook.borrow().clone();
        match hook {
            Some(hook) => hook(&cx, call),
            None => answer(&cx, call),
        }
    }
}

struct Leave<'a>(&'a Program);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() - 1);
    }
}

/// A program that answers everything with two bytes, after the body if there is one.
fn answer(cx: &Context, call: &Call<'_>) -> i32 {
    let wsi = call.wsi;
    let has_body = wsi.ah().is_some_and(|ah| ah.method() == crate::proto::http::method::Method::Post);
    match call.reason {
        Reason::Http if !has_body => respond(cx, wsi, b"ok"),
        Reason::HttpBodyCompletion => respond(cx, wsi, b"ok"),
        _ => 0,
    }
}

/// The whole answer, in one go.
fn respond(cx: &Context, wsi: &Wsi, body: &[u8]) -> i32 {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let sent = cx.write(wsi, head.as_bytes(), Mode::HEADERS).and_then(|_| cx.write(wsi, body, Mode::FINAL));
    if sent.is_err() || cx.complete_transaction(wsi) { -1 } else { 0 }
}

struct Fixture {
    cx: Rc<Context>,
    table: Rc<Table>,
    program: Rc<Program>,
    port: u16,
    /// A callback panicked: what it was told counts, what it would have done does not.
    unbalanced: Cell<bool>,
}

/// The books are only complete when the test is: a failing test says what failed, not what it left.
impl Drop for Fixture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.table.hook.take();
        self.program.hook.take();
        self.cx.destroy();
        self.check_ended();
    }
}

impl Fixture {
    fn new() -> Self {
        Self::with(ContextConfig::default(), |_| {})
    }

    fn with(config: ContextConfig, change: impl FnOnce(&mut VhostConfig)) -> Self {
        let mut fixture = Self::bare(config).expect("a context");
        let mut vhost = fixture.vhost("localhost");
        change(&mut vhost);
        fixture.port = fixture.cx.create_vhost(vhost).expect("a vhost").port.get();
        fixture
    }

    /// No vhost yet.
    fn bare(config: ContextConfig) -> Result<Self, CreateError> {
        let table = Rc::new(Table::default());
        Self::on(table, config)
    }

    fn on(table: Rc<Table>, config: ContextConfig) -> Result<Self, CreateError> {
        let cx = Context::new(config, Box::new(Fake(Rc::clone(&table))))?;
        let fixture = Self { cx, table, program: Rc::default(), port: 0, unbalanced: Cell::new(false) };
        fixture.cx.start().map(|()| fixture)
    }

    fn vhost(&self, name: &str) -> VhostConfig {
        let protocol = |name: &str| Protocol {
            name: name.to_owned(),
            callback: Box::new(Handler(Rc::clone(&self.program))),
            rx_buffer_size: 0,
            session_size: Cell::new(8),
            options: std::ptr::null_mut(),
            wants_init: true,
            initialised: Cell::new(false),
            private: RefCell::default(),
        };
        let iface = Some("127.0.0.1".to_owned());
        VhostConfig {
            ipv4_only: false,
            client_alpn: Vec::new(),
            proxy: RefCell::default(),
            name: name.to_owned(),
            listen: Listen::Tcp { port: 0, iface, ipv4_only: true, v6only: None },
            backlog: 64,
            share_port: false,
            tls: None,
            client_tls: None,
            h2_only: false,
            h2c: true,
            protocols: vec![protocol("http")],
            default_protocol: 0,
            compression: None,
            mounts: Vec::new(),
            headers: Vec::new(),
            server_string: None,
            error_document_404: None,
            security_headers: false,
            sts: false,
            keepalive: None,
            limits: HeaderLimits::default(),
            h2: H2Settings::default(),
            tcp_keepalive: None,
            retry: None,
            user: std::ptr::null_mut(),
            foreign: Box::new(PlainOnTls::Refuse),
            finalize: None,
            prepare_listener: None,
        }
    }

    /// Has callbacks run `hook` instead of [`answer`].
    fn on_call(&self, hook: impl Fn(&Context, &Call<'_>) -> i32 + 'static) {
        *self.program.hook.borrow_mut() = Some(Rc::new(hook));
    }

    /// Has ops run `hook`.
    fn on_op(&self, hook: impl Fn(&Context, Op, &Wsi) -> bool + 'static) {
        *self.table.hook.borrow_mut() = Some(Rc::new(hook));
    }

    /// One turn of the program's loop; how many descriptors were ready.
    fn turn(&self) -> usize {
        let wait = self.cx.adjust_timeout(5).min(5);
        poll_table(&self.table, &self.cx, wait)
    }

    /// Turns until `done`.
    fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < end, "waiting for {what}");
            self.turn();
        }
    }

    /// Only the loop's table and the ledger are checked at the end.
    fn without_books(&self) {
        self.unbalanced.set(true);
    }

    fn connect(&self) -> Client {
        Self::client(TcpStream::connect(("127.0.0.1", self.port)).expect("connected"))
    }

    /// A client whose kernel takes a few kilobytes ahead, not megabytes.
    fn connect_with_small_window(&self) -> Client {
        use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        sockopt::set_socket_recv_buffer_size(&socket, 1).expect("a small buffer");
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], self.port));
        connect(&socket, &address).expect("connected");
        Self::client(TcpStream::from(socket))
    }

    fn client(socket: TcpStream) -> Client {
        socket.set_nonblocking(true).expect("nonblocking");
        Client { socket, got: Vec::new(), eof: false }
    }

    /// Connections and streams that live.
    fn busy(&self) -> usize {
        let roles = |role| {
            let is = |&id: &_| self.cx.wsi(id).is_some_and(|wsi: &Wsi| wsi.role.get() == role);
            self.cx.all_wsi().iter().filter(|id| is(id)).count()
        };
        roles(Role::Connection) + roles(Role::Stream)
    }

    fn connection(&self) -> &Wsi {
        self.cx
            .all_wsi()
            .into_iter()
            .filter_map(|id| self.cx.wsi(id))
            .find(|wsi| wsi.role.get() == Role::Connection)
            .expect("a connection")
    }

    /// After the end: every callback had its counterpart, nothing is left anywhere.
    fn check_ended(&self) {
        assert_eq!(self.cx.ending(), Ending::Done);
        assert_eq!(self.table.wrong.borrow().as_slice(), &[] as &[String]);
        assert_eq!(self.program.wrong.borrow().as_slice(), &[] as &[String]);
        assert!(self.table.entries.borrow().is_empty(), "in the loop: {:?}", self.table.entries.borrow());
        let left: Vec<_> = self.cx.ledger.outstanding().collect();
        assert!(left.is_empty(), "left: {left:?}");
        if self.unbalanced.get() {
            return;
        }
        for (first, last) in [
            (Reason::WsiCreate, Reason::WsiDestroy),
            (Reason::HttpBindProtocol, Reason::HttpDropProtocol),
            (Reason::ProtocolInit, Reason::ProtocolDestroy),
            (Reason::LockPoll, Reason::UnlockPoll),
        ] {
            assert_eq!(self.program.count(first), self.program.count(last), "{first:?} and {last:?}");
        }
    }
}

/// A client on the same thread, which never blocks.
struct Client {
    socket: TcpStream,
    got: Vec<u8>,
    eof: bool,
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        let sent = self.socket.write(bytes).expect("room for a small request");
        assert_eq!(sent, bytes.len());
    }

    /// Takes what is there, at most `most` bytes.
    fn take(&mut self, most: usize) -> usize {
        let mut buffer = vec![0; most];
        match self.socket.read(&mut buffer) {
            Ok(0) => self.eof = true,
            Ok(n) => {
                self.got.extend_from_slice(&buffer[..n]);
                return n;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.eof = true,
        }
        0
    }

    fn has(&mut self, text: &str) -> bool {
        self.take(64 * 1024);
        self.got.windows(text.len()).any(|window| window == text.as_bytes())
    }

    fn is_cut_off(&mut self) -> bool {
        self.take(64 * 1024);
        self.eof
    }

    fn get(&mut self, fixture: &Fixture) {
        self.got.clear();
        self.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        fixture.until("an answer", || self.has("\r\n\r\nok"));
    }
}

/// HTTP/2 frames, as far as these tests need them.
mod frames {
    pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    /// Preface and SETTINGS, with windows that never close (`window` of a stream).
    pub(super) fn hello(window: u32) -> Vec<u8> {
        let mut bytes = PREFACE.to_vec();
        let mut initial_window = vec![0, 4];
        initial_window.extend(window.to_be_bytes());
        bytes.extend(frame(4, 0, 0, &initial_window));
        bytes.extend(frame(8, 0, 0, &0x3fff_ffff_u32.to_be_bytes()));
        bytes
    }

    /// HEADERS of a request; with `end` it has no body.
    pub(super) fn request(stream: u32, method: &str, end: bool) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in
            [(":method", method), (":scheme", "http"), (":path", "/"), (":authority", "localhost")]
        {
            block.push(0);
            for text in [name, value] {
                block.push(text.len() as u8);
                block.extend(text.as_bytes());
            }
        }
        frame(1, if end { 5 } else { 4 }, stream, &block)
    }

    /// The whole frames in `bytes`: kind, flags, stream, length of the payload.
    pub(super) fn parse(bytes: &[u8]) -> Vec<(u8, u8, u32, usize)> {
        let (mut at, mut frames) = (0, Vec::new());
        while let Some(head) = bytes.get(at..at + 9) {
            let len = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            if bytes.len() < at + 9 + len {
                break;
            }
            let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
            frames.push((head[3], head[4], stream, len));
            at += 9 + len;
        }
        frames
    }

    /// DATA bytes of `stream`, and whether it has ended.
    pub(super) fn data(bytes: &[u8], stream: u32) -> (usize, bool) {
        parse(bytes)
            .iter()
            .filter(|frame| frame.2 == stream && frame.0 <= 1)
            .fold((0, false), |sum, frame| {
                (sum.0 + if frame.0 == 0 { frame.3 } else { 0 }, sum.1 || frame.1 & 1 != 0)
            })
    }
}
