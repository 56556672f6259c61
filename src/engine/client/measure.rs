//! How long the steps to an answer took (`lws_conmon`): cheap enough to be kept for every client.

use std::net::SocketAddr;

use super::Client;
use crate::engine::timer::{self, Usec};

/// How the look-up of the name ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LookUp {
    /// It did not take place, or goes on.
    #[default]
    None,
    /// There were addresses.
    Found,
    /// There were none.
    Nothing,
}

/// What has been measured; durations are in microseconds, 0 for steps that were not taken.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// When the step under way began.
    since: Usec,
    /// How the look-up ended.
    pub look_up: LookUp,
    /// What it found.
    pub addresses: Vec<SocketAddr>,
    /// The look-up of the name.
    pub look_up_us: u32,
    /// The connect that succeeded.
    pub connect_us: u32,
    /// The TLS handshake.
    pub tls_us: u32,
    /// From the request to the head of the answer.
    pub answer_us: u32,
    /// Who was connected to.
    pub peer: Option<SocketAddr>,
}

impl Client {
    /// A step begins.
    pub(super) fn start_step(&self) {
        self.measured.borrow_mut().since = timer::now();
    }

    /// The step that began last has ended: `note` gets its duration in microseconds.
    pub(super) fn end_step(&self, note: impl FnOnce(&mut Measured, u32)) {
        let mut measured = self.measured.borrow_mut();
        let took = timer::now().saturating_sub(measured.since);
        note(&mut measured, u32::try_from(took).unwrap_or(u32::MAX));
    }
}
