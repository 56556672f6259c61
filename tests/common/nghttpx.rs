//! nghttpx, a proxy that speaks HTTP/2 with WebSockets (RFC 8441) on either side.

use std::net::{Ipv4Addr, TcpStream};

use super::process::{Program, Running};
use super::tls::Identity;
use super::{free_ports, until};

/// It runs as long as the value lives.
pub(crate) struct Nghttpx {
    _program: Running,
    pub(crate) port: u16,
}

impl Nghttpx {
    /// HTTP/1 in front, HTTP/2 over TLS behind.
    pub(crate) fn with_http2_behind(backend: u16) -> Self {
        Self::start(
            &["--insecure".to_owned(), format!("--backend=127.0.0.1,{backend};;proto=h2;tls")],
            ";no-tls",
        )
    }

    /// HTTP/2 or HTTP/1 over TLS in front, HTTP/1 behind.
    pub(crate) fn with_tls_in_front(identity: &Identity, backend: u16) -> Self {
        let path = |path: &std::path::Path| path.to_str().expect("a path in UTF-8").to_owned();
        let backend = format!("--backend=127.0.0.1,{backend}");
        Self::start(&["--no-ocsp".to_owned(), backend, path(&identity.key), path(&identity.cert)], "")
    }

    fn start(args: &[String], front: &str) -> Self {
        // Another process may take the port between our look and nghttpx's.
        (0..5)
            .find_map(|_| Self::try_to(args, front))
            .expect("nghttpx finds its ports taken, again and again")
    }

    fn try_to(args: &[String], front: &str) -> Option<Self> {
        let [port] = free_ports();
        let mut program = Program::independent("/usr/sbin/nghttpx")
            .args(["--conf=/dev/null", "--workers=1", "--single-process", "--errorlog-file=/dev/stderr"])
            .args(["--accesslog-file=/dev/null", "--backend-read-timeout=10m", "--frontend-read-timeout=10m"])
            .arg(format!("--frontend=127.0.0.1,{port}{front}"))
            .args(args)
            .start();
        let listens = until("nghttpx", || {
            if program.has_ended() {
                return Some(false);
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(true)
        });
        listens.then_some(Self { _program: program, port })
    }
}
