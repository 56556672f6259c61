//! Reading one cookie out of a `Cookie` header.

/// The value of the cookie `name` in the value of a `Cookie` header.
#[must_use]
pub fn cookie<'a>(_header: &'a [u8], _name: &[u8]) -> Option<&'a [u8]> {
    todo!()
}
