//! The program that makes WebSockets on command, and servers of a test's own for it.

use std::io::{Read, Write};
use std::sync::mpsc::Receiver;

use super::ws_peer::{Head, echo, serve};
use super::{Program, Running, compile, process, tls};

/// `tests/c/ws-client.c`, which makes WebSockets and watches the library.
pub(crate) struct Client {
    pub(crate) running: Running,
}

pub(crate) fn start(args: &[&str]) -> Client {
    let ca = format!("--ca={}", tls::localhost().cert.display());
    let running = Program::new(compile("ws-client")).arg(ca).args(args).start();
    running.wait_text("ready");
    Client { running }
}

impl Client {
    /// Asks for a WebSocket; `more` as the program takes it.
    pub(crate) fn ws(&mut self, id: usize, port: u16, more: &str) {
        self.running.tell(&format!("ws id={id} port={port} {more}"));
    }

    pub(crate) fn tell(&mut self, command: &str) {
        self.running.tell(command);
    }

    /// Waits for something that was, or will be, said of the WebSocket; gives what follows.
    pub(crate) fn wait(&self, id: usize, what: &str) -> String {
        let line = format!("{id} {what}");
        self.running.wait_line(&line, |said| said.strip_prefix(&line).map(|rest| rest.trim().to_owned()))
    }

    /// What the callbacks have said of it up to now.
    pub(crate) fn told(&self, id: usize) -> Vec<String> {
        let prefix = format!("{id} ");
        self.running.stdout().iter().filter_map(|line| Some(line.strip_prefix(&prefix)?.to_owned())).collect()
    }

    pub(crate) fn times(&self, id: usize, what: &str) -> usize {
        self.told(id).iter().filter(|line| line.starts_with(what)).count()
    }

    /// Waits for the end and gives it: `ERROR text`, `CLOSED` or `NULL`.
    pub(crate) fn end_of(&self, id: usize) -> String {
        let prefix = format!("{id} ");
        self.running.wait_line(&format!("the end of {id}"), |line| {
            let rest = line.strip_prefix(&prefix)?;
            let over = ["ERROR", "CLOSED", "NULL"].iter().any(|end| rest.starts_with(end));
            over.then(|| rest.to_owned())
        })
    }

    /// Waits for a failure whose text has `why` in it, and nothing else to come of it.
    pub(crate) fn fails(&self, id: usize, name: &str, why: &str) {
        let end = self.end_of(id);
        let right = end.strip_prefix("ERROR ").is_some_and(|text| text.contains(why));
        assert!(right, "{name}: {why:?} expected, not {end:?}\n{}", self.running.transcript());
        assert_eq!(self.times(id, "ESTABLISHED"), 0, "{name}\n{}", self.running.transcript());
    }

    /// Waits for an orderly end.
    pub(crate) fn closes(&self, id: usize, name: &str) {
        let end = self.end_of(id);
        assert_eq!(end, "CLOSED", "{name}\n{}", self.running.transcript());
    }

    /// Waits until nothing lives any more; the loop's turns until then.
    pub(crate) fn settle(&mut self) -> u32 {
        let first = self.running.stdout().len();
        self.running.tell("settle");
        let (_, turns) = self.running.wait_line_from(first, "an idle loop", |line| {
            line.strip_prefix("settled after ")?.strip_suffix(" turns")?.parse().ok()
        });
        turns
    }

    /// Ends the program and expects that it found nothing wrong.
    pub(crate) fn finish(mut self) {
        self.running.close_stdin();
        let status = self.running.wait();
        assert!(status.success(), "{}\n{}", process::describe(status), self.running.transcript());
    }

    /// As [`Self::finish`], after everything is over.
    pub(crate) fn settle_and_finish(mut self) {
        self.settle();
        self.finish();
    }
}

/// Reads what comes until the client goes, in whatever way.
pub(crate) fn drain(stream: &mut impl Read) {
    let mut chunk = [0; 4096];
    while matches!(stream.read(&mut chunk), Ok(1..)) {}
}

/// Accepts everybody and echoes; tells each CLOSE.
pub(crate) fn echoing() -> (u16, Receiver<Option<Vec<u8>>>) {
    serve(|mut socket| {
        let head = Head::read(&mut socket)?;
        socket.write_all(head.switch("").as_bytes()).expect("a client");
        echo(&mut socket)
    })
}

/// Answers each request by what `answer` makes of it, then waits for the client to go. Tells the requests.
pub(crate) fn answering(answer: impl Fn(&Head) -> Vec<u8> + Send + Sync + 'static) -> (u16, Receiver<Head>) {
    serve(move |mut socket| {
        let head = Head::read(&mut socket).unwrap_or_else(|| Head(String::new()));
        if !head.0.is_empty() {
            // The client may have had enough before.
            let _ = socket.write_all(&answer(&head));
            drain(&mut socket);
        }
        head
    })
}
