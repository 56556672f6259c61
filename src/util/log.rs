//! Log lines: how one is built, where it goes, and the macros every layer logs through.
//!
//! A line is `"[YYYY/MM/DD HH:MM:SS:ffff] L: "`, then prefixes (a wsi's tag, a function's name), then the
//! text, then a newline; it never exceeds [`LINE_MAX`] bytes. It goes to a [`Target`]: the process-wide
//! [`PROCESS`] context, or the log context that an application gave to a vhost. The C API plugs its
//! emitters in as targets; until it does, lines go to stderr.

use std::ffi::c_void;
use std::fmt::{self, Write as _};
use std::io::{IsTerminal, Write as _};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};

use parking_lot::RwLock;

use super::local_time::LocalTime;

/// Size of the buffer that a line is built in, its terminating NUL included.
pub const LINE_MAX: usize = 256;

/// The last byte of the buffer is never written by what builds a line, so that it is always the NUL.
const LINE_END: usize = LINE_MAX - 1;

/// What a line that did not fit ends in.
const TRUNCATED: &[u8] = b"...\n";

/// The letter of each level, by the position of its bit.
const LETTERS: &[u8; 12] = b"EWNIDPHXCLUT";

/// The terminal colour of each level, by the position of its bit.
const COLOURS: [&str; LETTERS.len()] = [
    "[31;1m", "[36;1m", "[35;1m", "[32;1m", "[34;1m", "[33;1m", "[33m", "[33m", "[33m", "[33;1m", "[0;1m",
    "[31m",
];

/// A log level: one bit of a context's mask, with lws's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// Something failed and the program should know.
    Err = 1 << 0,
    /// Unexpected, survived.
    Warn = 1 << 1,
    /// Worth a line in normal operation.
    Notice = 1 << 2,
    /// Detail for the curious.
    Info = 1 << 3,
    /// Detail for us.
    Debug = 1 << 4,
}

/// A place that lines go to: what the C API calls a log context.
pub trait Target {
    /// Whether a line of `level` would be emitted.
    fn enabled(&self, level: Level) -> bool;

    /// Emits one line, `"tag: text"` or, with an empty tag, `"text"`, after the time stamp and the
    /// target's own prefixes.
    ///
    /// The caller has asked [`Target::enabled`].
    fn emit(&self, level: Level, tag: &dyn fmt::Display, text: fmt::Arguments<'_>);
}

/// The process-wide log context.
///
/// It has the layout of the C API's `struct lws_log_cx`, because C code is handed its address and may
/// read it, or set its prefix callback. Everything in it is atomic: any thread may log.
#[derive(Debug)]
#[repr(C)]
pub struct Process {
    /// The C emitter; null for stderr.
    pub emit: AtomicPtr<c_void>,
    /// The C callback that follows the reference count; null for none.
    pub refcount_cb: AtomicPtr<c_void>,
    /// The C callback that adds a prefix to each line; null for none.
    pub prepend: AtomicPtr<c_void>,
    /// Always null: nothing is above the process.
    pub parent: AtomicPtr<c_void>,
    /// The application's.
    pub opaque: AtomicPtr<c_void>,
    /// The application's.
    pub stg: AtomicPtr<c_void>,
    /// The mask of level bits, and flags above them.
    pub flags: AtomicU32,
    /// How many objects are bound to this context.
    pub refcount: AtomicI32,
}

/// The process-wide log context: errors, warnings and notices go to stderr until the program says otherwise.
pub static PROCESS: Process = Process {
    emit: AtomicPtr::new(ptr::null_mut()),
    refcount_cb: AtomicPtr::new(ptr::null_mut()),
    prepend: AtomicPtr::new(ptr::null_mut()),
    parent: AtomicPtr::new(ptr::null_mut()),
    opaque: AtomicPtr::new(ptr::null_mut()),
    stg: AtomicPtr::new(ptr::null_mut()),
    flags: AtomicU32::new(Level::Err as u32 | Level::Warn as u32 | Level::Notice as u32),
    refcount: AtomicI32::new(0),
};

/// What emits the process-wide lines once the C API has given an emitter.
static PROCESS_TARGET: RwLock<Option<&'static (dyn Target + Sync)>> = RwLock::new(None);

impl Target for Process {
    fn enabled(&self, level: Level) -> bool {
        self.flags.load(Ordering::Relaxed) & level as u32 != 0
    }

    fn emit(&self, level: Level, tag: &dyn fmt::Display, text: fmt::Arguments<'_>) {
        // The lock is not held while the application's emitter runs: that may log, or replace itself.
        let target = *PROCESS_TARGET.read();
        if let Some(target) = target {
            return target.emit(level, tag, text);
        }
        let mut buf = [0; LINE_MAX];
        let mut line = Line::begin(&mut buf, level as u32);
        line.tag_and_text(tag, text);
        write_stderr(level as u32, line.as_bytes());
    }
}

/// Makes `target` emit the process-wide lines from now on.
pub fn set_process_target(target: &'static (dyn Target + Sync)) {
    *PROCESS_TARGET.write() = Some(target);
}

/// Whether a process-wide line of `level` would be emitted.
pub fn enabled(level: Level) -> bool {
    PROCESS.enabled(level)
}

/// The process-wide mask of level bits, and flags above them.
pub fn mask() -> u32 {
    PROCESS.flags.load(Ordering::Relaxed)
}

/// Replaces the process-wide mask of level bits and flags.
pub fn set_mask(mask: u32) {
    PROCESS.flags.store(mask, Ordering::Relaxed);
}

/// A log line being built in a caller's buffer, which is a C string at every moment.
#[derive(Debug)]
pub struct Line<'b> {
    buf: &'b mut [u8; LINE_MAX],
    len: usize,
}

impl<'b> Line<'b> {
    /// Starts a line with the time stamp of now and the letter of `level`.
    ///
    /// A `level` that is not exactly one known bit starts an empty line, as in lws.
    pub fn begin(buf: &'b mut [u8; LINE_MAX], level: u32) -> Self {
        let (stamp, len) = timestamp(level);
        buf[..len].copy_from_slice(&stamp[..len]);
        buf[len] = 0;
        Self { buf, len }
    }

    /// Resumes a line of which `len` bytes were begun in `buf`, with the text, `wanted` bytes, already written
    /// after them as far as it fits; and ends it.
    pub fn resume_with_text(buf: &'b mut [u8; LINE_MAX], len: usize, wanted: usize) -> Self {
        let len = len.min(LINE_END);
        let mut line = Self { buf, len };
        line.end(wanted);
        line
    }

    /// Appends to the line, as much as fits.
    pub fn prefix(&mut self, bytes: &[u8]) {
        let taken = bytes.len().min(LINE_END - self.len);
        self.buf[self.len..self.len + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
        self.buf[self.len] = 0;
    }

    /// Ends a line whose text, `wanted` bytes, has been written after the prefixes as far as it fits.
    ///
    /// The line gets its newline if the text has none; a line that does not fit ends in `"...\n"`. A line
    /// without any text is left as it is.
    pub fn end(&mut self, wanted: usize) {
        let full = LINE_END - 1;
        let end = self.len.saturating_add(wanted);
        if end >= full {
            self.len = full;
            self.buf[full - TRUNCATED.len()..full].copy_from_slice(TRUNCATED);
        } else if wanted > 0 {
            self.len = end;
            if self.buf[end - 1] != b'\n' {
                self.buf[end] = b'\n';
                self.len += 1;
            }
        }
        self.buf[self.len] = 0;
    }

    /// Appends `"tag: "` if there is a tag, then the text, and ends the line.
    pub fn tag_and_text(&mut self, tag: &dyn fmt::Display, text: fmt::Arguments<'_>) {
        let start = self.len;
        // Counting is infallible, and an application's `Display` that gives up loses only its own words.
        let _ = write!(Cutting { line: self, wanted: 0 }, "{tag}");
        if self.len > start {
            self.prefix(b": ");
        }
        let prefixes = self.len;
        let mut cutting = Cutting { line: self, wanted: 0 };
        let _ = cutting.write_fmt(text);
        let wanted = cutting.wanted;
        self.len = prefixes;
        self.end(wanted);
    }

    /// The line so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    /// The line so far and its NUL, as a C emitter takes it.
    #[must_use]
    pub fn as_bytes_with_nul(&self) -> &[u8] {
        &self.buf[..=self.len]
    }

    /// The whole buffer, for a C callback to append to; tell [`Line::extend_to`] how far it got.
    pub fn buffer(&mut self) -> &mut [u8; LINE_MAX] {
        self.buf
    }

    /// Counts in what was appended in the [`buffer`](Line::buffer): the line is `len` bytes long now.
    pub fn extend_to(&mut self, len: usize) {
        self.len = len.clamp(self.len, LINE_END);
        self.buf[self.len] = 0;
    }
}

/// Writes into a line as much as fits and counts what was wanted.
struct Cutting<'l, 'b> {
    line: &'l mut Line<'b>,
    wanted: usize,
}

impl fmt::Write for Cutting<'_, '_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.wanted += piece.len();
        self.line.prefix(piece.as_bytes());
        Ok(())
    }
}

/// The start of a line: its bytes and how many of them count.
///
/// Empty if `level` is not exactly one known bit.
#[must_use]
pub fn timestamp(level: u32) -> ([u8; 64], usize) {
    let mut stamp = [0; 64];
    let capacity = stamp.len();
    let letter = match level.is_power_of_two().then(|| level.trailing_zeros() as usize) {
        Some(bit) if bit < LETTERS.len() => LETTERS[bit] as char,
        _ => return (stamp, 0),
    };
    let mut rest = &mut stamp[..];
    // A year of more digits than the buffer has room for is cut, not an error.
    let _ = match LocalTime::now() {
        Some(t) => write!(
            rest,
            "[{:04}/{:02}/{:02} {:02}:{:02}:{:02}:{:04}] {letter}: ",
            t.year,
            t.month,
            t.day,
            t.hour,
            t.minute,
            t.second,
            t.micros / 100
        ),
        None => write!(rest, "[no clock] {letter}: "),
    };
    let len = capacity - rest.len();
    (stamp, len)
}

/// Writes a finished line to stderr in one go, coloured by its level if that is a terminal.
pub fn write_stderr(level: u32, line: &[u8]) {
    static TERMINAL: OnceLock<bool> = OnceLock::new();
    let mut stderr = std::io::stderr().lock();
    let colour = level.checked_ilog2().and_then(|bit| COLOURS.get(bit as usize));
    // There is nowhere left to report that stderr is gone.
    let _ = match colour {
        Some(colour) if *TERMINAL.get_or_init(|| std::io::stderr().is_terminal()) => {
            let coloured = [b"\x1b", colour.as_bytes(), line, b"\x1b[0m"].concat();
            stderr.write_all(&coloured)
        }
        _ => stderr.write_all(line),
    };
}

/// Logs at `LLL_ERR`.
///
/// `log_err!("text {}", x)` goes to the process-wide context; `log_err!(tag: t, "text")` puts `"t: "`
/// before it; `log_err!(to: target, tag: t, "text")` sends it to a [`Target`]. All the level macros are alike.
#[macro_export]
macro_rules! log_err { ($($a:tt)*) => { $crate::util::log::at!(Err, $($a)*) } }
/// Logs at `LLL_WARN`; see [`log_err!`].
#[macro_export]
macro_rules! log_warn { ($($a:tt)*) => { $crate::util::log::at!(Warn, $($a)*) } }
/// Logs at `LLL_NOTICE`; see [`log_err!`].
#[macro_export]
macro_rules! log_notice { ($($a:tt)*) => { $crate::util::log::at!(Notice, $($a)*) } }
/// Logs at `LLL_INFO`; see [`log_err!`].
#[macro_export]
macro_rules! log_info { ($($a:tt)*) => { $crate::util::log::at!(Info, $($a)*) } }
/// Logs at `LLL_DEBUG`; see [`log_err!`].
#[macro_export]
macro_rules! log_debug { ($($a:tt)*) => { $crate::util::log::at!(Debug, $($a)*) } }

/// Shared body of the level macros: the level is tested before anything is formatted.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_at {
    ($level:ident, to: $target:expr, tag: $tag:expr, $($a:tt)*) => {{
        let target: &dyn $crate::util::log::Target = $target;
        if target.enabled($crate::util::log::Level::$level) {
            target.emit($crate::util::log::Level::$level, &$tag, format_args!($($a)*));
        }
    }};
    ($level:ident, to: $target:expr, $($a:tt)*) => {
        $crate::util::log::at!($level, to: $target, tag: "", $($a)*)
    };
    ($level:ident, tag: $tag:expr, $($a:tt)*) => {
        $crate::util::log::at!($level, to: &$crate::util::log::PROCESS, tag: $tag, $($a)*)
    };
    ($level:ident, $($a:tt)*) => {
        $crate::util::log::at!($level, to: &$crate::util::log::PROCESS, tag: "", $($a)*)
    };
}
pub use __log_at as at;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Length of `"[2018/11/13 07:41:57:3989] E: "`.
    const STAMP: usize = 30;

    struct Kept {
        mask: u32,
        lines: RefCell<Vec<String>>,
    }

    impl Kept {
        fn new(mask: u32) -> Self {
            Self { mask, lines: RefCell::default() }
        }
    }

    impl Target for Kept {
        fn enabled(&self, level: Level) -> bool {
            self.mask & level as u32 != 0
        }

        fn emit(&self, level: Level, tag: &dyn fmt::Display, text: fmt::Arguments<'_>) {
            let mut buf = [0; LINE_MAX];
            let mut line = Line::begin(&mut buf, level as u32);
            line.tag_and_text(tag, text);
            let line = String::from_utf8(line.as_bytes().to_vec()).expect("only text was logged");
            self.lines.borrow_mut().push(line);
        }
    }

    #[test]
    fn a_line_has_stamp_letter_tag_text_and_newline() {
        let kept = Kept::new(!0);
        log_warn!(to: &kept, tag: "[wsi]", "n is {}", 5);
        log_err!(to: &kept, "already\n");
        let lines = kept.lines.borrow();
        assert_eq!(&lines[0][STAMP - 3..], "W: [wsi]: n is 5\n");
        assert_eq!(&lines[1][STAMP - 3..], "E: already\n");
        let shape: String =
            lines[0][..STAMP].chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(shape, "[9999/99/99 99:99:99:9999] W: ");
    }

    #[test]
    fn a_disabled_level_formats_nothing() {
        struct Untouchable;
        impl fmt::Display for Untouchable {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("formatted although the level is off");
            }
        }
        let kept = Kept::new(Level::Err as u32);
        log_debug!(to: &kept, "{}", Untouchable);
        assert!(kept.lines.borrow().is_empty());
    }

    #[test]
    fn the_longest_text_that_fits_is_whole_and_the_next_is_cut() {
        let kept = Kept::new(!0);
        let fits = "x".repeat(LINE_MAX - 3 - STAMP);
        log_err!(to: &kept, "{fits}");
        log_err!(to: &kept, "{fits}y");
        log_err!(to: &kept, "{}", "z".repeat(5000));
        let lines = kept.lines.borrow();
        assert_eq!(lines[0].len(), LINE_MAX - 2);
        assert!(lines[0].ends_with("x\n"));
        for cut in &lines[1..] {
            assert_eq!(cut.len(), LINE_MAX - 2);
            assert!(cut.ends_with("...\n"));
            assert!(!cut.ends_with("....\n"));
        }
    }

    #[test]
    fn a_tag_as_long_as_the_line_is_cut() {
        let kept = Kept::new(!0);
        log_err!(to: &kept, tag: "t".repeat(900), "text");
        assert_eq!(kept.lines.borrow()[0].len(), LINE_MAX - 2);
        assert!(kept.lines.borrow()[0].ends_with("...\n"));
    }

    #[test]
    fn empty_text_adds_no_newline() {
        let kept = Kept::new(!0);
        log_err!(to: &kept, "{}", "");
        assert_eq!(kept.lines.borrow()[0].len(), STAMP);
    }

    #[test]
    fn a_mixed_or_unknown_level_has_no_stamp() {
        for level in [0, 3, 1 << 12, 1 << 31] {
            assert_eq!(timestamp(level).1, 0, "level {level:#x}");
        }
        for (bit, &letter) in LETTERS.iter().enumerate() {
            let (stamp, len) = timestamp(1 << bit);
            assert_eq!(stamp[len - 3], letter);
        }
    }

    #[test]
    fn every_line_is_a_c_string() {
        let mut buf = [b'@'; LINE_MAX];
        let mut line = Line::begin(&mut buf, 1);
        line.prefix(&[b'p'; 400]);
        assert_eq!(line.as_bytes_with_nul().last(), Some(&0));
        line.end(0);
        assert_eq!(line.as_bytes_with_nul().last(), Some(&0));
        assert_eq!(line.as_bytes().len(), LINE_MAX - 2);
    }
}
