//! nghttpd, nghttp2's own server, for our clients: HTTP/2 only, and what is posted comes back.

use super::example::Examples;
use super::process::{Program, Running};
use super::tools::curl;
use super::wait::until;
use super::{Scratch, free_ports};

/// A running nghttpd that serves `hello.txt`, and sends back what is posted to it.
pub(crate) struct Nghttpd {
    program: Running,
    base: String,
    www: Scratch,
}

impl Nghttpd {
    /// Starts one on a free port, and waits until it answers.
    pub(crate) fn start(with_tls: bool) -> Self {
        (0..5).find_map(|_| Self::try_start(with_tls)).expect("nghttpd finds its port taken, again and again")
    }

    fn try_start(with_tls: bool) -> Option<Self> {
        let www = Scratch::new();
        www.file("hello.txt", "hello world\n");
        let token = www.path().display().to_string();
        www.file("token", &token);
        let [port] = free_ports();
        let program = Program::independent("/usr/sbin/nghttpd")
            .args(["--address=127.0.0.1", "--echo-upload", "--htdocs", &token])
            .args((!with_tls).then_some("--no-tls"))
            .arg(port.to_string());
        let (certificate, key) = (Examples::built().certificate(), Examples::built().key());
        let program = if with_tls { program.args([key, certificate]) } else { program }.start();
        let scheme = if with_tls { "https" } else { "http" };
        let mut this = Self { program, base: format!("{scheme}://localhost:{port}"), www };
        let token_url = this.url("/token");
        let answers = until("nghttpd", || {
            if this.program.has_ended() {
                return Some(false);
            }
            let reply = curl(&["--http2-prior-knowledge", &token_url]);
            (reply.text() == token).then_some(true)
        });
        if !answers {
            let why = this.program.transcript();
            assert!(why.contains("listen"), "nghttpd does not start:\n{why}");
        }
        answers.then_some(this)
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}
