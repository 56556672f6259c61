//! The client's cookies, from a server to a server, and through files that curl writes and reads.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use common::tools::curl;
use common::{Program, Scratch, compile, http_server};

const MAGIC: &str = "# Netscape HTTP Cookie File\n";

/// A server that is not ours. It answers with the cookie lines of the request, each on a line after its path, and with the
/// header lines that the path asks for.
struct Server {
    port: u16,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        // Until the test's process ends.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { port }
    }

    /// The URL of `path` by name.
    fn named(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// The URL of `path` by number, to cookies another host.
    fn numbered(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

fn serve(mut stream: TcpStream) {
    let port = stream.local_addr().expect("its address").port();
    let mut lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
    let Some(Ok(request)) = lines.next() else { return };
    let path = request.split(' ').nth(1).expect("a path").to_owned();
    let head = lines.map(|line| line.expect("a line")).take_while(|line| !line.is_empty());
    let cookies: Vec<String> = head
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("cookie").then(|| format!("{path} cookie: {}\n", value.trim()))
        })
        .collect();
    let body = if cookies.is_empty() { format!("{path} no cookie\n") } else { cookies.concat() };
    let (status, headers) = match path.as_str() {
        "/set" => (200, vec!["Set-Cookie: session=1", "Set-Cookie: long=2; Max-Age=1000; HttpOnly"]),
        "/change" => (404, vec!["Set-Cookie: long=3; Max-Age=1000"]),
        "/end" => (200, vec!["Set-Cookie: long=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]),
        "/dir/page" => (200, vec!["Set-Cookie: dir=1; Max-Age=1000", "Set-Cookie: p=1; Path=/other"]),
        "/secure" => (200, vec!["Set-Cookie: secure=1; Secure; Max-Age=1000"]),
        "/foreign" => {
            (200, vec!["Set-Cookie: f=1; Domain=example.com", "Set-Cookie: g=1; Domain=0.0.1; Path=/"])
        }
        "/many" => (200, vec!["Set-Cookie: a=1", "Set-Cookie: b=2", "Set-Cookie: c=3", "Set-Cookie: d=1234"]),
        "/redirect" => (302, vec!["Set-Cookie: hop=1", "Location: /after"]),
        "/away" => (302, vec!["Set-Cookie: hop=1", "Location: @/after"]),
        _ => (200, vec![]),
    };
    let mut answer =
        format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for line in headers {
        answer.push_str(&line.replace('@', &format!("http://127.0.0.1:{port}")));
        answer.push_str("\r\n");
    }
    let _ = stream.write_all(format!("{answer}\r\n{body}").as_bytes());
}

struct Outcome {
    success: bool,
    stdout: Vec<String>,
    stderr: Vec<String>,
}

impl Outcome {
    /// What the server said to each request, with nothing for the library to complain about.
    #[track_caller]
    fn answers(self) -> Vec<String> {
        assert!(self.success && self.stderr.is_empty(), "{:?} {:?}", self.stdout, self.stderr);
        self.stdout.into_iter().filter(|line| line.starts_with('/')).collect()
    }
}

fn run(args: &[&str], urls: &[String]) -> Outcome {
    let mut client = Program::new(compile("cookies")).args(args).args(urls).start();
    let success = client.wait().success();
    Outcome { success, stdout: client.stdout(), stderr: client.stderr() }
}

fn ask(args: &[&str], urls: &[String]) -> Vec<String> {
    run(args, urls).answers()
}

fn file_arg(path: &Path) -> String {
    format!("--file={}", path.display())
}

#[test]
fn cookies_come_back_where_they_belong() {
    let server = Server::start();
    let paths = ["/set", "/x", "/change", "/x?y", "/end", "/x"].map(|path| server.named(path));
    assert_eq!(
        ask(&[], &paths),
        [
            "/set no cookie",
            "/x cookie: session=1; long=2",
            "/change cookie: session=1; long=2",
            "/x?y cookie: session=1; long=3",
            "/end cookie: session=1; long=3",
            "/x cookie: session=1",
        ]
    );
    let paths = ["/dir/page", "/dir/", "/dir?q", "/", "/dirs", "/other/x"].map(|path| server.named(path));
    assert_eq!(
        ask(&[], &paths),
        [
            "/dir/page no cookie",
            "/dir/ cookie: dir=1",
            "/dir?q cookie: dir=1",
            "/ no cookie",
            "/dirs no cookie",
            "/other/x cookie: p=1",
        ]
    );
    let elsewhere =
        [server.named("/set"), server.numbered("/x"), server.numbered("/foreign"), server.numbered("/x")];
    assert_eq!(
        ask(&[], &elsewhere),
        ["/set no cookie", "/x no cookie", "/foreign no cookie", "/x no cookie"]
    );
    let secure = ["/secure", "/x"].map(|path| server.named(path));
    assert_eq!(ask(&[], &secure), ["/secure no cookie", "/x no cookie"]);
}

#[test]
fn redirects_set_cookies_too() {
    let server = Server::start();
    assert_eq!(ask(&[], &[server.named("/redirect")]), ["/after cookie: hop=1"]);
    let kept = [server.named("/redirect"), server.named("/x")];
    assert_eq!(ask(&["--stay"], &kept), ["/redirect no cookie", "/x cookie: hop=1"]);
    // Not to another host, but it is still there for the first.
    let away = [server.named("/away"), server.named("/x")];
    assert_eq!(ask(&[], &away), ["/after no cookie", "/x cookie: hop=1"]);
}

#[test]
fn without_the_flag_there_are_none() {
    let server = Server::start();
    let place = Scratch::new();
    let line = "localhost\tFALSE\t/\tFALSE\t0\tthere\t1\n";
    let file = place.file("jar", format!("{MAGIC}{line}"));
    let urls = ["/set", "/x", "/redirect", "/x"].map(|path| server.named(path));
    let answers = ask(&["--off", &file_arg(&file)], &urls);
    assert_eq!(answers, ["/set no cookie", "/x no cookie", "/after no cookie", "/x no cookie"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{MAGIC}{line}"));
}

#[test]
fn the_programs_own_cookie_header_is_the_only_one() {
    let server = Server::start();
    let urls = ["/set", "/x"].map(|path| server.named(path));
    assert_eq!(ask(&["--header=own=1; x=2"], &urls), ["/set cookie: own=1; x=2", "/x cookie: own=1; x=2"]);
}

#[test]
fn http_2_has_cookies_too() {
    for (server, args) in [(http_server::start(&[]), &["--h2c"][..]), (http_server::start_tls(&[]), &[])] {
        let url = |path| if args.is_empty() { server.https(path) } else { server.http(path) };
        let outcome = run(args, &[url("/cb/custom"), url("/cb/headers")]);
        assert!(outcome.success, "{:?} {:?}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.iter().any(|line| line == "cookie=a=1; b=2 (8)"), "{:?}", outcome.stdout);
        // The program's own: it tries a header that does not fit.
        server.finish_despite("response header not added");
    }
}

#[test]
fn a_file_outlives_its_context() {
    let server = Server::start();
    let place = Scratch::new();
    let file = place.path().join("jar");
    let arg = file_arg(&file);
    ask(&[&arg], &[server.named("/x")]);
    assert!(!file.exists(), "nothing to write");
    ask(&[&arg], &[server.named("/set")]);
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.starts_with(&format!("{MAGIC}#HttpOnly_localhost\tFALSE\t/\tFALSE\t")), "{written}");
    assert!(written.ends_with("\tlong\t2\n") && written.lines().count() == 2, "{written}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing is left beside it");

    assert_eq!(
        ask(&[&arg], &[server.named("/x"), server.numbered("/x")]),
        ["/x cookie: long=2", "/x no cookie"]
    );
    let link = place.path().join("link");
    symlink(&file, &link).unwrap();
    ask(&[&file_arg(&link)], &[server.named("/end")]);
    assert_eq!(fs::read_to_string(&file).unwrap(), MAGIC);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn the_file_is_written_when_the_turn_is_over() {
    let server = Server::start();
    let place = Scratch::new();
    let file = place.path().join("jar");
    let mut client = Program::new(compile("cookies"))
        .args(["--wait=600000", &file_arg(&file), &server.named("/set")])
        .start();
    common::until("the file", || fs::read_to_string(&file).ok().filter(|text| text.ends_with("\tlong\t2\n")));
    client.signal(rustix::process::Signal::KILL);
    assert!(!client.wait().success());
}

#[test]
fn curl_and_we_read_each_others_files() {
    let server = Server::start();
    let place = Scratch::new();
    let ours = place.path().join("ours");
    ask(&[&file_arg(&ours)], &[server.named("/set"), server.named("/dir/page")]);
    let reply = curl(&["-b", ours.to_str().unwrap(), &server.named("/dir/x")]);
    assert_eq!(reply.text(), "/dir/x cookie: dir=1; long=2\n");
    let reply = curl(&["-b", ours.to_str().unwrap(), &server.numbered("/dir/x")]);
    assert_eq!(reply.text(), "/dir/x no cookie\n");

    let curls = place.path().join("curls");
    curl(&["-c", curls.to_str().unwrap(), &server.named("/set"), &server.named("/dir/page")]);
    let arg = file_arg(&curls);
    // curl writes down session cookies; what it has written is kept, and sent.
    let answers = ask(&[&arg], &[server.named("/dir/x")]);
    // In the order of the file, which is not that of their creation.
    let either = ["dir=1; session=1; long=2", "dir=1; long=2; session=1"];
    assert!(either.iter().any(|cookies| answers == [format!("/dir/x cookie: {cookies}")]), "{answers:?}");
    ask(&[&arg], &[server.named("/change")]);
    let reply = curl(&["-b", curls.to_str().unwrap(), &server.named("/x")]);
    let text = reply.text();
    let mut cookies: Vec<&str> = text.trim_end().trim_start_matches("/x cookie: ").split("; ").collect();
    cookies.sort_unstable();
    assert_eq!(cookies, ["long=3", "session=1"]);
}

#[test]
fn limits_are_kept() {
    let server = Server::start();
    let urls = ["/many", "/x"].map(|path| server.named(path));
    for (arg, sent) in [
        ("--items=2", "c=3; d=1234"),
        // Name, value, path and "localhost" of each: 12 bytes, and 15 of the last.
        ("--footprint=27", "c=3; d=1234"),
        ("--payload=4", "a=1; b=2; c=3"),
        ("--items=0", "a=1; b=2; c=3; d=1234"),
    ] {
        assert_eq!(ask(&[arg], &urls)[1], format!("/x cookie: {sent}"), "{arg}");
    }
}

#[test]
fn bad_files_are_named() {
    let server = Server::start();
    let place = Scratch::new();
    let good = "localhost\tFALSE\t/\tFALSE\t0\tgood\t1\n";
    let file = place.file("jar", format!("{MAGIC}\nhello\n{good}"));
    let outcome = run(&[&file_arg(&file)], &[server.named("/x")]);
    assert!(outcome.stdout.iter().any(|line| line == "/x cookie: good=1"), "{:?}", outcome.stdout);
    let wanted = format!("http_nsc_filepath '{}': line 3: ", file.display());
    assert!(outcome.stderr.len() == 1 && outcome.stderr[0].contains(&wanted), "{:?}", outcome.stderr);

    let file = place.file("more", "hello\n".repeat(12));
    let outcome = run(&[&file_arg(&file)], &[]);
    assert!(outcome.stderr.len() == 6 && outcome.stderr[5].contains("7 more"), "{:?}", outcome.stderr);

    let outcome = run(&[&file_arg(place.path())], &[]);
    assert_eq!(outcome.stdout, ["refused"]);
    let wanted = format!("http_nsc_filepath '{}': not a regular file", place.path().display());
    assert!(outcome.stderr.len() == 1 && outcome.stderr[0].contains(&wanted), "{:?}", outcome.stderr);

    // What cannot be written is complained of once, and changes nothing else.
    let nowhere = place.path().join("absent/jar");
    let urls = ["/set", "/change", "/x"].map(|path| server.named(path));
    let outcome = run(&[&file_arg(&nowhere)], &urls);
    assert!(outcome.success && outcome.stdout.iter().any(|line| line == "/x cookie: session=1; long=3"));
    let wanted = format!("http_nsc_filepath '{}': cookies cannot be written: ", nowhere.display());
    assert!(outcome.stderr.len() == 1 && outcome.stderr[0].contains(&wanted), "{:?}", outcome.stderr);
}
