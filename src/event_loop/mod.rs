//! Implementations of [`crate::engine::event_loop::EventLoop`]: the built-in one and the C ops table.

pub mod epoll;
pub mod ops_table;
