//! Clients on loops that refuse, forget, lie and strike: each request comes to one end, and nothing is left.
//!
//! Client and server are on the same context, so that one loop does all of it to both.

use super::*;
use crate::engine::client::{ClientInfo, ClientOptions, Form, Target};
use crate::engine::timer::{SECOND, pass};
use crate::proto::tls::Trust;

/// How a request is made.
#[derive(Clone, Copy, Debug)]
struct Kind {
    h2: bool,
    pipeline: bool,
}

const KINDS: [Kind; 4] = [
    Kind { h2: false, pipeline: false },
    Kind { h2: false, pipeline: true },
    Kind { h2: true, pipeline: false },
    Kind { h2: true, pipeline: true },
];

/// What became of requests.
struct Requests<'a> {
    fixture: &'a Fixture,
    asked: i64,
    /// Those that failed at once, of which no callback says so.
    refused: i64,
}

impl<'a> Requests<'a> {
    fn new(fixture: &'a Fixture) -> Self {
        Self { fixture, asked: 0, refused: 0 }
    }

    fn ask(&mut self, Kind { h2, pipeline }: Kind) {
        let Some(vhost) = self.fixture.cx.vhosts().first().cloned() else { return };
        let target = Target {
            address: "127.0.0.1".to_owned(),
            port: self.fixture.port,
            tls: false,
            host: "localhost".to_owned(),
            path: "/".to_owned(),
            method: "GET".to_owned(),
        };
        let options = ClientOptions {
            trust: Trust::default(),
            pipeline,
            h2_only: h2,
            manual_credit: None,
            keep_redirects: false,
            allow_downgrade: false,
            cookies: false,
            websocket: None,
            form: Form::None,
            origin: None,
            iface: None,
            alpn: Vec::new(),
            keep_warm: SECOND / 100,
            keep_addresses: false,
            tos: 0,
            priority: 0,
        };
        let info = ClientInfo {
            vhost,
            protocol: 0,
            target,
            options,
            user: std::ptr::null_mut(),
            opaque: std::ptr::null_mut(),
            parent: None,
            retry: None,
        };
        self.asked += 1;
        self.refused += i64::from(self.fixture.cx.connect_client(info, &|_| {}).is_none());
    }

    fn ended(&self) -> i64 {
        self.refused
            + self.fixture.program.count(Reason::ClientConnectionError)
            + self.fixture.program.count(Reason::ClosedClientHttp)
    }

    /// The context goes; everything has come to one end by then, and what was begun has ended.
    fn finish(self) {
        self.fixture.cx.destroy();
        self.fixture.cx.settle();
        let count = |reason| self.fixture.program.count(reason);
        assert_eq!(self.ended(), self.asked, "{:?}", self.fixture.program.told.borrow());
        assert_eq!(count(Reason::ClientHttpBindProtocol), count(Reason::ClientHttpDropProtocol));
        assert!(count(Reason::CompletedClientHttp) <= count(Reason::ClosedClientHttp));
    }
}

/// Answers, and reads what it is answered.
fn answer_and_read(cx: &Context, call: &Call<'_>) -> i32 {
    match call.reason {
        Reason::ReceiveClientHttp => cx.read_body(call.wsi, &mut [0; 64]).map_or(-1, |_| 0),
        _ => answer(cx, call),
    }
}

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.on_call(answer_and_read);
    fixture
}

/// Requests of every kind, two of each, and as many turns as they take where nothing is wrong.
fn traffic(fixture: &Fixture) -> Requests<'_> {
    let mut requests = Requests::new(fixture);
    for kind in KINDS {
        requests.ask(kind);
        requests.ask(kind);
        for _ in 0..10 {
            fixture.turn();
        }
    }
    requests
}

#[test]
fn requests_are_answered() {
    let fixture = fixture();
    let requests = traffic(&fixture);
    fixture.until("the answers", || fixture.program.count(Reason::CompletedClientHttp) == requests.asked);
    assert_eq!(fixture.program.count(Reason::ClientConnectionError), 0);
    requests.finish();
}

#[test]
fn refused_sockets_are_closed() {
    // The first one, a later one, and all of them.
    for (from, to) in [(0, 0), (1, 1), (2, 3), (0, u32::MAX)] {
        let fixture = fixture();
        let admitted = Cell::new(0);
        fixture.on_op(move |_, op, wsi| {
            if op != Op::Admit || !wsi.is_client() {
                return false;
            }
            let n = admitted.replace(admitted.get() + 1);
            (from..=to).contains(&n)
        });
        let requests = traffic(&fixture);
        fixture.until("the ends", || requests.ended() == requests.asked);
        let failed = requests.refused + fixture.program.count(Reason::ClientConnectionError);
        assert!(failed > 0, "{from} to {to} were refused");
        requests.finish();
    }
}

/// A loop that forgets what it has admitted, and never says anything of it.
#[test]
fn forgotten_sockets_time_out() {
    for kind in KINDS {
        let fixture = fixture();
        let mut requests = Requests::new(&fixture);
        requests.ask(kind);
        requests.ask(kind);
        assert_eq!(requests.refused, 0);
        for _ in 0..4 {
            fixture.cx.adjust_timeout(0);
            pass(60 * SECOND);
        }
        fixture.cx.adjust_timeout(0);
        assert_eq!(fixture.program.count(Reason::ClientConnectionError), requests.asked, "{kind:?}");
        requests.finish();
    }
}

/// A loop that says of every descriptor what is not so.
#[test]
fn lies_are_survived() {
    const IN: i16 = 1;
    const OUT: i16 = 4;
    const ERR: i16 = 8;
    const HUP: i16 = 16;
    for lie in [IN, OUT, IN | OUT, ERR, HUP, IN | ERR | HUP] {
        let fixture = fixture();
        let mut requests = Requests::new(&fixture);
        for kind in KINDS {
            requests.ask(kind);
            requests.ask(kind);
        }
        fixture.until("the ends", || {
            let fds: Vec<i32> = fixture.table.entries.borrow().keys().copied().collect();
            for fd in fds {
                fixture.cx.service_fd(fd, lie);
            }
            requests.ended() == requests.asked
        });
        if lie & (ERR | HUP) == 0 {
            assert_eq!(fixture.program.count(Reason::CompletedClientHttp), requests.asked, "lie {lie}");
        }
        requests.finish();
    }
}

#[test]
fn ops_may_close_refuse_and_destroy() {
    for at in OPS {
        for strike in 0..4 {
            let fixture = fixture();
            let (table, busy) = (Rc::clone(&fixture.table), Cell::new(false));
            fixture.on_op(move |cx, op, wsi| {
                if op != at || !wsi.is_client() || busy.replace(true) {
                    return false;
                }
                match strike {
                    0 => cx.close_by_program(wsi),
                    1 => {
                        cx.adjust_timeout(0);
                        cx.service_fd(wsi.raw_fd(), 1 | 4);
                        poll_table(&table, cx, 0);
                    }
                    2 => cx.handle().destroy(),
                    _ => {}
                }
                busy.set(false);
                strike == 3
            });
            traffic(&fixture).finish();
        }
    }
}
