//! Containers that know nothing of sockets, protocols or C.

pub mod blocks;
pub mod byte_queue;
pub mod cancel;
#[cfg(test)]
pub(crate) mod counting;
pub mod dll2;
pub mod local_time;
pub mod log;
pub mod ring;
pub mod slots;
pub mod zeroed;
