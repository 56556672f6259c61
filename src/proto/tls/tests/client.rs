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
        self.client.send(&[b"pi", b"ng"]).unwrap();
        self.server.send(&[b"pong"]).unwrap();
        self.run().unwrap();
        assert_eq!((&self.at_server[..], &self.at_client[..]), (&b"ping"[..], &b"pong"[..]));
        assert_eq!(self.completed, 1);
    }
}

fn trusting_client() -> ClientTls {
    ClientTls::new(&ClientOptions::new(AUTHORITY.issuer.pem().as_bytes())).unwrap()
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
