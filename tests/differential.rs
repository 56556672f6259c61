//! The same program, run with Debian's libwebsockets and with this library: what a client sees is compared byte by
//! byte, and every difference has a reason in [`KNOWN`].
//!
//! `./scripts/test` fetches Debian 13's library, or `DEBIAN_LWS_ROOT` names the directory that its packages are unpacked in.

mod common;

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use common::{Program, Running, Scratch, compile, debian, h1, tls, tools};

/// How long a request may stay without an answer before it counts as not answered.
const PATIENCE: Duration = Duration::from_secs(4);

/// What a difference consists of.
enum Differs {
    /// The whole answer, or what follows it.
    Answer,
    /// Lines that start so are in our answer alone.
    OursHas(&'static str),
    /// Lines that start so are in Debian's answer alone.
    TheirsHas(&'static str),
}

use Differs::{Answer, OursHas, TheirsHas};

/// A difference that is meant: the cases by name (a `*` at the end stands for any rest), what differs, and why.
struct Known(&'static [&'static str], Differs, &'static str);

const KNOWN: &[Known] = &[
    Known(&["h2 *"], OursHas("content-length:"), "a file on HTTP/2 says how long it is"),
    Known(
        &["h1 dressed *"],
        TheirsHas("Strict-Transport-Security:"),
        "HSTS is not sent in clear text (RFC 6797 section 7.2)",
    ),
    Known(
        &[
            "h1 GET /nodef ",
            "h1 GET /otherdef ",
            "h1 GET /deep ",
            "h1 GET /deep/er ",
            "h1 GET /redir*",
            "h1 GET /fp ",
            "h1 GET /cached?x=1 ",
            "h1 HEAD /redir ",
            "h1 POST /redir *",
            "h1 PUT /redir *",
            "h1 PATCH /redir *",
            "h1 DELETE /redir ",
            "h1 redirect to host",
            "h1 dressed GET /redir ",
            "h1 dressed GET /cached ",
            "h1 star",
        ],
        Answer,
        "the answer is HTTP/1.1, and the connection goes on, where lws says HTTP/1.0 and closes",
    ),
    Known(
        &["h1 HEAD /none.html ", "h1 HEAD /cb/x ", "h1 HEAD /cbp/x ", "h1 dressed HEAD /none.html "],
        Answer,
        "the answer to HEAD has no body, also when the program or the error page has one",
    ),
    Known(
        &["h1 GET /cb/x? ", "h2 GET /cb/x? "],
        Answer,
        "an empty query has no arguments, not one called '/'",
    ),
    Known(&["h1 GET /cb/x?a=1#frag "], Answer, "a fragment is not part of the query"),
    Known(
        &[
            "h1 GET /cb/x Accept: text/html; *",
            "h2 GET /cb/x Accept: text/html; *",
            "h1 repeated cookie",
            "h1 spaces around value",
        ],
        Answer,
        "header values have no spaces around them, and repeated ones are joined in one way on both versions",
    ),
    Known(
        &["h1 GET /page.html If-None-Match: \"*", "h2 GET /page.html If-None-Match: \"*"],
        Answer,
        "a validator in quotes, as browsers send it, matches like one without",
    ),
    Known(&["h1 close in a list"], Answer, "'close' counts among other connection options"),
    Known(&["h1 no host", "h1 two hosts"], Answer, "HTTP/1.1 needs one Host (RFC 9112 section 3.2)"),
    Known(&["h1 absolute form"], Answer, "absolute targets are taken (RFC 9112 section 3.2.2)"),
    Known(
        &["h1 upgrade to nothing"],
        Answer,
        "an upgrade that is not known is ignored (RFC 9110 section 7.8)",
    ),
    Known(
        &["h1 two files", "h1 two callbacks", "h1 post and get"],
        Answer,
        "pipelined requests are all answered",
    ),
    Known(
        &["h1 chunked", "h1 chunked with trailer", "h1 chunked and empty"],
        Answer,
        "chunked request bodies are received",
    ),
    Known(&["h1 expect"], Answer, "a client that expects 100-continue gets it"),
    Known(
        &["h1 empty line first"],
        Answer,
        "an empty line before a request is skipped (RFC 9112 section 2.2)",
    ),
    Known(
        &[
            "h1 space before colon",
            "h1 bare line feeds",
            "h1 folded",
            "h1 two lengths",
            "h1 negative length",
            "h1 length and chunked",
            "h1 nul in target",
            "h1 bad escape",
            "h1 cut escape",
            "h1 garbage",
            "h1 no slash",
            "h1 no version",
        ],
        Answer,
        "malformed requests are answered with 400, and nothing of them reaches the program",
    ),
    Known(&["h1 too long header"], Answer, "too large a head is answered with 431"),
    Known(
        &["h1 lower case method", "h1 unknown method", "h1 trace", "h1 connect"],
        Answer,
        "methods that are not served are answered with 501; their case counts",
    ),
    Known(&["h1 version *"], Answer, "other versions than 1.0 and 1.1 are answered with 505"),
    Known(
        &["h2 GET /empty.html ", "h2 POST *", "h2 PUT *", "h2 PATCH *"],
        Answer,
        "empty files, and answers while a body is arriving, are complete on HTTP/2",
    ),
    Known(&["h2 GET /cb/hangup "], Answer, "closing a stream resets it, and only it"),
    Known(&["h2 GET /cb/x Cookie: a=1; crumb=2; *"], Answer, "any cookie is found by its name"),
    Known(
        &["h2 GET /cb/x X-*"],
        Answer,
        "headers that have no token are found on HTTP/2 too, with the same name",
    ),
];

impl Known {
    fn explains(&self, name: &str, theirs: &str, ours: &str) -> bool {
        let without = |text: &str, start: &str| {
            text.lines().filter(|line| !line.starts_with(start)).collect::<Vec<_>>().join("\n")
        };
        self.0.iter().any(|pattern| matches(pattern, name))
            && match self.1 {
                Answer => true,
                OursHas(start) => without(ours, start) == without(theirs, "\0"),
                TheirsHas(start) => without(theirs, start) == without(ours, "\0"),
            }
    }
}

#[test]
fn the_same_program_behaves_the_same() {
    let debian = debian::lws_library();
    let www = site();
    let mut report = String::new();
    let mut seen = vec![0; KNOWN.len()];
    let mut total = 0;
    for set in sets() {
        let theirs = set.run(&www, Some(&debian));
        let ours = set.run(&www, None);
        for (theirs, ours) in theirs.iter().zip(&ours) {
            total += 1;
            let name = format!("{} {}", set.name, theirs.0);
            if theirs.1 == ours.1 {
                continue;
            }
            if let Some(index) = KNOWN.iter().position(|known| known.explains(&name, &theirs.1, &ours.1)) {
                seen[index] += 1;
                continue;
            }
            writeln!(report, "==== {name}\n---- Debian\n{}\n---- ours\n{}", theirs.1, ours.1).unwrap();
        }
    }
    assert!(report.is_empty(), "{report}");
    for (Known(.., reason), seen) in KNOWN.iter().zip(&seen) {
        println!("{seen:4}  {reason}");
        assert!(*seen > 0, "this difference is none any more: {reason}");
    }
    println!("{total} exchanges compared");
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
}

fn site() -> Scratch {
    let www = Scratch::new();
    www.file("index.html", "<html>index</html>\n");
    www.file("page.html", "<html>page</html>\n");
    www.file("404.html", "<html>none</html>\n");
    www.file("sub/index.html", "<html>sub</html>\n");
    www.file("sub/with space.txt", "space\n");
    www.file("sub/plus+.txt", "plus\n");
    www.file("sub/\u{fc}ml.txt", "umlaut\n");
    www.file("er/index.html", "<html>er below deep</html>\n");
    www.file("nothing-here/file.txt", "no index\n");
    www.file("empty.html", "");
    www.file("large.txt", (b'a'..=b'z').cycle().take(150_000).collect::<Vec<u8>>());
    for suffix in SUFFIXES {
        www.file(&format!("file.{suffix}"), format!("{suffix}\n"));
    }
    www.file("nosuffix", "no suffix\n");
    // The validator of a file is made of its size and this.
    let page = std::fs::File::options().write(true).open(www.path().join("page.html")).unwrap();
    page.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(0x6553_f100)).unwrap();
    www
}

/// Requests to one configuration of the program.
struct Set {
    name: &'static str,
    args: Vec<String>,
    over: Over,
    cases: Vec<Case>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Plain HTTP/1, byte by byte.
    H1,
    /// HTTP/2 over TLS, by curl.
    H2,
}

struct Case {
    name: String,
    /// What is sent on HTTP/1; one piece per answer that is waited for.
    sends: Vec<Vec<u8>>,
    /// The answers expected before the connection is probed with another request.
    answers: usize,
    head: bool,
    /// curl's arguments on HTTP/2; without the URL if the last begins with a slash.
    curl: Vec<String>,
}

impl Case {
    fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), sends: vec![bytes.into()], answers: 1, head: false, curl: Vec::new() }
    }

    /// `headers` are whole lines, each with its line end.
    fn request(method: &str, target: &str, headers: &str, body: &str) -> Self {
        let text = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}");
        let mut case = Self::new(format!("{method} {target} {}{body}", headers.replace("\r\n", "; ")), text);
        case.head = method == "HEAD";
        case.curl = if case.head { vec!["-I".into()] } else { vec!["-X".into(), method.into()] };
        for line in headers.lines() {
            case.curl.extend(["-H".into(), line.into()]);
        }
        if !body.is_empty() {
            case.curl.extend(["--data-binary".into(), body.into()]);
        }
        case.curl.push(target.into());
        case
    }

    fn get(target: &str) -> Self {
        Self::request("GET", target, "", "")
    }

    fn answers(mut self, answers: usize) -> Self {
        self.answers = answers;
        self
    }

    fn then(mut self, bytes: &str) -> Self {
        self.sends.push(bytes.into());
        self
    }
}

impl Set {
    /// Name and transcript of every case.
    fn run(&self, www: &Scratch, library: Option<&Path>) -> Vec<(String, String)> {
        let mut program =
            Program::new(compile("compat-server")).arg(format!("--www={}", www.path().display()));
        if let Some(directory) = library {
            program = program.env("LD_LIBRARY_PATH", directory);
        }
        let server = program.args(&self.args).start();
        let port = server.port();
        let mut transcripts = Vec::new();
        for batch in self.cases.chunks(16) {
            let done: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    batch.iter().map(|case| scope.spawn(move || self.transcript(case, port))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            for (case, text) in batch.iter().zip(done) {
                transcripts.push((case.name.clone(), normal(&text, port, www)));
            }
        }
        end(server);
        transcripts
    }

    fn transcript(&self, case: &Case, port: u16) -> String {
        match self.over {
            Over::H1 => over_h1(case, port),
            Over::H2 => over_h2(case, port),
        }
    }
}

fn end(mut server: Running) {
    server.close_stdin();
    let status = server.wait();
    assert!(status.success(), "{}", server.transcript());
}

/// The port is another one in each run, and so is the address that is reported with it.
fn normal(text: &str, port: u16, www: &Scratch) -> String {
    text.replace(&format!(":{port}"), ":PORT").replace(&www.path().display().to_string(), "WWW")
}

fn over_h2(case: &Case, port: u16) -> String {
    let mut args: Vec<&str> = vec!["--http2"];
    let (target, options) = case.curl.split_last().expect("cases for HTTP/2 have a target");
    args.extend(options.iter().map(String::as_str));
    let url = format!("https://localhost:{port}{target}");
    args.push(&url);
    let reply = tools::curl(&args);
    let mut text = format!("HTTP/{} {}\n", reply.version, reply.status);
    for (name, value) in &reply.headers {
        writeln!(text, "{name}: {value}").unwrap();
    }
    text + "\n" + &shown(&reply.body) + &format!("\n(curl {})", reply.exit)
}

fn over_h1(case: &Case, port: u16) -> String {
    let mut stream = h1::connect(port);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = Reader { stream: &mut stream, seen: Vec::new(), at: 0, end: None };
    let mut sent = case.sends.iter();
    for answer in 0..case.answers.max(case.sends.len()) {
        if let Some(bytes) = sent.next() {
            // A server that refuses early may close before it has read everything.
            let _ = reader.stream.write_all(bytes);
        }
        if answer < case.answers && !reader.answer(case.head) {
            break;
        }
    }
    if reader.end.is_none() {
        let probe = b"GET /report/probe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mark = reader.seen.len();
        let _ = reader.stream.write_all(probe);
        while reader.fill() {}
        let answered =
            [&b"HTTP/1.1 404 "[..], b"HTTP/1.1 302 "].iter().any(|s| reader.seen[mark..].starts_with(s));
        let rest = if answered { "(the connection goes on)".to_owned() } else { shown(&reader.seen[mark..]) };
        reader.seen.truncate(mark);
        let end = reader.end.map_or_else(String::new, |end| format!("({end})"));
        return format!("{}\n{rest}\n{end}", shown(&reader.seen));
    }
    format!("{}\n({})", shown(&reader.seen), reader.end.unwrap_or(""))
}

/// Text as it is but for line ends; a long one by its length and sum.
fn shown(bytes: &[u8]) -> String {
    if bytes.len() > 20_000 {
        let head = bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4);
        let sum = bytes[head..].iter().fold(0_u64, |sum, &b| sum.wrapping_mul(31).wrapping_add(b.into()));
        let text = String::from_utf8_lossy(&bytes[..head]).replace("\r\n", "\n");
        return format!("{text}({} bytes of sum {sum:x})", bytes.len() - head);
    }
    String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "<CR>").replace('\0', "<NUL>")
}

struct Reader<'a> {
    stream: &'a mut TcpStream,
    seen: Vec<u8>,
    /// Where the next answer starts.
    at: usize,
    end: Option<&'static str>,
}

impl Reader<'_> {
    /// Reads one whole answer; `false` when the server closed or stayed silent.
    fn answer(&mut self, head: bool) -> bool {
        loop {
            if let Some(len) = length_of_answer(&self.seen[self.at..], head) {
                while self.seen.len() - self.at < len {
                    if !self.fill() {
                        return false;
                    }
                }
                self.at += len;
                return true;
            }
            if !self.fill() {
                return false;
            }
        }
    }

    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16384];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.end = Some("closed"),
            Ok(n) => {
                self.seen.extend_from_slice(&chunk[..n]);
                return true;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.end = Some("silent");
            }
            Err(_) => self.end = Some("closed"),
        }
        false
    }
}

/// Bytes of the answer at the start of `seen`; `None` until its head is there, `usize::MAX` when it ends with the
/// connection.
fn length_of_answer(seen: &[u8], head: bool) -> Option<usize> {
    let end = seen.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
    let status = text.split(' ').nth(1).unwrap_or_default();
    if head || status.starts_with('1') || status == "204" || status == "304" {
        return Some(end);
    }
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    Some(length.map_or(usize::MAX, |length| end + length))
}

fn sets() -> Vec<Set> {
    let tls = format!("--tls={}", tls::localhost().pair());
    let args = |list: &[&str]| list.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>();
    vec![
        Set {
            name: "h1",
            args: Vec::new(),
            over: Over::H1,
            cases: both_versions().chain(h1_only()).collect(),
        },
        Set {
            name: "h1 dressed",
            args: args(&["--dress", "--error-document=/404.html"]),
            over: Over::H1,
            cases: dressed(),
        },
        Set { name: "h2", args: args(&[&tls]), over: Over::H2, cases: both_versions().collect() },
        Set {
            name: "h2 dressed",
            args: args(&[&tls, "--dress", "--error-document=/404.html"]),
            over: Over::H2,
            cases: dressed(),
        },
        Set {
            name: "h1 on TLS",
            args: args(&[&tls, "--redirect-plain"]),
            over: Over::H1,
            cases: vec![
                Case::get("/"),
                Case::get("/sub/x.html?a=1&b=2"),
                Case::request("POST", "/cb/x", "Content-Length: 2\r\n", "ab"),
            ],
        },
    ]
}

const FILES: &[&str] = &[
    "/",
    "/index.html",
    "/page.html",
    "/empty.html",
    "/large.txt",
    "/sub",
    "/sub/",
    "/sub/index.html",
    "/none.html",
    "/none/",
    "/nothing-here/",
    "/nothing-here",
    "/nosuffix",
    "/sub/with%20space.txt",
    "/sub/plus+.txt",
    "/sub/plus%2b.txt",
    "/sub/%C3%BCml.txt",
    "/index.html?a=1",
    "/index.html?",
    "/index.html%3fa=1",
    "//index.html",
    "/sub//index.html",
    "/./index.html",
    "/sub/./index.html",
    "/sub/../index.html",
    "/../etc/passwd",
    "/sub/../../etc/passwd",
    "/%2e%2e/etc/passwd",
    "/sub/%2e%2e/index.html",
    "/..%2fetc/passwd",
    "/sub/..%5c..%5cindex.html",
    "/sub/...",
    "/sub/.hidden",
    "/index.html/",
    "/index.html/more",
    "/%69ndex.html",
    "/nodef",
    "/nodef/",
    "/nodef/page.html",
    "/otherdef",
    "/otherdef/",
    "/otherdef/sub/",
    "/star/file.css",
    "/star/file.unknown",
    "/star/file.html",
    "/star/nosuffix",
    "/cached/",
    "/cached/page.html",
    "/private/page.html",
    "/noreuse/page.html",
    "/deep",
    "/deep/",
    "/deep/er",
    "/deep/er/",
    "/deep/er/page.html",
    "/deeper/page.html",
    "/deep/erx",
    "/redir",
    "/redir/",
    "/redir/below?x=1",
    "/redirs",
    "/redirs/below",
    "/redirx",
    "/fp",
    "/fp/",
    "/fp/page.html",
    "/fp/none.html",
    "/fp/sub",
    "/cached?x=1",
];

const SUFFIXES: &[&str] = &[
    "html", "htm", "js", "css", "png", "jpg", "jpeg", "ico", "gif", "svg", "ttf", "otf", "woff", "woff2",
    "gz", "txt", "xml", "json", "mjs", "HTML", "weird", "pie", "unknown",
];

const CALLBACKS: &[&str] = &[
    "/cb",
    "/cb/",
    "/cb/x",
    "/cb/x?a=1",
    "/cb/x?a=1&b=2&c",
    "/cb/x?a=%41%20+b",
    "/cb/x?",
    "/cb/x?&&a=1",
    "/cb/x?a=",
    "/cb/x?aa=1&a=2",
    "/cb/x?b=7&a=1=2",
    "/cb/x%20y",
    "/cb/%41/%2e/z",
    "/cb/../cb/x",
    "/cb//x",
    "/cbx",
    "/cbp",
    "/cbp/x",
    "/cbp/x?a=1",
    "/cb/nolength",
    "/cb/created",
    "/cb/headers",
    "/cb/status404",
    "/cb/status500text",
    "/cb/status204",
    "/cb/status403",
    "/cb/status302",
    "/cb/status418",
    "/cb/redirect301",
    "/cb/redirect302",
    "/cb/servefile",
    "/cb/servefilenone",
    "/cb/hangup",
    "/report/x",
    "/cb/x?a=1#frag",
    "/cb/%e4",
];

/// What can be asked in the same way on both versions.
fn both_versions() -> impl Iterator<Item = Case> {
    let mut cases = Vec::new();
    for file in FILES {
        cases.push(Case::get(file));
    }
    for suffix in SUFFIXES {
        cases.push(Case::get(&format!("/file.{suffix}")));
    }
    for path in CALLBACKS {
        cases.push(Case::get(path));
    }
    for path in ["/", "/none.html", "/sub", "/cb/x", "/cbp/x", "/fp/page.html", "/redir", "/cached/page.html"]
    {
        cases.push(Case::request("HEAD", path, "", ""));
        cases.push(Case::request("OPTIONS", path, "", ""));
        cases.push(Case::request("DELETE", path, "", ""));
        cases.push(Case::request("POST", path, "Content-Length: 5\r\n", "hello"));
        cases.push(Case::request("PUT", path, "Content-Length: 5\r\n", "hello"));
        cases.push(Case::request("PATCH", path, "Content-Length: 5\r\n", "hello"));
    }
    cases.push(Case::request("POST", "/cb/x", "Content-Length: 0\r\n", ""));
    cases.push(Case::request(
        "POST",
        "/cb/x?a=1",
        "Content-Type: text/plain\r\nContent-Length: 3\r\n",
        "abc",
    ));
    for headers in [
        "Cookie: crumb=1\r\n",
        "Cookie: a=1; crumb=2; c=3\r\n",
        "X-Test: one\r\n",
        "X-TEST: one\r\nX-Other: two words\r\n",
        "Accept: text/html\r\nAccept: text/plain\r\n",
        "Accept-Language: de, en;q=0.5\r\n",
        "If-None-Match: nonsense\r\n",
        "If-None-Match: 000000126553F100\r\n",
        "If-None-Match: \"000000126553F100\"\r\n",
        "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n",
        "Range: bytes=0-3\r\n",
        "Accept-Encoding: gzip, deflate\r\n",
    ] {
        cases.push(Case::request("GET", "/cb/x", headers, ""));
        cases.push(Case::request("GET", "/page.html", headers, ""));
    }
    cases.into_iter()
}

/// What only bytes can say.
fn h1_only() -> impl Iterator<Item = Case> {
    let raw = |name: &str, bytes: &str| Case::new(name, bytes);
    vec![
        raw("http 1.0", "GET /page.html HTTP/1.0\r\n\r\n"),
        raw("http 1.0 keep-alive", "GET /page.html HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        raw("http 1.0 callback", "GET /cb/x HTTP/1.0\r\n\r\n"),
        raw("http 1.0 callback keep-alive", "GET /cb/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        raw("http 1.0 404", "GET /none.html HTTP/1.0\r\n\r\n"),
        raw("close", "GET /page.html HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        raw("close callback", "GET /cb/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        raw("close 404", "GET /none.html HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        raw("close in a list", "GET /cb/x HTTP/1.1\r\nHost: localhost\r\nConnection: foo, close\r\n\r\n"),
        raw("keep-alive", "GET /cb/x HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"),
        raw("no host", "GET /page.html HTTP/1.1\r\n\r\n"),
        raw("empty host", "GET /page.html HTTP/1.1\r\nHost:\r\n\r\n"),
        raw("two hosts", "GET /page.html HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        raw("other host", "GET /sub HTTP/1.1\r\nHost: elsewhere:99\r\n\r\n"),
        raw("redirect to host", "GET /cached HTTP/1.1\r\nHost: elsewhere:99\r\n\r\n"),
        raw("absolute form", "GET http://localhost/page.html HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        raw("two files", "GET /page.html HTTP/1.1\r\nHost: a\r\n\r\nGET /index.html HTTP/1.1\r\nHost: a\r\n\r\n").answers(2),
        raw("two callbacks", "GET /cb/x HTTP/1.1\r\nHost: a\r\n\r\nGET /cb/y HTTP/1.1\r\nHost: a\r\n\r\n").answers(2),
        raw(
            "post and get",
            "POST /cb/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /cb/y HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .answers(2),
        raw("one after the other", "GET /page.html HTTP/1.1\r\nHost: a\r\n\r\n")
            .then("GET /cb/x HTTP/1.1\r\nHost: a\r\n\r\n")
            .then("GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
            .answers(3),
        raw(
            "chunked",
            "POST /cb/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        ),
        raw(
            "chunked with trailer",
            "POST /cb/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
        ),
        raw("chunked and empty", "POST /cb/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        raw("post without length", "POST /cb/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw(
            "expect",
            "POST /cb/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        )
        .then("abc")
        .answers(2),
        raw("space before colon", "GET /cb/x HTTP/1.1\r\nHost: a\r\nX-Test : one\r\n\r\n"),
        raw("no space after colon", "GET /cb/x HTTP/1.1\r\nHost:a\r\nX-Test:one\r\n\r\n"),
        raw("spaces around value", "GET /cb/x HTTP/1.1\r\nHost: a\r\nX-Test:   one  \r\n\r\n"),
        raw("empty value", "GET /cb/x HTTP/1.1\r\nHost: a\r\nX-Test:\r\n\r\n"),
        raw("repeated custom", "GET /cb/x HTTP/1.1\r\nHost: a\r\nX-Test: one\r\nX-Test: two\r\n\r\n"),
        raw("repeated cookie", "GET /cb/x HTTP/1.1\r\nHost: a\r\nCookie: crumb=1\r\nCookie: b=2\r\n\r\n"),
        raw("folded", "GET /cb/x HTTP/1.1\r\nHost: a\r\nX-Test: one\r\n two\r\n\r\n"),
        raw("bare line feeds", "GET /cb/x HTTP/1.1\nHost: a\n\n"),
        raw("empty line first", "\r\nGET /cb/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("lower case method", "get /cb/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("unknown method", "BREW /cb/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("trace", "TRACE /cb/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("connect", "CONNECT localhost:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("star", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("version 2.0", "GET /cb/x HTTP/2.0\r\nHost: a\r\n\r\n"),
        raw("version 1.2", "GET /cb/x HTTP/1.2\r\nHost: a\r\n\r\n"),
        raw("no version", "GET /cb/x\r\n\r\n"),
        raw("garbage", "garbage\r\n\r\n"),
        raw("no slash", "GET cb/x HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("two lengths", "POST /cb/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        raw("negative length", "POST /cb/x HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc"),
        raw(
            "length and chunked",
            "POST /cb/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        raw("nul in target", "GET /cb/x%00y HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("bad escape", "GET /cb/%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("cut escape", "GET /cb/% HTTP/1.1\r\nHost: a\r\n\r\n"),
        raw("long target", &format!("GET /cb/{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(200))),
        raw("long header", &format!("GET /cb/x HTTP/1.1\r\nHost: a\r\nX-Test: {}\r\n\r\n", "x".repeat(900))),
        raw("too long header", &format!("GET /cb/x HTTP/1.1\r\nHost: a\r\nX-Test: {}\r\n\r\n", "x".repeat(9000))),
        raw("get with body", "GET /cb/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
        raw("upgrade to nothing", "GET /page.html HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: nothing\r\n\r\n"),
    ]
    .into_iter()
}

fn dressed() -> Vec<Case> {
    let mut cases: Vec<_> = [
        "/",
        "/page.html",
        "/none.html",
        "/404.html",
        "/cb/x",
        "/cb/status404",
        "/cb/status500",
        "/cb/status404text",
        "/redir",
        "/cached",
        "/cb/redirect302",
        "/cb/servefile",
        "/cb/servefilenone",
        "/file.unknown",
        "/fp/none.html",
        "/cb/nolength",
    ]
    .into_iter()
    .map(Case::get)
    .collect();
    cases.push(Case::request("HEAD", "/page.html", "", ""));
    cases.push(Case::request("HEAD", "/none.html", "", ""));
    cases
}
