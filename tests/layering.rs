//! The layers point one way: `ffi → engine → proto → util`, with `event_loop` beside the engine whose
//! trait it implements. The sources are read; nothing is compiled.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// What the code of one folder may do.
struct Layer {
    folder: &'static str,
    /// The layers it may name, itself included.
    knows: &'static [&'static str],
    /// Words that it must not contain, and why.
    never: &'static [(&'static str, &'static str)],
}

const C_TYPES: &str =
    "c_char c_schar c_uchar c_short c_ushort c_int c_uint c_long c_ulong c_longlong c_ulonglong c_void";
const C_TYPES_WHY: &str = "C's types are translated in ffi";

const LAYERS: [Layer; 5] = [
    Layer { folder: "util", knows: &["util"], never: &[] },
    Layer {
        folder: "proto",
        knows: &["proto", "util"],
        never: &[
            (C_TYPES, C_TYPES_WHY),
            ("unsafe", "parsers of what strangers send are safe code"),
            ("libc rustix", "bytes in, bytes out: no system calls"),
            ("std::fs std::net", "bytes in, bytes out: no files and sockets"),
            ("Instant SystemTime", "the time is an argument"),
        ],
    },
    Layer { folder: "engine", knows: &["engine", "proto", "util"], never: &[(C_TYPES, C_TYPES_WHY)] },
    Layer { folder: "event_loop", knows: &["event_loop", "engine", "util", "ffi::types"], never: &[] },
    Layer { folder: "ffi", knows: &["ffi", "event_loop", "engine", "proto", "util"], never: &[] },
];

/// Every layer that a path can begin with.
const TOP: [&str; 5] = ["util", "proto", "engine", "event_loop", "ffi"];

/// Files outside of `ffi/` that may contain `unsafe`, and what for.
const UNSAFE: [(&str, &str); 8] = [
    ("util/slots.rs", "type-stable slots behind shared references"),
    ("util/dll2.rs", "the intrusive list whose nodes C owns"),
    ("util/counting.rs", "the allocator of the tests, which counts"),
    ("util/log.rs", "the emitter and contexts that C plugs in"),
    ("util/cancel.rs", "pthread_setcancelstate(), which no crate offers"),
    ("util/local_time.rs", "localtime_r(), which no safe crate offers without caveats"),
    ("event_loop/ops_table.rs", "calls into the program's operations"),
    ("engine/dispatch.rs", "the one place that calls user code"),
];

#[test]
fn layers_know_only_what_is_below() {
    let mut faults = Vec::new();
    for file in sources() {
        let layer = file.layer();
        for (line, path) in file.crate_paths() {
            let allowed =
                layer.knows.iter().any(|known| path == *known || path.starts_with(&format!("{known}::")));
            let is_layer = TOP.contains(&path.split("::").next().unwrap_or_default());
            if is_layer && !allowed {
                faults.push(file.fault(line, &format!("{} must not know `{path}`", layer.folder)));
            }
        }
    }
    none(&faults);
}

#[test]
fn layers_keep_off_what_is_not_theirs() {
    let mut faults = Vec::new();
    for file in sources() {
        for (words, why) in file.layer().never {
            for word in words.split(' ') {
                for line in file.lines_with(word) {
                    faults.push(file.fault(line, &format!("`{word}`: {why}")));
                }
            }
        }
    }
    none(&faults);
}

#[test]
fn the_protocols_forbid_unsafe_code() {
    let text = fs::read_to_string(src().join("proto/mod.rs")).unwrap();
    assert!(text.contains("#![forbid(unsafe_code)]"), "the compiler is asked to hold the rule, too");
}

#[test]
fn unsafe_is_where_it_is_accounted_for() {
    let mut faults = Vec::new();
    for file in sources() {
        if file.name.starts_with("ffi/") || UNSAFE.iter().any(|(name, _)| *name == file.name) {
            continue;
        }
        for line in file.lines_with("unsafe") {
            faults.push(file.fault(line, "`unsafe` is not accounted for here"));
        }
    }
    none(&faults);
}

#[test]
fn only_ffi_exports_to_c() {
    let mut faults = Vec::new();
    for file in sources() {
        if file.name.starts_with("ffi/") {
            continue;
        }
        // The text of string literals is gone, so `extern "C"` has become `extern ""`. What is imported is `unsafe`, and so
        // accounted for.
        for word in ["extern \"\" fn", "no_mangle", "export_name"] {
            for line in file.lines_with(word) {
                faults.push(file.fault(line, "only ffi has C functions and their types"));
            }
        }
    }
    none(&faults);
}

#[test]
fn the_reader_sees_what_it_should() {
    let file = Source {
        name: "engine/wsi.rs".to_owned(),
        code: code(
            "use crate::{ffi::types::lws, util::log}; // crate::nothing\n\
             use crate::proto::h1;\n\
             use super::super::event_loop::epoll;\n\
             use super::event_loop;\n\
             let s = \"crate::ffi unsafe\"; let c = '\"'; let l: &'static str = r#\"crate::ffi \"#;\n\
             /* crate::ffi /* nested */ unsafe */ unsafe_code();\n\
             use crate::{\n  engine::timer,\n  ffi::{log},\n};\n\
             #[cfg(test)]\nmod tests {\n  use crate::ffi;\n  fn f() { unsafe {} }\n}\n\
             extern \"C\" fn f() {}\n",
        ),
    };
    let paths: Vec<_> = file.crate_paths();
    let seen: Vec<(usize, &str)> = paths.iter().map(|(line, path)| (*line, path.as_str())).collect();
    assert_eq!(
        seen,
        [
            (1, "ffi::types::lws"),
            (1, "util::log"),
            (2, "proto::h1"),
            (3, "event_loop::epoll"),
            (7, "engine::timer"),
            (7, "ffi::log"),
        ]
    );
    assert_eq!(file.lines_with("unsafe"), [] as [usize; 0]);
    assert_eq!(file.lines_with("extern \"\""), [16]);
}

/// A source file, with comments, string contents and test modules blanked.
struct Source {
    /// Path below `src/`.
    name: String,
    code: String,
}

impl Source {
    fn layer(&self) -> &'static Layer {
        let folder = self.name.split('/').next().unwrap_or_default();
        LAYERS
            .iter()
            .find(|layer| layer.folder == folder)
            .unwrap_or_else(|| panic!("{} is in no layer", self.name))
    }

    /// Lines that contain `word` as a word.
    fn lines_with(&self, word: &str) -> Vec<usize> {
        let mut lines: Vec<usize> = positions(&self.code, word).map(|at| line_of(&self.code, at)).collect();
        lines.dedup();
        lines
    }

    /// Paths from the crate's root, written with `crate` or with enough `super`s.
    fn crate_paths(&self) -> Vec<(usize, String)> {
        let depth = self.name.trim_end_matches("/mod.rs").split('/').count();
        let supers = vec!["super"; depth].join("::");
        let mut found = Vec::new();
        for root in ["crate", supers.as_str()] {
            for at in positions(&self.code, root) {
                let rest = &self.code[at + root.len()..];
                if let Some(tree) = rest.strip_prefix("::") {
                    let line = line_of(&self.code, at);
                    let mut paths = Vec::new();
                    leaves("", tree, &mut paths);
                    found.extend(paths.into_iter().map(|path| (line, path)));
                }
            }
        }
        found.sort();
        found
    }

    fn fault(&self, line: usize, what: &str) -> Fault {
        Fault { place: format!("src/{}:{line}", self.name), what: what.to_owned() }
    }
}

struct Fault {
    place: String,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

fn none(faults: &[Fault]) {
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "\n{}", text.join("\n"));
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file below `src/` but the crate's root.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut dirs = vec![src()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(src()).unwrap().to_str().unwrap().to_owned();
                if name != "lib.rs" {
                    found.push(Source { name, code: code(&fs::read_to_string(&path).unwrap()) });
                }
            }
        }
    }
    assert!(found.len() > 20, "the sources are where they were");
    found
}

/// Positions of `word` that no identifier character touches.
fn positions<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// The full paths of a use tree, or the one path that an expression begins with.
fn leaves(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim_start();
    if let Some(group) = tree.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' => {
                    if !group[start..at].trim().is_empty() {
                        leaves(prefix, &group[start..at], paths);
                    }
                    if c == '}' {
                        return;
                    }
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let name: String = tree.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let path = match (prefix, name.as_str()) {
        (_, "") => prefix.to_owned(),
        ("", _) => name.clone(),
        _ => format!("{prefix}::{name}"),
    };
    match tree[name.len()..].strip_prefix("::") {
        Some(rest) if !name.is_empty() => leaves(&path, rest, paths),
        _ => paths.push(path),
    }
}

/// Blanks comments, the insides of literals, and modules that only tests see; keeps the lines.
fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let rest = &chars[i..];
        let end = i + match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => block_comment(rest),
            ['r', '"' | '#', ..] if raw_string(rest).is_some() && !preceded_by_word(&out) => {
                raw_string(rest).unwrap_or(1)
            }
            ['"', ..] => string(rest),
            ['\'', '\\', _, tail @ ..] => 3 + tail.iter().position(|c| *c == '\'').map_or(0, |n| n + 1),
            ['\'', _, '\'', ..] => 3,
            [c, ..] => {
                out.push(*c);
                i += 1;
                continue;
            }
            [] => break,
        };
        let is_string = matches!(rest, ['"', ..]);
        if is_string {
            out.push('"');
        }
        out.extend(chars[i..end].iter().filter(|c| **c == '\n'));
        if is_string {
            out.push('"');
        }
        i = end;
    }
    without_tests(&out)
}

fn preceded_by_word(out: &str) -> bool {
    out.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// Length of the block comment that `rest` begins with; they nest.
fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut i = 0;
    while i < rest.len() {
        match rest[i..] {
            ['/', '*', ..] => {
                depth += 1;
                i += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    i
}

/// Length of the string literal that `rest` begins with.
fn string(rest: &[char]) -> usize {
    let mut i = 1;
    while i < rest.len() {
        match rest[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    rest.len()
}

/// Length of the raw string literal that `rest` begins with, if it is one.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.resize(1 + hashes, '#');
    let body = 2 + hashes;
    let length = rest[body..].windows(end.len()).position(|window| window == end)?;
    Some(body + length + end.len())
}

/// Blanks the braces of `#[cfg(test)] mod …`.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(at) = out.find("#[cfg(test)]\nmod ").or_else(|| out.find("#[cfg(test)]\npub(crate) mod "))
    {
        let Some(open) = out[at..].find(['{', ';']).map(|n| at + n) else {
            break;
        };
        let mut end = open + 1;
        if out[open..].starts_with('{') {
            let mut depth = 0;
            for (n, c) in out[open..].char_indices() {
                depth += i32::from(c == '{') - i32::from(c == '}');
                if depth == 0 {
                    end = open + n + 1;
                    break;
                }
            }
        }
        let lines = "\n".repeat(out[at..end].matches('\n').count());
        out.replace_range(at..end, &lines);
    }
    out
}
