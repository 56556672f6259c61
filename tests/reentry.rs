//! Every exported function, called where programs may call it: with NULLs, about a wsi that is gone, and from inside every
//! callback and every operation of the event loop.
//!
//! `tests/data/api.tsv` is the one list of what may be called where. The calls are made from the prototypes in the headers,
//! `docs/reentrancy.md` from the list, and both fail when an export is missing from it. `FERROWS_BLESS=1` writes the
//! document anew.

mod common;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Program, Scratch, library, root, tmp};

/// A row of the list.
struct Row {
    name: &'static str,
    /// Whether it may be called in callbacks and operations.
    callbacks: &'static str,
    /// What it may end, or `-`.
    ends: &'static str,
    /// `any`, or `service`.
    threads: &'static str,
    /// What its result `r` is for NULL and 0, in C; `-` when it has none.
    on_null: &'static str,
    /// Arguments of the calls in the matrix, when those made from the prototype would do nothing.
    live: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let rows: Vec<Row> = include_str!("data/api.tsv")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, callbacks, ends, threads, on_null, live @ ..] = fields.as_slice() else {
                panic!("tests/data/api.tsv: {line}")
            };
            Row { name, callbacks, ends, threads, on_null, live: live.to_vec() }
        })
        .collect();
    assert!(
        rows.is_sorted_by(|a, b| a.name < b.name),
        "tests/data/api.tsv is sorted and names nothing twice"
    );
    rows
}

/// The functions of the library, but for data symbols.
fn exports() -> BTreeSet<String> {
    let out = Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library().dir.join("libwebsockets.so"))
        .output()
        .expect("nm runs (Debian package binutils)");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("symbols are ASCII");
    let functions = text.lines().filter_map(|line| line.split_once(" T ").map(|(_, name)| name.to_owned()));
    functions.collect()
}

/// A function as the headers declare it.
struct Prototype {
    result: String,
    /// Type and name.
    params: Vec<(String, String)>,
}

/// The headers without comments, preprocessor lines and bodies of inline functions.
fn declarations() -> String {
    let mut text = String::new();
    for header in ["libwebsockets.h", "ferrows.h"] {
        text += &fs::read_to_string(library().include.join(header)).expect("the header");
    }
    let mut code = String::new();
    let mut rest = text.as_str();
    while let Some((before, comment)) = rest.split_once("/*") {
        code += before;
        rest = comment.split_once("*/").expect("comments end").1;
    }
    code += rest;
    code.lines().filter(|line| !line.trim_start().starts_with(['#', '/'])).collect::<Vec<_>>().join("\n")
}

fn prototype(code: &str, name: &str) -> Option<Prototype> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.match_indices(&format!("{name}(")).find_map(|(at, _)| {
        let start = code[..at].rfind([';', '{', '}']).map_or(0, |at| at + 1);
        let result = code[start..at].trim();
        let declared = !result.is_empty()
            && result.chars().all(|c| is_word(c) || c.is_whitespace() || c == '*')
            && !code[..at].ends_with(is_word)
            && !result.starts_with("return");
        let params = parameters(&code[at + name.len() + 1..]).into_iter();
        let params = params.filter(|param| !matches!(param.as_str(), "" | "void" | "..."));
        let params = params.map(|param| {
            let at = param.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
            let (kind, name) = param.split_at(at);
            (kind.trim().to_owned(), name.to_owned())
        });
        let result = result.trim_start_matches("extern").trim().to_owned();
        declared.then(|| Prototype { result, params: params.collect() })
    })
}

/// What stands between the parenthesis before `code` and its partner, at commas that are not inside another pair.
fn parameters(code: &str) -> Vec<String> {
    let (mut depth, mut params) = (0, vec![String::new()]);
    for c in code.chars() {
        match c {
            ')' if depth == 0 => break,
            ',' if depth == 0 => params.push(String::new()),
            _ => {
                depth += i32::from(c == '(') - i32::from(c == ')');
                params.last_mut().expect("never empty").push(c);
            }
        }
    }
    params.into_iter().map(|param| param.trim().to_owned()).collect()
}

impl Prototype {
    /// Whether it can reach the state of a context.
    fn is_stateful(&self) -> bool {
        let reaches = ["struct lws *", "struct lws_context *", "struct lws_vhost *", "sorted_usec_list"];
        self.params.iter().any(|(kind, _)| reaches.iter().any(|part| kind.contains(part)))
    }

    fn takes_wsi(&self) -> bool {
        self.params.iter().any(|(kind, _)| kind.contains("struct lws *"))
    }

    fn arguments(&self) -> String {
        let argument = |(kind, name): &(String, String)| {
            let pointers = kind.matches('*').count();
            match (pointers, name.as_str()) {
                // A pointer to a function.
                _ if kind.contains('(') => "0".to_owned(),
                (0, _) if kind == "va_list" => "no_arguments".to_owned(),
                (0, "tsi") => "0".to_owned(),
                (0, name) if name.contains("len") || name.contains("size") => format!("({kind})a->n"),
                (0, _) => format!("({kind})a->i"),
                (1, "end" | "e") => format!("({kind})a->end"),
                (1, _) if kind.contains("struct lws *") => "a->w".to_owned(),
                (1, _) if kind.contains("struct lws_context *") => "a->cx".to_owned(),
                (1, _) if kind.contains("struct lws_vhost *") => format!("({kind})a->vh"),
                (1, _) if kind.contains("struct lws_protocols") => format!("({kind})a->protocol"),
                (1, _) if kind.contains("sorted_usec_list") => "a->sul".to_owned(),
                (1, _) if kind.contains("pollfd") => "a->pollfd".to_owned(),
                (1, _) if kind.contains("creation_info") => "a->info".to_owned(),
                (1, _) if kind.contains("const") && (kind.contains("char") || kind.contains("void")) => {
                    format!("({kind})a->s")
                }
                (1, _) if kind.contains("char") || kind.contains("void") || kind.contains("uint8_t") => {
                    format!("({kind})a->buf")
                }
                (1, _) => format!("({kind})a->zero"),
                _ => format!("({kind})a->pp"),
            }
        };
        self.params.iter().map(argument).collect::<Vec<_>>().join(", ")
    }
}

/// One call as a C function that says whether the result is that for NULL.
fn call(c: &mut String, function: &str, name: &str, result: &str, arguments: &str, on_null: &str) {
    let body = match (result, on_null) {
        ("void", "-") => format!("{name}({arguments});\n\treturn 1;"),
        ("void", other) => panic!("{name} has no result that is {other}"),
        (_, "-") => panic!("{name} has a result"),
        _ => {
            let space = if result.ends_with('*') { "" } else { " " };
            format!("{result}{space}r = {name}({arguments});\n\n\treturn {on_null};")
        }
    };
    writeln!(c, "static int {function}(struct args *a)\n{{\n\t(void)a;\n\t{body}\n}}\n").unwrap();
}

struct Harness {
    program: PathBuf,
    /// Number of calls in the matrix.
    live: usize,
}

/// The C program, with the calls that the list and the headers give.
fn harness() -> Harness {
    let code = declarations();
    let (mut c, mut apis, mut live) = (String::new(), String::new(), Vec::new());
    for row in rows() {
        let name = row.name;
        let prototype = prototype(&code, name).unwrap_or_else(|| panic!("no header declares {name}"));
        let (stateful, takes_wsi) = (u8::from(prototype.is_stateful()), u8::from(prototype.takes_wsi()));
        let arguments = prototype.arguments();
        call(&mut c, &format!("call_{name}"), name, &prototype.result, &arguments, row.on_null);
        writeln!(apis, "\t{{ \"{name}\", call_{name}, {stateful}, {takes_wsi} }},").unwrap();
        for (n, arguments) in row.live.iter().enumerate() {
            let function = format!("live_{n}_{name}");
            if arguments.starts_with("live_") {
                // A function of the harness.
                writeln!(c, "static int {function}(struct args *a)\n{{\n\treturn {arguments};\n}}\n")
                    .unwrap();
            } else {
                call(&mut c, &function, name, &prototype.result, arguments, row.on_null);
            }
            live.push((name, function));
        }
        if row.live.is_empty() && stateful == 1 {
            live.push((name, format!("call_{name}")));
        }
    }
    writeln!(c, "static const struct api apis[] = {{\n{apis}}};\n").unwrap();
    writeln!(c, "static const struct api live[] = {{").unwrap();
    for (name, function) in &live {
        writeln!(c, "\t{{ \"{name}\", {function}, 1, 0 }},").unwrap();
    }
    writeln!(c, "}};").unwrap();

    let mut key = DefaultHasher::new();
    c.hash(&mut key);
    let dir = tmp().join(format!("api-calls-{:016x}", key.finish()));
    fs::create_dir_all(&dir).expect("a directory");
    let _lock = common::library::lock(&dir.join("lock"));
    let header = dir.join("api-calls.h");
    if !header.exists() {
        fs::write(&header, c).expect("written");
    }
    let flags = ["-I", dir.to_str().expect("UTF-8"), "-Wno-unused-function"];
    let program = common::library::compile_file(&root().join("tests/c/reentry.c"), &flags);
    Harness { program, live: live.len() }
}

/// Runs it and expects that it has nothing to complain about.
fn innocent(harness: &Harness, args: &[String]) -> Result<(), String> {
    let www = Scratch::new();
    www.file("index.html", "<html>index</html>\n");
    let program = Program::new(&harness.program)
        .args(args)
        .env("REENTRY_WWW", www.path())
        .env("REENTRY_FILE", www.path().join("index.html"));
    let mut running = program.start();
    let status = running.wait();
    let lines = running.stdout();
    let last = lines.last().cloned().unwrap_or_default();
    let wrong: Vec<&String> = lines.iter().filter(|line| line.contains("WRONG")).collect();
    if status.success() && wrong.is_empty() && last == "done" {
        return Ok(());
    }
    let errors = running.stderr().join("\n");
    Err(format!("{}; last: {last}\n{wrong:#?}\n{errors}", common::process::describe(status)))
}

#[test]
fn the_list_names_every_export() {
    let listed: BTreeSet<String> = rows().iter().map(|row| row.name.to_owned()).collect();
    let exports = exports();
    let missing: Vec<_> = exports.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&exports).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "tests/data/api.tsv: missing {missing:?}, stale {stale:?}"
    );
}

#[test]
fn the_document_is_the_list() {
    let path = root().join("docs/reentrancy.md");
    let document = document();
    if std::env::var_os("FERROWS_BLESS").is_some() {
        fs::write(&path, document).expect("written");
        return;
    }
    let written = fs::read_to_string(&path).expect("docs/reentrancy.md");
    assert!(
        written == document,
        "docs/reentrancy.md is not what tests/data/api.tsv says: FERROWS_BLESS=1 writes it"
    );
}

fn document() -> String {
    let mut text = String::from(
        "# What may be called where\n\
         \n\
         One row for each exported function. Made from `tests/data/api.tsv`; the tests call each of them from every callback\n\
         and every operation of the event loop, with NULL, and about a wsi that is gone.\n\
         \n\
         - **In callbacks**: may be called from protocol callbacks, event-loop operations and `lws_sul` functions.\n\
         - **Ends**: what the call may close or free. Inside a callback, and inside an operation, nothing goes at once: it is\n  \
           marked, takes no more work, and is freed when the outermost call into the library returns. Until then its pointer is\n  \
           valid; afterwards a `struct lws *` is recognised as stale as long as its context lives.\n\
         - **Threads**: `service` is the thread that serves the context; `any` is any thread; `own` is any one thread at a time\n  \
           for the same arguments.\n\
         \n\
         | function | in callbacks | ends | threads |\n|---|---|---|---|\n",
    );
    for Row { name, callbacks, ends, threads, .. } in rows() {
        writeln!(text, "| `{name}` | {callbacks} | {ends} | {threads} |").unwrap();
    }
    text
}

#[test]
fn null_is_an_error_everywhere() {
    innocent(&harness(), &["null".to_owned()]).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn a_wsi_that_is_gone_is_an_error_everywhere() {
    innocent(&harness(), &["stale".to_owned()]).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn the_traffic_reaches_every_place() {
    innocent(&harness(), &["places".to_owned()]).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn everything_may_be_called_everywhere() {
    let harness = harness();
    let next = AtomicUsize::new(0);
    let failed: Mutex<BTreeMap<usize, String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= harness.live {
                        break;
                    }
                    if let Err(why) = innocent(&harness, &["matrix".to_owned(), n.to_string()]) {
                        failed.lock().expect("not poisoned").insert(n, why);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("not poisoned");
    assert!(failed.is_empty(), "{}", failed.into_values().collect::<Vec<_>>().join("\n"));
}
