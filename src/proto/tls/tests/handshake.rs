//! Versions, ALPN, SNI, resumption, client certificates.

use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup, ring};
use rustls::{HandshakeKind, NamedGroup};

use super::*;

#[test]
fn both_versions_whatever_the_size_of_the_pieces() {
    let config = server_config(&options()).unwrap();
    for (version, name) in [(TLS12, "TLSv1.2"), (TLS13, "TLSv1.3")] {
        for piece in [1, 2, 3, 5, 7, 64, 333, 1500, usize::MAX] {
            let client = client_config(&[version], &["http/1.1", "h2"]);
            let mut pair = Pair::new(client, &config).in_pieces(piece);
            assert_eq!(pair.server.version(), None);
            pair.run().unwrap();
            assert_eq!((pair.completed, pair.chosen), (1, 1), "pieces of {piece}");
            assert_eq!(pair.server.version(), Some(name));
            assert_eq!(pair.server.alpn(), Some(&b"h2"[..]), "our order decides");
            assert_eq!(pair.client.alpn_protocol(), Some(&b"h2"[..]));
            assert_eq!(pair.server.sni(), Some("localhost"));
            assert!(pair.server.cipher().unwrap().contains("AES"));
            assert!(!pair.server.resumed());
            assert_eq!(pair.server.peer_certificate(), None);
            pair.exchange();
        }
    }
}

#[test]
fn a_client_hello_may_be_cut_anywhere() {
    let config = server_config(&options()).unwrap();
    let client = Arc::new(client_config(&[TLS13, TLS12], &["h2"]));
    let length = Pair::new(Arc::clone(&client), &config).client_output().len();
    for cut in (1..length).step_by(11).chain([4, 5, 6, length - 1]) {
        let mut pair = Pair::new(Arc::clone(&client), &config);
        let hello = pair.client_output();
        pair.give_server(&hello[..cut]).unwrap();
        assert!(pair.server.is_handshaking());
        assert_eq!((pair.chosen, pair.server.pending_output()), (0, 0));
        pair.give_server(&hello[cut..]).unwrap();
        assert_eq!(pair.chosen, 1);
        pair.exchange();
    }
}

#[test]
fn a_client_hello_may_be_spread_over_many_records() {
    let config = server_config(&options()).unwrap();
    for fragment in [1, 3, 4, 50, 200] {
        for piece in [1, 40, usize::MAX] {
            let client = client_config(&[TLS12, TLS13], &["h2"]);
            let mut pair = Pair::new(client, &config).in_pieces(piece);
            let hello = pair.client_output();
            let mut spread = Vec::new();
            for part in hello[5..].chunks(fragment) {
                spread.extend_from_slice(&hello[..3]);
                spread.extend_from_slice(&u16::try_from(part.len()).unwrap().to_be_bytes());
                spread.extend_from_slice(part);
            }
            pair.give_server(&spread).unwrap();
            assert_eq!(pair.chosen, 1);
            pair.exchange();
        }
    }
}

#[test]
fn versions_not_in_common_are_refused_with_an_alert() {
    for (ours, theirs) in [(TLS12, TLS13), (TLS13, TLS12)] {
        let config = server_config(&ServerOptions {
            tls12: ours.version == TLS12.version,
            tls13: ours.version == TLS13.version,
            ..options()
        })
        .unwrap();
        Pair::new(client_config(&[ours], &[]), &config).exchange();
        let (error, at_client) = Pair::new(client_config(&[theirs], &[]), &config).run_into_error();
        assert_eq!(error.kind(), ErrorKind::Incompatible);
        let alert = rustls::AlertDescription::ProtocolVersion;
        assert_eq!(at_client, Err(rustls::Error::AlertReceived(alert)));
    }
}

#[test]
fn the_vhost_is_chosen_by_name() {
    let vhosts: Vec<(&str, Arc<ServerConfig>)> = ["one.example", "two.example"]
        .map(|name| {
            let identity = AUTHORITY.issue(name);
            let options = ServerOptions::new(identity.server());
            (name, server_config(&options).unwrap())
        })
        .into();
    // The client checks the name in the certificate.
    let client = Arc::new(client_config(&[TLS13, TLS12], &["h2"]));
    for (name, config) in &vhosts {
        let mut pair = Pair::named(name, Arc::clone(&client), None);
        let hello = pair.client_output();
        let progress = pair.server.receive(&hello, |hello| {
            assert_eq!(hello.sni(), Some(*name));
            assert_eq!(hello.alpn().collect::<Vec<_>>(), [b"h2"]);
            Some(Arc::clone(config))
        });
        assert_eq!(progress.unwrap().handshake, Handshake::Ongoing);
        pair.exchange();
        assert_eq!(pair.server.sni(), Some(*name));
    }
    let mut pair = Pair::named("ONE.Example", client, Some(Arc::clone(&vhosts[0].1)));
    pair.exchange();
    assert_eq!(pair.server.sni(), Some("one.example"), "lower case");
}

#[test]
fn a_client_without_sni_is_served_and_a_name_nobody_has_is_refused() {
    let config = server_config(&options()).unwrap();
    let mut client = client_config(&[TLS13, TLS12], &[]);
    client.enable_sni = false;
    let mut pair = Pair::new(client, &config);
    pair.exchange();
    assert_eq!(pair.server.sni(), None);

    let client = client_config(&[TLS13, TLS12], &[]);
    let mut pair = Pair::named("stranger.example", client, None);
    let (error, at_client) = pair.run_into_error();
    assert_eq!(error.kind(), ErrorKind::NoCertificate);
    assert!(error.to_string().contains("stranger.example"), "{error}");
    let alert = rustls::AlertDescription::UnrecognisedName;
    assert_eq!(at_client, Err(rustls::Error::AlertReceived(alert)));
}

#[test]
fn alpn_is_by_our_order_and_never_refuses_a_client() {
    for (ours, theirs, agreed) in [
        ("h2,http/1.1", &["http/1.1", "h2"][..], Some("h2")),
        ("http/1.1, h2", &["h2", "http/1.1"], Some("http/1.1")),
        ("h2,http/1.1", &["http/1.1"], Some("http/1.1")),
        ("h2", &["spdy/3", "h2"], Some("h2")),
        ("h2", &["http/1.1"], None),
        ("h2,http/1.1", &[], None),
        ("", &["h2"], None),
        ("", &[], None),
    ] {
        let config = server_config(&ServerOptions { alpn: ours, ..options() }).unwrap();
        for version in [TLS12, TLS13] {
            let mut pair = Pair::new(client_config(&[version], theirs), &config);
            pair.exchange();
            assert_eq!(pair.server.alpn(), agreed.map(str::as_bytes), "{ours}");
            assert_eq!(pair.client.alpn_protocol(), agreed.map(str::as_bytes));
        }
    }
}

#[test]
fn sessions_are_resumed_with_tickets_and_only_with_those_of_the_same_configuration() {
    for version in [TLS12, TLS13] {
        let config = server_config(&options()).unwrap();
        let client = Arc::new(client_config(&[version], &["h2"]));
        let resumed = |config: &Arc<ServerConfig>| {
            let mut pair = Pair::new(Arc::clone(&client), config);
            pair.exchange();
            assert_eq!(pair.server.alpn(), Some(&b"h2"[..]));
            assert_eq!(pair.server.resumed(), pair.client.handshake_kind() == Some(HandshakeKind::Resumed));
            pair.server.resumed()
        };
        assert!(!resumed(&config));
        assert!(resumed(&config));
        assert!(resumed(&config));
        assert!(!resumed(&server_config(&options()).unwrap()), "other keys");
        let without = server_config(&ServerOptions { session_tickets: false, ..options() }).unwrap();
        resumed(&without);
        assert!(!resumed(&without));
    }
}

#[test]
fn client_certificates() {
    let ca = Authority::new("client authority");
    let ca_pem = ca.issuer.pem();
    let ca_der = ca.issuer.der().to_vec();
    let friend = ca.issue("friend");
    let foe = Authority::new("client authority").issue("foe");
    let with = |client_auth| server_config(&ServerOptions { client_auth, ..options() }).unwrap();
    let required = with(ClientAuth::Required { ca: ca_pem.as_bytes() });
    let optional = with(ClientAuth::Optional { ca: &ca_der });

    for config in [&required, &optional] {
        let mut pair = Pair::new(client_config_with_certificate(&friend), config);
        pair.exchange();
        let leaf = CertificateDer::from_pem_slice(friend.chain.as_bytes()).unwrap();
        assert_eq!(pair.server.peer_certificate(), Some(leaf.as_ref()));

        let client = client_config_with_certificate(&foe);
        let (error, at_client) = Pair::new(client, config).run_into_error();
        assert_eq!(error.kind(), ErrorKind::PeerCertificate, "{error}");
        assert!(matches!(at_client, Err(rustls::Error::AlertReceived(_))));
    }
    for version in [TLS12, TLS13] {
        let mut pair = Pair::new(client_config(&[version], &[]), &optional);
        pair.exchange();
        assert_eq!(pair.server.peer_certificate(), None);

        let client = client_config(&[version], &[]);
        let (error, at_client) = Pair::new(client, &required).run_into_error();
        assert_eq!(error.kind(), ErrorKind::PeerCertificate, "{error}");
        assert!(matches!(at_client, Err(rustls::Error::AlertReceived(_))));
    }
}

#[test]
fn a_resumed_session_still_knows_the_client_certificate() {
    let ca = Authority::new("client authority");
    let config = server_config(&ServerOptions {
        client_auth: ClientAuth::Required { ca: ca.issuer.pem().as_bytes() },
        ..options()
    })
    .unwrap();
    let client = Arc::new(client_config_with_certificate(&ca.issue("friend")));
    Pair::new(Arc::clone(&client), &config).exchange();
    let mut pair = Pair::new(client, &config);
    pair.exchange();
    assert!(pair.server.resumed());
    assert!(pair.server.peer_certificate().is_some());
}

#[test]
fn a_client_that_guesses_the_wrong_group_is_asked_again() {
    /// A group that only the client knows.
    #[derive(Debug)]
    struct Foreign;

    struct Started(Box<dyn ActiveKeyExchange>);

    impl SupportedKxGroup for Foreign {
        fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
            Ok(Box::new(Started(ring::kx_group::X25519.start()?)))
        }

        fn name(&self) -> NamedGroup {
            NamedGroup::secp521r1
        }
    }

    impl ActiveKeyExchange for Started {
        fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, rustls::Error> {
            panic!("the server agreed to a group it does not know")
        }

        fn pub_key(&self) -> &[u8] {
            self.0.pub_key()
        }

        fn group(&self) -> NamedGroup {
            NamedGroup::secp521r1
        }
    }

    let config = server_config(&options()).unwrap();
    let mut provider = ring::default_provider();
    provider.kx_groups = vec![&Foreign, ring::kx_group::X25519];
    let mut roots = RootCertStore::empty();
    roots.add(AUTHORITY.issuer.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Arc::new(client);
    for piece in [1, usize::MAX] {
        let mut pair = Pair::new(Arc::clone(&client), &config).in_pieces(piece);
        pair.exchange();
        let kind = pair.client.handshake_kind();
        // The second connection of the loop resumes, and guesses right because it remembers.
        assert!(
            kind == Some(HandshakeKind::FullWithHelloRetryRequest)
                || piece != 1 && kind == Some(HandshakeKind::Resumed),
            "{kind:?}"
        );
        assert_eq!(pair.chosen, 1);
    }
}
