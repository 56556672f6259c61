//! The cookies of a context's clients, and the file that they are kept in.
//!
//! The file is read when the context is made, and written at the end of a turn in which it has changed: a new one is written
//! beside it and takes its name, so that nobody sees half of it, and only its owner may read it. Of several contexts with
//! the same file, the last one to write has it as it wants it.

use std::cell::{Cell, RefCell};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Target;
use crate::engine::wsi::Wsi;
use crate::proto::http::cookie_jar::{CookieJar, Limits, Origin};
use crate::proto::http::header::HeaderTable;

/// Malformed lines of a file that are complained of one by one.
const LINES_SHOWN: usize = 5;

/// See the module's text.
#[derive(Default)]
pub struct Cookies {
    jar: RefCell<CookieJar>,
    /// The file, from the root, and what its name is to the program.
    file: Option<(PathBuf, String)>,
    /// What is in the jar is not in the file, because it could not be written.
    unsaved: Cell<bool>,
    complained: Cell<bool>,
}

impl Cookies {
    /// Kept in memory only.
    #[must_use]
    pub fn in_memory(limits: Limits) -> Self {
        Self { jar: RefCell::new(CookieJar::new(limits)), ..Self::default() }
    }

    /// Kept in the file called `name`, which need not exist.
    pub fn in_file(name: &str, limits: Limits) -> io::Result<Self> {
        // A program that goes elsewhere still means the same file; and what a link leads to is replaced, not the link.
        let path = match fs::canonicalize(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => std::path::absolute(name)?,
            found => found?,
        };
        let mut jar = CookieJar::new(limits);
        let bad = match read_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => jar.read(&read?, now()),
        };
        for line in bad.iter().take(LINES_SHOWN) {
            crate::log_warn!("http_nsc_filepath '{name}': line {}: {}", line.number, line.why);
        }
        if let Some(more) = bad.get(LINES_SHOWN..).filter(|more| !more.is_empty()) {
            crate::log_warn!("http_nsc_filepath '{name}': {} more lines are no cookies", more.len());
        }
        Ok(Self { jar: RefCell::new(jar), file: Some((path, name.to_owned())), ..Self::default() })
    }

    /// Keeps what the answer to `target` sets.
    pub(super) fn receive(&self, wsi: &Wsi, target: &Target, answer: &HeaderTable) {
        let mut jar = self.jar.borrow_mut();
        for line in answer.set_cookies() {
            if let Err(why) = jar.receive(line, &origin(target), now()) {
                crate::log_info!("{}: cookie not kept: {why}", wsi.tag());
            }
        }
    }

    /// The value of the cookie header of a request to `target`.
    pub(super) fn header(&self, target: &Target) -> Option<String> {
        self.jar.borrow().header(&origin(target), now())
    }

    /// Writes the file, if it is not as it should be.
    pub(in crate::engine) fn save(&self) {
        if self.file.is_some() && self.jar.borrow_mut().take_changed() {
            self.unsaved.set(true);
            self.save_again();
        }
    }

    /// As [`Self::save`], and tries again what could not be written before.
    pub(in crate::engine) fn save_again(&self) {
        self.unsaved.set(self.unsaved.get() || self.jar.borrow_mut().take_changed());
        let Some((path, name)) = self.file.as_ref().filter(|_| self.unsaved.get()) else { return };
        match replace_file(path, self.jar.borrow().write(now()).as_bytes()) {
            Ok(()) => self.unsaved.set(false),
            Err(error) if !self.complained.replace(true) => {
                crate::log_err!("http_nsc_filepath '{name}': cookies cannot be written: {error}");
            }
            Err(_) => {}
        }
    }
}

fn origin(target: &Target) -> Origin<'_> {
    Origin { host: target.server_name(), path: &target.path, secure: target.tls }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// What else has a name is not read, which might take for ever, and not replaced.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    fs::read(path)
}

fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.{}.tmp", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let result = file.write_all(content).and_then(|()| fs::rename(&beside, path));
    if result.is_err() {
        // It is worth nothing, and the error that counts is the first.
        let _ = fs::remove_file(&beside);
    }
    result
}
