//! The tokenizer.

use std::ffi::{c_char, c_int, c_uint};

/// What `lws_tokenize()` found; negative values are errors.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_tokenize_elem {
    /// Not UTF-8.
    LWS_TOKZE_ERR_BROKEN_UTF8 = -5,
    /// A quoted string does not end.
    LWS_TOKZE_ERR_UNTERM_STRING = -4,
    /// A malformed number.
    LWS_TOKZE_ERR_MALFORMED_FLOAT = -3,
    /// A number before '='.
    LWS_TOKZE_ERR_NUM_ON_LHS = -2,
    /// A malformed comma separated list.
    LWS_TOKZE_ERR_COMMA_LIST = -1,
    /// The end.
    LWS_TOKZE_ENDED = 0,
    /// A delimiter.
    LWS_TOKZE_DELIMITER = 1,
    /// A token.
    LWS_TOKZE_TOKEN = 2,
    /// An integer.
    LWS_TOKZE_INTEGER = 3,
    /// A number with a fraction.
    LWS_TOKZE_FLOAT = 4,
    /// A token that '=' follows.
    LWS_TOKZE_TOKEN_NAME_EQUALS = 5,
    /// A token that ':' follows.
    LWS_TOKZE_TOKEN_NAME_COLON = 6,
    /// A quoted string.
    LWS_TOKZE_QUOTED_STRING = 7,
}

/// How many errors the tokenizer knows.
pub const LWS_TOKZE_ERRS: c_int = 5;

/// Tokenizer flag: '-' belongs to tokens.
pub const LWS_TOKENIZE_F_MINUS_NONTERM: c_uint = 1 << 0;
/// Tokenizer flag: a token and the ':' after it are one.
pub const LWS_TOKENIZE_F_AGG_COLON: c_uint = 1 << 1;
/// Tokenizer flag: a comma separated list is expected.
pub const LWS_TOKENIZE_F_COMMA_SEP_LIST: c_uint = 1 << 2;
/// Tokenizer flag: delimiters of HTTP headers.
pub const LWS_TOKENIZE_F_RFC7230_DELIMS: c_uint = 1 << 3;
/// Tokenizer flag: '.' belongs to tokens.
pub const LWS_TOKENIZE_F_DOT_NONTERM: c_uint = 1 << 4;
/// Tokenizer flag: fractions are not recognized.
pub const LWS_TOKENIZE_F_NO_FLOATS: c_uint = 1 << 5;
/// Tokenizer flag: integers are not recognized.
pub const LWS_TOKENIZE_F_NO_INTEGERS: c_uint = 1 << 6;
/// Tokenizer flag: '#' begins a comment.
pub const LWS_TOKENIZE_F_HASH_COMMENT: c_uint = 1 << 7;
/// Tokenizer flag: '/' belongs to tokens.
pub const LWS_TOKENIZE_F_SLASH_NONTERM: c_uint = 1 << 8;
/// Tokenizer flag: '*' belongs to tokens.
pub const LWS_TOKENIZE_F_ASTERISK_NONTERM: c_uint = 1 << 9;
/// Tokenizer flag: '=' belongs to tokens.
pub const LWS_TOKENIZE_F_EQUALS_NONTERM: c_uint = 1 << 10;

/// State of the tokenizer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_tokenize {
    /// What is left of the text.
    pub start: *const c_char,
    /// The token found; not terminated.
    pub token: *const c_char,
    /// Length of what is left, in bytes.
    pub len: usize,
    /// Length of the token in bytes.
    pub token_len: usize,
    /// `LWS_TOKENIZE_F_*`.
    pub flags: u16,
    /// Where it is in a comma separated list.
    pub delim: u8,
    /// `lws_tokenize_elem`, as last returned.
    pub e: i8,
}
assert_layout!(lws_tokenize, 40, {start: 0, token: 8, len: 16, token_len: 24, flags: 32, delim: 34, e: 35});
/// State of the tokenizer.
pub type lws_tokenize_t = lws_tokenize;
