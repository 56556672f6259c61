//! The C side of the library is exactly Debian 13's: layouts, values, symbols, prototypes.
//!
//! The facts are in `tests/abi/`; C sources are generated from them and compiled against `include/`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use websockets::ffi::types::{self, CEnum, lws_mount_protocols, lws_write_protocol};

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

/// The header is made from the Rust items, so this covers those that it does not take its values from.
#[test]
fn rust_constants_are_debians() {
    let expected: BTreeMap<&str, i128> =
        rows(MACROS).map(|[name, value]| (name, value.parse().expect("a number"))).collect();
    let mut seen = BTreeSet::new();
    macro_rules! constants {
        ($($name:ident)*) => {$(
            #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "the constants have many types")]
            let value = types::$name as i128;
            let name = stringify!($name);
            // An unsigned type's all-ones is what C writes as -1.
            let wanted = if expected[name] == -1 && value > 0 { i128::from(u64::MAX) } else { expected[name] };
            assert_eq!(value, wanted, "{name}");
            seen.insert(name);
        )*};
    }
    constants! {
        AUTH_MODE_MASK CONTEXT_PORT_NO_LISTEN CONTEXT_PORT_NO_LISTEN_SERVER LLLF_LOG_CONTEXT_AWARE
        LLLF_LOG_TIMESTAMP LLLF_SECRECY_BEARER LLLF_SECRECY_PII LLL_CLIENT LLL_COUNT LLL_DEBUG
        LLL_ERR LLL_EXT LLL_HEADER LLL_INFO LLL_LATENCY LLL_NOTICE LLL_PARSER LLL_THREAD LLL_USER
        LLL_WARN LWS_FOP_FLAGS_MASK LWS_FOP_FLAG_COMPR_ACCEPTABLE_GZIP LWS_FOP_FLAG_COMPR_IS_GZIP
        LWS_FOP_FLAG_MOD_TIME_VALID LWS_FOP_FLAG_VIRTUAL LWS_H2_STREAM_SID
        LWS_ILLEGAL_HTTP_CONTENT_LEN LWS_ITOSA_BUSY LWS_ITOSA_NOT_EXIST LWS_ITOSA_NOT_USABLE
        LWS_ITOSA_USABLE LWS_MS_PER_SEC LWS_NS_PER_US LWS_PLUGIN_API_MAGIC LWS_POLLHUP LWS_POLLIN
        LWS_POLLOUT LWS_PRE LWS_SEND_BUFFER_POST_PADDING LWS_SEND_BUFFER_PRE_PADDING
        LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG
        LWS_SERVER_OPTION_ALLOW_HTTP_ON_HTTPS_LISTENER LWS_SERVER_OPTION_ALLOW_LISTEN_SHARE
        LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX
        LWS_SERVER_OPTION_DISABLE_IPV6 LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS
        LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT
        LWS_SERVER_OPTION_EXPLICIT_VHOSTS LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND
        LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG LWS_SERVER_OPTION_FALLBACK_TO_RAW
        LWS_SERVER_OPTION_GLIB LWS_SERVER_OPTION_H2_JUST_FIX_WINDOW_UPDATE_OVERFLOW
        LWS_SERVER_OPTION_H2_PRIOR_KNOWLEDGE
        LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE
        LWS_SERVER_OPTION_IGNORE_MISSING_CERT LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY
        LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE LWS_SERVER_OPTION_JUST_USE_RAW_ORIGIN
        LWS_SERVER_OPTION_LIBEV LWS_SERVER_OPTION_LIBEVENT LWS_SERVER_OPTION_LIBUV
        LWS_SERVER_OPTION_NO_LWS_SYSTEM_STATES LWS_SERVER_OPTION_ONLY_RAW
        LWS_SERVER_OPTION_PEER_CERT_NOT_REQUIRED LWS_SERVER_OPTION_REDIRECT_HTTP_TO_HTTPS
        LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT LWS_SERVER_OPTION_SDEVENT
        LWS_SERVER_OPTION_SKIP_PROTOCOL_INIT LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME
        LWS_SERVER_OPTION_SSL_ECDH LWS_SERVER_OPTION_SS_PROXY LWS_SERVER_OPTION_STS
        LWS_SERVER_OPTION_ULOOP LWS_SERVER_OPTION_UNIX_SOCK
        LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN LWS_SERVER_OPTION_VALIDATE_UTF8
        LWS_SERVER_OPTION_VHOST_UPG_STRICT_HOST_CHECK LWS_SERVER_OPTION_VH_H2_HALF_CLOSED_LONG_POLL
        LWS_SET_TIMER_USEC_CANCEL LWS_SOCK_INVALID LWS_TO_KILL_ASYNC LWS_TO_KILL_SYNC
        LWS_USEC_PER_SEC LWS_US_PER_MS LWS_US_PER_SEC
    }
    assert_eq!(seen, expected.keys().copied().collect(), "macros without a Rust constant");
}

#[test]
fn enums_convert_both_ways() {
    for [tag, name, value] in rows(ENUMS) {
        let value: i64 = value.parse().expect("a number");
        let back = match tag {
            "lws_write_protocol" => {
                lws_write_protocol::from_c(value as u32).map(|e| (e.c(), format!("{e:?}")))
            }
            "lws_mount_protocols" => {
                lws_mount_protocols::from_c(value as u32).map(|e| (e.c(), format!("{e:?}")))
            }
            _ => continue,
        };
        // Two names for one flag; Rust has the first as the enum's and the second as a constant.
        let name = if name == "LWS_WRITE_CLIENT_IGNORE_XOR_MASK" { "LWS_WRITE_H2_STREAM_END" } else { name };
        assert_eq!(back, Some((value as u32, name.to_owned())));
    }
    assert_eq!(lws_write_protocol::from_c(4), None);
    assert_eq!(lws_mount_protocols::from_c(7), None);
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
