//! Silent peers, in virtual time.

use super::*;
use crate::engine::retry::RetryPolicy;
use crate::engine::timer::{SECOND, pass};

const PING: u8 = 6;

/// A context whose connections have a policy: asked after `ping` seconds, given up after `hangup`.
fn doubting(ping: u64, hangup: u64) -> Fixture {
    let retry =
        RetryPolicy { ping_after: ping * SECOND, hangup_after: hangup * SECOND, ..RetryPolicy::default() };
    let fixture = Fixture::with(ContextConfig::default(), |vhost| vhost.retry = Some(Rc::new(retry)));
    // Nothing is answered: the stream stays.
    fixture.on_call(|_, _| 0);
    fixture
}

fn with_stream(fixture: &Fixture) -> Client {
    let mut client = fixture.connect();
    // What is sent has to arrive within a few turns, which take no time.
    client.socket.set_nodelay(true).expect("a TCP socket");
    client.send(&[frames::hello(65535), frames::request(1, "GET", true)].concat());
    fixture.until("the request", || fixture.program.count(Reason::Http) == 1);
    client
}

/// Lets `seconds` pass and shows what the connection does about it.
fn wait(fixture: &Fixture, client: &mut Client, seconds: u64) {
    pass(seconds * SECOND);
    for _ in 0..3 {
        fixture.turn();
        client.take(64 * 1024);
    }
}

/// PING frames that are questions.
fn pings(client: &Client) -> usize {
    frames::parse(&client.got).iter().filter(|(kind, flags, ..)| *kind == PING && flags & 1 == 0).count()
}

/// The answer to the last one.
fn pong(client: &mut Client) {
    let at = client.got.windows(9).rposition(|head| head == [0, 0, 8, PING, 0, 0, 0, 0, 0]).expect("a PING");
    let answer = frames::frame(PING, 1, 0, &client.got[at + 9..at + 17]);
    client.send(&answer);
}

#[test]
fn a_silent_peer_is_asked_and_given_up() {
    let fixture = doubting(30, 40);
    let mut client = with_stream(&fixture);
    wait(&fixture, &mut client, 29);
    assert_eq!(pings(&client), 0);
    wait(&fixture, &mut client, 2);
    assert_eq!(pings(&client), 1);
    wait(&fixture, &mut client, 8);
    assert_eq!((pings(&client), fixture.busy()), (1, 2), "once, and there is time left to answer");
    wait(&fixture, &mut client, 2);
    assert_eq!(fixture.busy(), 0, "closed");
}

#[test]
fn a_peer_that_answers_is_asked_again_later() {
    let fixture = doubting(30, 40);
    let mut client = with_stream(&fixture);
    for asked in 1..=3 {
        wait(&fixture, &mut client, 31);
        assert_eq!(pings(&client), asked);
        pong(&mut client);
        wait(&fixture, &mut client, 8);
        assert_eq!((pings(&client), fixture.busy()), (asked, 2));
        wait(&fixture, &mut client, 3);
        assert_eq!((pings(&client), fixture.busy()), (asked, 2), "its time counts from the answer");
    }
}

#[test]
fn an_answer_that_has_come_counts_also_when_nobody_has_looked() {
    let fixture = doubting(30, 40);
    let mut client = with_stream(&fixture);
    wait(&fixture, &mut client, 31);
    pong(&mut client);
    wait(&fixture, &mut client, 1000);
    assert_eq!((pings(&client), fixture.busy()), (1, 2), "the program was busy, not the peer silent");
}

#[test]
fn whatever_arrives_is_a_sign_of_life() {
    let fixture = doubting(30, 40);
    let mut client = with_stream(&fixture);
    for _ in 0..5 {
        wait(&fixture, &mut client, 20);
        client.send(&frames::frame(8, 0, 0, &1_u32.to_be_bytes()));
        wait(&fixture, &mut client, 1);
    }
    assert_eq!((pings(&client), fixture.busy()), (0, 2));
}

#[test]
fn without_a_time_to_ask_silence_is_the_end() {
    for ping in [0, 40, 50] {
        let fixture = doubting(ping, 40);
        let mut client = with_stream(&fixture);
        wait(&fixture, &mut client, 39);
        assert_eq!((pings(&client), fixture.busy()), (0, 2));
        wait(&fixture, &mut client, 2);
        assert_eq!((pings(&client), fixture.busy()), (0, 0));
    }
}

#[test]
fn without_a_time_to_hang_up_silence_is_fine() {
    let fixture = doubting(30, 0);
    let mut client = with_stream(&fixture);
    wait(&fixture, &mut client, 100_000);
    assert_eq!((pings(&client), fixture.busy()), (0, 2));
}

#[test]
fn contexts_ask_after_five_minutes() {
    let fixture = Fixture::new();
    fixture.on_call(|_, _| 0);
    let mut client = with_stream(&fixture);
    wait(&fixture, &mut client, 299);
    assert_eq!(pings(&client), 0);
    wait(&fixture, &mut client, 2);
    assert_eq!(pings(&client), 1);
    wait(&fixture, &mut client, 10);
    assert_eq!(fixture.busy(), 0);
}

#[test]
fn an_idle_connection_has_its_own_timeout() {
    let fixture = doubting(20, 25);
    fixture.on_call(answer);
    let mut client = with_stream(&fixture);
    fixture.until("the answer", || {
        client.take(64 * 1024);
        client.has("ok")
    });
    wait(&fixture, &mut client, 28);
    assert_eq!((pings(&client), fixture.busy()), (0, 1), "there is no stream to doubt it for");
    wait(&fixture, &mut client, 5);
    assert_eq!(fixture.busy(), 0);
}
