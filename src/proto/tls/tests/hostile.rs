//! Peers that do not speak TLS, or not well.

use super::*;

fn receive(server: &mut TlsServer, bytes: &[u8]) -> Result<Progress, TlsError> {
    server.receive(bytes, |_| panic!("there is no ClientHello"))
}

#[test]
fn plain_http_is_recognised() {
    for request in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        assert!(!looks_like_tls(request));
        let mut server = TlsServer::new();
        let error = receive(&mut server, request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotTls);
        assert!(error.to_string().contains("plain HTTP"), "{error}");
        assert!(!error.to_string().contains('\r'), "one line: {error}");
        assert_eq!(receive(&mut server, request), Err(error));

        let mut server = TlsServer::new();
        let in_bytes = request.iter().map(|byte| receive(&mut server, &[*byte]));
        let error = in_bytes.last().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotTls);
    }
}

#[test]
fn tls_is_told_from_the_first_bytes_that_arrive() {
    assert!(!looks_like_tls(b""));
    assert!(looks_like_tls(b"\x16"));
    assert!(!looks_like_tls(b"G"));
    assert!(!looks_like_tls(b"\x80\x2e"));
    assert!(!looks_like_tls(b"\x16\x02\x00"));
    assert!(looks_like_tls(b"\x16\x03"));
    assert!(looks_like_tls(b"\x16\x03\x01\x02\x00\x01"));
}

#[test]
fn other_noise_is_refused() {
    let sslv2 = [0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10];
    let error = receive(&mut TlsServer::new(), &sslv2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotTls);

    for (record, what) in [
        (&[22, 3, 1, 0xff, 0xff, 1][..], "record too long"),
        (&[22, 3, 1, 0, 0], "empty handshake record"),
        (&[23, 3, 3, 0, 1, 0], "application data first"),
        (&[20, 3, 3, 0, 1, 1], "change_cipher_spec first"),
        (&[21, 3, 1, 0, 2, 2, 40], "alert first"),
        (&[22, 3, 1, 0, 5, 1, 0, 0, 1, 3], "ClientHello of one byte"),
        (&[22, 3, 1, 0, 4, 2, 0, 0, 0], "ServerHello from a client"),
    ] {
        let mut server = TlsServer::new();
        let error = receive(&mut server, record).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Protocol, "{what}: {error}");
        let mut alert = Vec::new();
        server.write_to(&mut alert).unwrap();
        if !alert.is_empty() {
            assert_eq!((alert.len(), &alert[..6]), (7, &[21, 3, 3, 0, 2, 2][..]));
        }
    }
}

#[test]
fn a_truncated_hello_waits_and_says_nothing() {
    let config = server_config(&options()).unwrap();
    let mut pair = Pair::new(client_config(&[TLS13], &[]), &config);
    let hello = pair.client_output();
    pair.give_server(&hello[..hello.len() - 1]).unwrap();
    assert!(pair.server.is_handshaking());
    assert_eq!((pair.chosen, pair.server.pending_output()), (0, 0));
    assert_eq!(pair.server.version(), None);
}

#[test]
fn an_endless_hello_is_cut_off() {
    // A ClientHello that announces 16 MiB, in records of one byte.
    let mut server = TlsServer::new();
    let mut bytes = vec![22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff];
    for _ in 0..40_000 {
        bytes.extend_from_slice(&[22, 3, 1, 0, 1, 0]);
    }
    let fed = bytes.chunks(1000).take_while(|piece| receive(&mut server, piece).is_ok()).count();
    assert!(fed <= 100, "took {fed} thousand bytes");
}

#[test]
fn an_endless_message_after_the_hello_is_cut_off() {
    let config = server_config(&options()).unwrap();
    let mut pair = Pair::new(client_config(&[TLS12], &[]), &config);
    let hello = pair.client_output();
    pair.give_server(&hello).unwrap();
    // A ClientKeyExchange of 60 000 bytes, in records of one byte: not too large for rustls, but six times as
    // large to keep.
    let mut bytes = vec![22, 3, 3, 0, 4, 16, 0, 0xea, 0x60];
    for _ in 0..60_000 {
        bytes.extend_from_slice(&[22, 3, 3, 0, 1, 0]);
    }
    let fed = bytes.chunks(1000).take_while(|piece| pair.give_server(piece).is_ok()).count();
    assert!((16..=100).contains(&fed), "took {fed} thousand bytes");
}

#[test]
fn a_damaged_record_ends_the_connection_but_keeps_what_came_before() {
    let config = server_config(&options()).unwrap();
    for version in [TLS12, TLS13] {
        for spoil in [5, 20, 24] {
            let mut pair = Pair::new(client_config(&[version], &[]), &config);
            pair.run().unwrap();
            pair.say_from_client(b"good");
            let mut up = pair.client_output();
            pair.say_from_client(b"to be damaged");
            let mut bad = pair.client_output();
            bad[spoil] ^= 1;
            up.extend_from_slice(&bad);
            let error = pair.server.receive(&up, |_| None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
            pair.server.take_plaintext(&mut pair.at_server);
            assert_eq!(&pair.at_server[..], b"good");
            let alert = pair.server_output();
            let bad_mac = rustls::AlertDescription::BadRecordMac;
            assert_eq!(pair.give_client(&alert), Err(rustls::Error::AlertReceived(bad_mac)));
            assert_eq!(pair.server.send(&[b"x"]).unwrap_err().kind(), ErrorKind::NotSendable);
            pair.server.send_close_notify();
            assert!(!pair.server.wants_write());
        }
    }
}

#[test]
fn damage_at_every_byte_of_the_second_flight_is_noticed() {
    let config = server_config(&options()).unwrap();
    for version in [TLS12, TLS13] {
        let client = Arc::new(client_config(&[version], &[]));
        let second_flight = |pair: &mut Pair| {
            let hello = pair.client_output();
            pair.give_server(&hello).unwrap();
            let down = pair.server_output();
            pair.give_client(&down).unwrap();
            pair.client_output()
        };
        let length = second_flight(&mut Pair::new(Arc::clone(&client), &config)).len();
        for spoil in 0..length {
            let mut pair = Pair::new(Arc::clone(&client), &config);
            let mut flight = second_flight(&mut pair);
            let mut header = 0;
            let headers = records(&flight).into_iter().map(|length| {
                header += length;
                header - length
            });
            // The version in a record header means nothing (RFC 8446 §5.1).
            let in_version = headers.into_iter().any(|at| (at + 1..at + 3).contains(&spoil));
            if in_version {
                continue;
            }
            flight[spoil] ^= 0x10;
            // A spoilt length may make the server wait for more; it must not believe the handshake.
            let _ = pair.give_server(&flight);
            assert_eq!(pair.completed, 0, "{:?} byte {spoil}", version.version);
        }
    }
}

#[test]
fn a_fatal_alert_of_the_client_is_reported() {
    let stranger = Authority::new("unknown to the client").issue("localhost");
    let config = server_config(&ServerOptions::new(stranger.server())).unwrap();
    for version in [TLS12, TLS13] {
        let mut pair = Pair::new(client_config(&[version], &[]), &config);
        let hello = pair.client_output();
        pair.give_server(&hello).unwrap();
        let down = pair.server_output();
        assert!(pair.give_client(&down).is_err(), "the client does not trust us");
        let alert = pair.client_output();
        let error = pair.give_server(&alert).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlertReceived);
        assert!(error.to_string().contains("UnknownCA"), "{error}");
    }
}

#[test]
fn random_bytes_never_panic() {
    let config = server_config(&options()).unwrap();
    let client = Arc::new(client_config(&[TLS13, TLS12], &[]));
    let bytes = noise(200_000);
    for (i, junk) in bytes.chunks(100).enumerate() {
        // As the first bytes behind a good record header, and in the place of the second flight.
        let mut server = TlsServer::new();
        let header = [22, 3, 1, 0, 100];
        let _ = server.receive(&[&header, junk].concat(), |_| None);

        if i % 20 == 0 {
            let mut pair = Pair::new(Arc::clone(&client), &config);
            let hello = pair.client_output();
            pair.give_server(&hello).unwrap();
            let kind = 20 + (i / 20 % 4) as u8;
            let record = [&[kind, 3, 3, 0, 100], junk].concat();
            let error = pair.give_server(&record).unwrap_err();
            assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
        }
    }
}
