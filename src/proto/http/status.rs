//! Reason phrases.

/// The reason phrase of a status code as lws prints it.
#[must_use]
pub fn reason_phrase(_code: u32) -> &'static str {
    todo!()
}
