//! TLS clients from C: whom they trust, who they are, what they say of servers, and what they can be asked. The server is of the same
//! process (`tests/c/client_tls.c`).

mod common;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::library::library;
use common::tools::openssl;
use common::{Program, Scratch, compile, free_ports, tls};

/// The protocols to speak, by ALPN.
const ALPN: [&str; 2] = ["http/1.1", "h2"];

/// `LCCSCF_ALLOW_SELFSIGNED`, `LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK`, `LCCSCF_ALLOW_INSECURE`.
const ALLOW_SELFSIGNED: u32 = 2;
const SKIP_HOSTNAME: u32 = 4;
const ALLOW_INSECURE: u32 = 16;

/// Certificates and keys, `NAME.crt` and `NAME.key`:
/// `root`, `stranger` (nobody's friend), `middle` (by the root), `server` (localhost, by the root),
/// `below` (localhost, by the middle one), `client` (by the root).
struct Pki {
    dir: Scratch,
}

static PKI: LazyLock<Pki> = LazyLock::new(Pki::new);

impl Pki {
    fn new() -> Self {
        const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
        const HOST: &str = "subjectAltName=DNS:localhost\n";
        let pki = Self { dir: Scratch::new() };
        for name in ["root", "stranger"] {
            let subject = format!("/CN={name}");
            let (key, crt) = (format!("{name}.key"), format!("{name}.crt"));
            let args = ["req", "-x509", "-nodes", "-days", "3650", "-newkey", "ec", "-pkeyopt"];
            let more = ["ec_paramgen_curve:P-256", "-subj", &subject, "-keyout", &key, "-out", &crt];
            openssl(&[&args[..], &more[..]].concat(), pki.dir.path());
        }
        pki.issue("middle", "root", AUTHORITY);
        pki.issue("server", "root", HOST);
        pki.issue("below", "middle", HOST);
        pki.issue("client", "root", "extendedKeyUsage=clientAuth\n");
        openssl(&["x509", "-in", "middle.crt", "-outform", "DER", "-out", "middle.der"], pki.dir.path());
        openssl(&["x509", "-in", "root.crt", "-outform", "DER", "-out", "root.der"], pki.dir.path());
        pki
    }

    fn issue(&self, name: &str, issuer: &str, extensions: &str) {
        self.dir.file(&format!("{name}.ext"), extensions);
        let file = |suffix: &str| format!("{name}.{suffix}");
        let (key, csr, crt, ext) = (file("key"), file("csr"), file("crt"), file("ext"));
        let (ca, ca_key) = (format!("{issuer}.crt"), format!("{issuer}.key"));
        let subject = format!("/CN=the {name}");
        let args = ["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let more = ["-subj", &subject, "-keyout", &key, "-out", &csr];
        openssl(&[&args[..], &more[..]].concat(), self.dir.path());
        let args = ["x509", "-req", "-days", "3650", "-in", &csr, "-CA", &ca, "-CAkey", &ca_key];
        let more = ["-CAcreateserial", "-extfile", &ext, "-out", &crt];
        openssl(&[&args[..], &more[..]].concat(), self.dir.path());
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn pair(&self, name: &str) -> String {
        let (crt, key) = (self.file(&format!("{name}.crt")), self.file(&format!("{name}.key")));
        format!("{},{}", crt.display(), key.display())
    }
}

/// An argument with a file of the PKI.
fn with(option: &str, name: &str) -> String {
    format!("{option}={}", PKI.file(name).display())
}

/// Runs the program against a server with this identity, on a system that trusts the issuers in `system`, to its end.
fn run(identity: &str, system: &Path, args: &[&str]) -> Vec<String> {
    let [port] = free_ports();
    let program = Program::new(compile("client_tls"))
        .arg(format!("--port={port}"))
        .arg(format!("--tls={identity}"))
        .args(args)
        .env("SSL_CERT_FILE", system)
        .env("SSL_CERT_DIR", PKI.dir.path().join("none"));
    program.start().finish()
}

/// As [`run`], with the server that the root has issued a certificate for, on a system that trusts the root.
fn run_trusting(args: &[&str]) -> Vec<String> {
    run(&PKI.pair("server"), &PKI.file("root.crt"), args)
}

#[track_caller]
fn expect(lines: &[String], line: &str) {
    assert!(lines.iter().any(|l| l == line), "no {line:?} in {lines:#?}");
}

#[track_caller]
fn expect_answer(lines: &[String]) {
    expect(lines, "established 200 reused=0");
    expect(lines, "complete");
}

/// There was an error, the only one, and it says this; what lws says is its own affair.
#[track_caller]
fn expect_error(lines: &[String], text: &str) {
    let errors: Vec<&String> = lines.iter().filter(|line| line.starts_with("error ")).collect();
    let [error] = errors[..] else { panic!("not one error: {lines:#?}") };
    assert!(error.contains(text) || library().foreign, "no {text:?} in {error:?}");
    assert!(!lines.iter().any(|line| line.starts_with("established")), "{lines:#?}");
}

#[test]
fn a_ca_file_is_trusted_beside_the_system_and_one_in_memory_instead() {
    const UNKNOWN: &str = "X509_V_ERR = 20: unable to get local issuer certificate: unknown issuer CN=root";
    let (root, stranger) = (PKI.file("root.crt"), PKI.file("stranger.crt"));
    let server = PKI.pair("server");
    for (system, args, trusted) in [
        (&root, vec![], true),
        (&stranger, vec![], false),
        (&root, vec![with("--ca", "stranger.crt")], true),
        (&stranger, vec![with("--ca", "root.crt")], true),
        (&root, vec![with("--ca-memory", "stranger.crt")], false),
        (&stranger, vec![with("--ca-memory", "root.crt")], true),
        (&root, vec!["--no-os-ca".to_owned()], false),
        (&root, vec!["--no-os-ca".to_owned(), with("--ca", "stranger.crt")], false),
        (&stranger, vec!["--no-os-ca".to_owned(), with("--ca", "root.crt")], true),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let lines = run(&server, system, &args);
        if trusted {
            expect_answer(&lines);
            expect(&lines, "peer verified=1");
        } else {
            expect_error(&lines, UNKNOWN);
        }
    }
}

#[test]
fn client_certificates_are_shown_to_servers_that_require_them() {
    let require = with("--require", "root.crt");
    for alpn in ALPN {
        let alpn = format!("--alpn={alpn}");
        for option in ["--identity", "--identity-memory"] {
            let identity = format!("{option}={}", PKI.pair("client"));
            let lines = run_trusting(&[&require, &alpn, &identity]);
            expect_answer(&lines);
            expect(&lines, "server sees the client");
        }
        let lines = run_trusting(&[&require, &alpn]);
        expect_error(&lines, "the server requires a client certificate");
        let identity = format!("--identity={}", PKI.pair("stranger"));
        let lines = run_trusting(&[&require, &alpn, &identity]);
        expect_error(&lines, "alert");
        assert!(!lines.iter().any(|line| line.starts_with("server sees")), "{lines:#?}");
    }
}

#[test]
fn what_speaks_against_a_server_is_said_and_forgiven_if_asked() {
    let known = PKI.pair("server");
    let selfish = tls::localhost().pair();
    let unsent = PKI.pair("below");
    let name = "--host=other.example";
    for (server, args, flags, text) in [
        (
            &known,
            &[name][..],
            SKIP_HOSTNAME,
            "62: hostname mismatch: the certificate is for localhost, not for",
        ),
        (&selfish, &[], ALLOW_SELFSIGNED, "18: self-signed certificate (CN=localhost)"),
        (
            &unsent,
            &[],
            ALLOW_INSECURE,
            "20: unable to get local issuer certificate: unknown issuer CN=the middle",
        ),
    ] {
        for forgiven in 0..8 {
            let asked = [SKIP_HOSTNAME, ALLOW_SELFSIGNED, ALLOW_INSECURE].into_iter().enumerate();
            let asked: u32 = asked.filter(|(i, _)| forgiven >> i & 1 == 1).map(|(_, flag)| flag).sum();
            let option = format!("--flags={asked}");
            let lines = run(server, &PKI.file("root.crt"), &[&[option.as_str()], args].concat());
            if asked & flags == 0 {
                expect_error(&lines, text);
                expect_error(&lines, "server's cert didn't look good, tls=");
            } else {
                expect_answer(&lines);
                // lws takes what it has forgiven for verified.
                if !library().foreign {
                    expect(&lines, "peer verified=0");
                }
            }
        }
    }
}

#[test]
fn the_program_has_the_last_word_on_the_certificate() {
    for alpn in ALPN {
        let alpn = format!("--alpn={alpn}");
        let lines = run_trusting(&[&alpn]);
        expect_answer(&lines);
        if !library().foreign {
            let verify: Vec<&String> = lines.iter().filter(|line| line.starts_with("verify")).collect();
            assert_eq!(verify, ["verify NULL 1"]);
        }
        let lines = run_trusting(&[&alpn, "--refuse"]);
        expect_error(&lines, "the protocol's callback refused the server's certificate");
        assert!(lines.iter().any(|line| line.starts_with("verify")), "{lines:#?}");
    }
}

#[test]
fn sessions_are_resumed() {
    for alpn in ALPN {
        let lines = run_trusting(&[&format!("--alpn={alpn}"), "--requests=3"]);
        let established: Vec<&str> =
            lines.iter().filter_map(|line| line.strip_prefix("established ")).collect();
        assert_eq!(established.len(), 3, "{lines:#?}");
        assert_eq!(established[0], "200 reused=0");
        assert_eq!(established[1..], ["200 reused=1"; 2], "{alpn}: {lines:#?}");
    }
}

#[test]
fn certificates_can_be_asked() {
    let der = |name: &str| tls::der_of(&PKI.file(name)).len();
    for alpn in ALPN {
        let lines = run_trusting(&[&format!("--alpn={alpn}")]);
        for whose in ["peer", "vhost"] {
            expect(&lines, &format!("{whose} name=the server"));
            expect(&lines, &format!("{whose} issuer=/CN=root"));
            expect(&lines, &format!("{whose} der={}", der("server.crt")));
            // A key on P-256 is always as long.
            expect(&lines, &format!("{whose} key=91"));
            let number = |what: &str| {
                let start = format!("{whose} {what}=");
                let line = lines.iter().find_map(|line| line.strip_prefix(&start));
                line.expect("a time").parse::<u64>().expect("a number")
            };
            assert_eq!(number("to") - number("from"), 3650 * 24 * 60 * 60);
        }
        expect(&lines, "peer verified=1");
        assert!(!lines.iter().any(|line| line.starts_with("server sees")), "{lines:#?}");
    }
}

#[test]
fn a_vhost_can_be_given_tls_and_certificates_later() {
    let (nobody, root) = (PKI.file("stranger.crt"), with("--ca", "root.crt"));
    let server = PKI.pair("server");
    let lines = run(&server, &nobody, &["--late", &root]);
    expect(&lines, "late 0");
    expect_answer(&lines);
    let lines = run(&server, &nobody, &["--late"]);
    expect_error(&lines, "unknown issuer CN=root");

    let extra = with("--extra", "root.der");
    let lines = run(&server, &nobody, &[&extra]);
    expect(&lines, "extra 0");
    expect_answer(&lines);

    // An authority between, which the server does not send.
    let below = PKI.pair("below");
    expect_error(&run(&below, &nobody, &[&root]), "unknown issuer CN=the middle");
    let extra = with("--extra", "middle.der");
    let lines = run(&below, &nobody, &[&root, &extra]);
    expect(&lines, "extra 0");
    expect_answer(&lines);
    // It is not trusted for itself.
    expect_error(&run(&below, &nobody, &[&extra]), "unknown issuer CN=root");
    let damaged = with("--extra", "root.crt");
    expect(&run(&server, &nobody, &[&damaged, &root]), "extra 1");
}
