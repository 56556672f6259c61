//! What the API says about connections, vhosts, protocols and headers, asked from inside the callbacks
//! (`tests/c/api-server.c`), compared with what libwebsockets 4.3.5 says.

mod common;

use common::{Program, Running, compile, library, root, tls, tools};

fn port_of(running: &Running, vhost: &str) -> u16 {
    let pick = || {
        running.stderr().iter().find_map(|line| {
            line.strip_prefix(vhost)?.strip_prefix(" listening on port ")?.parse::<u16>().ok()
        })
    };
    common::until("the ports", pick)
}

fn fetch(args: &[&str]) {
    let reply = tools::curl(&[&["-A", "agent", "-H", "x-first:1", "-H", "x-second:2"], args].concat());
    assert!(reply.status == 200 && reply.text().starts_with("ok\n"), "{args:?}: {reply:?}");
}

#[test]
fn answers_are_those_of_lws() {
    let running =
        Program::new(compile("api-server")).arg(format!("--tls={}", tls::localhost().pair())).start();
    running.wait_text("ready");
    let (plain, secure) = (port_of(&running, "main"), port_of(&running, "secure"));
    let closed = |count: usize| {
        let mut seen = 0;
        running.wait_line("the request to be over", |line| {
            seen += usize::from(line.starts_with("closed"));
            (seen == count).then_some(())
        });
    };
    let query = "/one?a=1&bb=22&c";
    fetch(&[&format!("http://localhost:{plain}{query}"), &format!("http://localhost:{plain}/two")]);
    closed(1);
    fetch(&[&format!("http://localhost:{plain}/all")]);
    closed(2);
    fetch(&["--http2", &format!("https://localhost:{secure}{query}")]);
    closed(3);
    let mut answers = running.finish();

    let path = root().join("tests/data/api-answers.txt");
    let text = std::fs::read_to_string(&path).expect("the recorded answers");
    let mut expected: Vec<String> = text.lines().map(str::to_owned).collect();
    if !library().foreign {
        // lws keeps a request's own headers on h1 only
        let at = expected.iter().rposition(|line| line.starts_with("custom -1")).expect("the h2 request");
        let ours = ["custom 1, absent -1", "custom header x-first:", "custom header x-second:"];
        expected.splice(at..=at, ours.map(str::to_owned));
    }
    // in which order vhosts end is no contract
    for lines in [&mut answers, &mut expected] {
        let start = lines.iter().position(|line| line.starts_with("destroy ")).expect("the end");
        lines[start..].sort();
    }
    let differences: Vec<String> = answers
        .iter()
        .zip(&expected)
        .enumerate()
        .filter(|(_, (got, expected))| got != expected)
        .map(|(n, (got, expected))| format!("line {}: {got:?}, not {expected:?}", n + 1))
        .collect();
    assert_eq!(answers.len(), expected.len(), "{differences:#?}");
    assert!(differences.is_empty(), "{differences:#?}");
}
