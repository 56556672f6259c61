//! Programs that nobody here wrote, and what they need. `./scripts/test` installs it below the target directory.

use std::net::TcpStream;
use std::path::{Path, PathBuf};

use super::process::{Program, Running};
use super::{free_ports, root, tmp, until};

/// Below the target directory.
pub(crate) fn installed(path: &str) -> PathBuf {
    let path = tmp().parent().expect("target directory").join(path);
    assert!(path.exists(), "{} is missing: run ./scripts/test", path.display());
    path
}

/// A program of `tests/peers`, by its interpreter and with the packages that it needs.
pub(crate) fn peer(name: &str) -> Program {
    let program = root().join("tests/peers").join(name);
    if Path::new(name).extension().is_some_and(|e| e == "mjs") {
        Program::independent("node").arg(program).arg(installed("peers/node"))
    } else {
        Program::independent(installed("peers/python/bin/python")).arg(program)
    }
}

/// A server on a port that was free a moment ago: another process may take it meanwhile.
pub(crate) fn on_free_port(name: &str, start: impl Fn(u16) -> Running) -> (Running, u16) {
    let try_once = || {
        let [port] = free_ports();
        let mut server = start(port);
        let listens = until(name, || {
            if server.has_ended() {
                return Some(false);
            }
            TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(true)
        });
        listens.then_some((server, port))
    };
    (0..5).find_map(|_| try_once()).unwrap_or_else(|| panic!("{name} does not start, again and again"))
}
