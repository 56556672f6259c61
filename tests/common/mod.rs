//! Machinery of the tests that run C programs against the built library: find and link the library,
//! compile, run and watch programs, speak to them with real and with abusive clients.
//!
//! `FERROWS_TEST_LIBDIR` and `FERROWS_TEST_INCLUDE` point the same tests at another build of the API
//! (the directory of its `libwebsockets.so.19` and of its `libwebsockets.h`). What only ours does better fails or is
//! left out there; traces and answers must be the same. `FERROWS_TEST_VALGRIND` runs the programs under valgrind,
//! `FERROWS_TEST_CYCLES` says how many connections the memory tests make.
#![allow(dead_code, reason = "every test crate uses its own part of the machinery")]
#![allow(unused_imports, reason = "every test crate uses its own part of the machinery")]

pub(crate) mod debian;
pub(crate) mod deflate;
pub(crate) mod example;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod http_server;
pub(crate) mod library;
pub(crate) mod nghttpd;
pub(crate) mod nghttpx;
pub(crate) mod nginx;
pub(crate) mod peers;
pub(crate) mod process;
pub(crate) mod tls;
pub(crate) mod tools;
pub(crate) mod wait;
pub(crate) mod ws;
pub(crate) mod ws_client;
pub(crate) mod ws_echo;
pub(crate) mod ws_peer;

pub(crate) use library::{compile, library};
pub(crate) use process::{Program, Running};
pub(crate) use wait::{DEADLINE, until};

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the tests may write; inside the target directory, kept between runs.
pub(crate) fn tmp() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// The crate's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Ports of the loopback that nobody listens on now.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address").port())
}

/// A directory of this test alone, empty at first, removed when the value is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = tmp().join(format!("scratch-{}-{n}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("scratch directory");
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, with the directories that lead to it, and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a parent")).expect("directories");
        std::fs::write(&path, content).expect("scratch file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
