//! nginx as a server for our clients: a private one, in the foreground, on free ports of the loopback.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::example::Examples;
use super::process::{Program, Running};
use super::wait::until;
use super::{Scratch, free_ports};

/// How to reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// HTTP/1.1.
    Plain,
    /// HTTP/2 by prior knowledge.
    H2c,
    /// TLS, HTTP/2 and HTTP/1.1.
    Tls,
    /// TLS, and a connection ends after [`REQUESTS_OF_SHORT`] requests.
    Short,
}

/// Requests that a connection to [`Port::Short`] may carry.
pub(crate) const REQUESTS_OF_SHORT: usize = 100;

/// A running nginx with its site:
///
/// | path | answer |
/// |---|---|
/// | files put into `www` | themselves |
/// | `/r301` … `/r308` | a redirect of that status to `/upload` |
/// | `/relative` | a redirect to `hello.txt`, without a host |
/// | `/loop` | a redirect to itself |
/// | `/to-tls`, `/to-plain` | a redirect to `hello.txt` on the other port |
/// | `/headers` | `x-echo`, with the request's `x-colour`; `x-late`, with `x-size` |
/// | `/upload` | the file `uploaded.txt`, after the request's body was kept: [`Nginx::uploads`] |
pub(crate) struct Nginx {
    program: Running,
    place: Scratch,
    ports: [u16; 4],
}

/// A line of the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Serial number of the connection.
    pub(crate) connection: u64,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub(crate) version: String,
    pub(crate) status: u16,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) content_type: String,
}

impl Nginx {
    /// Starts one, and waits until it answers.
    pub(crate) fn start() -> Self {
        // Another process may take a port between our look and nginx's.
        (0..5).find_map(|_| Self::try_start()).expect("nginx finds its ports taken, again and again")
    }

    fn try_start() -> Option<Self> {
        let place = Scratch::new();
        place.file("www/hello.txt", "hello world\n");
        place.file("www/uploaded.txt", "uploaded\n");
        place.file("www/empty.txt", "");
        let ports = free_ports();
        let token = place.path().display().to_string();
        let config = place.file("nginx.conf", configuration(&token, ports));
        let program = Program::independent("/usr/sbin/nginx")
            .args(["-e", "stderr", "-p", &token, "-c"])
            .arg(config)
            .in_dir(place.path())
            .start();
        let mut this = Self { program, place, ports };
        let answers = until("nginx", || {
            if this.program.has_ended() {
                return Some(false);
            }
            (ask(this.port(Port::Plain)).as_deref() == Some(&token)).then_some(true)
        });
        if !answers {
            let why = this.program.transcript();
            assert!(why.contains("Address already in use"), "nginx does not start:\n{why}");
        }
        answers.then_some(this)
    }

    fn port(&self, port: Port) -> u16 {
        self.ports[port as usize]
    }

    /// The address of a path.
    pub(crate) fn url(&self, port: Port, path: &str) -> String {
        let scheme = if matches!(port, Port::Tls | Port::Short) { "https" } else { "http" };
        format!("{scheme}://localhost:{}{path}", self.port(port))
    }

    /// An address that the certificate is not for.
    pub(crate) fn url_by_another_name(&self, path: &str) -> String {
        format!("https://127.0.0.2:{}{path}", self.port(Port::Tls))
    }

    /// Makes a file.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        self.place.file(&format!("www/{name}"), content);
    }

    /// Makes a file of so many zeroes, which takes no room on the disk.
    pub(crate) fn sparse_file(&self, name: &str, size: u64) {
        let file = fs::File::create(self.place.path().join("www").join(name)).expect("a file");
        file.set_len(size).expect("the file's size");
        assert!(file.metadata().expect("metadata").blocks() < 100, "{name} is not sparse");
    }

    /// What has been asked for, in order, once `count` requests are over; what was there before is not told again.
    pub(crate) fn accesses(&self, count: usize) -> Vec<Access> {
        let log = self.place.path().join("access.log");
        let text = until("the lines of the access log", || {
            let text = fs::read_to_string(&log).expect("the access log");
            (text.lines().count() >= count).then_some(text)
        });
        // nginx appends: what comes now begins at the start again.
        fs::File::options().write(true).open(&log).and_then(|file| file.set_len(0)).expect("an empty log");
        text.lines().map(Access::parse).collect()
    }

    /// The bodies sent to `/upload`, in order; they are not told of again.
    pub(crate) fn uploads(&self) -> Vec<Vec<u8>> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.place.path().join("body"))
            .expect("the directory of bodies")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        files
            .iter()
            .map(|path| {
                let body = fs::read(path).expect("a body");
                fs::remove_file(path).expect("a body removed");
                body
            })
            .collect()
    }
}

impl Access {
    fn parse(line: &str) -> Self {
        let mut fields = line.split('|').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_else(|| panic!("access log: {line:?}"));
        Self {
            connection: next().parse().expect("number of the connection"),
            version: next(),
            status: next().parse().expect("status"),
            method: next(),
            path: next(),
            content_type: next(),
        }
    }
}

/// The body of the answer to `/token`, if there is one.
fn ask(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.write_all(b"GET /token HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let text = String::from_utf8(answer).ok()?;
    Some(text.split_once("\r\n\r\n")?.1.to_owned())
}

fn configuration(token: &str, [plain, h2c, tls, short]: [u16; 4]) -> String {
    let (certificate, key) = (Examples::built().certificate(), Examples::built().key());
    let redirects = [301, 302, 303, 307, 308]
        .map(|status| format!("location = /r{status} {{ return {status} /upload; }}"))
        .join("\n        ");
    // One process, which goes when it is told to, or killed.
    format!(
        r#"
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    log_format fields "$connection|$server_protocol|$status|$request_method|$request_uri|$content_type";
    access_log access.log fields;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 0;
    default_type text/plain;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    root www;
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{h2c} http2;
        listen 127.0.0.1:{tls} ssl http2;
        listen 127.0.0.2:{tls} ssl http2;
        keepalive_requests 1000000;
        {redirects}
        location = /token {{ access_log off; return 200 "{token}"; }}
        location = /loop {{ return 302 /loop; }}
        location = /relative {{ absolute_redirect off; return 302 /hello.txt; }}
        location = /to-tls {{ return 302 https://localhost:{tls}/hello.txt; }}
        location = /to-plain {{ return 302 http://localhost:{plain}/hello.txt; }}
        location = /headers {{
            add_header x-echo $http_x_colour;
            add_header x-late $http_x_size;
            return 200 "headers\n";
        }}
        location = /upload {{
            client_body_in_file_only on;
            proxy_pass http://127.0.0.1:{plain}/uploaded.txt;
            proxy_method GET;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
        location = /uploaded.txt {{ access_log off; }}
    }}
    server {{
        listen 127.0.0.1:{short} ssl http2;
        keepalive_requests {REQUESTS_OF_SHORT};
    }}
}}
"#
    )
}
