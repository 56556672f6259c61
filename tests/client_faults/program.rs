//! The program, and what is to become of its requests.

use self::Outcome::{Cut, Error, Null, Whole, Within};
use crate::common::{self, Program, Running, compile, tls};

pub(super) struct Client {
    pub(super) running: Running,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// `CLIENT_CONNECTION_ERROR` with this in its text.
    Error(&'static str),
    /// ESTABLISHED, so many bytes, CLOSED; not COMPLETED.
    Cut(u64),
    /// The same, perhaps with fewer bytes: what waits when an HTTP/2 stream is reset is thrown away.
    Within(u64),
    /// ESTABLISHED, so many bytes, COMPLETED, CLOSED.
    Whole(u64),
    /// NULL, and nothing more.
    Null,
}

pub(super) fn program(args: &[&str]) -> Program {
    Program::new(compile("client-faults")).arg(format!("--ca={}", tls::localhost().cert.display())).args(args)
}

pub(super) fn start(args: &[&str]) -> Client {
    Client::of(program(args))
}

impl Client {
    pub(super) fn of(program: Program) -> Self {
        let running = program.start();
        running.wait_text("ready");
        Self { running }
    }

    /// A request; `more` as the program takes it.
    pub(super) fn get(&mut self, id: usize, port: u16, more: &str) {
        self.running.tell(&format!("get id={id} port={port} {more}"));
    }

    /// Waits until the request has come to its end and says what became of it.
    pub(super) fn end_of(&self, id: usize) -> (String, Vec<String>) {
        let prefix = format!("{id} ");
        let end = self.running.wait_line(&format!("the end of request {id}"), |line| {
            let rest = line.strip_prefix(&prefix)?;
            let over = ["ERROR", "CLOSED", "NULL"].iter().any(|end| rest.starts_with(end));
            over.then(|| rest.to_owned())
        });
        (end, self.told(id))
    }

    /// Waits until the request has failed, or been answered: its connection may be kept for a while.
    pub(super) fn answer_of(&self, id: usize) {
        let prefix = format!("{id} ");
        self.running.wait_line(&format!("an answer to request {id}"), |line| {
            let rest = line.strip_prefix(&prefix)?;
            let over = ["ERROR", "COMPLETED", "CLOSED", "NULL"].iter().any(|end| rest.starts_with(end));
            over.then_some(())
        });
    }

    /// What the callbacks of the request have said up to now.
    pub(super) fn told(&self, id: usize) -> Vec<String> {
        let prefix = format!("{id} ");
        self.running.stdout().iter().filter_map(|line| Some(line.strip_prefix(&prefix)?.to_owned())).collect()
    }

    pub(super) fn times(&self, id: usize, what: &str) -> usize {
        self.told(id).iter().filter(|line| line.starts_with(what)).count()
    }

    pub(super) fn wait(&self, id: usize, what: &str) {
        let line = format!("{id} {what}");
        self.running.wait_line(&line, |said| said.starts_with(&line).then_some(()));
    }

    pub(super) fn expect(&self, id: usize, name: &str, outcome: Outcome) {
        let (end, told) = self.end_of(id);
        let completed = told.iter().any(|line| line.starts_with("COMPLETED"));
        let right = match outcome {
            Error(why) => end.starts_with("ERROR") && end.contains(why),
            Cut(bytes) => end == format!("CLOSED {bytes}") && !completed,
            Within(bytes) => {
                let got = end.strip_prefix("CLOSED ").and_then(|n| n.parse::<u64>().ok());
                got.is_some_and(|got| got <= bytes) && !completed
            }
            Whole(bytes) => end == format!("CLOSED {bytes}") && completed,
            Null => end == "NULL",
        };
        assert!(right, "{name}: {outcome:?} expected\n{}", self.running.transcript());
    }

    /// Waits until nothing lives any more; the loop's turns until then.
    pub(super) fn settle(&mut self) -> u32 {
        let first = self.running.stdout().len();
        self.running.tell("settle");
        let (_, turns) = self.running.wait_line_from(first, "an idle loop", |line| {
            line.strip_prefix("settled after ")?.strip_suffix(" turns")?.parse().ok()
        });
        turns
    }

    /// Ends the program and expects that it found nothing wrong.
    pub(super) fn finish(mut self) {
        self.running.close_stdin();
        self.finish_by_itself();
    }

    pub(super) fn finish_by_itself(&mut self) {
        let status = self.running.wait();
        assert!(status.success(), "{}\n{}", common::process::describe(status), self.running.transcript());
    }

    /// As [`Self::finish`], after everything is over.
    pub(super) fn settle_and_finish(mut self) {
        self.settle();
        self.finish();
    }
}
