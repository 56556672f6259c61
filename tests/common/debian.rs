//! Debian 13's libwebsockets 4.3.5, unpacked beside the system: what ours is measured by. `./scripts/test` fetches it.

use std::path::PathBuf;

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
    let root = lws_root();
    ["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"]
        .map(|below| root.join(below))
        .into_iter()
        .find(|directory| directory.join("libwebsockets.so.19").exists())
        .unwrap_or_else(|| panic!("no libwebsockets.so.19 below {}", root.display()))
}
