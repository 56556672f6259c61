//! HTTP clients whose servers, proxies, loops and callbacks do everything wrong: each request comes to one end that is told
//! once, the loop is told before any descriptor closes, and nothing is left.
//!
//! `tests/c/client-faults.c` is the program, with a loop that returns 1 for descriptors it does not know; it watches the
//! library. [`program`] runs it, [`servers`] are the raw sockets that it speaks to.

#[path = "../common/mod.rs"]
mod common;

mod callbacks;
mod flow;
mod h1;
mod h2;
mod names;
mod options;
mod program;
mod proxies;
mod queue;
mod redirects;
mod servers;
mod tls;
