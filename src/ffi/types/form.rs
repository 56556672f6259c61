//! Forms in request bodies.

use std::ffi::{c_char, c_int, c_void};

use super::{enum_lws_spa_fileupload_states, lwsac};

/// Where an uploaded file is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_spa_fileupload_states {
    /// A piece of it.
    LWS_UFS_CONTENT = 0,
    /// Its last piece.
    LWS_UFS_FINAL_CONTENT = 1,
    /// It begins.
    LWS_UFS_OPEN = 2,
    /// The form is destroyed: clean up.
    LWS_UFS_CLOSE = 3,
}
c_enum!(lws_spa_fileupload_states);

/// Takes pieces of uploaded files: the field's name, the client's file name, `len` bytes. Nonzero
/// fails the form.
pub type lws_spa_fileupload_cb = Option<
    unsafe extern "C" fn(
        data: *mut c_void,
        name: *const c_char,
        filename: *const c_char,
        buf: *mut c_char,
        len: c_int,
        state: enum_lws_spa_fileupload_states,
    ) -> c_int,
>;

/// What a form has, and where it is kept.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_spa_create_info {
    /// Names of the fields.
    pub param_names: *const *const c_char,
    /// How many fields.
    pub count_params: c_int,
    /// Largest length in bytes of one value in memory.
    pub max_storage: c_int,
    /// Takes uploaded files; may be NULL.
    pub opt_cb: lws_spa_fileupload_cb,
    /// First argument of `opt_cb`.
    pub opt_data: *mut c_void,
    /// Bytes from one name to the next, if `param_names` points into an array of structs; else 0.
    pub param_names_stride: usize,
    /// Keep values in this allocator; may be NULL.
    pub ac: *mut *mut lwsac,
    /// Chunk size of `ac` in bytes; 0 for the default.
    pub ac_chunk_size: usize,
}
assert_layout!(lws_spa_create_info, 56, {param_names: 0, count_params: 8, max_storage: 12, opt_cb: 16, opt_data: 24, param_names_stride: 32, ac: 40, ac_chunk_size: 48});
/// What a form has, and where it is kept.
pub type lws_spa_create_info_t = lws_spa_create_info;
