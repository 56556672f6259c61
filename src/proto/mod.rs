//! The protocols, sans IO: bytes and `now` in, events and bytes out. No sockets, files, clocks or C.
#![forbid(unsafe_code)]

pub mod h1;
pub mod h2;
pub mod http;
pub mod tls;
pub mod ws;
