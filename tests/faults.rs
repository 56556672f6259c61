//! Event loops that refuse, forget, lie and re-enter: the library neither leaks nor breaks.
//!
//! `tests/c/fault-server.c` is the loop and the judge: it counts every op and callback and looks at the
//! ledger. The tests here send it traffic and read its verdict.

mod common;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::wait::within;
use common::{DEADLINE, Program, Running, Scratch, compile, h1, h2, library, tls, tools};
use rustls::ClientConfig;

/// What a client that is patient with a broken server waits for a sign of life.
const PATIENCE: Duration = Duration::from_millis(150);

struct Server {
    running: Running,
    plain: u16,
    secure: u16,
    /// Kept as long as the server serves it.
    _www: Scratch,
}

fn program(args: &[&str]) -> (Program, Scratch) {
    let www = Scratch::new();
    www.file("index.html", "<html>index</html>\n");
    www.file("404.html", "<html>not found</html>\n");
    www.file("large.txt", vec![b'x'; 300_000]);
    let program = Program::new(compile("fault-server"))
        .arg(format!("--www={}", www.path().display()))
        .arg(format!("--tls={}", tls::localhost().pair()))
        .args(args);
    (program, www)
}

fn start(args: &[&str]) -> Server {
    let (program, www) = program(args);
    let running = program.start();
    let port = |name: &str| {
        running.wait_line(name, |line| {
            line.strip_prefix(name)?.strip_prefix(" listening on port ")?.parse().ok()
        })
    };
    let (plain, secure) = (port("plain"), port("secure"));
    Server { running, plain, secure, _www: www }
}

impl Server {
    /// The live counts; empty for a library without a ledger.
    fn stats(&mut self) -> BTreeMap<String, u64> {
        let first = self.running.stdout().len();
        self.running.tell("stats");
        let pick = |line: &str| line.strip_prefix("stats ").map(str::to_owned);
        let (_, line) = self.running.wait_line_from(first, "the statistics", pick);
        line.split_whitespace()
            .filter_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                Some((name.to_owned(), value.parse().ok()?))
            })
            .collect()
    }

    /// Waits until nothing lives but what lived before the traffic.
    fn quiet(&mut self, before: &BTreeMap<String, u64>) {
        let mut now = BTreeMap::new();
        let quiet = within(DEADLINE, || {
            now = self.stats();
            (now == *before).then_some(())
        });
        assert!(
            quiet.is_some(),
            "still alive without a client: {now:?}, before: {before:?}\n{}",
            self.running.transcript()
        );
    }

    /// Ends the program and expects that it found nothing wrong.
    fn innocent(mut self) {
        self.running.close_stdin();
        let status = self.running.wait();
        self.judge(status);
    }

    /// As [`Self::innocent`], for a program that ends by itself.
    fn innocent_by_itself(mut self) -> u32 {
        let status = self.running.wait();
        self.judge(status)
    }

    fn judge(&self, status: std::process::ExitStatus) -> u32 {
        let transcript = self.running.transcript();
        let strikes = self
            .running
            .stdout()
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("destroyed, ")?.split(' ').next()?.parse().ok());
        // lws itself does not pass: what is judged with it is only that it does not crash
        let wrong = !library().foreign && !status.success();
        assert!(!wrong && strikes.is_some(), "{}\n{transcript}", common::process::describe(status));
        strikes.unwrap_or(0)
    }

    /// Traffic of every kind; every answer is right.
    fn serves_everything(&self) {
        self.serves_h1();
        self.serves_h2();
        self.serves_h1_over_tls();
        if !library().foreign {
            let client = h2::Client::start(h1::connect(self.plain), &[]);
            speak_h2(client);
        }
    }

    fn serves_h1(&self) {
        speak_h1(h1::Client::new(h1::connect(self.plain)));
    }

    fn serves_h1_over_tls(&self) {
        // lws stalls on what its TLS has already decrypted
        if library().foreign {
            return;
        }
        let options = tls::Options { alpn: &["http/1.1"], ..Default::default() };
        speak_h1(h1::Client::new(tls::connect(self.secure, &options).expect("TLS")));
    }

    fn serves_h2(&self) {
        let stream = tls::connect(self.secure, &tls::Options::default()).expect("TLS");
        speak_h2(h2::Client::start(stream, &[]));
    }

    /// Traffic of every kind, by clients that expect nothing; each goes when nothing more comes.
    fn is_poked(&self) {
        let (h2_config, h1_config) = (
            tls::config(&tls::Options::default()),
            tls::config(&tls::Options { alpn: &["http/1.1"], ..Default::default() }),
        );
        let (h1_bytes, h2_bytes) = (h1_requests(), h2_requests());
        std::thread::scope(|scope| {
            scope.spawn(|| poke(self.plain, None, &h1_bytes));
            scope.spawn(|| poke(self.plain, None, &h2_bytes));
            scope.spawn(|| poke(self.secure, Some(h1_config), &h1_bytes));
            scope.spawn(|| poke(self.secure, Some(h2_config), &h2_bytes));
        });
    }

    /// Clients that leave in the middle of something.
    fn is_abandoned(&self) {
        let config = tls::config(&tls::Options::default());
        for _ in 0..3 {
            let nothing = h1::connect(self.plain);
            drop(nothing);
            // the fault may have closed them already
            let _ = abandon_h1(self.plain);
            let _ = abandon_handshake(self.secure, config.clone());
            let _ = abandon_h2(self.secure, config.clone());
        }
    }
}

fn speak_h1<S: Read + Write>(mut client: h1::Client<S>) {
    for _ in 0..3 {
        let response = client.get("/cb/dyn");
        assert_eq!((response.status, response.body.len()), (200, 12));
    }
    let body = vec![b'b'; 12_000];
    client.send("POST /cb/post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12000\r\n\r\n");
    client.send(&body);
    let response = client.response();
    assert_eq!((response.status, response.body.len()), (200, 12_000));
    let response = client.get("/");
    assert_eq!((response.status, response.text().as_str()), (200, "<html>index</html>\n"));
    let response = client.get("/large.txt");
    assert_eq!((response.status, response.body.len()), (200, 300_000));
    let response = client.get("/cb/big");
    assert_eq!((response.status, response.body.len()), (200, 1_000_000));
    let response = client.get("/nofile.html");
    assert_eq!((response.status, response.header("location")), (302, Some("/404.html")));
}

fn speak_h2<S: Read + Write>(mut client: h2::Client<S>) {
    // lws takes no DATA before it has opened its window
    client.until("the settings", |frame| (frame.kind == h2::SETTINGS).then_some(()));
    for (stream, path, length) in
        [(1, "/cb/dyn", 12), (3, "/", 19), (5, "/cb/big", 1_000_000), (7, "/large.txt", 300_000)]
    {
        client.get(stream, path);
        let response = client.response(stream);
        assert_eq!((response.status, response.body.len()), (Some(200), length), "{path}");
    }
    client.post(9, "/cb/post", &[]);
    for n in 0..3 {
        let flags = if n == 2 { h2::END_STREAM } else { 0 };
        client.send(h2::frame(h2::DATA, flags, 9, &[b'b'; 4_000]));
    }
    let response = client.response(9);
    assert_eq!((response.status, response.body.len()), (Some(200), 12_000));
    client.get(11, "/nofile.html");
    assert_eq!(client.response(11).status, Some(302));
}

/// Requests one after the other without waiting, the last one closes.
fn h1_requests() -> Vec<u8> {
    let mut bytes = Vec::new();
    for path in ["/cb/dyn", "/", "/large.txt", "/nofile.html"] {
        bytes.extend(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").bytes());
    }
    bytes.extend(b"POST /cb/post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n");
    bytes.extend([b'b'; 9_000]);
    bytes.extend(b"GET /cb/dyn HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    bytes
}

/// The same as concurrent streams, one of which is never answered.
fn h2_requests() -> Vec<u8> {
    let mut bytes = h2::PREFACE.to_vec();
    bytes.extend(h2::settings(&[]));
    let paths = ["/cb/hang", "/cb/dyn", "/", "/large.txt", "/cb/dyn", "/nofile.html"];
    let mut stream = 1;
    for path in paths {
        let block = h2::request_block("GET", path, &[]);
        bytes.extend(h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, stream, &block));
        stream += 2;
    }
    let block = h2::request_block("POST", "/cb/post", &[]);
    bytes.extend(h2::frame(h2::HEADERS, h2::END_HEADERS, stream, &block));
    bytes.extend(h2::frame(h2::DATA, 0, stream, &[b'b'; 4_000]));
    bytes.extend(h2::frame(h2::DATA, h2::END_STREAM, stream, &[b'b'; 5_000]));
    bytes
}

fn poke(port: u16, config: Option<Arc<ClientConfig>>, bytes: &[u8]) {
    let Ok(socket) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    socket.set_read_timeout(Some(PATIENCE)).expect("deadline");
    socket.set_write_timeout(Some(PATIENCE)).expect("deadline");
    match config {
        None => poke_stream(socket, bytes),
        Some(config) => {
            if let Ok(stream) = tls::handshake(socket, config, "localhost") {
                poke_stream(stream, bytes);
            }
        }
    }
}

fn poke_stream(mut stream: impl Read + Write, bytes: &[u8]) {
    if stream.write_all(bytes).and_then(|()| stream.flush()).is_err() {
        return;
    }
    let mut chunk = [0; 16384];
    loop {
        match stream.read(&mut chunk) {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn abandon_h1(port: u16) -> io::Result<()> {
    let mut socket = h1::connect(port);
    h1::reset_on_close(&socket);
    socket.write_all(b"POST /cb/post HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
}

fn abandon_handshake(port: u16, config: Arc<ClientConfig>) -> io::Result<()> {
    let socket = tls::half_handshake(port, config)?;
    h1::reset_on_close(&socket);
    Ok(())
}

/// Leaves with streams open: half requests, unanswered ones and answers in flight.
fn abandon_h2(port: u16, config: Arc<ClientConfig>) -> io::Result<()> {
    let mut stream = tls::connect_with(port, config, "localhost")?;
    h1::reset_on_close(&stream.sock);
    let mut bytes = h2::PREFACE.to_vec();
    bytes.extend(h2::settings(&[]));
    for (n, path) in ["/cb/hang", "/cb/big", "/cb/dyn", "/large.txt", "/cb/hang"].iter().enumerate() {
        let id = 1 + 2 * u32::try_from(n).expect("few");
        let block = h2::request_block("GET", path, &[]);
        bytes.extend(h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, id, &block));
    }
    let block = h2::request_block("POST", "/cb/post", &[("content-length", "100000")]);
    bytes.extend(h2::frame(h2::HEADERS, h2::END_HEADERS, 11, &block));
    bytes.extend(h2::frame(h2::DATA, 0, 11, &[b'b'; 1_000]));
    stream.write_all(&bytes)?;
    stream.flush()
}

/// With this fault everything is served as if there were none.
fn unimpressed_by(args: &[&str]) {
    let mut server = start(args);
    server.serves_h1();
    // what is lazily made on the first traffic is there now
    server.running.wait_text("listening");
    let before = server.settled();
    for _ in 0..3 {
        server.serves_everything();
    }
    server.is_poked();
    server.is_abandoned();
    server.serves_everything();
    server.quiet(&before);
    server.innocent();
}

/// With this fault clients may get nothing; nothing of theirs stays.
fn survives(args: &[&str]) {
    let mut server = start(args);
    let before = server.settled();
    server.is_poked();
    server.is_abandoned();
    server.is_poked();
    server.quiet(&before);
    server.innocent();
}

impl Server {
    /// The counts without a client: those that come twice in a row with one listening socket per
    /// vhost and the event pipe.
    fn settled(&mut self) -> BTreeMap<String, u64> {
        if library().foreign {
            return self.stats();
        }
        let mut now = BTreeMap::new();
        let settled = within(DEADLINE, || {
            now = self.stats();
            (now.get("wsi") == Some(&3) && now.get("fd") == Some(&3)).then(|| now.clone())
        });
        settled.unwrap_or_else(|| panic!("an idle server has a pipe and two listening sockets, not {now:?}"))
    }
}

// ---------------------------------------------------------------------------------------------
// Loops that are only strange
// ---------------------------------------------------------------------------------------------

#[test]
fn well_behaved_loop() {
    unimpressed_by(&[]);
}

/// The loop of the founding bug.
#[test]
fn logical_close_returns_1_for_unknown_fds() {
    unimpressed_by(&["--fault=unguarded"]);
}

#[test]
fn logical_close_always_returns_1() {
    unimpressed_by(&["--fault=close-says-1"]);
}

/// A header table for three, and an op that leaked one for every stream.
#[test]
fn pool_of_three_header_tables_serves_hundreds_of_streams() {
    let mut server = start(&["--fault=close-says-1", "--pool=3"]);
    let before = server.settled();
    let url = format!("https://localhost:{}/cb/dyn", server.secure);
    if library().foreign {
        return;
    }
    for _ in 0..10 {
        let stream = tls::connect(server.secure, &tls::Options::default()).expect("TLS");
        let mut client = h2::Client::start(stream, &[]);
        for n in 0..40 {
            client.get(2 * n + 1, "/cb/dyn");
            assert_eq!(client.response(2 * n + 1).status, Some(200));
        }
    }
    // more at a time than there are tables: they wait for each other
    tools::h2load(400, &["-c", "4", "-m", "25", &url]);
    server.quiet(&before);
    server.innocent();
}

#[test]
fn one_bit_per_call() {
    unimpressed_by(&["--fault=one-bit"]);
}

#[test]
fn events_hold_what_fired() {
    unimpressed_by(&["--fault=events-are-revents"]);
}

#[test]
fn stale_and_unknown_fds_are_serviced() {
    unimpressed_by(&["--fault=stale-fds"]);
}

/// Unsubscribed events, and fds that were closed and given out again within the turn.
#[test]
fn spurious_events() {
    unimpressed_by(&["--fault=spurious"]);
    unimpressed_by(&["--fault=spurious,one-bit,stale-fds,events-are-revents"]);
}

#[test]
fn service_without_revents() {
    unimpressed_by(&["--fault=no-revents"]);
}

#[test]
fn io_op_does_nothing() {
    unimpressed_by(&["--fault=io-nothing"]);
}

/// No event library at all: the program polls what the callbacks tell it to, as mosquitto does.
#[test]
fn external_poll_by_callbacks() {
    unimpressed_by(&["--fault=external-poll"]);
    unimpressed_by(&["--fault=external-poll,one-bit,stale-fds,events-are-revents"]);
    unimpressed_by(&["--fault=external-poll,spurious,reenter-in-callback"]);
}

#[test]
fn no_ops_at_all() {
    unimpressed_by(&["--fault=ops-null"]);
}

#[test]
fn no_io_op() {
    unimpressed_by(&["--fault=ops-no-io"]);
}

#[test]
fn ops_service_the_loop_again() {
    unimpressed_by(&["--fault=reenter-in-ops"]);
}

#[test]
fn callbacks_service_the_loop_again() {
    unimpressed_by(&["--fault=reenter-in-callback"]);
}

/// Rx that is paused holds back data that TLS and the parser have already taken.
#[test]
fn rx_paused_in_every_body_callback() {
    unimpressed_by(&["--fault=rxflow"]);
}

/// The tail of the body comes in the same TLS flight as its head; no loop has to be asked twice.
#[test]
fn tls_pending_data_is_delivered_without_spinning() {
    if library().foreign {
        return;
    }
    let mut server = start(&[]);
    let before = server.settled();
    for length in [4_097, 12_000, 16_384, 40_000, 200_000] {
        let options = tls::Options { alpn: &["http/1.1"], ..Default::default() };
        let stream = tls::connect(server.secure, &options).expect("TLS");
        let mut client = h1::Client::new(stream);
        let mut bytes =
            format!("POST /cb/post HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
                .into_bytes();
        bytes.extend(vec![b'b'; length]);
        client.send(&bytes);
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (200, length));
    }
    server.quiet(&before);
    server.innocent();
}

// ---------------------------------------------------------------------------------------------
// Loops that refuse
// ---------------------------------------------------------------------------------------------

/// Two listening sockets and the pipe fill the table: nobody is served, everybody is closed.
#[test]
fn accept_refused_by_a_full_table() {
    let slots = if library().foreign { "--slots=4" } else { "--slots=3" };
    let mut server = start(&[slots, "--fault=unguarded"]);
    let before = server.settled();
    if !library().foreign {
        for _ in 0..50 {
            let mut socket = h1::connect(server.plain);
            assert_eq!(h1::read_to_end(&mut socket), b"");
            let mut socket = h1::connect(server.secure);
            assert_eq!(h1::read_to_end(&mut socket), b"");
        }
    }
    server.is_poked();
    server.quiet(&before);
    server.innocent();
}

#[test]
fn every_second_accept_is_refused() {
    survives(&["--refuse-every=2", "--fault=close-says-1"]);
}

#[test]
fn accept_op_forgets_the_fd() {
    survives_stalled(&["--fault=accept-forgets"]);
}

#[test]
fn io_op_forgets() {
    survives_stalled(&["--fault=io-forgets"]);
}

/// A connection of which the loop reports nothing cannot end before its timeout; at destroy everything must.
fn survives_stalled(args: &[&str]) {
    let server = start(args);
    server.is_poked();
    server.is_poked();
    server.innocent();
}

#[test]
fn listen_refused_fails_the_vhost() {
    if library().foreign {
        return;
    }
    refused_at_create("--fault=listen-refused", "vhost refused");
}

#[test]
fn event_pipe_refused_fails_the_context() {
    refused_at_create("--fault=pipe-refused", "context refused");
}

fn refused_at_create(fault: &str, line: &str) {
    let (program, _www) = program(&[fault]);
    let mut running = program.start();
    let status = running.wait();
    let transcript = running.transcript();
    assert!(running.stdout().iter().any(|l| l == line), "{transcript}");
    if !library().foreign {
        assert!(status.success(), "{transcript}");
        let errors = running.stderr().iter().filter(|l| l.contains(" E: ")).count();
        assert_eq!(errors, 1, "one error line says why\n{transcript}");
    }
}

// ---------------------------------------------------------------------------------------------
// Callbacks and ops that close, kill and destroy
// ---------------------------------------------------------------------------------------------

/// Where a callback can strike. All are reached by [`Server::is_poked`].
const REASONS: [&str; 15] = [
    "http",
    "body",
    "body-completion",
    "writeable",
    "closed",
    "create",
    "destroy",
    "new-client",
    "filter",
    "filter-network",
    "bind",
    "drop",
    "file-completion",
    "timer",
    "cancelled",
];

/// Strikes with the fault in each callback about a connection.
fn strikes_everywhere(fault: &str, reasons: &[&str]) {
    for reason in reasons {
        let fault = format!("--fault={fault}");
        let at = format!("--at={reason}");
        println!("{fault} {at}");
        let mut server = start(&[&fault, &at]);
        let before = server.settled();
        server.is_poked();
        server.is_abandoned();
        server.is_poked();
        server.quiet(&before);
        server.running.close_stdin();
        let status = server.running.wait();
        let strikes = server.judge(status);
        assert!(strikes > 0, "{at} was never reached\n{}", server.running.transcript());
    }
}

/// The reasons whose wsi is a connection or a stream, not a listening socket or a broadcast.
fn connection_reasons() -> Vec<&'static str> {
    REASONS.into_iter().filter(|r| !matches!(*r, "filter-network" | "cancelled")).collect()
}

#[test]
fn callbacks_fail() {
    let mut reasons = connection_reasons();
    reasons.push("filter-network");
    strikes_everywhere("fail-callback", &reasons);
}

#[test]
fn callbacks_kill_their_wsi_at_once() {
    strikes_everywhere("kill-sync-in-callback", &connection_reasons());
}

#[test]
fn callbacks_kill_their_wsi_later() {
    strikes_everywhere("kill-async-in-callback", &connection_reasons());
}

#[test]
fn ops_kill_their_wsi() {
    for fault in ["kill-sync-in-io", "kill-async-in-io", "kill-sync-in-accept", "kill-async-in-accept"] {
        survives(&[&format!("--fault={fault}")]);
        survives(&[&format!("--fault={fault},reenter-in-callback,close-says-1")]);
    }
}

/// The context is destroyed by a callback, and then ends by itself when the service call returns.
#[test]
fn context_destroyed_in_callbacks() {
    let mut reasons = REASONS.to_vec();
    reasons.push("init");
    for reason in reasons {
        for more in ["", ",close-says-1,one-bit", ",reenter-in-callback"] {
            let fault = format!("--fault=destroy-in-callback{more}");
            let at = format!("--at={reason}");
            println!("{fault} {at}");
            let server = start(&[&fault, &at]);
            server.is_poked();
            server.is_abandoned_by_a_dying_server();
            let strikes = server.innocent_by_itself();
            assert!(strikes > 0, "{at} was never reached");
        }
    }
}

#[test]
fn context_destroyed_in_ops() {
    for fault in ["destroy-in-accept", "destroy-in-io", "destroy-in-close"] {
        for more in ["", ",close-says-1", ",reenter-in-callback"] {
            let server = start(&[&format!("--fault={fault}{more}")]);
            server.is_poked();
            server.is_abandoned_by_a_dying_server();
            server.innocent_by_itself();
        }
    }
}

#[test]
fn vhost_destroyed_in_callbacks() {
    for reason in connection_reasons() {
        let at = format!("--at={reason}");
        println!("{at}");
        let server = start(&["--fault=vhost-destroy", &at]);
        server.is_poked();
        server.innocent();
    }
}

/// What vhosts took is given back when they end, and what points to them does no harm, however often they come and go.
#[test]
fn vhosts_come_and_go() {
    if library().foreign {
        return;
    }
    assert_eq!(Program::new(compile("vhosts")).start().finish(), ["flat"]);
}

impl Server {
    /// As [`Self::is_abandoned`], for a server that may be gone already.
    fn is_abandoned_by_a_dying_server(&self) {
        for port in [self.plain, self.secure] {
            if let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) {
                let _ = socket.write_all(b"GET /cb/dyn HTTP/1.1\r\n");
                h1::reset_on_close(&socket);
            }
        }
    }
}

/// Open connections of every kind at the time of `lws_context_destroy`.
#[test]
fn context_destroyed_under_load() {
    for args in [&[][..], &["--fault=close-says-1"], &["--fault=reenter-in-ops"]] {
        let server = start(args);
        let mut idle = h1::Client::new(h1::connect(server.plain));
        assert_eq!(idle.get("/cb/dyn").status, 200);
        let mut half = h1::connect(server.plain);
        half.write_all(b"POST /cb/post HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").expect("sent");
        let hello = tls::half_handshake(server.secure, tls::config(&tls::Options::default()));
        let stream = tls::connect(server.secure, &tls::Options::default()).expect("TLS");
        let mut client = h2::Client::start(stream, &[]);
        for n in 0..20 {
            client.get(4 * n + 1, "/cb/hang");
            client.get(4 * n + 3, "/cb/big");
        }
        // all have arrived when a later one is answered
        client.get(81, "/cb/dyn");
        client.until("the last answer", |frame| {
            (frame.kind == h2::HEADERS && frame.stream == 81).then_some(())
        });
        server.innocent();
        drop((idle, half, hello, client));
    }
}

// ---------------------------------------------------------------------------------------------
// A hundred thousand connections
// ---------------------------------------------------------------------------------------------

/// How often: `usual` in every run, `FERROWS_TEST_CYCLES` for a longer look (100000 has been flat for each kind).
fn cycles(usual: usize) -> usize {
    std::env::var("FERROWS_TEST_CYCLES").ok().map_or(usual, |n| n.parse().expect("a number"))
}

/// Connects and vanishes again and again; the server's memory is the same at the end as after a tenth.
fn memory_stays_flat(what: &str, usual: usize, cycle: impl Fn(&Server) + Sync) {
    // deadlines that were cancelled may be remembered until they would have passed
    let mut server = start(&["--fault=close-says-1", "--timeout=5"]);
    let before = server.settled();
    let total = cycles(usual);
    run_cycles(&server, total / 10, &cycle);
    server.quiet(&before);
    let early = server.running.rss();
    run_cycles(&server, total - total / 10, &cycle);
    server.quiet(&before);
    let late = server.running.rss();
    println!("{what}: {early} KiB after {}, {late} KiB after {total} cycles", total / 10);
    // below a byte per cycle; the rest is the allocator's
    let slack = 1024;
    assert!(late <= early + slack, "{what}: {early} KiB grew to {late} KiB in {total} cycles");
    server.innocent();
}

fn run_cycles(server: &Server, count: usize, cycle: &(impl Fn(&Server) + Sync)) {
    let threads = 4;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..count / threads).for_each(|_| cycle(server)));
        }
    });
}

#[test]
fn abrupt_h1_cycles_leave_memory_flat() {
    memory_stays_flat("h1", 100_000, |server| abandon_h1(server.plain).expect("sent"));
}

#[test]
fn abrupt_h2_cycles_leave_memory_flat() {
    if library().foreign {
        return;
    }
    memory_stays_flat("h2", 15_000, |server| {
        let mut socket = h1::connect(server.plain);
        socket.write_all(&h2_requests()).expect("sent");
        h1::reset_on_close(&socket);
    });
}

#[test]
fn abrupt_tls_handshakes_leave_memory_flat() {
    let config = tls::config(&tls::Options::default());
    memory_stays_flat("half TLS", 20_000, |server| {
        abandon_handshake(server.secure, config.clone()).expect("sent");
    });
}

#[test]
fn abrupt_h2_over_tls_cycles_leave_memory_flat() {
    let config = tls::config(&tls::Options::default());
    memory_stays_flat("h2 over TLS", 3_000, |server| {
        abandon_h2(server.secure, config.clone()).expect("sent");
    });
}
