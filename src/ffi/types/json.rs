//! The JSON parser's states, reasons and errors. The parser itself is not provided yet.

/// Where the JSON parser is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lejp_states {
    /// Nothing was seen.
    LEJP_IDLE = 0,
    /// In an object.
    LEJP_MEMBERS = 1,
    /// Before a member's name.
    LEJP_M_P = 2,
    /// In a string.
    LEJP_MP_STRING = 67,
    /// After a backslash.
    LEJP_MP_STRING_ESC = 68,
    /// At the first hex digit of an escape.
    LEJP_MP_STRING_ESC_U1 = 69,
    /// At the second hex digit of an escape.
    LEJP_MP_STRING_ESC_U2 = 70,
    /// At the third hex digit of an escape.
    LEJP_MP_STRING_ESC_U3 = 71,
    /// At the fourth hex digit of an escape.
    LEJP_MP_STRING_ESC_U4 = 72,
    /// Before the colon.
    LEJP_MP_DELIM = 9,
    /// Before a value.
    LEJP_MP_VALUE = 10,
    /// In a number.
    LEJP_MP_VALUE_NUM_INT = 75,
    /// In an exponent.
    LEJP_MP_VALUE_NUM_EXP = 76,
    /// In `true`, `false` or `null`.
    LEJP_MP_VALUE_TOK = 77,
    /// After a value.
    LEJP_MP_COMMA_OR_END = 14,
    /// At the end of an array.
    LEJP_MP_ARRAY_END = 15,
}

/// What the JSON parser returns besides the bytes left over.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lejp_reasons {
    /// More input is needed.
    LEJP_CONTINUE = -1,
    /// It does not begin with a brace.
    LEJP_REJECT_IDLE_NO_BRACE = -2,
    /// An object is not closed.
    LEJP_REJECT_MEMBERS_NO_CLOSE = -3,
    /// A name without quote.
    LEJP_REJECT_MP_NO_OPEN_QUOTE = -4,
    /// A string begins badly.
    LEJP_REJECT_MP_STRING_UNDERRUN = -5,
    /// A control character in a string.
    LEJP_REJECT_MP_ILLEGAL_CTRL = -6,
    /// An unknown escape.
    LEJP_REJECT_MP_STRING_ESC_ILLEGAL_ESC = -7,
    /// A bad hex digit.
    LEJP_REJECT_ILLEGAL_HEX = -8,
    /// A colon is missing.
    LEJP_REJECT_MP_DELIM_MISSING_COLON = -9,
    /// A value begins badly.
    LEJP_REJECT_MP_DELIM_BAD_VALUE_START = -10,
    /// A number without digits.
    LEJP_REJECT_MP_VAL_NUM_INT_NO_FRAC = -11,
    /// A malformed number.
    LEJP_REJECT_MP_VAL_NUM_FORMAT = -12,
    /// A malformed exponent.
    LEJP_REJECT_MP_VAL_NUM_EXP_BAD_EXP = -13,
    /// An unknown word.
    LEJP_REJECT_MP_VAL_TOK_UNKNOWN = -14,
    /// Closed more than opened.
    LEJP_REJECT_MP_C_OR_E_UNDERF = -15,
    /// ']' outside of an array.
    LEJP_REJECT_MP_C_OR_E_NOTARRAY = -16,
    /// An array is not closed.
    LEJP_REJECT_MP_ARRAY_END_MISSING = -17,
    /// Nested too deep.
    LEJP_REJECT_STACK_OVERFLOW = -18,
    /// Arrays nested too deep.
    LEJP_REJECT_MP_DELIM_ISTACK = -19,
    /// A number is too long.
    LEJP_REJECT_NUM_TOO_LONG = -20,
    /// Neither comma nor end.
    LEJP_REJECT_MP_C_OR_E_NEITHER = -21,
    /// Something else is wrong.
    LEJP_REJECT_UNKNOWN = -22,
    /// The callback refused.
    LEJP_REJECT_CALLBACK = -23,
}

/// Why the JSON parser's callback is called.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lejp_callbacks {
    /// The parser was made.
    LEJPCB_CONSTRUCTED = 0,
    /// The parser is destroyed.
    LEJPCB_DESTRUCTED = 1,
    /// Parsing begins.
    LEJPCB_START = 2,
    /// The object is complete.
    LEJPCB_COMPLETE = 3,
    /// Parsing failed.
    LEJPCB_FAILED = 4,
    /// A member's name.
    LEJPCB_PAIR_NAME = 5,
    /// `true`.
    LEJPCB_VAL_TRUE = 70,
    /// `false`.
    LEJPCB_VAL_FALSE = 71,
    /// `null`.
    LEJPCB_VAL_NULL = 72,
    /// An integer.
    LEJPCB_VAL_NUM_INT = 73,
    /// A number with a fraction or exponent.
    LEJPCB_VAL_NUM_FLOAT = 74,
    /// A string begins.
    LEJPCB_VAL_STR_START = 11,
    /// A piece of a string.
    LEJPCB_VAL_STR_CHUNK = 76,
    /// The last piece of a string.
    LEJPCB_VAL_STR_END = 77,
    /// An array begins.
    LEJPCB_ARRAY_START = 14,
    /// An array ends.
    LEJPCB_ARRAY_END = 15,
    /// An object begins.
    LEJPCB_OBJECT_START = 16,
    /// An object ends.
    LEJPCB_OBJECT_END = 17,
}

/// What of a number was seen.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum num_flags {
    /// A minus sign.
    LEJP_SEEN_MINUS = 1,
    /// A point.
    LEJP_SEEN_POINT = 2,
    /// Digits after the point.
    LEJP_SEEN_POST_POINT = 4,
    /// An exponent.
    LEJP_SEEN_EXP = 8,
}
c_enum!(num_flags);
