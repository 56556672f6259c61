//! Writes the C headers from the sources of `src/ffi`, compiles the C shims, sets the soname.
//!
//! The headers are committed, so a build that cannot write (a vendored or read-only source tree)
//! works. With `FERROWS_HEADERS=frozen` they are left alone: `tests/abi.rs` compares them with what
//! this build made and left in `OUT_DIR`, so that continuous integration sees a stale one.

use std::collections::HashMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use cbindgen::{Bindings, Builder, Config, DocumentationStyle, EnumConfig, ItemType, Language, Style};

/// Rust names of `types/foreign.rs` that are not `enum_x`, and what C calls them.
const FOREIGN: [(&str, &str); 10] = [
    ("addrinfo", "struct addrinfo"),
    ("bit_of_previous", "unsigned int"),
    ("lws_callback_function", "lws_callback_function *"),
    ("lws_extension_callback_function", "lws_extension_callback_function *"),
    ("lws_pollfd", "struct lws_pollfd"),
    ("mount_cache_bits", "unsigned int"),
    ("sockaddr", "struct sockaddr"),
    ("sockaddr_in", "struct sockaddr_in"),
    ("sockaddr_in6", "struct sockaddr_in6"),
    ("sockaddr_storage", "struct sockaddr_storage"),
];

/// C-variadic functions and those that take a `va_list`: their prototypes are in the tail prelude.
const PROTOTYPES_IN_PRELUDE: [&str; 5] = ["_lws_log", "_lws_log_cx", "_lws_logv", "lws_open", "lws_snprintf"];

/// Log levels by the macro suffix and the constant.
const LOG_LEVELS: [(&str, &str); 12] = [
    ("err", "LLL_ERR"),
    ("warn", "LLL_WARN"),
    ("notice", "LLL_NOTICE"),
    ("info", "LLL_INFO"),
    ("debug", "LLL_DEBUG"),
    ("parser", "LLL_PARSER"),
    ("header", "LLL_HEADER"),
    ("ext", "LLL_EXT"),
    ("client", "LLL_CLIENT"),
    ("latency", "LLL_LATENCY"),
    ("thread", "LLL_THREAD"),
    ("user", "LLL_USER"),
];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-env-changed=FERROWS_HEADERS");

    let ffi = Sources::read(&root.join("src/ffi"));
    let frozen = env::var("FERROWS_HEADERS").is_ok_and(|v| v == "frozen");
    for (name, text) in [("libwebsockets.h", ffi.libwebsockets_h()), ("ferrows.h", ffi.ferrows_h())] {
        fs::write(out.join(name), &text).expect("OUT_DIR is writable");
        if !frozen {
            write_if_changed(&root.join("include").join(name), &text);
        }
    }

    compile_shims(&ffi.files);
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "macos" && os != "windows") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libwebsockets.so.19");
    }
}

/// The files of `src/ffi`, in an order that does not depend on the file system.
struct Sources {
    dir: PathBuf,
    files: Vec<PathBuf>,
}

impl Sources {
    fn read(dir: &Path) -> Self {
        let mut files = Vec::new();
        let mut dirs = vec![dir.to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(&dir).expect("src/ffi is readable") {
                let path = entry.expect("src/ffi is readable").path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        Self { dir: dir.to_owned(), files }
    }

    /// `libwebsockets.h`: enums and constants first, because C has no forward declaration of an
    /// enum and the function types of the prelude need them.
    fn libwebsockets_h(&self) -> String {
        let rust: Vec<&PathBuf> =
            self.rust().filter(|path| !is_named(path, "foreign.rs") && !is_named(path, "stats.rs")).collect();
        let names = declared_names(&rust);
        let mut text = self.prelude("libwebsockets-head.h");
        text += &self.bindings(&rust, &names.all, &[ItemType::Enums, ItemType::Constants]);
        text.push('\n');
        for name in &names.structs {
            writeln!(text, "struct {name};").expect("a String takes it");
        }
        text += &self.prelude("libwebsockets-types.h");
        text += &self.bindings(
            &rust,
            &names.all,
            &[
                ItemType::Structs,
                ItemType::Unions,
                ItemType::Typedefs,
                ItemType::OpaqueItems,
                ItemType::Functions,
                ItemType::Globals,
            ],
        );
        text.push('\n');
        text += &self.prelude("libwebsockets-tail.h").replace("@LOG_LEVELS@\n", &log_level_macros());
        text
    }

    /// `ferrows.h`: what `stats.rs` exports. `opaque.rs` is read for the handles in its signatures.
    fn ferrows_h(&self) -> String {
        let stats: Vec<&PathBuf> = self.rust().filter(|path| is_named(path, "stats.rs")).collect();
        let names = declared_names(&stats);
        let handles = self.rust().filter(|path| is_named(path, "opaque.rs"));
        let rust: Vec<&PathBuf> = stats.iter().copied().chain(handles).collect();
        let mut text = self.prelude("ferrows-head.h");
        text += &self.bindings(&rust, &names.all, &[]);
        text += "\n#endif\n";
        text
    }

    fn rust(&self) -> impl Iterator<Item = &PathBuf> {
        // A `mod.rs` would make cbindgen follow its modules and see every file twice.
        self.files
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "rs") && !is_named(path, "mod.rs"))
    }

    fn prelude(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join("header").join(name)).expect("the preludes are part of the sources")
    }

    fn bindings(&self, rust: &[&PathBuf], include: &[String], kinds: &[ItemType]) -> String {
        let mut config = Config {
            language: Language::C,
            style: Style::Tag,
            cpp_compat: true,
            no_includes: true,
            usize_is_size_t: true,
            // Documentation counts as well: longer lines make cbindgen break parameter lists.
            line_length: 120,
            tab_width: 4,
            documentation_style: DocumentationStyle::Cxx,
            enumeration: EnumConfig::default(),
            ..Config::default()
        };
        config.export.item_types = kinds.to_vec();
        config.export.include = include.to_vec();
        config.export.exclude = PROTOTYPES_IN_PRELUDE.map(str::to_owned).to_vec();
        config.export.rename = self.foreign_names();
        let mut builder = Builder::new().with_config(config);
        for path in rust {
            builder = builder.with_src(path);
        }
        match builder.generate() {
            Ok(bindings) => c_comments(&written(&bindings)),
            Err(error) => panic!("src/ffi cannot be turned into a C header: {error}"),
        }
    }

    /// C spellings of the names of `foreign.rs`.
    fn foreign_names(&self) -> HashMap<String, String> {
        let mut names: HashMap<String, String> =
            FOREIGN.map(|(rust, c)| (rust.to_owned(), c.to_owned())).into();
        let foreign =
            self.files.iter().find(|path| is_named(path, "foreign.rs")).expect("part of the sources");
        for name in declared(&read(foreign), "type") {
            if let Some(c) = name.strip_prefix("enum_") {
                names.insert(name.clone(), format!("enum {c}"));
            }
        }
        names
    }
}

/// What the type files declare.
struct Names {
    /// Every struct, union, enum, alias: exported also when no function mentions it.
    all: Vec<String>,
    /// The structs, to be declared before anything mentions them in a parameter list.
    structs: Vec<String>,
}

fn declared_names(files: &[&PathBuf]) -> Names {
    let mut names = Names { all: Vec::new(), structs: Vec::new() };
    for text in files.iter().map(|path| read(path)) {
        names.structs.extend(declared(&text, "struct"));
        for kind in ["struct", "union", "enum", "type"] {
            names.all.extend(declared(&text, kind));
        }
    }
    names
}

/// Names of the public items of a kind that begin a line, in their order.
fn declared(text: &str, kind: &str) -> Vec<String> {
    let start = format!("pub {kind} ");
    text.lines()
        .filter_map(|line| line.strip_prefix(&start))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

fn written(bindings: &Bindings) -> String {
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    String::from_utf8(bytes).expect("the sources are UTF-8")
}

/// Rust's documentation conventions in the words of a C header.
fn c_comments(text: &str) -> String {
    let mut c = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        match code.strip_prefix("///") {
            Some(doc) if doc.trim() == "# Safety" => {
                lines.next_if(|next| next.trim() == "///");
                let indent = &line[..line.len() - code.len()];
                writeln!(c, "{indent}/// The caller guarantees:").expect("a String takes it");
            }
            Some(_) => {
                writeln!(c, "{}", line.replace("[`", "`").replace("`]", "`")).expect("a String takes it");
            }
            None => writeln!(c, "{}", line.trim_end()).expect("a String takes it"),
        }
    }
    c
}

/// Per level: the macros that log, or nothing if the level is not compiled in.
fn log_level_macros() -> String {
    let mut c = String::from(
        "/* Log lines and hex dumps per level; nothing, arguments included, if the level is not compiled in. */\n",
    );
    for (suffix, level) in LOG_LEVELS {
        write!(
            c,
            "\
#if (_LWS_ENABLED_LOGS & {level})
#define lwsl_{suffix}(...) _lws_log({level}, __VA_ARGS__)
#define lwsl_cx_{suffix}(_c, ...) lwsl_cx(_c, {level}, __VA_ARGS__)
#define lwsl_vhost_{suffix}(_v, ...) lwsl_vhost(_v, {level}, __VA_ARGS__)
#define lwsl_wsi_{suffix}(_w, ...) lwsl_wsi(_w, {level}, __VA_ARGS__)
#else
#define lwsl_{suffix}(...) do {{}} while (0)
#define lwsl_cx_{suffix}(_c, ...) do {{}} while (0)
#define lwsl_vhost_{suffix}(_v, ...) do {{}} while (0)
#define lwsl_wsi_{suffix}(_w, ...) do {{}} while (0)
#endif
"
        )
        .expect("a String takes it");
    }
    for (suffix, level) in &LOG_LEVELS[..5] {
        write!(
            c,
            "\
#define lwsl_hexdump_{suffix}(...) lwsl_hexdump_level({level}, __VA_ARGS__)
#define lwsl_hexdump_cx_{suffix}(_c, ...) lwsl_hexdump_context(_c, {level}, __VA_ARGS__)
#define lwsl_hexdump_vhost_{suffix}(_v, ...) lwsl_hexdump_vhost(_v, {level}, __VA_ARGS__)
#define lwsl_hexdump_wsi_{suffix}(_w, ...) lwsl_hexdump_wsi(_w, {level}, __VA_ARGS__)
"
        )
        .expect("a String takes it");
    }
    c
}

/// C bodies of what Rust cannot define: C-variadic functions.
fn compile_shims(files: &[PathBuf]) {
    let shims: Vec<&PathBuf> =
        files.iter().filter(|path| path.extension().is_some_and(|e| e == "c")).collect();
    if !shims.is_empty() {
        cc::Build::new().files(shims).std("c99").warnings(true).extra_warnings(true).compile("ferrows_shims");
    }
}

fn write_if_changed(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    if let Err(error) = fs::write(path, text) {
        println!("cargo:warning={} is stale and cannot be written: {error}", path.display());
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the sources are readable")
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|file| file == name)
}
