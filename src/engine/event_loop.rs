//! What the engine asks of an event loop. The built-in loop and the C ops table both implement it:
//! the default loop is just another event lib.
//!
//! The engine's side of the contract: every descriptor is admitted once before it is used and
//! removed once before it is closed; interest is only told when it changes; a wsi without a
//! descriptor (an HTTP/2 stream) is never shown. The loop's side is weaker than in libwebsockets:
//! nothing it returns, forgets or refuses keeps our state alive.

use super::context::Context;
use super::wsi::Wsi;

/// Readiness bits, the same values as `POLLIN` and `POLLOUT`.
pub mod interest {
    /// Readable.
    pub const READ: u8 = 1;
    /// Writeable.
    pub const WRITE: u8 = 4;
}

/// The loop refused; the engine closes what it offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// What a descriptor is, when it is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// A listening socket (`init_vhost_listen_wsi`).
    Listen,
    /// Anything else (`sock_accept`): a connection, the event pipe.
    Socket,
}

/// An event loop, as the engine sees it.
///
/// All methods may run user code; the engine calls them from outside its cores only.
pub trait EventLoop {
    /// The loop's name, for the log.
    fn name(&self) -> String;

    /// The context exists; nothing is registered yet. Called before [`EventLoop::init_thread`].
    fn init_context(&self, _cx: &Context) -> Result<(), Refused> {
        Ok(())
    }

    /// The service thread is set up.
    fn init_thread(&self, _cx: &Context) -> Result<(), Refused> {
        Ok(())
    }

    /// A client is about to open a socket (`check_client_connect_ok`).
    fn may_connect(&self, _cx: &Context, _wsi: &Wsi) -> Result<(), Refused> {
        Ok(())
    }

    /// A descriptor is about to be used.
    fn admit(&self, cx: &Context, wsi: &Wsi, what: Admit) -> Result<(), Refused>;

    /// The interest in an admitted descriptor changed by exactly these bits.
    fn interest(&self, cx: &Context, wsi: &Wsi, start: u8, stop: u8);

    /// The descriptor is about to be closed; the last call that sees it.
    fn remove(&self, cx: &Context, wsi: &Wsi);

    /// The wsi is about to be freed; its descriptor is gone.
    fn destroyed(&self, _cx: &Context, _wsi: &Wsi) {}

    /// `lws_service`: waits for events up to `timeout_ms` (-1: none pending is fine, do not wait) and
    /// services them. `None`: this loop does not wait by itself, the engine polls its own table.
    fn run(&self, cx: &Context, timeout_ms: i32) -> Option<i32>;

    /// Every descriptor of the service thread is gone.
    fn destroy_thread(&self, _cx: &Context) {}

    /// The first and the second half of the context's end.
    fn destroy_context(&self, _cx: &Context, _half: u8) {}
}
