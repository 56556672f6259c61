//! The example programs of `c-examples`, built by their own makefile and watched while they serve.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::Signal;

use super::library::{library, lock};
use super::process::{Program, Running};
use super::wait::within;
use super::{root, tmp};

/// What a server still holds of a client that is gone must be given back in this time.
const SETTLING: Duration = Duration::from_secs(1);

/// The one with its own poll loop, which prints statistics.
pub(crate) const CUSTOM_LOOP: &str = "minimal-http-server-eventlib-custom";

/// What `--eventlib` of the programs with WebSockets takes.
pub(crate) const LOOPS: [&str; 3] = ["default", "custom", "unguarded"];

/// Names of the programs that the makefile of `c-examples` builds.
pub(crate) fn names() -> Vec<String> {
    let makefile = fs::read_to_string(root().join("c-examples/Makefile")).expect("the makefile");
    let list = makefile.split_once("EXAMPLES :=").expect("EXAMPLES in the makefile").1;
    let mut names = Vec::new();
    for line in list.lines() {
        names.extend(line.trim_end_matches('\\').split_whitespace().map(str::to_owned));
        if !line.ends_with('\\') {
            break;
        }
    }
    assert!(names.iter().any(|name| name == CUSTOM_LOOP), "found {names:?}");
    names
}

/// The examples, built by `make`.
pub(crate) struct Examples {
    build: PathBuf,
}

impl Examples {
    /// As everybody builds them, serving `c-examples/mount-origin`.
    pub(crate) fn built() -> &'static Self {
        static BUILT: OnceLock<Examples> = OnceLock::new();
        BUILT.get_or_init(|| Self::make("examples", None))
    }

    /// Serving the files of another directory.
    pub(crate) fn serving(name: &str, www: &Path) -> Self {
        Self::make(name, Some(www))
    }

    fn make(name: &str, www: Option<&Path>) -> Self {
        let build = tmp().join(format!("{name}-{}", env!("CARGO_CRATE_NAME")));
        fs::create_dir_all(&build).expect("build directory");
        let _lock = lock(&build.join("lock"));

        // Always anew: make does not know the headers and the library that go into the programs.
        let mut make = Command::new("make");
        make.args(["-s", "-B", "-C"])
            .arg(root().join("c-examples"))
            .arg(format!("BUILD={}", build.display()))
            .arg(format!("LWS_LIB={}", library().dir.join("libwebsockets.so.19").display()))
            .arg(format!("LWS_CFLAGS=-I{}", library().include.display()));
        if let Some(www) = www {
            let (www, build) = (www.display(), build.display());
            make.arg(format!(r#"DEFINES=-DWWW_DIR='"{www}"' -DCERT_DIR='"{build}/certs"'"#));
        }
        let output = make.output().expect("make runs (Debian package make)");
        assert!(
            output.status.success(),
            "make -C c-examples:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Self { build }
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.build.join(name)
    }

    /// The certificate that the servers show, for clients that verify it.
    pub(crate) fn certificate(&self) -> String {
        self.path("certs/localhost.crt")
    }

    /// The certificate's key.
    pub(crate) fn key(&self) -> String {
        self.path("certs/localhost.key")
    }

    fn path(&self, name: &str) -> String {
        self.build.join(name).to_str().expect("the build directory is UTF-8").to_owned()
    }

    /// Starts a server on a free port and waits until it listens.
    pub(crate) fn start(&self, name: &str, args: &[&str]) -> Server {
        Server::new(Program::new(self.program(name)).args(["-p", "0"]).args(args).start())
    }
}

/// An example that is listening.
pub(crate) struct Server {
    program: Running,
    url: String,
    open_fds: usize,
}

impl Server {
    pub(crate) fn new(program: Running) -> Self {
        let url = program.wait_line("its address", |line| {
            let url = line.strip_prefix("listening on ")?;
            Some(url.trim_end_matches('/').to_owned())
        });
        let open_fds = program.open_fds();
        Self { program, url, open_fds }
    }

    /// `https://localhost:12345`, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn port(&self) -> &str {
        self.url.rsplit_once(':').expect("the address has a port").1
    }

    pub(crate) fn port_number(&self) -> u16 {
        self.port().parse().expect("a port")
    }

    pub(crate) fn program(&self) -> &Running {
        &self.program
    }

    /// Waits until the process has no descriptor more than before the first client.
    pub(crate) fn expect_no_fd_more(&self) {
        let idle = within(SETTLING, || (self.program.open_fds() <= self.open_fds).then_some(()));
        assert!(
            idle.is_some(),
            "{} descriptors, {} before the clients\n{}",
            self.program.open_fds(),
            self.open_fds,
            self.program.transcript()
        );
    }

    /// Ends it as its user would, and expects that it finds nothing to complain about; returns stderr.
    pub(crate) fn stop(self) -> Vec<String> {
        let Self { mut program, .. } = self;
        program.signal(Signal::TERM);
        let status = program.wait();
        assert!(status.success(), "ended with {status}\n{}", program.transcript());
        assert!(program.stdout().iter().any(|line| line == "Completed: OK"), "{}", program.transcript());
        program.stderr()
    }
}

/// The custom-loop example, with the counts that it had before the first client.
pub(crate) struct CountingServer {
    server: Server,
    idle: Statistics,
    last: RefCell<Statistics>,
}

/// What the custom-loop example prints on SIGUSR1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statistics {
    /// Rows in the program's own table.
    pub(crate) descriptors: u64,
    /// Of each resource kind: how many there are, and were made since the start.
    pub(crate) kinds: BTreeMap<String, Count>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Count {
    pub(crate) live: u64,
    pub(crate) total: u64,
    /// What the live ones hold.
    pub(crate) bytes: u64,
}

impl Statistics {
    /// All that is held: descriptors, and of each kind how many and how many bytes.
    pub(crate) fn held(&self) -> (u64, BTreeMap<&str, (u64, u64)>) {
        let kinds = self.kinds.iter();
        let held = kinds.map(|(kind, count)| (kind.as_str(), (count.live, count.bytes)));
        (self.descriptors, held.collect())
    }

    pub(crate) fn of(&self, kind: &str) -> Count {
        *self.kinds.get(kind).unwrap_or_else(|| panic!("no {kind:?} in {:?}", self.kinds.keys()))
    }
}

impl CountingServer {
    /// Takes a server that no client has spoken to.
    pub(crate) fn new(server: Server) -> Self {
        let idle = ask(&server.program);
        for kind in ["h2_stream", "ah", "session"] {
            assert_eq!(idle.of(kind).live, 0, "{kind} before the first client: {idle:?}");
        }
        Self { server, last: RefCell::new(idle.clone()), idle }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The counts now.
    pub(crate) fn statistics(&self) -> Statistics {
        let now = ask(&self.server.program);
        self.last.replace(now.clone());
        now
    }

    /// Waits a second at most until nothing is left of the clients: every count and every descriptor
    /// is as it was before the first of them.
    pub(crate) fn expect_idle(&self) {
        self.expect_idle_within(SETTLING);
    }

    /// As [`Self::expect_idle`], for a server that something slows down.
    pub(crate) fn expect_idle_within(&self, limit: Duration) {
        let idle = within(limit, || (self.statistics().held() == self.idle.held()).then_some(()));
        assert!(
            idle.is_some(),
            "after {limit:?} without clients there is {:?},\nbefore the first there was {:?}\n{}",
            self.last.borrow().held(),
            self.idle.held(),
            self.server.program.transcript()
        );
        self.server.expect_no_fd_more();
    }

    /// As [`Server::stop`].
    pub(crate) fn stop(self) -> Vec<String> {
        self.server.stop()
    }
}

/// What the custom-loop example counts now.
pub(crate) fn ask(program: &Running) -> Statistics {
    let first = program.stdout().len();
    program.signal(Signal::USR1);
    let (next, descriptors) = program
        .wait_line_from(first, "the descriptors", |line| line.strip_prefix("descriptors: ")?.parse().ok());
    let (_, json) = program
        .wait_line_from(next, "the statistics", |line| line.strip_prefix("statistics: ").map(str::to_owned));
    Statistics { descriptors, kinds: kinds_of(&json) }
}

/// The counts of each resource kind, from the library's own JSON.
pub(crate) fn kinds_of(json: &str) -> BTreeMap<String, Count> {
    let json: serde_json::Value = serde_json::from_str(json).expect("the statistics are JSON");
    let kinds = json.as_object().unwrap_or_else(|| panic!("statistics without kinds: {json}"));
    kinds
        .iter()
        .filter_map(|(kind, counts)| {
            let number = |name| counts.get(name)?.as_u64();
            Some((
                kind.clone(),
                Count { live: number("live")?, total: number("total")?, bytes: number("bytes")? },
            ))
        })
        .collect()
}
