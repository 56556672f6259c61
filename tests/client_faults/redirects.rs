//! Redirects that end.

use std::io::Write as _;

use crate::program::Outcome::{Error, Whole};
use crate::program::start;
use crate::servers::{Then, accept, answers, good, read_head, refused_port, serve};

#[test]
fn redirects_end_after_four() {
    let (port, _) = serve(|listener| {
        loop {
            let mut socket = accept(listener);
            read_head(&mut socket);
            let _ = socket.write_all(b"HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let mut client = start(&[]);
    client.get(1, port, "");
    client.get(2, port, "flags=pipeline");
    client.expect(1, "a circle", Error("redirected more than 4 times"));
    client.expect(2, "a circle", Error("redirected more than 4 times"));
    assert_eq!(client.times(1, "REDIRECT"), 4);
    assert_eq!(client.times(1, "CONNECTING"), 5);
    client.settle_and_finish();
}

#[test]
fn redirects_lead_nowhere() {
    let nowhere = refused_port();
    let to = |location: String| {
        answers(
            format!("HTTP/1.1 307 Go\r\nlocation: {location}\r\ncontent-length: 9\r\n\r\nelsewhere"),
            Then::Wait,
        )
    };
    let mut client = start(&["--refuse=9-10"]);
    client.get(1, to(format!("http://127.0.0.1:{nowhere}/")), "");
    client.get(2, to(format!("http://127.0.0.1:{nowhere}/")), "flags=pipeline");
    client.get(3, to("http://nowhere.invalid/".to_owned()), "");
    client.expect(1, "refused", Error("Connection refused"));
    client.expect(2, "refused", Error("Connection refused"));
    client.expect(3, "unknown", Error("nowhere.invalid"));
    let (good, _) = good(1);
    client.get(4, to(format!("http://127.0.0.1:{good}/")), "");
    client.expect(4, "found", Whole(5));
    client.settle_and_finish();
}
