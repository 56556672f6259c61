//! The engine: contexts, vhosts, connections, timers, dispatch. Knows sockets, never C.

pub mod context;
pub mod dispatch;
pub mod event_loop;
pub mod ledger;
pub mod reason;
pub mod timer;
pub mod vhost;
pub mod wsi;
