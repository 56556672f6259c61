//! Programs under test: started with the library, watched line by line, never left behind.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::library::library;
use super::wait::{DEADLINE, within};

/// A program that is going to run.
pub(crate) struct Program {
    command: Command,
    name: String,
}

impl Program {
    /// The executable at `path`, with the library under test first on the loader's path.
    pub(crate) fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let mut command = if std::env::var_os("FERROWS_TEST_VALGRIND").is_some() {
            let mut valgrind = Command::new("valgrind");
            // what hand-written cipher code defines, valgrind does not know
            valgrind
                .args(["-q", "--error-exitcode=99", "--leak-check=full", "--undef-value-errors=no"])
                .arg(path);
            valgrind
        } else {
            Command::new(path)
        };
        // Proxies are for the network outside.
        command.env("LD_LIBRARY_PATH", &library().dir).env("RUST_BACKTRACE", "1").env_remove("http_proxy");
        Self::of(command, path)
    }

    /// A program that has nothing to do with the library: a server that its clients speak to.
    pub(crate) fn independent(path: impl AsRef<Path>) -> Self {
        Self::of(Command::new(path.as_ref()), path.as_ref())
    }

    fn of(mut command: Command, path: &Path) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, name: path.file_name().unwrap_or_default().to_string_lossy().into_owned() }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it in `dir`.
    pub(crate) fn in_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().unwrap_or_else(|e| {
            panic!("cannot start {} ({e}): scripts/test installs what the tests need", self.name)
        });
        let stdin = child.stdin.take();
        let stdout = Output::default();
        let stderr = Output::default();
        let readers = vec![
            stdout.follow(child.stdout.take().expect("piped stdout")),
            stderr.follow(child.stderr.take().expect("piped stderr")),
        ];
        Running { child, name: self.name, stdin, stdout, stderr, readers, exit: None }
    }
}

/// A program that was started; killed, if still there, when the value is dropped.
pub(crate) struct Running {
    child: Child,
    name: String,
    stdin: Option<ChildStdin>,
    stdout: Output,
    stderr: Output,
    readers: Vec<JoinHandle<()>>,
    exit: Option<ExitStatus>,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All lines of stdout up to now.
    pub(crate) fn stdout(&self) -> Vec<String> {
        self.stdout.lines()
    }

    /// All lines of stderr up to now.
    pub(crate) fn stderr(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// Waits for a line of stdout, old or new, that `pick` accepts.
    pub(crate) fn wait_line<T>(&self, what: &str, pick: impl FnMut(&str) -> Option<T>) -> T {
        self.wait_line_from(0, what, pick).1
    }

    /// As [`Self::wait_line`], from the line with number `first`; also returns the number of the line after
    /// the one that was picked.
    pub(crate) fn wait_line_from<T>(
        &self,
        first: usize,
        what: &str,
        pick: impl FnMut(&str) -> Option<T>,
    ) -> (usize, T) {
        self.stdout.wait(first, DEADLINE, pick).unwrap_or_else(|why| {
            panic!("{}: {why} while waiting for {what}\n{}", self.name, self.transcript())
        })
    }

    /// Waits for a line of stdout that contains `text`.
    pub(crate) fn wait_text(&self, text: &str) {
        self.wait_line(text, |line| line.contains(text).then_some(()));
    }

    /// Waits until the program has said on which port it listens ("listening on … PORT").
    pub(crate) fn port(&self) -> u16 {
        self.wait_line("the port", |line| {
            line.split_once("listening on")?.1.split_whitespace().last()?.parse().ok()
        })
    }

    /// Writes one line to the program's stdin.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        // At once: a program that ends at the line does not read what comes after it.
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the program reads stdin");
    }

    /// End of file on the program's stdin.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("pid of the child"), signal).expect("signal");
    }

    /// Waits for the end of the program; panics when it does not come.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = within(DEADLINE, || self.child.try_wait().expect("wait for the program"));
        let Some(status) = status else {
            panic!("{} did not end\n{}", self.name, self.transcript());
        };
        self.exit = Some(status);
        for reader in self.readers.drain(..) {
            reader.join().expect("reader of the output");
        }
        status
    }

    /// True once the program has ended, without waiting.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.exit.is_some() || self.child.try_wait().expect("wait for the program").is_some()
    }

    /// Closes stdin, waits for the end, and expects success; returns stdout.
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.close_stdin();
        let status = self.wait();
        assert!(status.success(), "{} ended with {status}\n{}", self.name, self.transcript());
        self.stdout()
    }

    /// What the program has said, for a failing test's message.
    pub(crate) fn transcript(&self) -> String {
        format!("--- stdout of {}\n{}\n--- stderr\n{}", self.name, self.stdout.tail(), self.stderr.tail())
    }

    /// Resident memory in KiB.
    pub(crate) fn rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .unwrap_or_else(|e| panic!("{} is gone ({e})\n{}", self.name, self.transcript()));
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .expect("VmRSS of the program")
    }

    /// The most resident memory it ever had, in KiB; `None` once it has ended.
    pub(crate) fn peak_rss(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Open file descriptors.
    pub(crate) fn open_fds(&self) -> usize {
        let dir = PathBuf::from(format!("/proc/{}/fd", self.pid()));
        std::fs::read_dir(dir).expect("fds of the program").count()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.exit.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Says how a program ended in words that a failing test can print.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[derive(Clone, Default)]
struct Output(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Output {
    fn follow(&self, stream: impl std::io::Read + Send + 'static) -> JoinHandle<()> {
        let output = self.clone();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                output.0.0.lock().expect("lines").lines.push(text);
                output.0.1.notify_all();
                line.clear();
            }
            output.0.0.lock().expect("lines").ended = true;
            output.0.1.notify_all();
        })
    }

    fn lines(&self) -> Vec<String> {
        self.0.0.lock().expect("lines").lines.clone()
    }

    fn tail(&self) -> String {
        let lines = self.lines();
        lines[lines.len().saturating_sub(200)..].join("\n")
    }

    fn wait<T>(
        &self,
        first: usize,
        limit: Duration,
        mut pick: impl FnMut(&str) -> Option<T>,
    ) -> Result<(usize, T), String> {
        let end = Instant::now() + limit;
        let mut next = first;
        let mut lines = self.0.0.lock().expect("lines");
        loop {
            while let Some(line) = lines.lines.get(next) {
                next += 1;
                if let Some(picked) = pick(line) {
                    return Ok((next, picked));
                }
            }
            if lines.ended {
                return Err("the output ended".to_owned());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("{limit:?} passed"));
            }
            lines = self.0.1.wait_timeout(lines, left).expect("lines").0;
        }
    }
}
