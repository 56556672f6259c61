//! Debian 13's libwebsockets 4.3.5, unpacked beside the system: what ours is measured by. `./scripts/test` fetches it.

use std::path::{Path, PathBuf};

use super::tmp;

/// Where its packages are unpacked: what `DEBIAN_LWS_ROOT` says, else below the target directory.
pub(crate) fn lws_root() -> PathBuf {
    let fetched = || tmp().parent().expect("target directory").join("debian-lws");
    let root = std::env::var_os("DEBIAN_LWS_ROOT").map_or_else(fetched, PathBuf::from);
    assert!(
        root.join("usr").is_dir(),
        "Debian's libwebsockets is not unpacked in {}: run ./scripts/test",
        root.display()
    );
    root
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
