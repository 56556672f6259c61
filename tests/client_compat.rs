//! The same client program (`tests/c/compat-client.c`), run with Debian's libwebsockets and with this library: what its
//! callbacks are told and what its servers get.
//!
//! `tests/data/client.txt` has what both said, and is compared with what both say every time. Lines that
//! start with `-` were said by Debian's alone, those with `+` by ours alone, and a line with `#` says why. With
//! `FERROWS_BLESS` the file is written anew, and new differences want a reason where it says `# ?`.

mod common;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Program, Running, Scratch, compile, debian, library, root, tls};

/// Which server is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// [`Canned`], over HTTP/1.
    Canned,
    /// `compat-server`, over HTTP/2 on TLS.
    H2,
    /// A port that nobody listens at.
    Nobody,
}

use Asks::{Canned as H1, H2, Nobody};

/// What the program is told to do.
const SCENARIOS: &[(&str, Asks, &str)] = &[
    ("get", H1, "--path=/plain --own"),
    ("get, the library's memory", H1, "--path=/headers"),
    ("no memory at all", H1, "--path=/plain --protocol=nopss"),
    ("close", H1, "--path=/close"),
    ("no length", H1, "--path=/nolength"),
    ("chunked", H1, "--path=/chunked"),
    ("empty", H1, "--path=/empty"),
    ("204", H1, "--path=/204"),
    ("304", H1, "--path=/304"),
    ("401", H1, "--path=/401"),
    ("404", H1, "--path=/404"),
    ("100", H1, "--path=/100"),
    ("head", H1, "--path=/plain --method=HEAD"),
    ("large", H1, "--path=/large"),
    ("302", H1, "--path=/302 --own"),
    ("302 not followed", H1, "--path=/302 --no-follow"),
    ("302 without a place", H1, "--path=/302nowhere"),
    ("302 of post", H1, "--path=/302 --method=POST --body=hello --length"),
    ("303 of post", H1, "--path=/303 --method=POST --body=hello --length"),
    ("307 of post", H1, "--path=/307 --method=POST --body=hello --length"),
    ("302 refused", H1, "--path=/302 --refuse=CLIENT_HTTP_REDIRECT"),
    ("302 for ever", H1, "--path=/302loop"),
    ("302 elsewhere", H1, "--path=/302elsewhere"),
    ("post with length", H1, "--path=/post --method=POST --body=hello --length"),
    ("post in pieces", H1, "--path=/post --method=POST --body=hello,there --length"),
    ("post without length", H1, "--path=/post --method=POST --body=hello,there"),
    ("post of nothing", H1, "--path=/post --method=POST"),
    ("put", H1, "--path=/post --method=PUT --body=hello --length"),
    ("multipart", H1, "--path=/posted --method=POST --body=hello,there --form=multipart"),
    ("urlencoded", H1, "--path=/posted --method=POST --body=a=b --length --form=urlencoded"),
    ("cut off", H1, "--path=/cut"),
    ("cut off in a chunk", H1, "--path=/cutchunk"),
    ("cut off before the head", H1, "--path=/nohead"),
    ("cut off in the head", H1, "--path=/halfhead"),
    ("no http", H1, "--path=/garbage"),
    ("refused connection", Nobody, "--path=/plain --own"),
    ("read in small pieces", H1, "--path=/plain --read=small"),
    ("read later", H1, "--path=/plain --read=later"),
    ("three at once", H1, "--path=/plain,/headers,/chunked"),
    ("three in a pipeline", H1, "--path=/plain,/headers,/chunked --pipeline"),
    ("a pipeline that the server closes", H1, "--path=/close,/plain --pipeline"),
    ("one after the other", H1, "--path=/plain --then=/headers --pipeline --own"),
    ("kept for a second", H1, "--path=/plain --pipeline --keep-warm=1"),
    ("refused bind", H1, "--refuse=CLIENT_HTTP_BIND_PROTOCOL"),
    ("refused connecting", H1, "--refuse=CONNECTING"),
    ("refused instantiated", H1, "--refuse=SERVER_NEW_CLIENT_INSTANTIATED"),
    ("refused create", H1, "--refuse=WSI_CREATE"),
    ("refused headers", H1, "--refuse=CLIENT_APPEND_HANDSHAKE_HEADER"),
    ("refused filter", H1, "--refuse=CLIENT_FILTER_PRE_ESTABLISH"),
    ("refused established", H1, "--refuse=ESTABLISHED_CLIENT_HTTP"),
    ("refused receive", H1, "--refuse=RECEIVE_CLIENT_HTTP"),
    ("refused read", H1, "--refuse=RECEIVE_CLIENT_HTTP_READ"),
    ("refused completed", H1, "--refuse=COMPLETED_CLIENT_HTTP"),
    (
        "refused writeable",
        H1,
        "--refuse=CLIENT_HTTP_WRITEABLE --method=POST --path=/post --body=hello --length",
    ),
    ("timeout before the head", H1, "--path=/silent --timeout=CLIENT_APPEND_HANDSHAKE_HEADER"),
    ("timeout after the head", H1, "--path=/stuck --timeout=ESTABLISHED_CLIENT_HTTP"),
    ("killed at create", H1, "--path=/plain --kill=WSI_CREATE"),
    ("killed at established", H1, "--path=/stuck --kill=ESTABLISHED_CLIENT_HTTP"),
    ("child of a client", H1, "--path=/stuck --child=/plain"),
    ("child that goes with its parent", H1, "--path=/halfsecond --child=/stuck --own"),
    ("child of a server's connection", H1, "--path=/plain --through"),
    ("h2 get", H2, "--path=/cb/x --own"),
    ("h2 get, the library's memory", H2, "--path=/page.html"),
    ("h2 no memory at all", H2, "--path=/page.html --protocol=nopss"),
    ("h2 headers", H2, "--path=/cb/headers"),
    ("h2 head", H2, "--path=/page.html --method=HEAD"),
    ("h2 204", H2, "--path=/cb/status204"),
    ("h2 401", H2, "--path=/cb/status401"),
    ("h2 302", H2, "--path=/cb/redirect302 --own"),
    ("h2 302 not followed", H2, "--path=/cb/redirect302 --no-follow"),
    ("h2 post with length", H2, "--path=/cb/x --method=POST --body=hello --length"),
    ("h2 post in pieces", H2, "--path=/cb/x --method=POST --body=hello,there --length"),
    ("h2 post without length", H2, "--path=/cb/x --method=POST --body=hello,there"),
    ("h2 post of nothing", H2, "--path=/cb/x --method=POST"),
    ("h2 hang up", H2, "--path=/cb/hangup"),
    ("h2 cut off", H2, "--path=/cb/halfway"),
    ("h2 three at once", H2, "--path=/page.html,/cb/headers,/index.html"),
    ("h2 three over one connection", H2, "--path=/page.html,/cb/headers,/index.html --pipeline --own"),
    ("h2 one after the other", H2, "--path=/page.html --then=/index.html --pipeline --own"),
    ("h2 refused established", H2, "--path=/page.html --refuse=ESTABLISHED_CLIENT_HTTP"),
    ("h2 refused read", H2, "--path=/page.html --refuse=RECEIVE_CLIENT_HTTP_READ"),
    ("h2 child of a client", H2, "--path=/cb/stuck --child=/index.html"),
];

#[test]
fn clients_are_told_the_same() {
    let path = root().join("tests/data/client.txt");
    let recorded = parse(&std::fs::read_to_string(&path).unwrap_or_default());
    let is_blessing = std::env::var_os("FERROWS_BLESS").is_some();
    let as_recorded = |name: &str, said: &[String]| {
        is_blessing || recorded.iter().any(|of| of.name == name && of.side('-') == said)
    };
    // Mostly they wait.
    let (ours, theirs) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| run_all(None, |_, _| true));
        let theirs = run_all(Some(&debian::lws_library()), as_recorded);
        (ours.join().expect("our scenarios run"), theirs)
    });
    if is_blessing {
        std::fs::write(&path, bless(&theirs, &ours, &recorded)).expect("the record");
        return;
    }
    let mut report = String::new();
    for (name, _, _) in SCENARIOS {
        let of = recorded.iter().find(|of| of.name == *name);
        for (sign, whose, said) in [('-', "Debian's", &theirs), ('+', "ours", &ours)] {
            if sign == '+' && library().foreign {
                continue;
            }
            let expected = of.map(|of| of.side(sign)).unwrap_or_default();
            if said[*name] != expected {
                writeln!(report, "==== {name}: what {whose} says is not as recorded").unwrap();
                for (sign, line) in diff(&expected, &said[*name]) {
                    writeln!(report, "{sign}{line}").unwrap();
                }
            }
        }
    }
    assert!(report.is_empty(), "{report}");
    for of in &recorded {
        assert!(said_somewhere(&of.name), "{} is none of the scenarios", of.name);
        of.every_difference_has_a_reason();
    }
}

fn said_somewhere(name: &str) -> bool {
    SCENARIOS.iter().any(|(known, _, _)| *known == name)
}

// ---------------------------------------------------------------------------------------------
// The record
// ---------------------------------------------------------------------------------------------

/// Lines that differ, each with the sign of who said it.
type Hunk = Vec<(char, String)>;

/// What was recorded of one scenario.
struct Record {
    name: String,
    /// First character (` `, `-`, `+`, `#`) and the rest.
    lines: Vec<(char, String)>,
}

fn parse(text: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            records.push(Record { name: name.to_owned(), lines: Vec::new() });
        } else if let Some(of) = records.last_mut() {
            let sign = line.chars().next().unwrap_or(' ');
            of.lines.push((sign, line.get(1..).unwrap_or_default().to_owned()));
        }
    }
    records
}

impl Record {
    /// What the library said whose own lines start with `sign`.
    fn side(&self, sign: char) -> Vec<String> {
        let of_it = |(first, _): &&(char, String)| *first == ' ' || *first == sign;
        self.lines.iter().filter(of_it).map(|(_, line)| line.clone()).collect()
    }

    /// Runs of differing lines, each with the reasons before it.
    fn hunks(&self) -> Vec<(Vec<String>, Hunk)> {
        let mut hunks: Vec<(Vec<String>, Hunk)> = Vec::new();
        let mut last = ' ';
        for (sign, line) in &self.lines {
            let differs = matches!(sign, '-' | '+');
            if (*sign == '#' && last != '#') || (differs && last == ' ') {
                hunks.push((Vec::new(), Vec::new()));
            }
            let Some((reasons, hunk)) = hunks.last_mut() else { continue };
            match sign {
                '#' => reasons.push(line.clone()),
                '-' | '+' => hunk.push((*sign, line.clone())),
                _ => {}
            }
            last = *sign;
        }
        hunks
    }

    fn every_difference_has_a_reason(&self) {
        for (reasons, hunk) in self.hunks() {
            let named = reasons.iter().any(|reason| !reason.trim().is_empty());
            assert!(
                named && reasons.iter().all(|reason| reason.trim() != "?") && !hunk.is_empty(),
                "{}: a difference without a reason, or the other way around: {reasons:?} {hunk:?}",
                self.name
            );
        }
    }
}

fn bless(
    theirs: &HashMap<String, Vec<String>>,
    ours: &HashMap<String, Vec<String>>,
    recorded: &[Record],
) -> String {
    // What was named in one scenario is named in the others.
    let mut known: HashMap<Hunk, Vec<String>> = HashMap::new();
    for (reasons, hunk) in recorded.iter().flat_map(Record::hunks) {
        known.entry(hunk).or_insert(reasons);
    }
    let mut text = String::new();
    for (name, _, _) in SCENARIOS {
        let old = recorded.iter().find(|of| of.name == *name);
        let own: HashMap<_, _> =
            old.iter().flat_map(|of| of.hunks()).map(|(reasons, hunk)| (hunk, reasons)).collect();
        writeln!(text, "== {name}").unwrap();
        let lines = diff(&theirs[*name], &ours[*name]);
        let mut at = 0;
        while at < lines.len() {
            let len = lines[at..].iter().take_while(|(sign, _)| *sign != ' ').count();
            let hunk = lines[at..at + len].to_vec();
            if len > 0 {
                let reasons =
                    own.get(&hunk).or_else(|| known.get(&hunk)).filter(|reasons| !reasons.is_empty());
                for reason in reasons.cloned().unwrap_or_else(|| vec![" ?".to_owned()]) {
                    writeln!(text, "#{reason}").unwrap();
                }
            }
            for (sign, line) in &lines[at..lines.len().min(at + len.max(1))] {
                writeln!(text, "{sign}{line}").unwrap();
            }
            at += len.max(1);
        }
    }
    text
}

/// The lines of both, those of `old` alone with `-`, those of `new` alone with `+`.
fn diff(old: &[String], new: &[String]) -> Vec<(char, String)> {
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            common[a][b] = if old[a] == new[b] {
                common[a + 1][b + 1] + 1
            } else {
                common[a + 1][b].max(common[a][b + 1])
            };
        }
    }
    let (mut a, mut b, mut lines) = (0, 0, Vec::new());
    while a < old.len() || b < new.len() {
        if a < old.len() && b < new.len() && old[a] == new[b] {
            lines.push((' ', old[a].clone()));
            (a, b) = (a + 1, b + 1);
        } else if b == new.len() || (a < old.len() && common[a + 1][b] >= common[a][b + 1]) {
            lines.push(('-', old[a].clone()));
            a += 1;
        } else {
            lines.push(('+', new[b].clone()));
            b += 1;
        }
    }
    lines
}

// ---------------------------------------------------------------------------------------------
// Running
// ---------------------------------------------------------------------------------------------

/// How often a scenario is run before what it says counts, whether or not it `satisfies`. What Debian's library does while it
/// spins depends on what else the machine does.
const TRIES: usize = 3;

fn run_all(
    library: Option<&Path>,
    satisfies: impl Fn(&str, &[String]) -> bool + Sync,
) -> HashMap<String, Vec<String>> {
    let www = Scratch::new();
    www.file("index.html", "<html>index</html>\n");
    www.file("page.html", "<html>page</html>\n");
    let server = Program::new(compile("compat-server"))
        .arg(format!("--www={}", www.path().display()))
        .arg(format!("--tls={}", tls::localhost().pair()))
        .start();
    let h2_port = server.port();
    let next = AtomicUsize::new(0);
    let said = Mutex::new(HashMap::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some((name, asks, args)) = SCENARIOS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut lines = run(*asks, args, h2_port, library);
                    for _ in 1..TRIES {
                        if satisfies(name, &lines) {
                            break;
                        }
                        lines = run(*asks, args, h2_port, library);
                    }
                    said.lock().unwrap().insert((*name).to_owned(), lines);
                }
            });
        }
    });
    end(server);
    said.into_inner().unwrap()
}

fn end(mut server: Running) {
    server.close_stdin();
    let status = server.wait();
    assert!(status.success(), "{}", server.transcript());
}

fn run(asks: Asks, args: &str, h2_port: u16, library: Option<&Path>) -> Vec<String> {
    let canned = Canned::start();
    let mut program = Program::new(compile("compat-client")).args(args.split(' '));
    let port = match asks {
        H1 => canned.port,
        H2 => h2_port,
        Nobody => TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port(),
    };
    program = program.arg(format!("--port={port}"));
    if asks == H2 {
        program = program.args(["--tls", "--alpn=h2"]);
    }
    if let Some(directory) = library {
        program = program.env("LD_LIBRARY_PATH", directory);
    }
    let mut client = program.start();
    let status = client.wait();
    let mut lines = client.stdout();
    if !status.success() {
        lines.push(common::process::describe(status));
    }
    // Debian's library has more to say of errors than it has to the program.
    if library.is_none() && !common::library().foreign {
        lines.extend(client.stderr());
    }
    if args.contains(',') {
        lines = by_wsi(&lines);
    }
    let mut asked = canned.asked.lock().unwrap().clone();
    asked.sort_by_key(|(connection, _)| *connection);
    for (connection, request) in asked {
        let start = lines.len();
        lines.extend(request.lines().map(|line| format!(">   {line}")));
        lines[start].replace_range(..4, &format!("> connection {connection}: "));
    }
    if !args.contains("--own") {
        // Debian's are in every request on HTTP/1; it is enough to say so a few times.
        lines.retain(|line| !line.starts_with(">   Pragma: ") && !line.starts_with(">   Cache-Control: "));
    }
    normal(&lines, port)
}

/// What several wsi are told at the same time comes in any order: all of the first, then all of the second.
fn by_wsi(lines: &[String]) -> Vec<String> {
    let mut who = String::new();
    let mut told: Vec<(String, &String)> = Vec::new();
    let mut over = false;
    for line in lines {
        over |= line.starts_with("-- destroy") || line.starts_with("-- gave up");
        if over {
            // What comes after is the end of all.
            "~".clone_into(&mut who);
        } else if let Some(name) = line.split(' ').next().filter(|name| !name.is_empty()) {
            // '--', the program's own, is before 'w1'.
            name.clone_into(&mut who);
        }
        told.push((who.clone(), line));
    }
    told.sort_by(|(a, _), (b, _)| a.cmp(b));
    told.into_iter().map(|(_, line)| line.clone()).collect()
}

/// Ports and boundaries are others in each run.
fn normal(lines: &[String], port: u16) -> Vec<String> {
    let named = |line: &String| {
        let value = line.split_once("; boundary=")?.1;
        Some(value.trim_matches('"').to_owned())
    };
    let boundary = lines.iter().find_map(named);
    let own = |line: &String| {
        let line = line.replace(&format!(":{port}"), ":PORT");
        let line = boundary.as_ref().map_or(line.clone(), |boundary| line.replace(boundary, "BOUNDARY"));
        line.trim_end().to_owned()
    };
    lines.iter().map(own).collect()
}

/// A server with canned answers, which keeps what it is asked.
struct Canned {
    port: u16,
    asked: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Canned {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        // They end when the test does.
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(n + 1, stream.expect("a connection"), port, &log));
            }
        });
        Self { port, asked }
    }
}

fn serve(number: usize, mut stream: TcpStream, port: u16, log: &Mutex<Vec<(usize, String)>>) {
    let mut seen = Vec::new();
    while let Some(head) = read_head(&mut stream, &mut seen) {
        let body = read_body(&mut stream, &mut seen, &head);
        let length = body.as_ref().map_or(0, Vec::len);
        let shown = body.map_or(String::new(), |body| {
            format!(
                "({})\n",
                String::from_utf8_lossy(&body).replace("\r\n", "\n").trim_end().replace('\n', "\n   ")
            )
        });
        log.lock().unwrap().push((number, head.replace("\r\n", "\n") + &shown));
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (answer, closes) = canned(method, path, length, port);
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
        match path {
            "/silent" | "/stuck" => std::thread::sleep(Duration::from_secs(20)),
            "/halfsecond" => std::thread::sleep(Duration::from_millis(500)),
            _ => {}
        }
        if closes {
            return;
        }
    }
}

fn read_head(stream: &mut TcpStream, seen: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = seen.drain(..at + 4).collect();
            return Some(String::from_utf8_lossy(&head[..at + 2]).into_owned());
        }
        fill(stream, seen)?;
    }
}

fn fill(stream: &mut TcpStream, seen: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4096];
    let n = stream.read(&mut chunk).ok().filter(|n| *n > 0)?;
    seen.extend_from_slice(&chunk[..n]);
    Some(())
}

/// The body as it came, framing and all; what is not announced by a length or chunks is what comes within 200 ms of a POST.
fn read_body(stream: &mut TcpStream, seen: &mut Vec<u8>, head: &str) -> Option<Vec<u8>> {
    let lower = head.to_ascii_lowercase();
    let length =
        lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    if let Some(length) = length {
        while seen.len() < length && fill(stream, seen).is_some() {}
        return Some(seen.drain(..length.min(seen.len())).collect());
    }
    if lower.contains("transfer-encoding: chunked") {
        while !seen.ends_with(b"0\r\n\r\n") && fill(stream, seen).is_some() {}
        return Some(std::mem::take(seen));
    }
    if !head.starts_with('P') {
        return None;
    }
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    while fill(stream, seen).is_some() {}
    stream.set_read_timeout(None).expect("no timeout");
    Some(std::mem::take(seen))
}

/// The answer, and whether the connection is closed after it.
fn canned(method: &str, path: &str, length: usize, port: u16) -> (String, bool) {
    let whole = |status: &str, headers: &str, body: &str| {
        let shown = if method == "HEAD" { "" } else { body };
        (format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{shown}", body.len()), false)
    };
    let go = |status: &str, to: &str| whole(status, &format!("location: {to}\r\n"), "");
    let raw = |text: &str, closes| (text.to_owned(), closes);
    match path {
        "/plain" => whole("200 OK", "content-type: text/plain\r\n", "hello"),
        "/headers" => whole("200 OK", "X-Mixed: Yes\r\nContent-Type:  text/x-headers \r\n", "headers"),
        "/close" => (whole("200 OK", "connection: close\r\n", "bye").0, true),
        "/nolength" => raw("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nwithout length", true),
        "/chunked" => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            raw(&format!("{head}5\r\nchunk\r\n2;x=y\r\ned\r\n0\r\n\r\n"), false)
        }
        "/empty" => whole("200 OK", "", ""),
        "/204" => raw("HTTP/1.1 204 No Content\r\n\r\n", false),
        "/304" => raw("HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", false),
        "/401" => whole("401 Unauthorized", "www-authenticate: Basic realm=\"here\"\r\n", "who?"),
        "/404" => whole("404 Not Found", "", "none"),
        "/100" => (format!("HTTP/1.1 100 Continue\r\n\r\n{}", whole("200 OK", "", "after").0), false),
        "/large" => whole("200 OK", "", &"0123456789".repeat(2000)),
        "/302" => go("302 Found", "/plain"),
        "/303" => go("303 See Other", "/plain"),
        "/307" => go("307 Temporary Redirect", "/post"),
        "/302loop" => go("302 Found", "/302loop"),
        "/302elsewhere" => go("302 Found", &format!("http://127.0.0.1:{port}/plain?a=b#c")),
        "/302nowhere" => whole("302 Found", "", "nowhere"),
        "/post" | "/posted" => whole("200 OK", "", &format!("got {length}")),
        "/cut" | "/stuck" | "/halfsecond" => {
            raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten bytes.", true)
        }
        "/cutchunk" => raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nten bytes.", true),
        "/nohead" | "/silent" => raw("", true),
        "/halfhead" => raw("HTTP/1.1 200 OK\r\ncontent-le", true),
        "/garbage" => raw("SSH-2.0-no such thing\r\n\r\n", false),
        _ => whole("404 Not Found", "", path),
    }
}
