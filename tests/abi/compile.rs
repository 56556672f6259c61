//! Runs C compilers on generated sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the headers are.
pub(crate) const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");

/// The warnings that our headers must not cause.
pub(crate) const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// The C language versions that programs use, as compiler arguments.
pub(crate) const C: [&[&str]; 3] = [&["-xc", "-std=c99"], &["-xc", "-std=c11"], &["-xc", "-std=gnu17"]];

/// The same for C++.
pub(crate) const CPP: [&[&str]; 1] = [&["-xc++", "-std=c++17"]];

/// The compilers to try: the system's, and clang where it is installed.
pub(crate) fn compilers() -> Vec<&'static str> {
    let clang = Command::new("clang").arg("--version").output().is_ok_and(|out| out.status.success());
    if clang { vec!["cc", "clang"] } else { vec!["cc"] }
}

/// Writes a source file for one test.
pub(crate) fn source(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("cargo's directory for tests is writable");
    path
}

/// Compiles without linking; the diagnostics if that fails.
pub(crate) fn check(compiler: &str, args: &[&str], source: &Path) -> Result<(), String> {
    let out = Command::new(compiler)
        .args(["-fsyntax-only", "-I", INCLUDE])
        .args(args)
        .arg(source)
        .output()
        .unwrap_or_else(|error| panic!("{compiler} cannot be run: {error}"));
    if out.status.success() { Ok(()) } else { Err(diagnostics(compiler, args, &out)) }
}

/// Compiles, links nothing of ours, runs. Panics with the diagnostics if that fails.
pub(crate) fn run(args: &[&str], source: &Path) {
    let program = source.with_extension("bin");
    let out = Command::new("cc")
        .args(["-I", INCLUDE, "-o"])
        .arg(&program)
        .args(args)
        .arg(source)
        .output()
        .expect("cc can be run");
    assert!(out.status.success(), "{}", diagnostics("cc", args, &out));
    let out = Command::new(&program).output().expect("what was compiled can be run");
    assert!(out.status.success(), "{}: {}", source.display(), String::from_utf8_lossy(&out.stdout));
}

fn diagnostics(compiler: &str, args: &[&str], out: &Output) -> String {
    format!("{compiler} {}:\n{}", args.join(" "), String::from_utf8_lossy(&out.stderr))
}
