//! Files: found below a mount, described, and sent in pieces of bounded size.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{Mode as FileMode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::context::Context;
use super::dispatch::{Arg, HeaderRoom};
use super::http::Answer;
use super::reason::Reason;
use super::respond::{HeadWriter, build_head};
use super::write::{Mode, WriteError};
use super::wsi::Wsi;
use crate::proto::http::cache;
use crate::proto::http::mime;
use crate::proto::http::mount::{self, Mount};
use crate::proto::http::response::HeaderError;
use crate::proto::http::token::Token;
use crate::util::blocks::SHORT;

/// Bytes of a file in memory at a time.
const PIECE: usize = 64 * 1024;

/// A file being sent.
pub struct Transfer {
    file: File,
    left: u64,
}

/// A regular file, open.
struct Found {
    file: File,
    path: PathBuf,
    size: u64,
    modified: i64,
}

impl Context {
    /// Serves what lies at `below` under a file mount.
    pub(super) fn serve_mount(&self, wsi: &Wsi, hit: &Mount, below: &CStr) -> Answer {
        let Some(found) = find(hit, below) else { return Answer::Missing };
        let etag = cache::etag(found.size, found.modified);
        if self.is_unmodified(wsi, &etag) {
            return self.answer_unmodified(wsi, hit, &etag);
        }
        let Some(mime) = mime::mime_type(&found.path.to_string_lossy(), &hit.extra_mimetypes) else {
            crate::log_info!("{}: no mime type for {}", wsi.tag(), found.path.display());
            return self.answer_status(wsi, 415);
        };
        let mime = mime.to_owned();
        let head = build_head(|head| {
            self.common_head(
                wsi,
                200,
                Some(mime.as_bytes()).filter(|mime| !mime.is_empty()),
                Some(found.size),
                head,
            )?;
            head.header(b"cache-control", mount::cache_control(hit).as_bytes())?;
            head.header(b"etag", etag.as_bytes())?;
            if hit.protocol.is_some() {
                self.offer_headers(wsi, head)?;
            }
            head.end()
        });
        let sent = head
            .map_err(WriteError::from)
            .and_then(|head| self.begin_file(wsi, &head, found.file, found.size));
        match sent {
            Ok(()) => Answer::Taken,
            Err(error @ WriteError::Stream(_)) => {
                // The peer has reset it: its own affair.
                crate::log_info!("{}: {}: {error}", wsi.tag(), found.path.display());
                Answer::Failed
            }
            Err(error) => {
                crate::log_err!("{}: {}: {error}", wsi.tag(), found.path.display());
                Answer::Failed
            }
        }
    }

    fn is_unmodified(&self, wsi: &Wsi, etag: &str) -> bool {
        let Some(ah) = wsi.ah() else { return false };
        ah.value(Token::HTTP_IF_NONE_MATCH).is_some_and(|asked| cache::if_none_match(&asked, etag))
    }

    fn answer_unmodified(&self, wsi: &Wsi, hit: &Mount, etag: &str) -> Answer {
        let head = build_head(|head| {
            self.start_head(wsi, 304, head)?;
            head.header(b"etag", etag.as_bytes())?;
            head.header(b"cache-control", mount::cache_control(hit).as_bytes())?;
            head.end()
        });
        let Ok(head) = head else { return Answer::Failed };
        if self.write(wsi, &head, Mode::HEADERS_END).is_err() {
            return Answer::Failed;
        }
        self.complete_transaction(wsi);
        Answer::Taken
    }

    /// Lets the wsi's protocol add header lines of its own.
    pub(super) fn offer_headers(&self, wsi: &Wsi, head: &mut HeadWriter<'_>) -> Result<(), HeaderError> {
        let room = head.room();
        let before = HeaderRoom { at: room.as_mut_ptr(), room: room.len() };
        let window = std::cell::Cell::new(before);
        if self.dispatch(wsi, Reason::AddHeaders, Arg::Headers(&window)) != 0 {
            return Err(HeaderError::BadValue);
        }
        let used = before.room.saturating_sub(window.get().room);
        head.advance(used);
        Ok(())
    }

    /// `lws_serve_http_file`: sends one file of the program's choice, with header lines of its own.
    pub fn serve_file(
        &self,
        wsi: &Wsi,
        path: &Path,
        content_type: &str,
        extra: &[u8],
    ) -> Result<(), WriteError> {
        let opened = File::open(path).and_then(|file| {
            let metadata = file.metadata()?;
            Ok((file, metadata))
        });
        let (file, size) = match opened {
            Ok((file, metadata)) if metadata.is_file() => (file, metadata.len()),
            Ok(_) | Err(_) => {
                crate::log_info!("{}: cannot serve {}", wsi.tag(), path.display());
                self.return_status(wsi, 404, "")?;
                self.complete_transaction(wsi);
                return Ok(());
            }
        };
        let head = build_head(|head| {
            let content_type = Some(content_type.as_bytes()).filter(|text| !text.is_empty());
            self.common_head(wsi, 200, content_type, Some(size), head)?;
            head.header(b"cache-control", self.cache_control_of(wsi).as_bytes())?;
            let room = head.room();
            let Some(place) = room.get_mut(..extra.len()) else { return Err(HeaderError::NoRoom) };
            place.copy_from_slice(extra);
            head.advance(extra.len());
            head.end()
        })?;
        self.begin_file(wsi, &head, file, size)
    }

    /// What the mount that the request is below says about caching.
    fn cache_control_of(&self, wsi: &Wsi) -> Cow<'static, str> {
        let none = Cow::Borrowed("no-store");
        let (Some(vhost), Some(ah)) = (wsi.vhost(), wsi.ah()) else { return none };
        let path = ah.path().to_bytes();
        mount::find(&vhost.mounts, path, ah.method(), wsi.is_stream()).map_or(none, mount::cache_control)
    }

    fn begin_file(&self, wsi: &Wsi, head: &[u8], file: File, size: u64) -> Result<(), WriteError> {
        self.write(wsi, head, Mode::HEADERS)?;
        let left = if wsi.http.head_only.get() { 0 } else { size };
        *wsi.http.file.borrow_mut() = Some(Transfer { file, left });
        self.mark_ready(wsi);
        Ok(())
    }

    /// Sends the next piece of the file; at its end the program hears HTTP_FILE_COMPLETION.
    pub(super) fn send_file_piece(&self, wsi: &Wsi) {
        let Some(mut transfer) = wsi.http.file.take() else { return };
        if transfer.left > 0
            && let Err(why) = self.send_piece_of(wsi, &mut transfer)
        {
            crate::log_warn!("{}: {why}", wsi.tag());
            wsi.http.keep_alive.set(false);
            self.after_callback(wsi, -1);
            return;
        }
        if transfer.left > 0 {
            *wsi.http.file.borrow_mut() = Some(transfer);
            return;
        }
        drop(transfer);
        // Where only the headers were asked for, programs have not heard of a file that was sent.
        let result = if wsi.http.head_only.get() {
            0
        } else {
            self.dispatch(wsi, Reason::HttpFileCompletion, Arg::Null)
        };
        if result == 0 && wsi.is_open() && !wsi.http.completed.get() {
            self.complete_transaction(wsi);
        }
        self.after_callback(wsi, result);
    }

    /// Reads a piece into where it waits to be sent: a stream's into blocks, which are not copied again.
    fn send_piece_of(&self, wsi: &Wsi, transfer: &mut Transfer) -> Result<(), String> {
        let want = usize::try_from(transfer.left).unwrap_or(PIECE).min(PIECE);
        if wsi.is_stream() && want >= SHORT {
            let blocks = self.blocks.read(want, |room| transfer.file.read_vectored(room));
            let blocks = blocks.map_err(|error| error.to_string())?;
            let mode = transfer.advance(blocks.iter().map(Bytes::len).sum())?;
            return self.write_blocks(wsi, blocks, mode).map_err(|error| error.to_string());
        }
        let mut buffer = self.take_buffer();
        let want = want.min(buffer.len());
        let read = transfer.file.read(&mut buffer[..want]).map_err(|error| error.to_string());
        let sent = read.and_then(|n| {
            let mode = transfer.advance(n)?;
            self.write(wsi, &buffer[..n], mode).map_err(|error| error.to_string())
        });
        self.give_buffer(buffer);
        sent.map(drop)
    }
}

impl Transfer {
    /// `len` bytes more were read; how they are to be written.
    fn advance(&mut self, len: usize) -> Result<Mode, String> {
        if len == 0 {
            // It has become shorter than its content-length said.
            return Err("the file was truncated while being sent".to_owned());
        }
        self.left -= len as u64;
        Ok(if self.left == 0 { Mode::FINAL } else { Mode::BODY })
    }
}

/// The regular file at `below` under the mount's origin: its default file for a directory.
fn find(hit: &Mount, below: &CStr) -> Option<Found> {
    let relative = std::str::from_utf8(below.to_bytes()).ok()?.trim_start_matches('/');
    let default = hit.def.as_deref().unwrap_or("index.html");
    let named = if relative.is_empty() { default } else { relative };
    let found = open_below(&hit.origin, Path::new(named))?;
    let metadata = found.metadata().ok()?;
    if metadata.is_file() {
        return describe(found, Path::new(named).to_path_buf());
    }
    if metadata.is_dir() {
        let path = Path::new(named).join(default);
        return describe(open_below(&hit.origin, &path)?, path);
    }
    None
}

fn describe(file: File, path: PathBuf) -> Option<Found> {
    let metadata = file.metadata().ok()?;
    metadata.is_file().then(|| Found { size: metadata.size(), modified: metadata.mtime(), file, path })
}

/// Opens `path` below `root`; nothing outside `root` is ever opened, whatever links say.
fn open_below(root: &str, path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let directory =
        rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, FileMode::empty()).ok()?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(&directory, path, flags, FileMode::empty(), resolve) {
        Ok(fd) => Some(File::from(fd)),
        // A kernel without openat2, or an absolute link: compare the real paths instead.
        Err(Errno::NOSYS | Errno::XDEV | Errno::PERM) => {
            open_real_path_below(root, path, flags).map(File::from)
        }
        Err(_) => None,
    }
}

fn open_real_path_below(root: &str, path: &Path, flags: OFlags) -> Option<OwnedFd> {
    let root = std::fs::canonicalize(root).ok()?;
    let real = std::fs::canonicalize(root.join(path)).ok()?;
    let inside = real.starts_with(&root);
    inside.then(|| rustix::fs::open(&real, flags | OFlags::NOFOLLOW, FileMode::empty()).ok()).flatten()
}
