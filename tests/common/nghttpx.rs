//! nghttpx, a proxy that speaks HTTP/2 with WebSockets (RFC 8441) on either side.

use super::peers::on_free_port;
use super::process::{Program, Running};
use super::tls::Identity;

/// It runs as long as the value lives.
pub(crate) struct Nghttpx {
    _program: Running,
    pub(crate) port: u16,
}

impl Nghttpx {
    /// HTTP/1 in front, HTTP/2 over TLS behind.
    pub(crate) fn with_http2_behind(backend: u16) -> Self {
        Self::start(|program, port| {
            program
                .arg("--insecure")
                .arg(format!("--frontend=127.0.0.1,{port};no-tls"))
                .arg(format!("--backend=127.0.0.1,{backend};;proto=h2;tls"))
        })
    }

    /// HTTP/2 or HTTP/1 over TLS in front, HTTP/1 behind.
    pub(crate) fn with_tls_in_front(identity: &Identity, backend: u16) -> Self {
        Self::start(|program, port| {
            program
                .arg("--no-ocsp")
                .arg(format!("--frontend=127.0.0.1,{port}"))
                .arg(format!("--backend=127.0.0.1,{backend}"))
                .arg(&identity.key)
                .arg(&identity.cert)
        })
    }

    fn start(arguments: impl Fn(Program, u16) -> Program) -> Self {
        let (program, port) = on_free_port("nghttpx", |port| {
            let program = Program::independent("/usr/sbin/nghttpx")
                .args(["--conf=/dev/null", "--workers=1", "--single-process", "--errorlog-file=/dev/stderr"])
                .args([
                    "--accesslog-file=/dev/null",
                    "--backend-read-timeout=10m",
                    "--frontend-read-timeout=10m",
                ]);
            arguments(program, port).start()
        });
        Self { _program: program, port }
    }
}
