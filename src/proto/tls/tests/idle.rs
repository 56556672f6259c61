//! What a TLS connection holds while it waits, counted by the allocator: half of the idle budget of a
//! connection is h2's, so TLS has to stay small.

use super::*;
use crate::util::counting::{counted, live};

/// What the server holds after a handshake, a request of 100 bytes and a response of 20 000.
fn idle_bytes(
    version: &'static SupportedProtocolVersion,
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
) -> isize {
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    client.writer().write_all(&[b'r'; 100]).unwrap();
    // With room from the start, so that nothing but the connection allocates while counting.
    let mut down = Vec::with_capacity(100_000);
    let mut request = BytesMut::with_capacity(1_000);
    let mut response = 0;

    let before = live();
    let mut tls = counted(TlsServer::new);
    while response < 20_000 {
        let mut up = Vec::new();
        client.write_tls(&mut up).unwrap();
        down.clear();
        counted(|| {
            tls.receive(&up, |_| Some(Arc::clone(server))).unwrap();
            if tls.take_plaintext(&mut request) == 100 {
                tls.send(&[&[b'x'; 10_000], &[b'y'; 10_000]]).unwrap();
            }
            tls.write_to(&mut down).unwrap();
        });
        let mut rest = &down[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            let ready = client.process_new_packets().unwrap().plaintext_bytes_to_read();
            client.reader().read_exact(&mut vec![0; ready]).unwrap();
            response += ready;
        }
    }
    assert_eq!(client.protocol_version(), Some(version.version));
    let held = live() - before;
    counted(|| drop(tls));
    assert_eq!(live(), before, "everything is freed");
    held
}

#[test]
fn an_idle_connection_is_small() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der();
    let server = server_config(&ServerOptions::new(Credentials {
        cert_chain: made.cert.der(),
        private_key: &key,
        key_password: None,
    }))
    .unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Arc::new(client);
        // The second connection resumes the session of the first.
        for _ in 0..2 {
            let held = idle_bytes(version, &server, &client) + size_of::<TlsServer>() as isize;
            println!("{:?}: {held} bytes", version.version);
            assert!(held <= 6 * 1024, "{:?}: {held} bytes", version.version);
        }
    }
}
