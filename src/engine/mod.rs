//! The engine: contexts, vhosts, connections, timers, dispatch. Knows sockets, never C.
//!
//! Read in this order: [`wsi`] (what everything is about), [`dispatch`] (how user code is called), [`service`] (a turn of
//! the loop), [`connection`] and [`drive`] (bytes in, callbacks, bytes out), [`http`] (a request), [`mod@write`], [`close`]. [`client`] is the other side of it:
//! connections that are made, not accepted. [`ws`] is what either may become: a WebSocket.

pub mod client;
pub mod close;
pub mod connection;
pub mod context;
pub mod dispatch;
pub mod drive;
pub mod event_loop;
pub mod farewell;
pub mod file;
pub mod http;
pub mod ledger;
pub mod listen;
pub mod random;
pub mod reason;
pub mod respond;
pub mod retry;
pub mod service;
pub mod system;
pub mod system_roots;
#[cfg(test)]
mod tests;
pub mod timer;
mod validity;
pub mod vhost;
pub mod write;
pub mod ws;
pub mod wsi;
