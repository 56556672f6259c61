//! The library under test: where it is, and C programs compiled against it.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{root, tmp};

/// A build of the API.
pub(crate) struct Library {
    /// Holds `libwebsockets.so` and `libwebsockets.so.19`.
    pub(crate) dir: PathBuf,
    /// Holds `libwebsockets.h`.
    pub(crate) include: PathBuf,
    /// Not ours: tests of what we do better must not expect it here.
    pub(crate) foreign: bool,
}

/// The build that the environment names, else the one cargo made for this test run.
pub(crate) fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let dir = std::env::var_os("FERROWS_TEST_LIBDIR");
        let include = std::env::var_os("FERROWS_TEST_INCLUDE");
        match (dir, include) {
            (Some(dir), Some(include)) => Library { dir: dir.into(), include: include.into(), foreign: true },
            (None, None) => Library { dir: link_ours(), include: root().join("include"), foreign: false },
            _ => panic!("FERROWS_TEST_LIBDIR and FERROWS_TEST_INCLUDE go together"),
        }
    })
}

/// Cargo builds the cdylib beside the test executable; a loader wants it under its soname.
fn link_ours() -> PathBuf {
    let exe = std::env::current_exe().expect("path of the test executable");
    let deps = exe.parent().expect("deps directory");
    let built = deps.join("libwebsockets.so");
    assert!(built.exists(), "{} is missing: cargo did not build the cdylib", built.display());

    let mut key = DefaultHasher::new();
    built.hash(&mut key);
    let dir = tmp().join(format!("lib-{:016x}", key.finish()));
    fs::create_dir_all(&dir).expect("library directory");
    let _lock = lock(&dir.join("lock"));
    for name in ["libwebsockets.so", "libwebsockets.so.19"] {
        let link = dir.join(name);
        if fs::read_link(&link).ok().as_deref() != Some(built.as_path()) {
            let _ = fs::remove_file(&link);
            symlink(&built, &link).expect("link to the library");
        }
    }
    dir
}

/// Compiles `tests/c/{name}.c` and links it to the library; returns the executable.
pub(crate) fn compile(name: &str) -> PathBuf {
    compile_file(&root().join("tests/c").join(format!("{name}.c")), &[])
}

/// Compiles and links one C99 file, without a warning, and returns the executable. The result is
/// kept as long as nothing that goes into it changes.
pub(crate) fn compile_file(source: &Path, flags: &[&str]) -> PathBuf {
    let library = library();
    let name = source.file_stem().expect("a source has a name").to_string_lossy();

    let mut key = DefaultHasher::new();
    flags.hash(&mut key);
    library.dir.hash(&mut key);
    hash_file(source, &mut key);
    hash_headers(source.parent().expect("a source has a parent"), &mut key);
    hash_headers(&library.include, &mut key);

    let dir = tmp().join("c");
    fs::create_dir_all(&dir).expect("directory of C programs");
    let program = dir.join(format!("{name}-{:016x}", key.finish()));
    let _lock = lock(&program.with_extension("lock"));
    if program.exists() {
        return program;
    }

    let unfinished = program.with_extension("new");
    let output = Command::new("cc")
        .args(["-std=c99", "-g", "-O1", "-Wall", "-Wextra", "-Werror"])
        .args(flags)
        .arg("-I")
        .arg(&library.include)
        .arg("-o")
        .arg(&unfinished)
        .arg(source)
        .arg("-L")
        .arg(&library.dir)
        .args(["-lwebsockets", "-lpthread"])
        .output()
        .expect("cc runs (Debian package gcc)");
    assert!(output.status.success(), "cc {}:\n{}", source.display(), String::from_utf8_lossy(&output.stderr));
    fs::rename(&unfinished, &program).expect("the finished program");
    program
}

/// Held until dropped; other test processes and threads wait.
pub(crate) fn lock(path: &Path) -> File {
    let file = File::create(path).expect("lock file");
    file.lock().expect("lock");
    file
}

fn hash_headers(dir: &Path, key: &mut DefaultHasher) {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .map(|entry| entry.expect("directory entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            hash_headers(&path, key);
        } else if path.extension().is_some_and(|e| e == "h") {
            hash_file(&path, key);
        }
    }
}

fn hash_file(path: &Path, key: &mut DefaultHasher) {
    path.hash(key);
    fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).hash(key);
}
