//! The states of the system: what the program hears about the context's way up and down.
//!
//! The machine itself lies in the program's sight, in C's own layout; the engine only says when the context comes to its end.

use super::context::Context;

/// The system states that a context's end passes through. Kept by the C API; each notification is a call by
/// [`Context::outside`].
pub trait SystemStates {
    /// Every wsi has gone; the vhosts are still there.
    fn invalid(&self, cx: &Context);
    /// The vhosts and the loop have gone: the last that the program hears.
    fn destroying(&self, cx: &Context);
}
