//! The WebSocket server that sends back what it gets, for clients that nobody here wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::compile;
use super::example::kinds_of;
use super::process::{Program, Running};
use super::wait::within;

/// `tests/c/ws-echo.c`, and what it held before the first client.
pub(crate) struct EchoServer {
    pub(crate) program: Running,
    pub(crate) port: u16,
    idle: BTreeMap<String, u64>,
}

impl EchoServer {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut program = Program::new(compile("ws-echo")).args(args).start();
        let port = program.port();
        let idle = live(&mut program);
        Self { program, port, idle }
    }

    /// Nothing may be left of the clients' connections, nor an error have been logged.
    pub(crate) fn finish(mut self) {
        let mut last = BTreeMap::new();
        let settled = within(Duration::from_secs(10), || {
            last = live(&mut self.program);
            (last == self.idle).then_some(())
        });
        let transcript = self.program.transcript();
        assert!(settled.is_some(), "{last:?} are left, {:?} were before\n{transcript}", self.idle);
        self.program.close_stdin();
        let status = self.program.wait();
        assert!(status.success(), "{status}\n{}", self.program.transcript());
        let errors: BTreeSet<_> = self.program.stderr().into_iter().filter(|l| l.contains(" E: ")).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

/// How many of each resource kind there are.
fn live(program: &mut Running) -> BTreeMap<String, u64> {
    let first = program.stdout().len();
    program.tell("stats");
    let (_, text) = program
        .wait_line_from(first, "the statistics", |line| line.strip_prefix("stats ").map(str::to_owned));
    let kinds = kinds_of(&text);
    kinds.into_iter().map(|(kind, count)| (kind, count.live)).collect()
}
