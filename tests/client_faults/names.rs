//! Names, addresses and sockets that come to nothing, or only by the second way.

use crate::program::Outcome::{Error, Null, Whole};
use crate::program::start;
use crate::servers::{black_hole, both_loopbacks, bound, good, good_on, listening, refused_port};

#[test]
fn refused_ports_are_told_once_and_leave_nothing() {
    for args in [&[][..], &["--close-says-1"]] {
        let mut client = start(args);
        for round in 0..3 {
            for n in 0..4 {
                client.get(10 * round + n, refused_port(), "");
            }
            for n in 0..4 {
                client.expect(10 * round + n, "refused", Error("Connection refused"));
            }
            assert!(client.settle() < 40);
        }
        // both addresses of a name
        client.get(99, refused_port(), "address=localhost");
        client.expect(99, "refused twice", Error("Connection refused"));
        client.settle_and_finish();
    }
}

#[test]
fn names_that_cannot_be_resolved() {
    let mut client = start(&["--connect-timeout=20"]);
    client.get(1, 80, "address=nowhere.invalid");
    client.get(2, 80, "address=nowhere.invalid flags=tls,pipeline");
    client.get(3, 80, "address=nowhere.invalid flags=tls,pipeline");
    client.expect(1, "unresolvable", Error("nowhere.invalid"));
    client.expect(2, "unresolvable", Error("nowhere.invalid"));
    client.expect(3, "behind it", Error("nowhere.invalid"));
    client.settle_and_finish();
}

#[test]
fn context_destroyed_with_lookups_outstanding() {
    let mut client = start(&[]);
    for id in 1..=20 {
        client.get(id, 80, &format!("address=nowhere{id}.invalid"));
    }
    client.wait(20, "NEW");
    client.finish();
}

#[test]
fn connects_that_hang_time_out() {
    let (port, socket) = bound();
    let _hole = black_hole(socket);
    let mut client = start(&["--connect-timeout=1"]);
    client.get(1, port, "");
    client.get(2, port, "flags=pipeline");
    client.get(3, port, "flags=pipeline");
    client.expect(1, "black hole", Error("Timed out waiting for the connection"));
    client.expect(2, "black hole", Error("Timed out waiting for the connection"));
    client.expect(3, "behind it", Error("Timed out waiting for the connection"));
    assert!(client.settle() < 40);
    client.finish();
}

#[test]
fn the_second_address_is_used_when_the_first_refuses() {
    let (port, _four, six) = both_loopbacks();
    good_on(listening(six), 1);
    let mut client = start(&[]);
    client.get(1, port, "address=localhost");
    client.expect(1, "the second", Whole(5));
    assert_eq!(client.times(1, "CONNECTING"), 2);
    client.settle_and_finish();
}

#[test]
fn the_second_address_wins_when_the_first_hangs() {
    for (args, expected) in [
        (&[][..], Whole(5)),
        (&["--close-says-1"], Whole(5)),
        // it has its chance long before the first has lost its own (RFC 8305 §5)
        (&["--connect-timeout=5"], Whole(5)),
        // the loop takes neither the one that races nor, when it has won, its handover
        (&["--refuse=2-3", "--connect-timeout=1"], Error("sock accept")),
        (&["--refuse=3-4"], Error("sock accept")),
    ] {
        let (port, four, six) = both_loopbacks();
        let _hole = black_hole(four);
        good_on(listening(six), 1);
        let mut client = start(args);
        client.get(1, port, "address=localhost");
        client.expect(1, "the second", expected);
        client.settle_and_finish();
    }
}

#[test]
fn both_addresses_hang_or_the_second_refuses() {
    let (port, four, six) = both_loopbacks();
    let _hole = black_hole(four);
    let mut client = start(&["--connect-timeout=1"]);
    client.get(1, port, "address=localhost");
    client.expect(1, "the second refuses", Error("Timed out waiting for the connection"));
    let _other = black_hole(six);
    client.get(2, port, "address=localhost");
    client.expect(2, "both hang", Error("Timed out waiting for the connection"));
    assert!(client.settle() < 60);
    // destroyed in the middle of the race
    client.get(3, port, "address=localhost");
    let mut under_way = 0;
    client.running.wait_line("both under way", |line| {
        under_way += i32::from(line == "3 CONNECTING");
        (under_way == 2).then_some(())
    });
    client.finish();
}

/// The loop has no room; later it has.
#[test]
fn sock_accept_refuses() {
    let (port, _) = good(1);
    let mut client = start(&["--refuse=1-3"]);
    client.get(1, port, "");
    client.expect(1, "refused", Null);
    client.get(2, port, "");
    client.expect(2, "refused", Null);
    client.get(3, port, "");
    client.expect(3, "taken", Whole(5));
    client.settle_and_finish();

    let (port, _) = good(1);
    let mut client = start(&["--refuse=1-2"]);
    client.get(1, port, "address=localhost");
    client.expect(1, "the first refused by the loop, the second by the peer", Error("Connection refused"));
    client.settle_and_finish();
}

#[test]
fn what_cannot_be_connected_is_null() {
    let (port, _) = good(1);
    let mut client = start(&[]);
    client.get(1, port, "iface=no-such-interface");
    client.get(2, port, "iface=192.0.2.1");
    client.get(3, 1, "address=+/nonexistent/socket");
    for id in 1..=3 {
        client.expect(id, "at once", Null);
    }
    client.settle_and_finish();
}
