//! Deadlines in virtual time.

use super::*;
use crate::engine::timer::{SECOND, Timeout, pass};
use crate::proto::h2::STREAM_STATE;

fn request(fixture: &Fixture) -> Client {
    let mut client = fixture.connect();
    let before = fixture.program.count(Reason::Http);
    client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    fixture.until("the request", || fixture.program.count(Reason::Http) > before);
    client
}

/// Turns without an event, as many as would show that something is still going on.
fn settle(fixture: &Fixture) {
    for _ in 0..3 {
        fixture.turn();
    }
}

#[test]
fn an_idle_context_does_not_spin() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.get(&fixture);
    settle(&fixture);
    let wait = fixture.cx.adjust_timeout(60_000);
    assert!((4_000..=5_000).contains(&wait), "the keep-alive timeout is next, not {wait} ms");
    let turns = fixture.cx.ledger.turns();
    for _ in 0..5 {
        assert_eq!(fixture.turn(), 0, "nothing happens");
    }
    assert_eq!(fixture.cx.ledger.turns() - turns, 5, "one turn for each time the loop waited");
}

#[test]
fn what_has_ended_is_not_waited_for() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.get(&fixture);
    drop(client);
    fixture.until("the end", || fixture.program.count(Reason::WsiDestroy) == 1);
    assert_eq!(fixture.cx.adjust_timeout(60_000), 60_000);
    // Nor is a deadline of what goes on, once it has none.
    let _client = request_unanswered(&fixture);
    let wsi = fixture.connection();
    fixture.cx.set_timer(wsi, Some(10_000));
    assert!(fixture.cx.adjust_timeout(60_000) <= 10);
    fixture.cx.set_timer(wsi, None);
    fixture.cx.set_timeout(wsi, Timeout::None, 0);
    assert_eq!(fixture.cx.adjust_timeout(60_000), 60_000);
    fixture.cx.set_timer(wsi, Some(20_000));
    assert!((11..=20).contains(&fixture.cx.adjust_timeout(60_000)));
}

#[test]
fn waiting_is_rounded_up_to_whole_milliseconds() {
    let fixture = Fixture::new();
    let _client = request_unanswered(&fixture);
    fixture.cx.set_timer(fixture.connection(), Some(1_500));
    let wait = fixture.cx.adjust_timeout(-1);
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(fixture.program.count(Reason::Timer), 0);
    pass(u64::try_from(wait).expect("positive") * 1000);
    assert_ne!(fixture.cx.adjust_timeout(-1), 0, "after that wait it is due, and done");
    assert_eq!(fixture.program.count(Reason::Timer), 1);
}

fn request_unanswered(fixture: &Fixture) -> Client {
    fixture.on_call(|_, _| 0);
    request(fixture)
}

#[test]
fn a_timer_that_rearms_itself_waits_for_the_next_turn() {
    let fixture = Fixture::new();
    let _client = request_unanswered(&fixture);
    fixture.on_call(|cx, call| {
        if call.reason == Reason::Timer {
            cx.set_timer(call.wsi, Some(0));
        }
        0
    });
    fixture.cx.set_timer(fixture.connection(), Some(0));
    for turn in 1..=3 {
        fixture.cx.adjust_timeout(0);
        assert_eq!(fixture.program.count(Reason::Timer), turn);
    }
}

#[test]
fn a_due_timer_may_be_cancelled_by_another() {
    let fixture = Fixture::new();
    let _clients = [request_unanswered(&fixture), request_unanswered(&fixture)];
    let both: Vec<_> = fixture
        .cx
        .all_wsi()
        .into_iter()
        .filter(|&id| fixture.cx.wsi(id).is_some_and(|wsi| wsi.role.get() == Role::Connection))
        .collect();
    let ids = both.clone();
    fixture.on_call(move |cx, call| {
        if call.reason == Reason::Timer {
            for &id in &ids {
                cx.set_timer(cx.wsi(id).expect("open"), None);
            }
        }
        0
    });
    for &id in &both {
        fixture.cx.set_timer(fixture.cx.wsi(id).expect("open"), Some(10));
    }
    pass(20);
    fixture.cx.adjust_timeout(0);
    assert_eq!(fixture.program.count(Reason::Timer), 1);
}

#[test]
fn a_failing_timer_callback_closes() {
    let fixture = Fixture::new();
    let mut client = request_unanswered(&fixture);
    fixture.on_call(|_, call| if call.reason == Reason::Timer { -1 } else { 0 });
    fixture.cx.set_timer(fixture.connection(), Some(0));
    fixture.until("the end", || client.is_cut_off());
}

#[test]
fn deadlines_that_move_leave_nothing_behind() {
    let fixture = Fixture::new();
    let _client = request_unanswered(&fixture);
    let wsi = fixture.connection();
    for _ in 0..1000 {
        fixture.cx.set_timeout(wsi, Timeout::User(1), 61 * SECOND);
        fixture.cx.set_timeout(wsi, Timeout::User(1), 2 * SECOND);
        fixture.cx.set_timeout(wsi, Timeout::User(1), 61 * SECOND);
        // What is left behind and what is armed do not come due in the same turn.
        for _ in 0..2 {
            pass(SECOND);
            fixture.cx.adjust_timeout(0);
        }
    }
    let entries = fixture.cx.timers.entries();
    assert!(entries < 100, "{entries} entries for the deadline of one wsi");
}

#[test]
fn kept_connections_are_closed_when_idle() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.get(&fixture);
    pass(4 * SECOND);
    client.get(&fixture);
    pass(4 * SECOND);
    settle(&fixture);
    assert_eq!(fixture.busy(), 1, "4 of 5 seconds after the last request");
    pass(2 * SECOND);
    fixture.until("the end", || client.is_cut_off());
}

#[test]
fn half_a_request_does_not_keep_a_connection() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.get(&fixture);
    client.send(b"GET / HT");
    settle(&fixture);
    pass(9 * SECOND);
    client.send(b"TP/1");
    settle(&fixture);
    assert_eq!(fixture.busy(), 1);
    pass(2 * SECOND);
    fixture.until("the end", || client.is_cut_off());
}

#[test]
fn a_body_that_stops_coming_is_not_waited_for() {
    for bytes in [
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 40\r\n\r\nhalf".to_vec(),
        [frames::hello(65535), frames::request(1, "POST", false), frames::frame(0, 0, 1, b"half")].concat(),
    ] {
        let fixture = Fixture::new();
        let mut client = fixture.connect();
        client.send(&bytes);
        fixture.until("half a body", || fixture.program.count(Reason::HttpBody) == 1);
        let account = fixture.cx.ledger.account(super::super::ledger::Kind::H2Stream);
        let streams = account.live;
        assert_eq!(account.bytes, streams * STREAM_STATE as u64);
        pass(14 * SECOND);
        settle(&fixture);
        assert_eq!(fixture.program.count(Reason::ClosedHttp), 0);
        pass(2 * SECOND);
        fixture.until("the end", || fixture.program.count(Reason::ClosedHttp) == 1);
        assert_eq!(fixture.busy(), usize::try_from(streams).expect("few"), "of h2, the connection stays");
    }
}

#[test]
fn the_programs_timeout_survives_the_librarys() {
    let fixture = Fixture::new();
    fixture.on_call(|cx, call| {
        if call.reason == Reason::HttpBody {
            cx.set_timeout(call.wsi, Timeout::User(7), 3 * SECOND);
        }
        0
    });
    let mut client = fixture.connect();
    client.send(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody");
    fixture.until("the whole body", || fixture.program.count(Reason::HttpBodyCompletion) == 1);
    assert_eq!(fixture.connection().deadlines.timeout.get(), Timeout::User(7));
    pass(4 * SECOND);
    fixture.until("the end", || client.is_cut_off());
}

#[test]
fn a_kill_is_not_revoked() {
    let fixture = Fixture::new();
    fixture.on_call(|cx, call| {
        if call.reason == Reason::Http {
            cx.set_timeout(call.wsi, Timeout::Killed, 0);
            respond(cx, call.wsi, b"ok");
            cx.set_timeout(call.wsi, Timeout::None, 0);
        }
        0
    });
    let mut client = fixture.connect();
    client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    fixture.until("the request", || fixture.program.count(Reason::Http) == 1);
    settle(&fixture);
    assert!(
        client.has("\r\n\r\nok") && client.is_cut_off(),
        "at once, not when the connection has been idle"
    );
}
