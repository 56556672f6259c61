//! What a request asks for, seen by whoever it is asked of: each member and flag of `struct lws_client_connect_info` that is
//! honoured has an effect, and nothing of it can be used to smuggle more into a request than it says.

use std::io::Write as _;
use std::net::{Ipv6Addr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rustix::net::AddressFamily;
use rustls::server::Acceptor;

use crate::common::{DEADLINE, Scratch, h2};
use crate::program::Outcome::{Cut, Error, Null, Whole};
use crate::program::start;
use crate::servers::{
    Then, accept, accept_h2, accept_tls, answers, drain, end, good, good_on, h2_head, next_request,
    read_head, serve, serve_on, tls_config,
};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Answers one request, and tells its head.
fn listens() -> (u16, Receiver<String>) {
    serve(|listener| {
        let mut socket = accept(listener);
        let head = read_head(&mut socket);
        let _ = socket.write_all(HELLO);
        String::from_utf8(head).expect("a head of ASCII")
    })
}

fn told<T>(what: &Receiver<T>) -> T {
    what.recv_timeout(DEADLINE).expect("what the server has seen")
}

/// The value of the only header of that name, or "" where there is none.
fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let of_it = |line: &'a str| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    };
    let mut values = head.lines().skip(1).filter_map(of_it);
    let value = values.next().unwrap_or_default();
    assert_eq!(values.next(), None, "{name} twice: {head}");
    value
}

// ---------------------------------------------------------------------------------------------
// The socket
// ---------------------------------------------------------------------------------------------

/// `LCCSCF_IP_*` and `priority`, on sockets of both families.
#[test]
fn packets_have_the_service_and_priority_that_are_asked_for() {
    let (four, _) = good(100);
    let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a port");
    let (six, _) = good_on(six, 100);
    let mut client = start(&[]);
    let flags = [
        ("pipeline", 0),
        ("latency", 0x10),
        ("throughput", 0x08),
        ("reliability", 0x04),
        // What was the bit of low cost belongs to congestion control (RFC 3168), and Linux does not let it go.
        ("cost", 0),
        ("latency,cost", 0x10),
    ];
    let mut id = 0;
    for (address, port) in [("127.0.0.1", four), ("::1", six)] {
        for (flags, bits) in flags {
            for priority in [0, 1, 6] {
                id += 1;
                let more = format!("address={address} flags={flags} priority={priority} mode=socket");
                client.get(id, port, &more);
                client.expect(id, &more, Whole(5));
                let said = client.told(id);
                let said = said.iter().find_map(|line| line.strip_prefix("SOCKET ")).unwrap_or_default();
                let number = |name: &str| {
                    let value = said.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
                    value.and_then(|value| value.parse::<i32>().ok())
                };
                let service = if address == "::1" { "class" } else { "tos" };
                assert_eq!(number(service), Some(bits), "{more}: {said}");
                // Of itself the kernel takes a priority from the type of service.
                if priority != 0 || bits == 0 {
                    assert_eq!(number("priority"), Some(priority), "{more}: {said}");
                }
            }
        }
    }
    client.settle_and_finish();
}

/// `iface`: an address of this machine, or an interface's name.
#[test]
fn connections_come_from_the_interface_that_is_asked_for() {
    let mut client = start(&[]);
    let cases = [
        ("", "127.0.0.1", "127.0.0.1"),
        ("iface=127.0.0.2", "127.0.0.1", "127.0.0.2"),
        ("iface=lo", "127.0.0.1", "127.0.0.1"),
        ("iface=::1", "::1", "::1"),
        ("iface=lo", "::1", "::1"),
    ];
    for (id, (iface, to, from)) in cases.into_iter().enumerate() {
        let (port, peer) = serve_on(TcpListener::bind((to, 0)).expect("a port"), |listener| {
            let mut socket = accept(listener);
            read_head(&mut socket);
            let _ = socket.write_all(HELLO);
            socket.peer_addr().expect("a client").ip().to_string()
        });
        client.get(id, port, &format!("address={to} {iface}"));
        client.expect(id, iface, Whole(5));
        assert_eq!(told(&peer), from, "{iface} to {to}");
    }
    // An address of one family cannot reach the other.
    for (id, more) in ["address=::1 iface=127.0.0.2", "address=127.0.0.1 iface=::1"].iter().enumerate() {
        client.get(100 + id, 1, more);
        client.expect(100 + id, "another family", Null);
    }
    client.settle_and_finish();
}

/// `address` after a `+`: a path, or after an `@` an abstract name.
#[test]
fn unix_sockets_are_connected() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;
    let place = Scratch::new();
    let path = place.path().join("socket");
    let name = format!("ferrows-{}-client", std::process::id());
    let by_name = SocketAddr::from_abstract_name(&name).expect("a name");
    let sockets = [
        (format!("+{}", path.display()), UnixListener::bind(&path).expect("a socket")),
        (format!("+@{name}"), UnixListener::bind_addr(&by_name).expect("a name of its own")),
    ];
    for (address, listener) in sockets {
        let (tell, head) = channel();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a client");
            let _ = tell.send(String::from_utf8(read_head(&mut socket)).expect("a head of ASCII"));
            let _ = socket.write_all(HELLO);
        });
        let mut client = start(&[]);
        client.get(1, 0, &format!("address={address} path=/x"));
        client.expect(1, &address, Whole(5));
        let head = told(&head);
        assert!(head.starts_with("GET /x HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(&head, "host"), "localhost");
        client.settle_and_finish();
    }
}

/// `LCCSCF_CONMON` lists the addresses; the rest is measured of every client.
#[test]
fn connections_are_measured() {
    let config = tls_config(&[], true);
    let (port, _) = serve(move |listener| {
        loop {
            let Some(mut stream) = accept_tls(accept(listener), Arc::clone(&config)) else { continue };
            read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 201 Made\r\ncontent-length: 5\r\n\r\nhello");
            let _ = stream.flush();
        }
    });
    let mut client = start(&[]);
    client.get(1, port, "address=localhost flags=tls,conmon mode=measured");
    client.expect(1, "measured", Whole(5));
    client.get(2, port, "address=127.0.0.1 flags=tls,anyhost mode=measured");
    client.expect(2, "not listed", Whole(5));
    for (id, addresses) in [(1, 2), (2, 0)] {
        let family = AddressFamily::INET.as_raw();
        let expected = format!(
            "MEASURED dns=1 addresses={addresses} family={family} port={port} connect=1 tls=1 answer=1 http=1 response=201"
        );
        let said = client.told(id);
        assert!(said.contains(&expected), "{expected}: {said:#?}");
    }
    client.settle_and_finish();
}

// ---------------------------------------------------------------------------------------------
// The request
// ---------------------------------------------------------------------------------------------

#[test]
fn requests_say_what_they_were_told_to() {
    for (more, line, of_head) in [
        ("", "GET / HTTP/1.1", &[("host", "127.0.0.1"), ("origin", ""), ("accept-encoding", "")][..]),
        ("host=www.example:81 path=/a?b=c", "GET /a?b=c HTTP/1.1", &[("host", "www.example:81")]),
        ("path=a", "GET /a HTTP/1.1", &[]),
        ("path=*  method=OPTIONS", "OPTIONS * HTTP/1.1", &[]),
        ("method=PROPFIND", "PROPFIND / HTTP/1.1", &[]),
        ("origin=example.org", "GET / HTTP/1.1", &[("origin", "http://example.org")]),
        ("method=PUT", "PUT / HTTP/1.1", &[("content-length", "0")]),
        ("vhost=default", "GET / HTTP/1.1", &[]),
        ("mode=authorized", "GET / HTTP/1.1", &[("authorization", "Basic dXNlcjpzZWNyZXQ=")]),
    ] {
        let (port, head) = listens();
        let mut client = start(&[]);
        client.get(1, port, more);
        client.expect(1, more, Whole(5));
        let head = told(&head);
        assert_eq!(head.lines().next(), Some(line), "{more}");
        for (name, value) in of_head {
            assert_eq!(header(&head, name), *value, "{more}: {head}");
        }
        client.settle_and_finish();
    }
}

/// Whoever chooses a part of a request must not choose the rest of it.
#[test]
fn requests_cannot_be_split() {
    let mut client = start(&[]);
    let mut id = 0;
    for flags in ["", "flags=h2"] {
        for more in [
            "path=/a%0d%0ax:%20y",
            "path=/a%20HTTP/1.1%0d%0a%0d%0aGET%20/b",
            "path=/a%20b",
            "path=/a%0ab",
            "host=a%0d%0ax:%20y",
            "host=a%20b",
            "method=GET%20/b%20HTTP/1.1%0d%0ax:",
            "method=GE%20T",
            "origin=a%0d%0ax:%20y",
        ] {
            id += 1;
            let (port, _) = serve(|listener| drain(&mut accept(listener)));
            client.get(id, port, &format!("{more} {flags}"));
            let (end, _) = client.end_of(id);
            assert!(end == "NULL" || end.starts_with("ERROR bad request"), "{more} {flags}: {end}");
        }
    }
    client.settle_and_finish();
}

/// The server is told by name whom it is asked for, and offered what ALPN says; nothing is offered unless something is.
#[test]
fn tls_says_the_name_and_the_protocols() {
    for (more, name, offered) in [
        ("address=localhost", Some("localhost"), None),
        ("address=localhost host=other.example:81", Some("other.example"), None),
        // RFC 6066 §3: literal addresses are no names
        ("address=127.0.0.1", None, None),
        ("address=localhost alpn=h2,http/1.1", Some("localhost"), Some(vec!["h2", "http/1.1"])),
        ("address=localhost alpn=http/1.1", Some("localhost"), Some(vec!["http/1.1"])),
    ] {
        let (port, hello) = serve(|listener| {
            let mut socket = accept(listener);
            let mut acceptor = Acceptor::default();
            loop {
                acceptor.read_tls(&mut socket).expect("a hello");
                let Some(accepted) = acceptor.accept().expect("a proper hello") else { continue };
                let hello = accepted.client_hello();
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let alpn = hello.alpn().map(|alpn| alpn.map(text).collect::<Vec<_>>());
                return (hello.server_name().map(str::to_owned), alpn);
            }
        });
        let mut client = start(&[]);
        client.get(1, port, &format!("{more} flags=tls"));
        client.expect(1, more, Error("TLS handshake"));
        let (said, alpn) = told(&hello);
        assert_eq!(said.as_deref(), name, "{more}");
        assert_eq!(alpn, offered.map(|names| names.into_iter().map(str::to_owned).collect()), "{more}");
        client.settle_and_finish();
    }
}

// ---------------------------------------------------------------------------------------------
// Redirects
// ---------------------------------------------------------------------------------------------

/// From TLS to plain only with `LCCSCF_ACCEPT_TLS_DOWNGRADE_REDIRECTS`; not at all with `LCCSCF_HTTP_NO_FOLLOW_REDIRECT`.
#[test]
fn redirects_are_followed_as_far_as_is_allowed() {
    for (flags, outcome, asked) in [
        ("tls", Error("redirected from TLS to plain HTTP"), false),
        ("tls,downgrade", Whole(5), true),
        ("tls,nofollow", Whole(0), false),
        ("tls,nofollow,downgrade", Whole(0), false),
    ] {
        let (plain, plainly) = good(1);
        let (port, _) = serve(move |listener| {
            let mut stream = accept_tls(accept(listener), tls_config(&[], true)).expect("a handshake");
            read_head(&mut stream);
            let answer = format!(
                "HTTP/1.1 302 Go\r\nlocation: http://127.0.0.1:{plain}/\r\ncontent-length: 0\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.flush();
            end(stream.sock, Then::Wait);
        });
        let mut client = start(&[]);
        client.get(1, port, &format!("address=localhost flags={flags}"));
        client.expect(1, flags, outcome);
        client.settle_and_finish();
        assert_eq!(plainly.try_iter().count(), usize::from(asked), "{flags}");
    }
}

/// The program is told where to, writes its header lines anew, and may refuse: what it adds goes to the new server as well.
#[test]
fn what_the_program_adds_follows_the_redirect_unless_it_refuses() {
    for refuse in [false, true] {
        let (other, head) = listens();
        let location =
            format!("HTTP/1.1 307 Go\r\nlocation: http://localhost:{other}/x\r\ncontent-length: 0\r\n\r\n");
        let port = answers(location, Then::Wait);
        let strike = if refuse { "strike=fail@REDIRECT" } else { "" };
        let mut client = start(&[]);
        client.get(1, port, &format!("mode=authorized {strike}"));
        if refuse {
            client.expect(1, "refused", Error("refused the redirect"));
        } else {
            client.expect(1, "followed", Whole(5));
            let head = told(&head);
            assert_eq!(header(&head, "authorization"), "Basic dXNlcjpzZWNyZXQ=");
            assert_eq!(header(&head, "host"), format!("localhost:{other}"));
        }
        let asked = format!("REDIRECT 307 http://localhost:{other}/x");
        assert!(client.told(1).contains(&asked), "{:#?}", client.told(1));
        client.settle_and_finish();
    }
}

/// Credentials, and a fragment, are no part of what is asked (RFC 9110 §4.2.4 and §7.1).
#[test]
fn redirects_are_asked_without_credentials_and_fragments() {
    let (other, head) = listens();
    let location = format!(
        "HTTP/1.1 302 Go\r\nlocation: http://user:secret@127.0.0.1:{other}/x#y\r\ncontent-length: 0\r\n\r\n"
    );
    let mut client = start(&[]);
    client.get(1, answers(location, Then::Wait), "");
    client.expect(1, "without them", Whole(5));
    let head = told(&head);
    assert!(head.starts_with("GET /x HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "host"), format!("127.0.0.1:{other}"));
    assert!(!head.contains("secret") && !head.contains("dXNlcj"), "{head}");
    client.settle_and_finish();
}

/// What listens on a unix socket is for those on this machine, not for whom a server sends there.
#[test]
fn redirects_do_not_lead_to_unix_sockets() {
    let place = Scratch::new();
    let path = place.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    listener.set_nonblocking(true).expect("nonblocking");
    let mut client = start(&[]);
    for (id, host) in [format!("+{}", path.display()), format!("+{}:/x", path.display())].iter().enumerate() {
        let location = format!("HTTP/1.1 302 Go\r\nlocation: http://{host}\r\ncontent-length: 0\r\n\r\n");
        client.get(id, answers(location, Then::Wait), "");
        client.expect(id, host, Error("redirected to a unix socket"));
    }
    client.settle_and_finish();
    assert!(listener.accept().is_err(), "somebody has connected");
}

// ---------------------------------------------------------------------------------------------
// Flow by hand, and signs of life
// ---------------------------------------------------------------------------------------------

/// `LCCSCF_H2_MANUAL_RXFLOW`: the program is shown what it has granted, to the byte, whoever of the calls grants it.
#[test]
fn the_program_grants_what_it_is_shown() {
    let (port, _) = serve(|listener| {
        let mut peer = accept_h2(listener, &[]).expect("a connection");
        let stream = next_request(&mut peer).expect("a request");
        peer.send(h2_head(stream, 0, &[]));
        for _ in 0..10 {
            peer.send(h2::frame(h2::DATA, 0, stream, &[b'x'; 5000]));
        }
        peer.send(h2::frame(h2::DATA, h2::END_STREAM, stream, b""));
        drain(&mut peer.stream);
    });
    // Nothing is late while the program does not want it.
    let mut client = start(&["--timeout=1"]);
    client.get(1, port, "flags=h2,manual credit=1000");
    client.wait(1, "ESTABLISHED");
    let mut granted = 1000;
    for (command, n) in [("", 0), ("grant", 500), ("update", 1), ("grant", 30_000)] {
        if !command.is_empty() {
            client.running.tell(&format!("{command} id=1 n={n}"));
        }
        granted += n;
        let shown = format!("1 RECEIVED {granted} 0 0");
        crate::common::until("what was granted", || {
            client.running.tell("received id=1");
            client.running.stdout().contains(&shown).then_some(())
        });
        let more = client
            .running
            .stdout()
            .iter()
            .filter_map(|line| line.strip_prefix("1 RECEIVED ")?.split(' ').next()?.parse::<u64>().ok())
            .max();
        assert_eq!(more, Some(granted), "more than was granted");
    }
    client.running.tell("grant id=1 n=100000");
    client.expect(1, "all of it", Whole(50_000));
    client.settle_and_finish();

    // What is granted and not used is what may still come.
    let (port, _) = serve(|listener| {
        let mut peer = accept_h2(listener, &[]).expect("a connection");
        let stream = next_request(&mut peer).expect("a request");
        peer.send(h2_head(stream, 0, &[]));
        drain(&mut peer.stream);
    });
    let mut client = start(&[]);
    client.get(1, port, "flags=h2,manual credit=1000");
    client.wait(1, "ESTABLISHED");
    client.running.tell("grant id=1 n=24");
    client.running.tell("received id=1");
    client.wait(1, "RECEIVED 0 1024 1024");
    client.running.tell("kill id=1");
    client.expect(1, "closed", Cut(0));
    client.settle_and_finish();
}

/// `retry_and_idle_policy`: an HTTP/2 server that is silent is asked, and given up when it does not answer.
#[test]
fn silent_servers_are_asked_and_given_up() {
    for answers in [3, 0] {
        let (port, asked) = serve(move |listener| {
            let mut peer = accept_h2(listener, &[]).expect("a connection");
            let stream = next_request(&mut peer).expect("a request");
            peer.send(h2_head(stream, 0, &[]));
            let mut asked = 0;
            while let Some(frame) = peer.next() {
                if frame.kind == h2::PING && frame.flags & h2::ACK == 0 {
                    asked += 1;
                    if asked <= answers {
                        peer.send(h2::frame(h2::PING, h2::ACK, 0, &frame.payload));
                    }
                }
            }
            asked
        });
        let mut client = start(&["--timeout=60"]);
        client.get(1, port, "flags=h2 ping=1 hangup=2");
        client.expect(1, "given up", Cut(0));
        assert_eq!(told(&asked), answers + 1);
        client.settle_and_finish();
    }
}

/// `lws_retry_sul_schedule_retry_wsi()` of a client: by the policy, unless its server asks for more patience.
#[test]
fn the_server_says_when_to_ask_again() {
    let mut client = start(&[]);
    for (id, (more, expected)) in
        [("", "AGAIN 0 1"), ("retry-after: 120\r\n", "AGAIN 0 120"), ("retry-after: 0\r\n", "AGAIN 0 1")]
            .into_iter()
            .enumerate()
    {
        let answer = format!("HTTP/1.1 503 Busy\r\n{more}content-length: 5\r\n\r\nhello");
        client.get(id, answers(answer, Then::Wait), "mode=again");
        client.expect(id, more, Whole(5));
        assert!(client.told(id).iter().any(|line| line == expected), "{more:?}: {:#?}", client.told(id));
    }
    client.settle_and_finish();
}
