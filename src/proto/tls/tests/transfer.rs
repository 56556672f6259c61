//! Application data, key updates, closing, and what a connection holds when idle.

use std::io;

use super::*;

fn established(version: &'static SupportedProtocolVersion) -> Pair {
    let config = server_config(&options()).unwrap();
    let mut pair = Pair::new(client_config(&[version], &["h2"]), &config);
    pair.run().unwrap();
    pair
}

#[test]
fn ten_megabytes_each_way() {
    let content = noise(10 << 20);
    for version in [TLS12, TLS13] {
        let mut pair = established(version).in_pieces(48_271);
        for part in content.chunks(1_000_003) {
            pair.say_from_client(part);
            pair.run().unwrap();
        }
        assert!(pair.at_server == content, "upload");

        for part in content.chunks(300_007) {
            let (a, rest) = part.split_at(9);
            let (b, c) = rest.split_at(rest.len() / 2);
            pair.server.send(&[a, b, b"", c]).unwrap();
            let down = pair.server_output();
            pair.give_client(&down).unwrap();
        }
        assert!(pair.at_client == content, "download");
    }
}

#[test]
fn all_of_a_large_upload_in_one_call_is_kept() {
    let content = noise(1 << 20);
    let mut pair = established(TLS13);
    pair.say_from_client(&content);
    let up = pair.client_output();
    let progress = pair.server.receive(&up, |_| None).unwrap();
    assert_eq!(progress.plaintext, content.len());
    let mut taken = BytesMut::from(&b"before"[..]);
    assert_eq!(pair.server.take_plaintext(&mut taken), content.len());
    assert!(taken[6..] == content);
    assert_eq!(pair.server.take_plaintext(&mut taken), 0);
}

#[test]
fn records_may_be_cut_anywhere() {
    for version in [TLS12, TLS13] {
        let mut pair = established(version);
        let mut cut = 0;
        loop {
            pair.at_server.clear();
            pair.say_from_client(b"first");
            pair.say_from_client(&noise(40));
            pair.say_from_client(b"third");
            let up = pair.client_output();
            if cut > up.len() {
                break;
            }
            pair.give_server(&up[..cut]).unwrap();
            // Sending must not disturb a record that is half here.
            pair.server.send(&[b"meanwhile"]).unwrap();
            pair.give_server(&up[cut..]).unwrap();
            let expected = [&b"first"[..], &noise(40), b"third"].concat();
            assert_eq!(&pair.at_server[..], expected, "cut at {cut}");
            cut += 1;
        }
        assert!(cut > 100);
        pair.run().unwrap();
        assert_eq!(pair.at_client, b"meanwhile".repeat(cut));
    }
}

#[test]
fn slices_are_joined_into_full_records() {
    let mut pair = established(TLS13);
    pair.server_output();
    let body = noise(100_000);
    let mut expected = Vec::new();
    let mut check = |pair: &mut Pair, slices: &[&[u8]]| {
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        pair.server.send(slices).unwrap();
        let down = pair.server_output();
        let lengths = records(&down);
        assert_eq!(lengths.len(), total.div_ceil(16_384), "{total}");
        pair.give_client(&down).unwrap();
        expected.extend(slices.concat());
        assert!(pair.at_client == expected, "{total}");
    };
    check(&mut pair, &[]);
    check(&mut pair, &[b""]);
    check(&mut pair, &[b"", b""]);
    check(&mut pair, &[b"x"]);
    check(&mut pair, &[b"frame head", &body]);
    check(&mut pair, &[&body[..16_384]]);
    check(&mut pair, &[&body[..16_384], &body[..16_384]]);
    check(&mut pair, &[&body[..16_383], &body[..16_386], b"tail"]);
    check(&mut pair, &[&body[..5], &body[..40_000], &body[..40_000]]);
    check(&mut pair, &body.chunks(37).collect::<Vec<_>>());
}

#[test]
fn a_slow_socket_gets_everything_in_order() {
    struct Slow {
        room: usize,
        bytes: Vec<u8>,
    }
    impl io::Write for Slow {
        fn write(&mut self, offered: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = offered.len().min(self.room);
            self.bytes.extend_from_slice(&offered[..taken]);
            self.room -= taken;
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut pair = established(TLS13);
    let content = noise(400_000);
    let mut slow = Slow { room: 0, bytes: Vec::new() };
    for part in content.chunks(10_000) {
        pair.server.send(&[part]).unwrap();
        slow.room = 4_001;
        pair.server.write_to(&mut slow).unwrap();
    }
    assert!(pair.server.wants_write());
    while pair.server.wants_write() {
        slow.room = 33_333;
        pair.server.write_to(&mut slow).unwrap();
    }
    pair.give_client(&slow.bytes).unwrap();
    assert!(pair.at_client == content);
}

#[test]
fn key_updates_of_the_client_are_followed_and_answered() {
    let mut pair = established(TLS13);
    for _ in 0..5 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.exchange();
        pair.exchange();
    }
}

#[test]
fn close_notify_of_the_client() {
    for version in [TLS12, TLS13] {
        let mut pair = established(version);
        pair.say_from_client(b"last words");
        pair.client.send_close_notify();
        let mut up = pair.client_output();
        up.extend_from_slice(b"whatever comes after must be ignored");
        let mut plaintext = BytesMut::new();
        let progress = pair.server.receive_into(&mut up, &mut plaintext, |_| None);
        let progress = progress.unwrap();
        assert!(progress.close_notify);
        assert_eq!(progress.handshake, Handshake::Done);
        assert_eq!(&plaintext[..], b"last words");
        let progress = pair.server.receive(b"still ignored", |_| None).unwrap();
        assert!(progress.close_notify);
        assert_eq!(progress.plaintext, 0);
        // Half closed: the response still goes out.
        pair.server.send(&[b"answer"]).unwrap();
        pair.server.send_close_notify();
        let down = pair.server_output();
        pair.give_client(&down).unwrap();
        assert_eq!(pair.at_client, b"answer");
    }
}

#[test]
fn our_close_notify_is_sent_once_and_ends_sending() {
    for version in [TLS12, TLS13] {
        let mut pair = established(version);
        pair.server.send(&[b"bye"]).unwrap();
        pair.server.send_close_notify();
        pair.server.send_close_notify();
        let down = pair.server_output();
        assert_eq!(records(&down).len(), 2);
        pair.give_client(&down).unwrap();
        let state = pair.client.process_new_packets().unwrap();
        assert!(state.peer_has_closed());
        assert_eq!(pair.at_client, b"bye");
        let error = pair.server.send(&[b"more"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSendable);
        // What the peer sent before it saw our end, or in spite of it, is ignored, even if it is damaged.
        pair.say_from_client(b"late");
        let mut up = pair.client_output();
        pair.give_server(&up).unwrap();
        up[20] ^= 1;
        pair.give_server(&up).unwrap();
        assert_eq!(&pair.at_server[..], b"");
        assert!(!pair.server.wants_write());
    }
}

#[test]
fn nothing_is_sent_before_the_handshake_ends() {
    let config = server_config(&options()).unwrap();
    let mut pair = Pair::new(client_config(&[TLS13], &[]), &config);
    let early = |pair: &mut Pair| {
        let pending = pair.server.pending_output();
        let error = pair.server.send(&[b"too early"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSendable);
        pair.server.send_close_notify();
        assert_eq!(pair.server.pending_output(), pending);
    };
    early(&mut pair);
    let hello = pair.client_output();
    pair.give_server(&hello).unwrap();
    early(&mut pair);
    pair.exchange();
}
