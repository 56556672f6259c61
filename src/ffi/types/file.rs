//! File operations that a program may replace.

use std::ffi::{c_char, c_int, c_uint, c_void};

use super::{lws_filefd_type, lws_fileofs_t, lws_filepos_t};

/// `LWS_FOP_FLAG_*` and, below, flags of `open()`.
pub type lws_fop_flags_t = u32;

/// The flags of `open()`.
pub const LWS_FOP_FLAGS_MASK: c_uint = (1 << 23) - 1;
/// A gzip compressed file is welcome.
pub const LWS_FOP_FLAG_COMPR_ACCEPTABLE_GZIP: c_uint = 1 << 24;
/// The file is gzip compressed.
pub const LWS_FOP_FLAG_COMPR_IS_GZIP: c_uint = 1 << 25;
/// `mod_time` is valid.
pub const LWS_FOP_FLAG_MOD_TIME_VALID: c_uint = 1 << 26;
/// The file does not exist as such.
pub const LWS_FOP_FLAG_VIRTUAL: c_uint = 1 << 27;

/// An open file.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_fop_fd {
    /// The descriptor, if it has one.
    pub fd: lws_filefd_type,
    /// The operations that opened it.
    pub fops: *const lws_plat_file_ops,
    /// For those operations.
    pub filesystem_priv: *mut c_void,
    /// Where it is, in bytes.
    pub pos: lws_filepos_t,
    /// Its length in bytes.
    pub len: lws_filepos_t,
    /// `LWS_FOP_FLAG_*`.
    pub flags: lws_fop_flags_t,
    /// When it was modified, in seconds since 1970.
    pub mod_time: u32,
}
assert_layout!(lws_fop_fd, 48, {fd: 0, fops: 8, filesystem_priv: 16, pos: 24, len: 32, flags: 40, mod_time: 44});
/// An open file.
pub type lws_fop_fd_t = *mut lws_fop_fd;

/// A signature that makes a set of file operations responsible for a path.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_fops_index {
    /// The text to find in a path; NULL for none.
    pub sig: *const c_char,
    /// Its length in bytes.
    pub len: u8,
}

/// A set of file operations.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_plat_file_ops {
    /// Opens `filename`; `vpath` is the part inside an archive, or NULL.
    pub open: Option<
        unsafe extern "C" fn(
            fops: *const lws_plat_file_ops,
            filename: *const c_char,
            vpath: *const c_char,
            flags: *mut lws_fop_flags_t,
        ) -> lws_fop_fd_t,
    >,
    /// Closes and frees `*fop_fd` and makes it NULL.
    pub close: Option<unsafe extern "C" fn(fop_fd: *mut lws_fop_fd_t) -> c_int>,
    /// Moves from the current position; returns the new one or -1.
    pub seek_cur: Option<
        unsafe extern "C" fn(fop_fd: lws_fop_fd_t, offset_from_cur_pos: lws_fileofs_t) -> lws_fileofs_t,
    >,
    /// Reads up to `len` bytes; `*amount` says how many there were. Negative on failure.
    pub read: Option<
        unsafe extern "C" fn(
            fop_fd: lws_fop_fd_t,
            amount: *mut lws_filepos_t,
            buf: *mut u8,
            len: lws_filepos_t,
        ) -> c_int,
    >,
    /// Writes up to `len` bytes; `*amount` says how many were. Negative on failure.
    pub write: Option<
        unsafe extern "C" fn(
            fop_fd: lws_fop_fd_t,
            amount: *mut lws_filepos_t,
            buf: *mut u8,
            len: lws_filepos_t,
        ) -> c_int,
    >,
    /// Signatures of the paths it is responsible for.
    pub fi: [lws_fops_index; 3],
    /// The next set, or NULL.
    pub next: *const lws_plat_file_ops,
}
assert_layout!(lws_plat_file_ops, 96, {open: 0, close: 8, seek_cur: 16, read: 24, write: 32, fi: 40, next: 88});
