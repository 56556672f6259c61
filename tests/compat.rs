//! What programs that were written for lws rely on and no other test says: calls that few programs make, and what the
//! comparison with lws (`tests/differential.rs`) once found.

mod common;

use common::{Program, Running, Scratch, compile, h1, tls, tools};

#[test]
fn calls_that_few_programs_make() {
    let mut running = Program::new(compile("exports")).start();
    let status = running.wait();
    assert!(status.success() && running.stdout() == ["exports: ok"], "{}", running.transcript());
    assert!(running.stderr().is_empty(), "{}", running.transcript());
}

struct Server {
    running: Running,
    port: u16,
    _www: Scratch,
}

fn start(args: &[&str]) -> Server {
    let www = Scratch::new();
    www.file("index.html", "<html>index</html>\n");
    www.file("page.html", "<html>page</html>\n");
    www.file("large.txt", vec![b'x'; 300_000]);
    let program = Program::new(compile("compat-server")).arg(format!("--www={}", www.path().display()));
    let running = program.args(args).start();
    let port = running.port();
    Server { running, port, _www: www }
}

impl Server {
    fn finish(mut self) {
        self.running.close_stdin();
        let status = self.running.wait();
        assert!(status.success() && self.running.stderr().is_empty(), "{}", self.running.transcript());
    }
}

#[test]
fn a_file_answers_a_request_with_a_body_once() {
    let server = start(&[]);
    for (method, path, length) in [
        ("POST", "/page.html", 18),
        ("PUT", "/large.txt", 300_000),
        ("PATCH", "/fp/page.html", 18),
        ("POST", "/cb/servefile", 18),
    ] {
        let mut client = h1::Client::new(h1::connect(server.port));
        // The body arrives with the head, and in two pieces while the file is on its way.
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"));
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (200, length), "{method} {path}");
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello"));
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (200, length), "{method} {path}, body late");
        client.send("there");
        let next = client.get("/index.html");
        assert_eq!((next.status, next.text().as_str()), (200, "<html>index</html>\n"), "{method} {path}");
    }
    server.finish();
}

#[test]
fn a_file_answers_a_stream_with_a_body_once() {
    let server = start(&["--tls", &tls::localhost().pair()]);
    for path in ["/page.html", "/fp/page.html", "/cb/servefile", "/large.txt"] {
        for method in ["PUT", "PATCH"] {
            let url = format!("https://localhost:{}{path}", server.port);
            let reply = tools::curl(&["--http2", "-X", method, "--data-binary", "hello", &url]);
            let length = if path == "/large.txt" { 300_000 } else { 18 };
            let want = (0, "2", 200, length);
            let is_callback = path == "/cb/servefile";
            assert_eq!(
                (reply.exit, reply.version.as_str(), reply.status, reply.body.len()),
                want,
                "{method} {path} {is_callback}"
            );
        }
    }
    server.finish();
}

#[test]
fn a_file_that_the_program_serves_is_cached_as_its_mount_says() {
    let server = start(&[]);
    let mut client = h1::Client::new(h1::connect(server.port));
    let response = client.get("/cb/servefile");
    let names: Vec<_> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "content-length", "cache-control"]);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    drop(client);
    server.finish();
}
