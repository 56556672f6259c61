//! `tests/c/http-server.c`, running on a free port with a small site.

use std::path::Path;

use super::{Program, Running, Scratch, compile, h1, tls};

pub(crate) struct HttpServer {
    pub(crate) running: Running,
    pub(crate) port: u16,
    pub(crate) www: Scratch,
}

/// The root of the site: `index.html`, `404.html`, `sub/index.html`, and a file of each interesting type.
pub(crate) fn site() -> Scratch {
    let www = Scratch::new();
    www.file("index.html", "<html>index</html>\n");
    www.file("404.html", "<html>not found</html>\n");
    www.file("sub/index.html", "<html>sub</html>\n");
    www.file("sub/page.html", "<html>page</html>\n");
    www.file("style.css", "body { }\n");
    www.file("script.js", "let x;\n");
    www.file("data.json", "{}\n");
    www.file("photo.JPG", "not really\n");
    www.file("notes.weird", "weird\n");
    www.file("empty.txt", "");
    www.file("large.txt", letters(300_000));
    www
}

/// The program with these arguments, not started.
pub(crate) fn program(www: &Path, args: &[&str]) -> Program {
    Program::new(compile("http-server")).arg(format!("--www={}", www.display())).args(args)
}

/// Started, without TLS unless the arguments say so.
pub(crate) fn start(args: &[&str]) -> HttpServer {
    start_site(site(), args)
}

/// Started with TLS and the certificate for localhost.
pub(crate) fn start_tls(args: &[&str]) -> HttpServer {
    let pair = format!("--tls={}", tls::localhost().pair());
    let mut all = vec![pair.as_str()];
    all.extend_from_slice(args);
    start(&all)
}

pub(crate) fn start_site(www: Scratch, args: &[&str]) -> HttpServer {
    let running = program(www.path(), args).start();
    let port = running.port();
    HttpServer { running, port, www }
}

impl HttpServer {
    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    pub(crate) fn https(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// An h1 client on a new plain connection.
    pub(crate) fn h1(&self) -> h1::Client<std::net::TcpStream> {
        h1::Client::new(h1::connect(self.port))
    }

    /// Requests that reached the application up to now.
    pub(crate) fn app_calls(&self) -> Vec<String> {
        self.running.stdout().into_iter().filter(|line| line.starts_with("app ")).collect()
    }

    /// Ends the program; it has not crashed, found nothing leaked, and had no error to report.
    pub(crate) fn finish(self) {
        self.finish_despite("\0");
    }

    /// As [`Self::finish`], but error lines with this text are what the test was about.
    pub(crate) fn finish_despite(mut self, text: &str) {
        self.running.close_stdin();
        let status = self.running.wait();
        let transcript = self.running.transcript();
        assert!(status.success(), "{}\n{transcript}", super::process::describe(status));
        let unexpected = |line: &String| is_error(line) && !line.contains(text);
        let quiet = !self.running.stderr().iter().any(unexpected);
        assert!(quiet || super::library().foreign, "error lines\n{transcript}");
    }
}

/// A log line of level ERR, or what a panic prints.
pub(crate) fn is_error(line: &str) -> bool {
    line.contains(" E: ") || line.contains("panicked at")
}

/// The alphabet again and again, as `/cb/size` sends it.
pub(crate) fn letters(len: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(len).collect()
}
