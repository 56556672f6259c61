//! Ops and callbacks that refuse, close, re-enter, destroy and panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// Traffic that brings every callback and op about, whatever becomes of it.
fn traffic(fixture: &Fixture) {
    let mut clients: Vec<Client> = Vec::new();
    for request in [
        b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody".to_vec(),
        b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        [
            frames::hello(65535),
            frames::request(1, "GET", true),
            frames::request(3, "POST", false),
            frames::frame(0, 1, 3, b"body"),
        ]
        .concat(),
    ] {
        let Ok(socket) = TcpStream::connect(("127.0.0.1", fixture.port)) else { return };
        socket.set_nonblocking(true).expect("nonblocking");
        let mut client = Client { socket, got: Vec::new(), eof: false };
        // The fault may have closed it already.
        let _ = client.socket.write(&request);
        clients.push(client);
        for _ in 0..4 {
            fixture.turn();
        }
    }
    for client in &mut clients {
        client.take(4096);
    }
    drop(clients);
    for _ in 0..10 {
        fixture.turn();
    }
}

/// Runs `with` for every op in turn.
fn each_op(with: impl Fn(Op)) {
    for op in OPS {
        with(op);
    }
}

#[test]
fn a_refused_pipe_is_no_context() {
    for refused in [Op::InitContext, Op::InitThread, Op::Admit] {
        let table = Rc::new(Table::default());
        *table.hook.borrow_mut() = Some(Rc::new(move |_, op, _| op == refused));
        let cx = Context::new(ContextConfig::default(), Box::new(Fake(Rc::clone(&table)))).expect("made");
        assert!(cx.start().is_err(), "{refused:?} refused");
        cx.destroy();
        assert_eq!(cx.ledger.outstanding().count(), 0, "{refused:?} refused");
    }
}

#[test]
fn a_refused_listener_is_no_vhost() {
    let fixture = Fixture::bare(ContextConfig::default()).expect("a context");
    fixture.on_op(|_, op, wsi| op == Op::Admit && wsi.role.get() == Role::Listen);
    assert!(fixture.cx.create_vhost(fixture.vhost("refused")).is_err());
}

#[test]
fn refused_connections_are_closed() {
    let fixture = Fixture::new();
    fixture.on_op(|_, op, wsi| op == Op::Admit && wsi.role.get() == Role::Connection);
    let mut client = fixture.connect();
    fixture.until("the end", || client.is_cut_off());
    assert_eq!(fixture.program.count(Reason::WsiDestroy), 1);
}

#[test]
fn ops_may_close_what_they_are_shown() {
    each_op(|at| {
        let fixture = Fixture::new();
        fixture.on_op(move |cx, op, wsi| {
            if op == at {
                cx.close_by_program(wsi);
            }
            false
        });
        traffic(&fixture);
    });
}

#[test]
fn ops_may_service_the_loop() {
    each_op(|at| {
        let fixture = Fixture::new();
        let (table, busy) = (Rc::clone(&fixture.table), Cell::new(false));
        fixture.on_op(move |cx, op, wsi| {
            if op == at && !busy.replace(true) {
                cx.adjust_timeout(0);
                cx.service_fd(wsi.raw_fd(), 1 | 4);
                poll_table(&table, cx, 0);
                busy.set(false);
            }
            false
        });
        traffic(&fixture);
    });
}

#[test]
fn ops_may_ask_for_more() {
    each_op(|at| {
        let fixture = Fixture::new();
        let busy = Cell::new(false);
        fixture.on_op(move |cx, op, wsi| {
            if op == at && !busy.replace(true) {
                for id in cx.all_wsi() {
                    let other = cx.wsi(id).expect("in use");
                    cx.callback_on_writable(other);
                    cx.rx_flow_control(other, false);
                    cx.rx_flow_control(other, true);
                }
                let _ = cx.write(wsi, b"x", Mode::BODY);
                cx.set_timeout(wsi, crate::engine::timer::Timeout::User(1), 1);
                cx.set_timer(wsi, Some(1));
                busy.set(false);
            }
            false
        });
        traffic(&fixture);
    });
}

#[test]
fn ops_may_destroy_the_context() {
    each_op(|at| {
        let fixture = Fixture::new();
        fixture.on_op(move |cx, op, _| {
            if op == at {
                cx.handle().destroy();
            }
            false
        });
        traffic(&fixture);
        fixture.cx.settle();
    });
}

/// Callbacks of these happen in [`traffic`].
const REASONS: [Reason; 12] = [
    Reason::FilterNetworkConnection,
    Reason::WsiCreate,
    Reason::ServerNewClientInstantiated,
    Reason::FilterHttpConnection,
    Reason::HttpBindProtocol,
    Reason::Http,
    Reason::HttpBody,
    Reason::HttpBodyCompletion,
    Reason::HttpDropProtocol,
    Reason::ClosedHttp,
    Reason::WsiDestroy,
    Reason::EventWaitCancelled,
];

/// Does `what` in each callback of each reason, and checks that each reason came.
fn each_reason(what: impl Fn(&Context, &Call<'_>) -> i32 + Clone + 'static) {
    for at in REASONS {
        let fixture = Fixture::new();
        let (what, came) = (what.clone(), Rc::new(Cell::new(false)));
        let came_too = Rc::clone(&came);
        fixture.on_call(move |cx, call| {
            if call.reason == at {
                came_too.set(true);
                return what(cx, call);
            }
            answer(cx, call)
        });
        traffic(&fixture);
        assert!(came.get(), "no {at:?}");
    }
}

#[test]
fn callbacks_may_fail() {
    each_reason(|_, _| -1);
}

#[test]
fn callbacks_may_close() {
    each_reason(|cx, call| {
        cx.close_by_program(call.wsi);
        0
    });
}

#[test]
fn callbacks_may_close_everything() {
    each_reason(|cx, call| {
        for id in cx.all_wsi() {
            cx.close_by_program(cx.wsi(id).expect("in use"));
        }
        answer(cx, call)
    });
}

#[test]
fn callbacks_may_destroy_the_vhost() {
    each_reason(|cx, call| {
        for vhost in cx.vhosts() {
            cx.destroy_vhost(&vhost);
        }
        answer(cx, call)
    });
}

#[test]
fn callbacks_may_destroy_the_context() {
    each_reason(|cx, call| {
        cx.handle().destroy();
        answer(cx, call)
    });
}

#[test]
fn callbacks_may_answer_too_often() {
    each_reason(|cx, call| {
        respond(cx, call.wsi, b"one");
        respond(cx, call.wsi, b"two");
        cx.callback_on_writable(call.wsi);
        0
    });
}

/// What C code cannot do and a bug of ours would: unwind through everything on the stack.
#[test]
fn panics_cost_one_connection() {
    for at in REASONS {
        let fixture = Fixture::new();
        let armed = Rc::new(Cell::new(true));
        let still = Rc::clone(&armed);
        fixture.on_call(move |cx, call| {
            assert!(call.reason != at || !still.replace(false), "a bug in {at:?}");
            answer(cx, call)
        });
        let end = Instant::now() + PATIENCE;
        while armed.get() {
            assert!(Instant::now() < end, "no {at:?}");
            let mut client = fixture.connect();
            client.send(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody");
            for _ in 0..4 {
                let _ = catch_unwind(AssertUnwindSafe(|| fixture.turn()));
            }
            // It leaves, for the callbacks that come then.
        }
        assert_eq!((fixture.cx.serving.get(), fixture.cx.depth.get()), (0, 0), "after {at:?}");
        // Everybody else is served.
        let mut client = fixture.connect();
        client.get(&fixture);
        drop(client);
        fixture.until("all to be gone", || fixture.busy() == 0);
        fixture.without_books();
    }
}

#[test]
fn panics_in_ops_leave_the_counters_right() {
    for at in [Op::Admit, Op::Interest, Op::Remove, Op::Destroyed] {
        let fixture = Fixture::new();
        let armed = Rc::new(Cell::new(true));
        let still = Rc::clone(&armed);
        fixture.on_op(move |_, op, wsi| {
            let strikes = op == at && wsi.role.get() == Role::Connection && still.replace(false);
            assert!(!strikes, "a bug in {at:?}");
            false
        });
        let end = Instant::now() + PATIENCE;
        while armed.get() {
            assert!(Instant::now() < end, "no {at:?}");
            let mut client = fixture.connect();
            client.send(b"GET / HTTP/1.0\r\n\r\n");
            let _ = catch_unwind(AssertUnwindSafe(|| fixture.turn()));
            let _ = catch_unwind(AssertUnwindSafe(|| fixture.turn()));
        }
        assert_eq!((fixture.cx.serving.get(), fixture.cx.depth.get()), (0, 0), "after {at:?}");
        let mut client = fixture.connect();
        client.get(&fixture);
        fixture.without_books();
    }
}

#[test]
fn a_failing_bind_ends_the_connection_once() {
    // Rebinding for the next request fails, too: that must not start all over again.
    let fixture = Fixture::new();
    let program = Rc::clone(&fixture.program);
    fixture.on_call(move |cx, call| match call.reason {
        Reason::HttpBindProtocol if program.count(Reason::HttpBindProtocol) > 1 => -1,
        _ => answer(cx, call),
    });
    let mut client = fixture.connect();
    client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    fixture.until("the end", || client.is_cut_off());
    assert!(client.has("\r\n\r\nok"));
    assert_eq!(fixture.program.count(Reason::HttpBindProtocol), 2);
}

#[test]
fn the_stand_in_cannot_be_closed() {
    let fixture = Fixture::new();
    fixture.on_call(|cx, call| {
        if call.reason == Reason::ProtocolInit {
            cx.close_by_program(call.wsi);
            cx.set_timer(call.wsi, Some(1));
            cx.set_timeout(call.wsi, crate::engine::timer::Timeout::User(1), 1);
        }
        answer(cx, call)
    });
    fixture.turn();
    let mut client = fixture.connect();
    client.get(&fixture);
}

#[test]
fn a_vhost_without_sockets_ends_with_the_callback_that_destroyed_it() {
    let fixture = Fixture::bare(ContextConfig::default()).expect("a context");
    let mut config = fixture.vhost("quiet");
    config.listen = Listen::No;
    let vhost = fixture.cx.create_vhost(config).expect("a vhost");
    fixture.on_call(|cx, call| {
        if call.reason == Reason::EventWaitCancelled
            && let Some(vhost) = call.wsi.vhost()
        {
            cx.destroy_vhost(&vhost);
        }
        0
    });
    fixture.until("the vhost's end", || vhost.gone.get());
    assert_eq!(fixture.program.count(Reason::ProtocolDestroy), 1);
}

#[test]
fn a_connection_of_a_vhost_that_its_filter_destroyed_is_not_taken() {
    let fixture = Fixture::new();
    let vhost = Rc::clone(&fixture.cx.vhosts()[0]);
    // Another shares the port: the listener itself lives on.
    let mut config = fixture.vhost("heir");
    config.listen = Listen::Tcp {
        port: fixture.port,
        iface: Some("127.0.0.1".to_owned()),
        ipv4_only: true,
        v6only: None,
    };
    fixture.cx.create_vhost(config).expect("a vhost on the same port");
    let first = Rc::clone(&vhost);
    fixture.on_call(move |cx, call| {
        if call.reason == Reason::FilterNetworkConnection {
            cx.destroy_vhost(&first);
        }
        0
    });
    let mut client = fixture.connect();
    fixture.until("the end", || client.is_cut_off());
    assert!(vhost.gone.get());
    assert_eq!(fixture.program.count(Reason::WsiCreate), 0);
}

#[test]
fn an_external_table_that_is_full_gets_no_delete() {
    let fixture = Fixture::new();
    let armed = Cell::new(true);
    fixture.on_call(move |cx, call| match call.reason {
        Reason::AddPollFd if call.wsi.role.get() == Role::Connection && armed.replace(false) => 1,
        _ => answer(cx, call),
    });
    let mut client = fixture.connect();
    fixture.until("the end", || client.is_cut_off());
    assert_eq!(fixture.program.count(Reason::DelPollFd), 0);
    let mut client = fixture.connect();
    client.get(&fixture);
    drop(client);
    fixture.until("all to be gone", || fixture.busy() == 0);
    assert_eq!(fixture.program.count(Reason::DelPollFd), 1);
}

#[test]
fn the_external_table_hears_of_the_interest_as_it_is() {
    // The op asks for more while the interest changes: the callback that follows must not tell what was before.
    let fixture = Fixture::new();
    let last = Rc::new(Cell::new(None));
    let told = Rc::clone(&last);
    fixture.on_call(move |cx, call| {
        if let crate::engine::dispatch::Arg::Poll { events, .. } = call.arg
            && call.wsi.role.get() == Role::Connection
        {
            told.set(Some(events));
        }
        if call.reason == Reason::Http { 0 } else { answer(cx, call) }
    });
    let mut client = fixture.connect();
    client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    fixture.until("the request", || fixture.program.count(Reason::Http) == 1);
    fixture.on_op(|cx, op, wsi| {
        if op == Op::Interest && wsi.role.get() == Role::Connection && wsi.interest.get() == 0 {
            cx.callback_on_writable(wsi);
        }
        false
    });
    let wsi = fixture.connection();
    // Outside of any turn: only the loop can bring it back.
    fixture.cx.rx_flow_control(wsi, false);
    assert_eq!(last.get(), Some(i16::from(wsi.interest.get())));
    assert_eq!(fixture.table.interest(wsi.raw_fd()), wsi.interest.get());
}

#[test]
fn service_in_callbacks_has_a_bottom() {
    let fixture = Fixture::new();
    let table = Rc::clone(&fixture.table);
    fixture.on_call(move |cx, call| {
        if call.reason == Reason::EventWaitCancelled {
            // Each of these brings the next.
            cx.wake();
            cx.adjust_timeout(0);
            poll_table(&table, cx, 0);
        }
        answer(cx, call)
    });
    fixture.turn();
    assert!(fixture.program.deepest.get() > 4, "nested service works");
    assert!(fixture.program.deepest.get() < 64, "and ends: {}", fixture.program.deepest.get());
}

#[test]
fn a_nested_loop_moves_other_connections() {
    // One connection's callback writes to another and waits, in a loop of its own, until that has arrived.
    let fixture = Fixture::new();
    let mut waiting = fixture.connect();
    waiting.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    fixture.on_call(|_, _| 0);
    fixture.until("the first request", || fixture.program.count(Reason::Http) == 1);
    let first = fixture.connection().id();

    let (table, waiting) = (Rc::clone(&fixture.table), Rc::new(RefCell::new(waiting)));
    let (client, arrived) = (Rc::clone(&waiting), Rc::new(Cell::new(false)));
    let seen = Rc::clone(&arrived);
    fixture.on_call(move |cx, call| {
        if call.reason == Reason::Http && call.wsi.id() != first {
            respond(cx, cx.wsi(first).expect("still there"), b"ok");
            for _ in 0..50 {
                cx.adjust_timeout(0);
                poll_table(&table, cx, 0);
            }
            seen.set(client.borrow_mut().has("\r\n\r\nok"));
        }
        answer(cx, call)
    });
    let mut second = fixture.connect();
    second.get(&fixture);
    assert!(arrived.get(), "the answer left while the callback waited");
}

#[test]
fn a_nested_loop_is_not_spun_by_what_must_wait() {
    // The connection whose callback runs has more to read, and another has been closed: neither can be dealt with before
    // the callback returns, so neither may wake the loop inside it again and again.
    let fixture = Fixture::new();
    let mut other = fixture.connect();
    other.get(&fixture);
    let (table, woken) = (Rc::clone(&fixture.table), Rc::new(Cell::new(usize::MAX)));
    let count = Rc::clone(&woken);
    let other = RefCell::new(Some(other));
    let more = RefCell::new(None::<TcpStream>);
    let victim = fixture.connection().id();
    let mut client = fixture.connect();
    *more.borrow_mut() = Some(client.socket.try_clone().expect("a duplicate"));
    fixture.on_call(move |cx, call| {
        if call.reason == Reason::Http {
            if let Some(mut more) = more.take() {
                more.write_all(b"GET /").expect("room");
            }
            if let Some(victim) = cx.wsi(victim) {
                cx.close_by_program(victim);
            }
            drop(other.take());
            let mut times = 0;
            for _ in 0..50 {
                cx.adjust_timeout(0);
                times += poll_table(&table, cx, 1);
            }
            count.set(times);
        }
        answer(cx, call)
    });
    client.get(&fixture);
    assert!(woken.get() <= 3, "woken {} times", woken.get());
}
