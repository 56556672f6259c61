//! The C side of the library is exactly Debian 13's: layouts, values, symbols, prototypes.
//!
//! The facts are in `tests/abi/`; C sources are generated from them and compiled against `include/`.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "abi/compile.rs"]
mod compile;

use compile::{C, CPP, STRICT};

const LAYOUTS: &str = include_str!("abi/layouts.tsv");
const ENUMS: &str = include_str!("abi/enums.tsv");
const MACROS: &str = include_str!("abi/macros.tsv");
const CONFIG: &str = include_str!("abi/config.tsv");
const EXPORTS: &str = include_str!("abi/exports.txt");
const SIGNATURES: &str = include_str!("abi/signatures.tsv");

/// Public structs that we do not declare, and why.
const NOT_DECLARED: [(&str, &str); 4] = [
    ("struct lws_cache_creation_info", "no cache functions are exported"),
    ("struct lws_threadpool_create_args", "Debian's library has no thread pools either"),
    ("struct lws_threadpool_task_args", "Debian's library has no thread pools either"),
    ("struct lws_xos", "no pseudo-random functions are exported"),
];

#[test]
fn layouts_are_debians() {
    let mut c = String::from("#include <libwebsockets.h>\n");
    let mut bits = String::from("#include <libwebsockets.h>\nint main(void)\n{\n");
    for [name, member, offset, size] in rows(LAYOUTS) {
        if NOT_DECLARED.iter().any(|(skipped, _)| *skipped == name) {
            continue;
        }
        if member == "-" {
            assert_that(&mut c, &format!("sizeof({name}) == {size}"));
        } else if let Some(bit) = size.strip_prefix("bit") {
            let bit: u32 = bit.parse().expect("a bit number");
            writeln!(
                bits,
                "    {{ union {{ {name} s; unsigned char bytes[sizeof({name})]; }} u;\n      \
                 memset(&u, 0, sizeof(u)); u.s.{member} = 1;\n      \
                 if (u.bytes[{offset}] != {}) {{ puts(\"{name}.{member}\"); return 1; }} }}",
                1 << bit
            )
            .unwrap();
        } else {
            assert_that(&mut c, &format!("offsetof({name}, {member}) == {offset}"));
            assert_that(&mut c, &format!("sizeof((({name} *)0)->{member}) == {size}"));
        }
    }
    bits += "    return 0;\n}\n";
    compile_everywhere("layouts.c", &c, &C[1..]);
    compile::run(&["-std=c99"], &compile::source("bits.c", &bits));
}

#[test]
fn structs_that_are_not_declared_are_absent() {
    for (name, reason) in NOT_DECLARED {
        let source =
            compile::source("absent.c", &format!("#include <libwebsockets.h>\nint n = sizeof({name});\n"));
        assert!(
            compile::check("cc", &["-std=c11"], &source).is_err(),
            "{name} is declared now: its layout can be tested (it was skipped because {reason})"
        );
    }
}

#[test]
fn constants_are_debians() {
    let mut c = String::from("#include <libwebsockets.h>\n");
    let mut tags = BTreeSet::new();
    for [tag, name, value] in rows(ENUMS) {
        assert_that(&mut c, &format!("(long long)({name}) == {value}LL"));
        tags.insert(tag);
    }
    for tag in tags.iter().filter(|tag| **tag != "anon") {
        assert_that(&mut c, &format!("sizeof(enum {tag}) == sizeof(int)"));
    }
    for [name, value] in rows(MACROS) {
        assert_that(&mut c, &format!("(long long)({name}) == {value}LL"));
        writeln!(c, "#ifndef {name}\n#error {name} is not a macro\n#endif").unwrap();
        // Programs test these in the preprocessor, where a cast or an enum constant would be 0.
        if name.starts_with("LWS_SERVER_OPTION_") || name.starts_with("LLL_") {
            writeln!(
                c,
                "#if ({name}) != {value}\n#error {name} has another value in the preprocessor\n#endif"
            )
            .unwrap();
        }
    }
    compile_everywhere("constants.c", &c, &C[1..]);
}

#[test]
fn configuration_is_debians() {
    let mut c =
        String::from("#include <lws_config.h>\n#include <string.h>\n#include <stdio.h>\nint main(void)\n{\n");
    for [name, value] in rows(CONFIG) {
        writeln!(c, "#ifndef {name}\n#error {name} is not defined\n#endif").unwrap();
        if value.starts_with('"') {
            writeln!(c, "    if (strcmp({name}, {value})) {{ puts(\"{name}\"); return 1; }}").unwrap();
        } else if value.parse::<u32>().is_ok() {
            writeln!(c, "#if {name} != {value}\n#error {name} has another value\n#endif").unwrap();
        }
    }
    c += "    return 0;\n}\n";
    compile::run(&["-std=c99"], &compile::source("config.c", &c));

    let known: BTreeSet<&str> = rows(CONFIG).map(|[name, _]| name).collect();
    let header = fs::read_to_string(Path::new(compile::INCLUDE).join("lws_config.h")).unwrap();
    for line in header.lines() {
        let Some(name) = line.strip_prefix("#define ").and_then(|rest| rest.split_whitespace().next()) else {
            continue;
        };
        assert!(
            name == "LWS_CONFIG_H" || known.contains(name),
            "Debian's lws_config.h does not define {name}"
        );
    }
}

#[test]
fn headers_compile_alone() {
    for header in ["libwebsockets.h", "ferrows.h", "lws_config.h"] {
        // A translation unit of macros only is empty, which ISO C forbids.
        let source =
            compile::source(&format!("alone-{header}.c"), &format!("#include <{header}>\nextern int n;\n"));
        check_everywhere(&source, &C, &[]);
        check_everywhere(&source, &CPP, &[]);
    }
}

#[test]
fn programs_compile_without_a_warning() {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/abi/usage.c"));
    for debug in [&[][..], &["-D_DEBUG"]] {
        check_everywhere(source, &C, debug);
        check_everywhere(source, &CPP, debug);
    }
}

/// As C99 their makefile compiles them, for the tests that run them.
#[test]
fn examples_compile_as_cpp_without_a_warning() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/c-examples");
    let output = Command::new("make").args(["-s", "-C", examples, "cxx-check"]).output().expect("make runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn committed_headers_are_fresh() {
    for header in ["libwebsockets.h", "ferrows.h"] {
        let committed = fs::read_to_string(Path::new(compile::INCLUDE).join(header)).unwrap();
        let generated = fs::read_to_string(Path::new(env!("OUT_DIR")).join(header)).unwrap();
        assert!(
            committed == generated,
            "include/{header} is not what src/ffi says; it is written by a build without FERROWS_HEADERS=frozen. \
             First difference: {:?}",
            committed.lines().zip(generated.lines()).find(|(a, b)| a != b)
        );
    }
}

#[test]
fn exports_are_debians_or_our_own() {
    let debian: BTreeSet<&str> = lines(EXPORTS).collect();
    let exported = exported_symbols();
    let foreign: Vec<&String> = exported
        .iter()
        .filter(|name| !debian.contains(name.as_str()) && !name.starts_with("ferrows_"))
        .collect();
    assert!(foreign.is_empty(), "exported, and neither Debian's nor ferrows_*: {foreign:?}");
}

#[test]
fn what_is_not_exported_has_a_reason() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/abi/missing.txt");
    let text = fs::read_to_string(&path).unwrap();
    let exported = exported_symbols();
    let missing: BTreeSet<&str> = lines(EXPORTS).filter(|name| !exported.contains(*name)).collect();
    if env::var_os("FERROWS_BLESS").is_some() {
        fs::write(&path, blessed(&text, &missing)).unwrap();
        return;
    }
    let mut listed = BTreeSet::new();
    let mut reason = "";
    for line in lines(&text) {
        if let Some(title) = line.strip_prefix('[') {
            reason = title.trim_end_matches(']');
            continue;
        }
        assert!(!reason.is_empty() && reason != "unexplained", "tests/abi/missing.txt: {line} has no reason");
        assert!(listed.insert(line), "tests/abi/missing.txt: {line} is there twice");
    }
    let stale: Vec<_> = listed.difference(&missing).collect();
    let unlisted: Vec<_> = missing.difference(&listed).collect();
    assert!(
        stale.is_empty() && unlisted.is_empty(),
        "tests/abi/missing.txt lists what is exported (or unknown): {stale:?}; does not list: {unlisted:?}"
    );
}

#[test]
fn prototypes_are_debians() {
    let exported = exported_symbols();
    let mut c = String::from("#include <libwebsockets.h>\n#include <ferrows.h>\n");
    for name in &exported {
        writeln!(c, "extern __typeof__({name}) {name};").unwrap();
    }
    for [name, signature] in rows(SIGNATURES) {
        if exported.contains(name) {
            writeln!(c, "{signature};").unwrap();
        }
    }
    c += "extern int n;\n";
    let source = compile::source("prototypes.c", &c);
    for compiler in compile::compilers() {
        compile::check(compiler, &["-std=gnu11", "-Wall", "-Werror"], &source)
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn soname_is_debians() {
    let out = Command::new("readelf").arg("-d").arg(library()).output().expect("binutils are installed");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("Library soname: [libwebsockets.so.19]"), "{text}");
}

/// The text of `missing.txt` without what is exported, and with what it lacks at its end.
fn blessed(text: &str, missing: &BTreeSet<&str>) -> String {
    let is_symbol = |line: &&str| !line.is_empty() && !line.starts_with(['#', '[']);
    let mut out: String = text
        .lines()
        .filter(|line| !is_symbol(line) || missing.contains(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let listed: BTreeSet<&str> = text.lines().filter(is_symbol).collect();
    let unlisted: Vec<&str> = missing.difference(&listed).copied().collect();
    if !unlisted.is_empty() {
        writeln!(out, "\n[unexplained]\n{}", unlisted.join("\n")).unwrap();
    }
    out
}

/// The shared library that this test was built with.
fn library() -> PathBuf {
    let test = env::current_exe().expect("the test knows where it is");
    let library = test.with_file_name("libwebsockets.so");
    assert!(library.exists(), "cargo builds the cdylib beside the tests: {}", library.display());
    library
}

fn exported_symbols() -> BTreeSet<String> {
    let out = Command::new("nm")
        .args(["-D", "--defined-only", "--format=just-symbols"])
        .arg(library())
        .output()
        .expect("binutils are installed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn assert_that(c: &mut String, condition: &str) {
    writeln!(c, "_Static_assert({condition}, \"{condition}\");").unwrap();
}

fn compile_everywhere(name: &str, text: &str, standards: &[&[&str]]) {
    check_everywhere(&compile::source(name, text), standards, &[]);
}

fn check_everywhere(source: &Path, standards: &[&[&str]], more: &[&str]) {
    for compiler in compile::compilers() {
        for standard in standards {
            let args = [*standard, &STRICT[..], more].concat();
            compile::check(compiler, &args, source).unwrap_or_else(|e| panic!("{e}"));
        }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn rows<const N: usize>(text: &str) -> impl Iterator<Item = [&str; N]> {
    lines(text).map(|line| {
        line.split('\t')
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_else(|_| panic!("{N} columns expected: {line}"))
    })
}
