//! WebSockets with programs that nobody here wrote, on the other end: clients that our server answers, servers that our client
//! asks, over HTTP/1 and HTTP/2, plain and with TLS, with permessage-deflate and without. Each is a small program in
//! `tests/peers`, or a Debian package as it is; mosquitto is one that has our library in place of the one it was built for.
//!
//! `./scripts/test` installs them. Browsers are in `tests/browsers.rs`.

mod common;

use std::fmt::Write as _;
use std::time::Duration;

use common::peers::{on_free_port, peer};
use common::wait::within;
use common::ws_echo::EchoServer;
use common::{Program, Running, Scratch, compile, debian, library, tls};
use rustix::process::Signal;

// ---------------------------------------------------------------------------------------------
// The peers
// ---------------------------------------------------------------------------------------------

/// A program that waits for a line of stderr.
fn wait_stderr(program: &Running, what: &str, is_it: impl Fn(&str) -> bool) {
    let said = within(common::DEADLINE, || program.stderr().iter().any(|line| is_it(line)).then_some(()));
    assert!(said.is_some(), "{what} was not said\n{}", program.transcript());
}

// ---------------------------------------------------------------------------------------------
// Their clients, our server
// ---------------------------------------------------------------------------------------------

/// Runs a client of `tests/peers` to its end, over plain TCP and over TLS, on a loop of the program's and on the library's;
/// `expected` is what the server has said in between.
fn client(name: &str, expected: &[&str]) {
    let identity = tls::localhost();
    let pair = format!("--tls={}", identity.pair());
    for (scheme, more) in [("ws", &[][..]), ("wss", &[&*pair]), ("ws", &["--default-loop"])] {
        let args = [&["--deflate", "--orders"], more].concat();
        let server = EchoServer::start(&args);
        let mut client = peer(name).arg(format!("{scheme}://localhost:{}/", server.port));
        if scheme == "wss" {
            client = client.arg(&identity.cert);
        }
        let mut client = client.start();
        let ended = within(Duration::from_mins(5), || client.has_ended().then_some(()));
        assert!(ended.is_some(), "{args:?}: not done\n{}", client.transcript());
        let status = client.wait();
        assert!(status.success(), "{args:?}\n{}", client.transcript());
        assert_eq!(client.stdout().last().map(String::as_str), Some("done"), "{}", client.transcript());
        let said = server.program.stdout();
        for line in expected {
            assert!(said.iter().any(|said| said == line), "{args:?}: {line:?} is not in {said:#?}");
        }
        server.finish();
    }
}

#[test]
fn clients_of_python_websockets() {
    client(
        "websockets_client.py",
        &["pong hello websockets", "asked to close 1001 going", "asked to close 3001 tschüß"],
    );
}

#[test]
fn clients_of_npm_ws() {
    client(
        "ws_client.mjs",
        &["pong hello ws", "asked to close", "asked to close 1001 going", "asked to close 3001 tschüß"],
    );
}

#[test]
fn client_of_curl() {
    client("curl_client.py", &["pong hello curl", "asked to close", "asked to close 3001 bye"]);
}

/// lws's own test client, as Debian builds it: its protocols `dumb-increment-protocol` and `lws-mirror-protocol`.
#[test]
fn test_client_of_debian() {
    let pair = format!("--tls={}", tls::localhost().pair());
    for (of_server, of_client) in [(&["--deflate"][..], &[][..]), (&["--deflate", &pair], &["--ssl"])] {
        let server = EchoServer::start(&[of_server, &["--say"]].concat());
        let start = |which: &str| {
            Program::independent(debian::lws_root().join("usr/bin/libwebsockets-test-client"))
                .args(["localhost", "-d", "15", which])
                .arg(format!("--port={}", server.port))
                .args(of_client)
                .start()
        };
        let increments = start("-n");
        for n in [0, 1, 50] {
            wait_stderr(&increments, &format!("number {n}"), |line| line.ends_with(&format!("'{n}'")));
        }
        let mirror = start("-j");
        server.program.wait_line("twenty circles", {
            let mut circles = 0;
            move |line| {
                circles += usize::from(line.strip_prefix("said ").is_some_and(is_circle));
                (circles == 20).then_some(())
            }
        });
        drop((increments, mirror));
        server.finish();
    }
}

/// `c #4D21A3 17 201 5;`: colour, place and size.
fn is_circle(text: &str) -> bool {
    let numbers = text.strip_prefix("c #").and_then(|rest| rest.strip_suffix(';'));
    let mut numbers = numbers.into_iter().flat_map(|rest| rest.split(' '));
    let colour = numbers.next().is_some_and(|colour| u32::from_str_radix(colour, 16).is_ok());
    colour && numbers.filter(|number| number.parse::<u32>().is_ok()).count() == 3
}

// ---------------------------------------------------------------------------------------------
// Their servers, our client
// ---------------------------------------------------------------------------------------------

/// `tests/c/ws-client.c`, on a loop whose `wsi_logical_close` returns 1.
struct Client(Running);

impl Client {
    fn start(args: &[&str]) -> Self {
        let ca = format!("--ca={}", tls::localhost().cert.display());
        let running = Program::new(compile("ws-client")).args(["--close-says-1", &ca]).args(args).start();
        running.wait_text("ready");
        Self(running)
    }

    /// Asks for a WebSocket and waits until it is there; `more` as the program takes it.
    fn open(&mut self, id: usize, port: u16, more: &str) {
        self.0.tell(&format!("ws id={id} port={port} address=localhost host=localhost {more}"));
        self.wait(id, "ESTABLISHED");
    }

    /// Does something with it: a command, and what comes behind `id=N`.
    fn tell(&mut self, id: usize, command: &str, what: &str) {
        self.0.tell(&format!("{command} id={id} {what}"));
    }

    /// Waits for something that was, or will be, said of the WebSocket.
    fn wait(&self, id: usize, what: &str) {
        let line = format!("{id} {what}");
        self.0.wait_line(&line, |said| said.starts_with(&line).then_some(()));
    }

    fn wait_message(&self, id: usize, kind: &str, payload: &[u8]) {
        let sum = payload.iter().fold(0, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
        self.wait(id, &format!("MESSAGE {kind} {} {sum:08x}", payload.len()));
    }

    /// Ends the program, which found nothing wrong: nothing is left, and the loop knows of nothing.
    fn finish(mut self) {
        self.0.close_stdin();
        let status = self.0.wait();
        assert!(status.success(), "{}", self.0.transcript());
    }
}

/// What "bulk" sends, and the servers for "send".
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

/// What a server can be asked for beside echoes.
#[derive(PartialEq)]
enum Peer {
    /// It does as all of `websockets_server.py` says.
    Obeys,
    /// It is not told of PINGs, fragments and what the CLOSE says.
    Asgi,
}

/// A conversation with a server of `tests/peers`, which must say `opened` of the WebSocket.
fn converse(client: &mut Client, id: usize, server: &Running, peer: &Peer, how: &str, opened: &str) {
    let first = server.stdout().len();
    let port = server.port();
    let said = |what: &str| {
        server.wait_line_from(first, what, |line| (line == what).then_some(()));
    };
    client.open(id, port, &format!("path=/a/b protocol=nobody,chat {how}"));
    said(&format!("open /a/b chat {opened}"));

    for text in ["hello", "", "Grüße"] {
        client.tell(id, "send", &format!("text {text}"));
        client.wait_message(id, "text", text.as_bytes());
    }
    for piece in ["start a", "go-on b", "end c"] {
        client.tell(id, "send", piece);
    }
    client.wait_message(id, "text", b"abc");
    for len in [125, 126, 65535, 65536, 3_000_000] {
        client.tell(id, "bulk", &len.to_string());
        client.wait_message(id, "binary", &pattern(len));
    }
    client.tell(id, "send", "text send 1500000");
    client.wait_message(id, "binary", &pattern(1_500_000));
    client.tell(id, "send", "ping are you there?");
    client.wait(id, "PONG are you there?");
    if *peer == Peer::Obeys {
        client.tell(id, "send", "text ping hello");
        said("pong hello");
        client.tell(id, "send", "text pieces");
        client.wait_message(id, "text", format!("a{}c", "b".repeat(70_000)).as_bytes());
    }
    client.tell(id, "close", "3001 bye");
    client.wait(id, "CLOSED");
    said(if *peer == Peer::Obeys { "closed 3001 bye" } else { "closed" });

    client.open(id + 1, port, &format!("path=/again protocol=superchat {how}"));
    client.tell(id + 1, "send", "text close 4000 enough");
    client.wait(id + 1, "PEER_CLOSE \\0f\\a0enough");
    client.wait(id + 1, "CLOSED");
}

/// Our client with a server of `tests/peers`, plain and over TLS, with permessage-deflate and without.
fn server(program: &dyn Fn() -> Program, peer: &Peer, over_tls: &[&str]) {
    let identity = tls::localhost();
    for (with_tls, ways) in [(false, &[""][..]), (true, over_tls)] {
        let mut server = program();
        if with_tls {
            server = server.arg(&identity.cert).arg(&identity.key);
        }
        let server = server.start();
        for (args, extension) in [(&[][..], "-"), (&["--deflate"], "permessage-deflate")] {
            let mut client = Client::start(args);
            for (n, how) in ways.iter().enumerate() {
                let version = if how.contains("h2") { "2" } else { "1.1" };
                let opened = if *peer == Peer::Asgi { version } else { extension };
                converse(&mut client, 10 * n, &server, peer, how, opened);
            }
            client.finish();
        }
        server.finish();
    }
}

const TLS: &[&str] = &["flags=tls"];

#[test]
fn threaded_server_of_python_websockets() {
    server(&|| peer("websockets_server.py").arg("threads"), &Peer::Obeys, TLS);
}

#[test]
fn asyncio_server_of_python_websockets() {
    server(&|| peer("websockets_server.py").arg("asyncio"), &Peer::Obeys, TLS);
}

#[test]
fn server_of_npm_ws() {
    server(&|| peer("ws_server.mjs"), &Peer::Obeys, TLS);
}

/// Over HTTP/2, too (RFC 8441).
#[test]
fn server_of_hypercorn() {
    server(&|| peer("hypercorn_server.py"), &Peer::Asgi, &["flags=tls", "flags=tls alpn=h2"]);
}

/// lws's own test server, as Debian builds it: numbers, and what one says, all hear. Over HTTP/2, too.
#[test]
fn test_server_of_debian() {
    let identity = tls::localhost();
    let lws = debian::lws_root();
    for (with_tls, ways) in [(false, &[""][..]), (true, &["flags=tls", "flags=tls alpn=h2"])] {
        let (server, port) = on_free_port("libwebsockets-test-server", |port| {
            let program = Program::independent(lws.join("usr/bin/libwebsockets-test-server"))
                .args(["-i", "127.0.0.1", "-r"])
                .arg(lws.join("usr/share/libwebsockets-test-server"))
                .arg(format!("--port={port}"));
            if with_tls {
                program.arg("-s").arg("-C").arg(&identity.cert).arg("-K").arg(&identity.key).start()
            } else {
                program.start()
            }
        });
        for (args, (n, how)) in
            [&[][..], &["--deflate"]].iter().flat_map(|a| ways.iter().enumerate().map(move |w| (a, w)))
        {
            let mut client = Client::start(args);
            client.open(1, port, &format!("protocol=dumb-increment-protocol {how}"));
            for number in ["0", "1", "2"] {
                client.wait_message(1, "text", number.as_bytes());
            }
            // The numbers go on meanwhile: over TLS, an idle server of lws hears of what comes only every five seconds.
            for id in [2, 3] {
                client.open(id, port, &format!("path=/{n} protocol=lws-mirror-protocol {how}"));
            }
            for (from, text) in [(2, "c #ABCDEF 1 2 3;"), (3, "d #123456 4 5 6 7;"), (2, &"x".repeat(4000))] {
                client.tell(from, "send", &format!("text {text}"));
                client.wait_message(2, "text", text.as_bytes());
                client.wait_message(3, "text", text.as_bytes());
            }
            client.tell(2, "send", "ping are you there?");
            client.wait(2, "PONG are you there?");
            for (id, close) in [(2, "3001 bye"), (3, "3001 bye"), (1, "1000")] {
                client.tell(id, "close", close);
                client.wait(id, "CLOSED");
            }
            client.finish();
        }
        drop(server);
    }
}

// ---------------------------------------------------------------------------------------------
// A program that was built for lws, with our library
// ---------------------------------------------------------------------------------------------

/// Debian 13's mosquitto: its listeners for WebSockets are the library's.
fn mosquitto(place: &Scratch, port: u16, more: &str) -> Running {
    let mut settings = format!("user root\nlistener {port} 127.0.0.1\nprotocol websockets\n");
    settings += "allow_anonymous true\nlog_dest stdout\nlog_type all\nwebsockets_log_level 7\n";
    writeln!(settings, "http_dir {}\n{more}", place.path().display()).expect("a string takes it");
    debian::program_on_13(&debian::root_of_13().join("usr/sbin/mosquitto"))
        .arg("-c")
        .arg(place.file("mosquitto.conf", settings))
        .start()
}

#[test]
fn mosquitto_with_our_library() {
    let identity = tls::localhost();
    let place = Scratch::new();
    place.file("page.html", "a page of mosquitto's\n");
    let files = format!("certfile {}\nkeyfile {}\n", identity.cert.display(), identity.key.display());
    for (scheme, more) in [("http", ""), ("https", &*files)] {
        let (mut server, port) = on_free_port("mosquitto", |port| mosquitto(&place, port, more));
        if !library().foreign {
            server.wait_text("ferrows");
        }
        let client = peer("mqtt_client.py").arg(port.to_string());
        let client = if more.is_empty() { client } else { client.arg(&identity.cert) };
        let said = client.start().finish();
        assert_eq!(said.last().map(String::as_str), Some("done"));

        let page = common::tools::curl(&["--http1.1", &format!("{scheme}://localhost:{port}/page.html")]);
        assert_eq!((page.status, page.text().as_str()), (200, "a page of mosquitto's\n"));

        server.signal(Signal::TERM);
        let status = server.wait();
        let errors: Vec<_> = server.stdout().into_iter().filter(|line| line.contains(" E: ")).collect();
        assert!(status.success() && errors.is_empty(), "{status}, {errors:#?}\n{}", server.transcript());
    }
}
