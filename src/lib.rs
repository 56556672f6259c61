//! ferrows: a drop-in for libwebsockets 4.3, written in Rust.
//!
//! Layers point one way: `ffi → engine → proto → util`; `event_loop` implements the trait that the
//! engine owns. `tests/layering.rs` holds the rule.

pub mod engine;
pub mod event_loop;
pub mod ffi;
pub mod proto;
pub mod util;
