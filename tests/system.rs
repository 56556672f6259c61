//! The system area of the C API: the states that a context goes through, what notifiers may do to them, blobs, attached
//! functions, captive portal detection; retry policies; addresses and credentials.
//!
//! What must come out was recorded from Debian 13's libwebsockets 4.3.5; with `FERROWS_TEST_LIBDIR` and
//! `FERROWS_TEST_INCLUDE` naming that library, the same tests check the recordings. Where we do otherwise, the test says so.

mod common;

use common::{Program, Running, compile, h1, h2, library, root, tools};

/// The lines of a recording.
fn recorded(name: &str) -> Vec<String> {
    let path = root().join("tests/data/system").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(str::to_owned).collect()
}

fn printed(program: &str, args: &[&str]) -> Vec<String> {
    Program::new(compile(program)).args(args).start().finish()
}

/// `expected` with what is different here: `ours` does not touch what lws itself prints.
fn but_ours(mut expected: Vec<String>, change: impl FnOnce(&mut Vec<String>)) -> Vec<String> {
    if !library().foreign {
        change(&mut expected);
    }
    expected
}

#[track_caller]
fn assert_same(printed: &[String], expected: &[String]) {
    let differing = printed.iter().zip(expected).position(|(printed, expected)| printed != expected);
    let at = differing.unwrap_or(printed.len().min(expected.len()));
    assert!(
        printed == expected,
        "line {} is {:?}, not {:?}\n{}",
        at + 1,
        printed.get(at),
        expected.get(at),
        printed.join("\n")
    );
}

fn assert_states(mode: &str) {
    assert_same(&printed("system_state", &[mode]), &recorded(&format!("state-{mode}.txt")));
}

#[test]
fn a_context_goes_through_all_states() {
    assert_states("watch");
}

#[test]
fn vhosts_may_be_made_later() {
    assert_same(&printed("system_state", &["explicit"]), &recorded("state-watch.txt"));
}

#[test]
fn a_notifier_that_refuses_goes_on_when_it_likes() {
    assert_states("veto");
    assert_states("once");
}

#[test]
fn a_context_that_is_never_served_is_destroyed_all_the_same() {
    assert_states("never");
}

#[test]
fn programs_move_the_state() {
    assert_states("jump");
}

#[test]
fn the_end_cannot_be_refused() {
    assert_states("keep");
}

/// lws stops telling the others about a change when one deregisters itself.
#[test]
fn notifiers_come_and_go() {
    let expected = but_ours(recorded("state-leave.txt"), |lines| {
        let at = lines.iter().position(|line| line.ends_with("second AUTH1 -> AUTH1, is AUTH1"));
        let told = "service: first AUTH1 -> AUTH1, is AUTH1".to_owned();
        lines.insert(at.expect("the change") + 1, told);
    });
    assert_same(&printed("system_state", &["leave"]), &expected);
}

/// The destruction happens at the end of the service call whose notifier asked for it; lws waits for another call.
#[test]
fn a_notifier_destroys_the_context() {
    let at_once = |lines: &mut Vec<String>| {
        for line in lines {
            *line = line.replacen("destroy: ", "service: ", 1);
        }
    };
    let expected = but_ours(recorded("state-destroy.txt"), at_once);
    assert_same(&printed("system_state", &["destroy"]), &expected);

    // It goes up no further.
    let expected = but_ours(recorded("state-destroy-now.txt"), |lines| {
        at_once(lines);
        lines.retain(|line| !line.contains("INITIALIZED -> IFACE_COLDPLUG"));
    });
    assert_same(&printed("system_state", &["destroy-now"]), &expected);
}

/// What makes the context fail is found out before there is a vhost.
#[test]
fn notifiers_hear_of_a_context_that_fails() {
    let expected = but_ours(recorded("state-fail.txt"), |lines| {
        assert_eq!(lines.remove(0), "create: vhost finalized");
    });
    assert_same(&printed("system_state", &["fail"]), &expected);
}

#[test]
fn a_program_has_state_machines_of_its_own() {
    assert_states("own");
}

#[test]
fn parts_of_a_program_share_blobs_and_wait_for_states() {
    assert_same(&printed("system_parts", &[]), &recorded("parts.txt"));
}

#[test]
fn addresses_and_credentials_are_those_of_lws() {
    assert_same(&printed("uri", &[]), &recorded("uri.txt"));
    if !library().foreign {
        let more = printed("uri", &["more"]);
        let credentials = "exactly-as-much-room:as-is-needed-for-it in 60: 1, held";
        let long = format!("long: 0, {}", "Basic ".len() + 1002_usize.div_ceil(3) * 4);
        assert_eq!(more, [credentials, &long]);
    }
}

#[test]
fn delays_follow_the_table() {
    assert_same(&printed("retry", &[]), &recorded("retry.txt"));
}

#[test]
fn connections_have_the_policy_of_their_vhost_and_heed_retry_after() {
    let running = Program::new(compile("retry")).arg("serve").start();
    running.wait_text("ready");
    let (main, plain) = (port_of(&running, "main"), port_of(&running, "plain"));
    let date = "date: Wed, 01 Jan 2020 00:00:00 GMT";
    let requests: [(u16, &str, &[&str]); 11] = [
        (main, "none", &[]),
        (plain, "none", &[]),
        (main, "seconds", &["retry-after: 120"]),
        (main, "few", &["retry-after: 15"]),
        (main, "zero", &["retry-after: 0"]),
        (main, "minus", &["retry-after: -5"]),
        (main, "date", &[date, "retry-after: Wed, 01 Jan 2020 00:03:00 GMT"]),
        (main, "past", &[date, "retry-after: Tue, 31 Dec 2019 00:03:00 GMT"]),
        (main, "now", &[date, "retry-after: Wed, 01 Jan 2020 00:00:00 GMT"]),
        (main, "old", &["retry-after: Wed, 01 Jan 2020 00:03:00 GMT"]),
        (plain, "seconds", &["retry-after: 40"]),
    ];
    for (port, path, headers) in requests {
        let url = format!("http://127.0.0.1:{port}/{path}");
        let mut args: Vec<&str> = headers.iter().flat_map(|header| ["-H", header]).collect();
        args.push(&url);
        assert_eq!(tools::curl(&args).status, 200, "{url}");
    }
    assert_same(&running.finish(), &recorded("retry-wsi.txt"));
}

/// The policy of `main` asks after a second of silence, and gives up after two.
#[test]
fn silent_peers_are_asked_and_given_up() {
    if library().foreign {
        // It takes HTTP/2 without TLS only where it is told to.
        return;
    }
    let running = Program::new(compile("retry")).arg("serve").start();
    running.wait_text("ready");
    let mut client = h2::Client::start(h1::connect(port_of(&running, "main")), &[]);
    client.get(1, "/hold");
    let question = |frame: &h2::Frame| (frame.kind == h2::PING && frame.flags & h2::ACK == 0).then_some(());
    for _ in 0..2 {
        client.until("a PING, which is answered", question);
    }
    let mut unanswered = 0;
    while let Some(frame) = client.next() {
        unanswered += usize::from(question(&frame).is_some());
    }
    assert_eq!(unanswered, 1);
    running.finish();
}

fn port_of(running: &Running, vhost: &str) -> u16 {
    common::until("the ports", || {
        running.stderr().iter().find_map(|line| {
            line.strip_prefix(vhost)?.strip_prefix(" listening on port ")?.parse::<u16>().ok()
        })
    })
}
