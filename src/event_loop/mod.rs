//! Implementations of [`crate::engine::event_loop::EventLoop`]: the built-in loop, and the ops table of a C program.

pub mod epoll;
pub mod ops_table;
