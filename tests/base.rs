//! The protocol-free part of the C API, from C: logging, text, lists, addresses, command lines.
//!
//! Each program prints what its calls gave. What must come out was recorded from Debian 13's
//! libwebsockets 4.3.5; with `FERROWS_TEST_LIBDIR` and `FERROWS_TEST_INCLUDE` naming that library, the same
//! tests check the recordings. Where we do better than lws, the recorded programs do not go: `base_safe.c`
//! does.

mod common;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use common::{Scratch, compile, library, root};

#[test]
fn log_lines_are_lws_lines() {
    let scratch = Scratch::new();
    let file = scratch.path().join("log");
    assert_prints("base_log", [file.as_os_str()], "log.txt");

    let lines = std::fs::read_to_string(&file).expect("the log file");
    assert_eq!(
        formed(&lines),
        "[9999/99/99 99:99:99:9999] E: fun: first\n\
         [9999/99/99 99:99:99:9999] E: fun: second\n\
         [9999/99/99 99:99:99:9999] E: fun: third\n"
    );
}

#[test]
fn stderr_gets_plain_lines() {
    let out = run(&compile("base_stderr"), [] as [&OsStr; 0]);
    assert_eq!(
        formed(&String::from_utf8_lossy(&out.stderr)),
        format!(
            "[9999/99/99 99:99:99:9999] E: default emitter\n\
             [9999/99/99 99:99:99:9999] U: stderr\n\
             [9999/99/99 99:99:99:9999] U: stderr again\n\
             {}as it is\nas it is\n",
            "as it is|".repeat(12)
        )
    );
}

#[test]
fn a_terminal_gets_coloured_lines() {
    let out = run(&compile("base_stderr"), [OsStr::new("tty")]);
    let seen = formed(&String::from_utf8_lossy(&out.stdout)).replace('\x1b', "^");
    let direct = [
        "[31;1m", "[36;1m", "[35;1m", "[32;1m", "[34;1m", "[33;1m", "[33m", "[33m", "[33m", "[33;1m",
        "[0;1m", "[31m",
    ]
    .map(|colour| format!("^{colour}as it is|^[0m"))
    .concat();
    assert_eq!(
        seen,
        format!(
            "^[31;1m[9999/99/99 99:99:99:9999] E: default emitter\n^[0m\
             ^[0;1m[9999/99/99 99:99:99:9999] U: stderr\n^[0m\
             ^[0;1m[9999/99/99 99:99:99:9999] U: stderr again\n^[0m\
             {direct}^[36;1mas it is\n^[0m^[31mas it is\n^[0m"
        )
    );
}

#[test]
fn text_is_treated_as_by_lws() {
    assert_prints("base_text", [], "text.txt");
}

#[test]
fn lists_are_ordered_as_by_lws() {
    assert_prints("base_list", [], "list.txt");
}

#[test]
fn rings_turn_as_in_lws() {
    assert_prints("base_ring", [], "ring.txt");
}

#[test]
fn addresses_are_read_and_written_as_by_lws() {
    assert_prints("base_address", [], "address.txt");
}

#[test]
fn command_lines_are_read_as_by_lws() {
    let scratch = Scratch::new();
    assert_prints("base_cmdline", [scratch.path().join("file").as_os_str()], "cmdline.txt");
}

#[test]
fn nothing_is_written_beyond_its_room() {
    if library().foreign {
        return;
    }
    let out = run(&compile("base_safe"), [] as [&OsStr; 0]);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "all held\n");
}

/// The variadic functions are in the archive as well, and need nothing but it and the system.
#[test]
fn the_archive_links_on_its_own() {
    if library().foreign {
        return;
    }
    let exe = std::env::current_exe().expect("path of the test executable");
    let archive = exe.with_file_name("libwebsockets.a");
    assert!(archive.exists(), "{} is missing", archive.display());
    let scratch = Scratch::new();
    let program = scratch.path().join("base_cmdline");
    let built = Command::new("cc")
        .args(["-std=c99", "-o"])
        .arg(&program)
        .arg("-I")
        .arg(&library().include)
        .arg(root().join("tests/c/base_cmdline.c"))
        .arg(&archive)
        .args(["-lpthread", "-ldl", "-lm"])
        .output()
        .expect("cc runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let out = run(&program, [scratch.path().join("file").as_os_str()]);
    assert_same(&out.stdout, "cmdline.txt");
}

/// Compiles and runs a program of `tests/c`, and compares what it prints with a recording.
fn assert_prints<'a>(program: &str, args: impl IntoIterator<Item = &'a OsStr>, recording: &str) {
    let out = run(&compile(program), args);
    assert_same(&out.stdout, recording);
}

/// Shows the first lines that differ, not thousands that do not.
fn assert_same(printed: &[u8], recording: &str) {
    let path = root().join("tests/data/base").join(recording);
    let expected = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (expected, printed) = (String::from_utf8_lossy(&expected), String::from_utf8_lossy(printed));
    let differing: Vec<_> = (1..)
        .zip(expected.lines().zip(printed.lines()))
        .filter(|(_, (expected, printed))| expected != printed)
        .take(20)
        .map(|(number, (expected, printed))| {
            format!("{number}: expected {expected}\n{number}: printed  {printed}")
        })
        .collect();
    assert!(differing.is_empty(), "{recording} differs:\n{}", differing.join("\n"));
    assert_eq!(expected.lines().count(), printed.lines().count(), "{recording}: number of lines");
}

fn run<'a>(program: &Path, args: impl IntoIterator<Item = &'a OsStr>) -> Output {
    let out = Command::new(program)
        .args(args)
        .env("LD_LIBRARY_PATH", &library().dir)
        .output()
        .expect("what was compiled can be run");
    assert!(
        out.status.success(),
        "{}: {}\n{}{}",
        program.display(),
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    out
}

/// The text with 9 for each digit of a time stamp at the start of a line, or after a colour.
fn formed(text: &str) -> String {
    const STAMP: &str = "[9999/99/99 99:99:99:9999]";
    let digits_to_nines = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "9");
    let mut formed = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        formed += &rest[..at];
        rest = &rest[at..];
        match rest.get(..STAMP.len()) {
            Some(stamp) if digits_to_nines(stamp) == STAMP => {
                formed += STAMP;
                rest = &rest[STAMP.len()..];
            }
            _ => {
                formed.push('[');
                rest = &rest[1..];
            }
        }
    }
    formed + rest
}
