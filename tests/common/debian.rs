//! What there is of Debian 13, unpacked beside the system: libwebsockets 4.3.5, which ours is measured by, and mosquitto with
//! all that it takes to run a program as there. `./scripts/test` fetches them.

use std::path::{Path, PathBuf};

use super::library::library;
use super::peers::installed;
use super::process::Program;

/// Where its packages are unpacked: what `DEBIAN_LWS_ROOT` says, else below the target directory.
pub(crate) fn lws_root() -> PathBuf {
    std::env::var_os("DEBIAN_LWS_ROOT").map_or_else(|| installed("debian-lws"), PathBuf::from)
}

/// The directory of its `libwebsockets.so.19`.
pub(crate) fn lws_library() -> PathBuf {
    let libraries = libraries_below(&lws_root());
    assert!(
        libraries.join("libwebsockets.so.19").exists(),
        "no libwebsockets.so.19 in {}",
        libraries.display()
    );
    libraries
}

/// Where packages that are unpacked in `root` have their libraries.
pub(crate) fn libraries_below(root: &Path) -> PathBuf {
    ["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"]
        .map(|below| root.join(below))
        .into_iter()
        .find(|directory| directory.is_dir())
        .unwrap_or_else(|| panic!("no libraries below {}", root.display()))
}

/// Where mosquitto, the C library and others are unpacked.
pub(crate) fn root_of_13() -> PathBuf {
    installed("debian-mosquitto")
}

/// A program that runs with the library under test and, beside it, the libraries of Debian 13.
pub(crate) fn program_on_13(program: &Path) -> Program {
    let libraries = libraries_below(&root_of_13());
    let loader = std::fs::read_dir(&libraries)
        .expect("the libraries")
        .map(|entry| entry.expect("directory entry").path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux")))
        .expect("the loader");
    let path = format!("{}:{}", library().dir.display(), libraries.display());
    Program::independent(loader).args(["--library-path", &path]).arg(program)
}
