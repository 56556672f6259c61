//! Callbacks and ops that close, kill, destroy, service the loop and connect.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::program::Outcome::{Cut, Error, Null, Whole, Within};
use crate::program::{Client, start};
use crate::servers::{
    Then, accept, accept_h2, accept_tls, answers, good, h2_answer, next_request, read_head, refused_port,
    serve, tls_config,
};

/// Traffic that reaches every reason.
struct Traffic {
    plain: u16,
    secure: u16,
    h2: u16,
    refused: u16,
    redirect: u16,
}

fn traffic() -> Traffic {
    let (plain, _) = serve_posts(Some);
    let config = tls_config(&["http/1.1"], true);
    let (secure, _) = serve_posts(move |socket| accept_tls(socket, Arc::clone(&config)));
    let (h2, _) = serve(|listener| {
        loop {
            let Some(mut peer) = accept_h2(listener, &[]) else { continue };
            std::thread::spawn(move || {
                while let Some(stream) = next_request(&mut peer) {
                    let _ = peer.try_send(h2_answer(stream));
                }
            });
        }
    });
    let location =
        format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{plain}/\r\ncontent-length: 0\r\n\r\n");
    Traffic { plain, secure, h2, refused: refused_port(), redirect: answers(location, Then::Wait) }
}

/// Answers requests with a body in two chunks, whatever is asked.
fn serve_posts<S: Read + Write + 'static>(
    wrap: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
) -> (u16, Receiver<()>) {
    let wrap = Arc::new(wrap);
    serve(move |listener| {
        loop {
            let (socket, wrap) = (accept(listener), Arc::clone(&wrap));
            std::thread::spawn(move || {
                let Some(mut stream) = wrap(socket) else { return };
                loop {
                    let head = String::from_utf8(read_head(&mut stream)).unwrap_or_default();
                    if head.is_empty() {
                        return;
                    }
                    if head.starts_with("POST") && stream.read_exact(&mut [0; 10_000]).is_err() {
                        return;
                    }
                    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                                  3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    })
}

impl Traffic {
    /// Requests of every kind, each with `more`.
    fn send(&self, client: &mut Client, first: usize, more: &str) -> Vec<usize> {
        let requests = [
            (self.plain, ""),
            (self.plain, "method=POST body=10000"),
            (self.plain, "flags=pipeline"),
            (self.plain, "flags=pipeline"),
            (self.secure, "address=localhost flags=tls"),
            (self.h2, "flags=h2"),
            (self.h2, "flags=h2,pipeline"),
            (self.h2, "flags=h2,pipeline"),
            (self.h2, "flags=h2 method=POST body=10000"),
            (self.refused, ""),
            (self.refused, "flags=pipeline"),
            (self.refused, "flags=pipeline"),
            (self.redirect, ""),
            (self.redirect, "flags=pipeline"),
        ];
        let ids: Vec<_> = (first..first + requests.len()).collect();
        for (id, (port, own)) in ids.iter().zip(requests) {
            client.get(*id, port, &format!("{own} {more}"));
        }
        ids
    }
}

const REASONS: [&str; 17] = [
    "BIND",
    "DROP",
    "CONNECTING",
    "NEW",
    "CREATE",
    "DESTROY",
    "VERIFY",
    "APPEND",
    "FILTER",
    "ESTABLISHED",
    "RECEIVE",
    "READ",
    "WRITEABLE",
    "COMPLETED",
    "REDIRECT",
    "CLOSED",
    "ERROR",
];

/// Requests of every kind do `action` in every callback; each comes to one end, and nothing is left.
fn strikes_everywhere(action: &str, args: &[&str], more: &str) {
    let traffic = traffic();
    let mut client = start(args);
    let mut ids = Vec::new();
    for (n, reason) in REASONS.iter().enumerate() {
        ids.extend(traffic.send(&mut client, 100 * n, &format!("strike={action}@{reason} {more}")));
    }
    for id in ids {
        client.end_of(id);
    }
    client.settle();
    let said = client.running.stdout();
    for (n, reason) in REASONS.iter().enumerate() {
        let is_struck = |line: &String| {
            let id = line.strip_suffix(" struck").and_then(|id| id.parse::<usize>().ok());
            id.is_some_and(|id| id / 100 == n)
        };
        assert!(said.iter().any(is_struck), "{reason} was never reached\n{}", client.running.transcript());
    }
    client.finish();
}

#[test]
fn callbacks_fail() {
    strikes_everywhere("fail", &[], "");
}

/// What nonzero from a callback, or a close in it, comes to.
#[test]
fn callbacks_that_fail_have_a_say() {
    let traffic = traffic();
    let mut client = start(&[]);
    let mut expected = Vec::new();
    let kinds = [
        ("h1", traffic.plain, ""),
        ("h2", traffic.h2, "flags=h2"),
        ("TLS", traffic.secure, "address=localhost flags=tls"),
        ("redirect", traffic.redirect, ""),
    ];
    for (kind, port, own) in kinds {
        for (reason, failed, killed) in [
            ("BIND", Null, Null),
            ("CONNECTING", Null, Null),
            // these are told, not asked
            ("NEW", Whole(5), Null),
            ("CREATE", Whole(5), Error("closed")),
            ("VERIFY", Error("certificate"), Error("certificate")),
            ("APPEND", Error("APPEND_HANDSHAKE"), Error("APPEND_HANDSHAKE")),
            ("REDIRECT", Error("redirect"), Error("redirect")),
            ("FILTER", Error("FILTER_PRE"), Error("FILTER_PRE")),
            ("ESTABLISHED", Error("refused ESTABLISHED"), Cut(0)),
            ("RECEIVE", Within(3), Within(3)),
            ("READ", Within(5), Within(5)),
            ("COMPLETED", Whole(5), Whole(5)),
        ] {
            let reached = match reason {
                "VERIFY" => kind == "TLS",
                "REDIRECT" => kind == "redirect",
                "RECEIVE" => kind != "h2",
                _ => true,
            };
            if !reached {
                continue;
            }
            for (action, outcome) in [("fail", failed), ("kill-sync", killed)] {
                let id = expected.len();
                client.get(id, port, &format!("{own} strike={action}@{reason}"));
                expected.push((format!("{action}@{reason}, {kind}"), outcome));
            }
        }
    }
    for (id, (name, outcome)) in expected.iter().enumerate() {
        client.expect(id, name, *outcome);
    }
    client.settle_and_finish();
}

#[test]
fn callbacks_kill_their_wsi() {
    strikes_everywhere("kill-sync", &[], "");
    strikes_everywhere("kill-async", &["--close-says-1"], "");
}

#[test]
fn callbacks_service_the_loop_again() {
    strikes_everywhere("reenter", &[], "");
}

#[test]
fn callbacks_connect() {
    let (port, _) = good(1);
    for then in
        [format!("port={port}"), format!("port={port};flags=pipeline"), format!("port={}", refused_port())]
    {
        strikes_everywhere("connect", &[], &format!("then={then}"));
    }
}

/// The vhost or the context goes in a callback; everything else with it.
#[test]
fn callbacks_destroy() {
    let traffic = traffic();
    for reason in REASONS {
        for action in ["vhost-destroy", "destroy"] {
            println!("{action}@{reason}");
            let mut client = start(&[]);
            let strike = format!("strike={action}@{reason}");
            if action == "destroy" {
                // the program ends at the first; what it has not read of its input by then is not made
                let input: String = [
                    format!("get id=0 port={} {strike}\n", traffic.plain),
                    format!("get id=1 port={} flags=pipeline {strike}\n", traffic.plain),
                    format!("get id=2 port={} flags=pipeline {strike}\n", traffic.plain),
                    format!("get id=3 port={} address=localhost flags=tls {strike}\n", traffic.secure),
                    format!("get id=4 port={} flags=h2,pipeline {strike}\n", traffic.h2),
                    format!("get id=5 port={} flags=h2,pipeline {strike}\n", traffic.h2),
                    format!("get id=6 port={} method=POST body=10000 {strike}\n", traffic.plain),
                    format!("get id=7 port={} {strike}\n", traffic.refused),
                    format!("get id=8 port={} {strike}", traffic.redirect),
                ]
                .concat();
                client.running.tell(&input);
                client.finish_by_itself();
            } else {
                for id in traffic.send(&mut client, 0, &strike) {
                    client.answer_of(id);
                }
                client.finish();
            }
        }
    }
}

#[test]
fn ops_strike() {
    let traffic = traffic();
    for action in ["kill-sync", "kill-async", "reenter", "vhost-destroy", "destroy"] {
        for op in ["accept", "io", "close", "may-connect", "destroy"] {
            println!("{action}@{op}");
            let mut client = start(&[&format!("--strike-op={action}@{op}")]);
            if action == "destroy" {
                let requests = format!(
                    "get id=0 port={}\nget id=1 port={} flags=pipeline\nget id=2 port={} flags=pipeline\n\
                     get id=3 port={} flags=h2",
                    traffic.plain, traffic.plain, traffic.plain, traffic.h2
                );
                client.running.tell(&requests);
                client.finish_by_itself();
                continue;
            }
            for id in traffic.send(&mut client, 0, "") {
                client.answer_of(id);
            }
            client.finish();
        }
    }
}

/// Nothing wrong anywhere, many at a time, on loops that are only strange: the sum of all is nothing.
#[test]
fn all_of_it_again_and_again() {
    for args in [
        &[][..],
        &["--close-says-1"],
        &["--spurious"],
        &["--one-bit", "--events-are-revents"],
        &["--spurious", "--one-bit", "--events-are-revents", "--close-says-1"],
    ] {
        println!("{args:?}");
        many_requests(start(args));
    }
}

fn many_requests(mut client: Client) {
    let traffic = traffic();
    let kinds = [
        (traffic.plain, "flags=pipeline"),
        (traffic.h2, "flags=h2,pipeline"),
        (traffic.secure, "address=localhost flags=tls,pipeline"),
        (traffic.plain, "method=POST body=10000"),
        (traffic.redirect, ""),
        (traffic.refused, ""),
    ];
    for at in 0..20 {
        for (n, (port, own)) in kinds.into_iter().enumerate() {
            client.get(10 * at + n, port, own);
        }
    }
    for at in 0..20 {
        for (n, (port, own)) in kinds.into_iter().enumerate() {
            let expected = if port == traffic.refused { Error("refused") } else { Whole(5) };
            client.expect(10 * at + n, own, expected);
        }
    }
    client.settle();
    client.finish();
}
