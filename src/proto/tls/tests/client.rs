//! Our client and our server in memory.

use super::*;

/// Both ends of one connection, both ours.
struct Ours {
    client: TlsClient,
    server: TlsServer,
    config: Arc<ServerConfig>,
    piece: usize,
    at_client: BytesMut,
    at_server: BytesMut,
    completed: u32,
}

impl Ours {
    fn new(client: TlsClient, config: &Arc<ServerConfig>) -> Self {
        Self {
            client,
            server: TlsServer::new(),
            config: Arc::clone(config),
            piece: usize::MAX,
            at_client: BytesMut::new(),
            at_server: BytesMut::new(),
            completed: 0,
        }
    }

    fn client_output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.client.write_to(&mut bytes).unwrap();
        bytes
    }

    fn server_output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.server.write_to(&mut bytes).unwrap();
        bytes
    }

    fn give_client(&mut self, bytes: &[u8]) -> Result<(), TlsError> {
        for piece in bytes.chunks(self.piece) {
            let progress = self.client.receive_into(&mut piece.to_vec(), &mut self.at_client)?;
            self.completed += u32::from(progress.handshake == Handshake::Completed);
            assert_eq!(progress.handshake == Handshake::Ongoing, self.client.is_handshaking());
        }
        Ok(())
    }

    /// What the server says is only its own affair: the client's alert, mostly.
    fn give_server(&mut self, bytes: &[u8]) -> Result<(), TlsError> {
        let config = Arc::clone(&self.config);
        let choose = |_: &ClientHello<'_>| Some(config);
        self.server.receive_into(&mut bytes.to_vec(), &mut self.at_server, choose).map(drop)
    }

    /// Carries bytes both ways until both are silent, or the client has an error.
    fn run(&mut self) -> Result<(), TlsError> {
        loop {
            let up = self.client_output();
            let refused = self.give_server(&up);
            let down = self.server_output();
            self.give_client(&down)?;
            refused.unwrap();
            if up.is_empty() && down.is_empty() {
                return Ok(());
            }
        }
    }

    fn exchange(&mut self) {
        self.run().unwrap();
        self.exchange_again();
    }

    /// A few bytes each way, once there is a connection.
    fn exchange_again(&mut self) {
        self.client.send(&[b"pi", b"ng"]).unwrap();
        self.server.send(&[b"pong"]).unwrap();
        self.run().unwrap();
        assert_eq!((&self.at_server[..], &self.at_client[..]), (&b"ping"[..], &b"pong"[..]));
        assert_eq!(self.completed, 1);
    }
}

#[test]
fn both_versions_whatever_the_size_of_the_pieces() {
    for (version, name) in [(TLS12, "TLSv1.2"), (TLS13, "TLSv1.3")] {
        let config = server_config(&ServerOptions {
            tls12: version.version == TLS12.version,
            tls13: version.version == TLS13.version,
            ..options()
        })
        .unwrap();
        for piece in [1, 2, 3, 7, 64, 333, 1500, usize::MAX] {
            let client = trusting_client();
            let tls =
                client.connect("localhost", &[b"h2", b"http/1.1"], Trust::default(), &Spares::default());
            let mut pair = Ours::new(tls.unwrap(), &config);
            pair.piece = piece;
            assert!(pair.client.wants_write(), "the first flight is there");
            assert!(pair.client.is_handshaking());
            assert_eq!(pair.client.version(), None);
            pair.exchange();
            assert_eq!(pair.client.version(), Some(name));
            assert_eq!(pair.client.alpn(), Some(&b"h2"[..]));
            assert_eq!(pair.server.sni(), Some("localhost"));
            assert_eq!(pair.client.cipher(), pair.server.cipher());
            assert!(!pair.client.resumed());
            let leaf = CertificateDer::from_pem_slice(LOCALHOST.chain.as_bytes()).unwrap();
            assert_eq!(pair.client.peer_certificate(), Some(leaf.as_ref()));
            pair.client.send_close_notify();
            let up = pair.client_output();
            let progress = pair.server.receive(&up, |_| None).unwrap();
            assert!(progress.close_notify);
        }
    }
}

#[test]
fn alpn_is_what_both_have_or_nothing() {
    for (ours, theirs, agreed) in [
        ("h2,http/1.1", &[&b"h2"[..], b"http/1.1"][..], Some("h2")),
        ("http/1.1", &[b"h2", b"http/1.1"], Some("http/1.1")),
        ("h2,http/1.1", &[b"http/1.1"], Some("http/1.1")),
        ("http/1.1", &[b"h2"], None),
        ("h2", &[], None),
        ("", &[b"h2"], None),
    ] {
        let config = server_config(&ServerOptions { alpn: ours, ..options() }).unwrap();
        let client = trusting_client();
        let tls = client.connect("localhost", theirs, Trust::default(), &Spares::default()).unwrap();
        let mut pair = Ours::new(tls, &config);
        pair.exchange();
        assert_eq!(pair.client.alpn(), agreed.map(str::as_bytes), "{ours}");
        assert_eq!(pair.server.alpn(), agreed.map(str::as_bytes), "{ours}");
    }
}

#[test]
fn names_go_into_sni_and_addresses_do_not() {
    let config = server_config(&options()).unwrap();
    let trust = Trust { skip_hostname: true, ..Trust::default() };
    for (name, sni) in [
        ("WWW.example", Some("www.example")),
        ("host_with_underscore", Some("host_with_underscore")),
        ("::1", None),
    ] {
        let tls = trusting_client().connect(name, &[], trust, &Spares::default()).unwrap();
        let mut pair = Ours::new(tls, &config);
        pair.exchange();
        assert_eq!(pair.server.sni(), sni);
    }
    for bad in ["", "two words", "a..b", "[::1", "1.2.3.4.5."] {
        let error = trusting_client().connect(bad, &[], trust, &Spares::default()).err();
        let error = error.unwrap_or_else(|| panic!("{bad} is taken for a name"));
        assert_eq!(error.kind(), ErrorKind::Incompatible);
        assert!(error.to_string().contains("neither a host name nor an address"), "{error}");
    }
    for bad in [&b""[..], &[b'x'; 256]] {
        let error = trusting_client().connect("localhost", &[bad], trust, &Spares::default()).err().unwrap();
        assert!(error.to_string().contains("ALPN"), "{error}");
    }
}

#[test]
fn sessions_are_resumed_under_the_same_trust_only() {
    let relaxed = Trust { allow_selfsigned: true, ..Trust::default() };
    let stranger = Authority::new("stranger").issue("localhost");
    for (tls12, name) in [(true, "TLSv1.2"), (false, "TLSv1.3")] {
        let versions = |options: ServerOptions<'_>| {
            server_config(&ServerOptions { tls12, tls13: !tls12, ..options }).unwrap()
        };
        let known = versions(options());
        let unknown = versions(ServerOptions::new(stranger.server()));
        let client = trusting_client();
        let attempt = |client: &ClientTls, config: &Arc<ServerConfig>, trust: Trust| {
            let tls = client.connect("localhost", &[b"h2"], trust, &Spares::default()).unwrap();
            let mut pair = Ours::new(tls, config);
            pair.run()?;
            pair.exchange_again();
            assert_eq!(pair.client.version(), Some(name));
            assert_eq!(pair.client.alpn(), Some(&b"h2"[..]));
            assert!(pair.client.peer_certificate().is_some());
            assert_eq!(pair.client.resumed(), pair.server.resumed());
            Ok::<bool, TlsError>(pair.client.resumed())
        };
        assert_eq!(attempt(&client, &known, Trust::default()), Ok(false));
        assert_eq!(attempt(&client, &known, Trust::default()), Ok(true));
        assert_eq!(attempt(&client, &known, relaxed), Ok(false), "under another trust");
        assert_eq!(attempt(&client, &known, relaxed), Ok(true));
        assert_eq!(attempt(&trusting_client(), &known, Trust::default()), Ok(false), "of another client");

        assert_eq!(attempt(&client, &unknown, relaxed), Ok(false));
        assert_eq!(attempt(&client, &unknown, relaxed), Ok(true));
        for _ in 0..2 {
            let error = attempt(&client, &unknown, Trust::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PeerCertificate);
        }
        let tls = client.connect("other.example", &[b"h2"], relaxed, &Spares::default()).unwrap();
        assert!(Ours::new(tls, &unknown).run().is_err(), "a session is of one name");

        let issuer = AUTHORITY.issuer.pem();
        let client =
            ClientTls::new(&ClientOptions { sessions: 0, ..ClientOptions::new(issuer.as_bytes()) }).unwrap();
        assert_eq!(attempt(&client, &known, Trust::default()), Ok(false));
        assert_eq!(attempt(&client, &known, Trust::default()), Ok(false), "none are kept");
    }
}

#[test]
fn client_certificates() {
    let ca = Authority::new("client authority");
    let friend = ca.issue("friend");
    let ca_pem = ca.issuer.pem();
    let required = ClientAuth::Required { ca: ca_pem.as_bytes() };
    let issuer = AUTHORITY.issuer.pem();
    let with_credentials = |identity: Option<&Identity>| {
        let credentials = identity.map(Identity::server);
        ClientTls::new(&ClientOptions { credentials, ..ClientOptions::new(issuer.as_bytes()) }).unwrap()
    };
    for tls12 in [true, false] {
        let config =
            server_config(&ServerOptions { client_auth: required, tls12, tls13: !tls12, ..options() })
                .unwrap();
        let attempt = |client: &ClientTls| {
            let tls = client.connect("localhost", &[], Trust::default(), &Spares::default()).unwrap();
            let mut pair = Ours::new(tls, &config);
            pair.run()?;
            pair.exchange_again();
            assert!(pair.server.peer_certificate().is_some());
            Ok::<(), TlsError>(())
        };
        attempt(&with_credentials(Some(&friend))).unwrap();
        let error = attempt(&with_credentials(None)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlertReceived);
        assert!(error.to_string().contains("the server requires a client certificate"), "{error}");
        let foe = Authority::new("client authority").issue("foe");
        let error = attempt(&with_credentials(Some(&foe))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlertReceived, "{error}");
    }
}

#[test]
fn options_are_checked() {
    let refused = |options: ClientOptions<'_>| ClientTls::new(&options).unwrap_err();
    for ca in [&b"nonsense"[..], LOCALHOST.key.as_bytes(), b"-----BEGIN CERTIFICATE-----\nAAAA\n"] {
        assert_eq!(refused(ClientOptions::new(ca)).field, Field::ServerCa);
    }
    let versions = ClientOptions { tls12: false, tls13: false, ..ClientOptions::new(b"") };
    assert_eq!(refused(versions).field, Field::Versions);
    let other = AUTHORITY.issue("x");
    let mixed = Credentials { private_key: other.key.as_bytes(), ..LOCALHOST.server() };
    let error = refused(ClientOptions { credentials: Some(mixed), ..ClientOptions::new(b"") });
    assert_eq!(error.field, Field::PrivateKey);
}

#[test]
fn servers_that_do_not_speak_tls_are_quoted() {
    for (answer, quoted) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "\"HTTP/1.1 400 Bad\""),
        (b"220 smtp.example ESMTP\r\n", "\"220 smtp.example\""),
        (b"\x16\x00", "\"\\x16\\x00\""),
    ] {
        let mut client =
            trusting_client().connect("localhost", &[], Trust::default(), &Spares::default()).unwrap();
        let error = client.receive_into(&mut answer.to_vec(), &mut BytesMut::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotTls);
        assert!(error.to_string().contains(quoted), "{error}");
    }
}

#[test]
fn alerts_are_put_into_words() {
    for (alert, words) in [
        (112, "does not serve the name"),
        (120, "none of the protocols offered (ALPN: h2, http/1.1)"),
        (70, "no TLS version in common"),
        (40, "refused the TLS handshake (alert HandshakeFailure)"),
    ] {
        let tls = trusting_client().connect(
            "localhost",
            &[b"h2", b"http/1.1"],
            Trust::default(),
            &Spares::default(),
        );
        let error =
            tls.unwrap().receive_into(&mut [21, 3, 3, 0, 2, 2, alert], &mut BytesMut::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlertReceived);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn damage_anywhere_in_the_servers_flights_is_noticed() {
    for tls12 in [true, false] {
        let config = server_config(&ServerOptions { tls12, tls13: !tls12, ..options() }).unwrap();
        let client = trusting_client();
        for flight in 0..2 {
            // Brings the client up to the flight, which is returned.
            let up_to_flight = || {
                let tls = client.connect("localhost", &[b"h2"], Trust::default(), &Spares::default());
                let mut pair = Ours::new(tls.unwrap(), &config);
                let mut down = Vec::new();
                for _ in 0..=flight {
                    pair.give_client(&down).unwrap();
                    let up = pair.client_output();
                    pair.give_server(&up).unwrap();
                    down = pair.server_output();
                }
                (pair, down)
            };
            let (pair, down) = up_to_flight();
            // The second flight of a TLS 1.3 server comes when the handshake is over: tickets.
            let over = pair.completed == 1;
            assert_eq!(over, flight == 1 && !tls12);
            for spoil in (0..down.len()).step_by(if flight == 0 { 5 } else { 1 }) {
                let (mut pair, mut down) = up_to_flight();
                // The version in a record header means nothing (RFC 8446 §5.1). Signatures are not all equally long, and so
                // each flight has its own headers, and its own end.
                let headers = records(&down).into_iter().scan(0, |end, length| {
                    *end += length;
                    Some(*end - length)
                });
                if spoil >= down.len() || headers.into_iter().any(|at| (at + 1..at + 3).contains(&spoil)) {
                    continue;
                }
                down[spoil] ^= 0x10;
                // A spoilt length may make the client wait for more; it must not believe the handshake.
                match pair.give_client(&down) {
                    Err(error) => assert_ne!(error.kind(), ErrorKind::Internal, "byte {spoil}: {error}"),
                    Ok(()) => assert_eq!(pair.at_client.len(), 0),
                }
                assert!(over || pair.completed == 0, "flight {flight} byte {spoil}, TLS 1.2: {tls12}");
            }
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    let config = server_config(&options()).unwrap();
    let client = trusting_client();
    for (i, junk) in noise(100_000).chunks(100).enumerate() {
        let tls = client.connect("localhost", &[], Trust::default(), &Spares::default());
        let mut pair = Ours::new(tls.unwrap(), &config);
        let hello = pair.client_output();
        pair.give_server(&hello).unwrap();
        let down = pair.server_output();
        // Instead of the server's first flight, within it, or behind it.
        let cut = [0, down.len() / 3, down.len()][i % 3];
        pair.give_client(&down[..cut]).unwrap();
        let kind = 20 + (i / 3 % 4) as u8;
        let _ = pair.give_client(&[&[kind, 3, 3, 0, 100], junk].concat());
        assert_eq!(&pair.at_client[..], b"");
    }
}

#[test]
fn nothing_is_sent_before_the_handshake_ends_and_after_close_notify() {
    let config = server_config(&options()).unwrap();
    let tls = trusting_client().connect("localhost", &[], Trust::default(), &Spares::default());
    let mut pair = Ours::new(tls.unwrap(), &config);
    let pending = pair.client.pending_output();
    assert_eq!(pair.client.send(&[b"too early"]).unwrap_err().kind(), ErrorKind::NotSendable);
    pair.client.send_close_notify();
    assert_eq!(pair.client.pending_output(), pending);
    pair.exchange();
    pair.client.send_close_notify();
    assert_eq!(pair.client.send(&[b"too late"]).unwrap_err().kind(), ErrorKind::NotSendable);
    pair.run().unwrap();
    pair.server.send(&[b"half closed"]).unwrap();
    pair.server.send_close_notify();
    pair.run().unwrap();
}

#[test]
fn a_large_transfer_each_way() {
    let config = server_config(&options()).unwrap();
    let tls = trusting_client().connect("localhost", &[], Trust::default(), &Spares::default());
    let mut pair = Ours::new(tls.unwrap(), &config);
    pair.run().unwrap();
    let content = noise(1 << 20);
    for part in content.chunks(70_001) {
        pair.client.send(&[part]).unwrap();
        pair.server.send(&[part]).unwrap();
        pair.run().unwrap();
    }
    assert!(pair.at_client == content && pair.at_server == content);
    assert_eq!(pair.client.pending_output(), 0);
}
