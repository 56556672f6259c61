//! The built-in loop: epoll, behind the same interface as everybody's.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{Timespec, epoll};

use crate::engine::context::Context;
use crate::engine::event_loop::{Admit, EventLoop, Refused, interest};
use crate::engine::service::Serviced;
use crate::engine::wsi::Wsi;
use crate::util::cancel;

/// Events taken from the kernel at a time.
const BATCH: usize = 64;

/// See the module's text.
pub struct Epoll {
    epoll: OwnedFd,
}

impl Epoll {
    /// A loop that watches nothing.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    fn watch(&self, wsi: &Wsi, want: u8) -> rustix::io::Result<()> {
        let flags = epoll::EventFlags::from_bits_retain(u32::from(want));
        let data = epoll::EventData::new_u64(wsi.raw_fd() as u64);
        wsi.with_fd(|fd| epoll::modify(&self.epoll, fd, data, flags)).unwrap_or(Ok(()))
    }
}

impl EventLoop for Epoll {
    fn name(&self) -> String {
        "epoll".to_owned()
    }

    fn admit(&self, _cx: &Context, wsi: &Wsi, _what: Admit) -> Result<(), Refused> {
        let data = epoll::EventData::new_u64(wsi.raw_fd() as u64);
        let added = wsi.with_fd(|fd| epoll::add(&self.epoll, fd, data, epoll::EventFlags::empty()));
        match added {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                crate::log_err!("epoll: {error}");
                Err(Refused)
            }
            None => Err(Refused),
        }
    }

    fn interest(&self, _cx: &Context, wsi: &Wsi, start: u8, stop: u8) {
        // The engine has written the new interest down before it tells.
        debug_assert_eq!(wsi.interest.get() & start, start);
        debug_assert_eq!(wsi.interest.get() & stop, 0);
        if let Err(error) = self.watch(wsi, wsi.interest.get() & (interest::READ | interest::WRITE)) {
            crate::log_err!("epoll: {error}");
        }
    }

    fn remove(&self, _cx: &Context, wsi: &Wsi) {
        if let Some(Err(error)) = wsi.with_fd(|fd| epoll::delete(&self.epoll, fd)) {
            crate::log_err!("epoll: {error}");
        }
    }

    fn run(&self, cx: &Context, timeout_ms: i32) -> Option<i32> {
        let mut events = Vec::with_capacity(BATCH);
        let timeout = Timespec::try_from(Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))).ok();
        let room = rustix::buffer::spare_capacity(&mut events);
        match cancel::let_through(|| epoll::wait(&self.epoll, room, timeout.as_ref())) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Some(0),
            Err(error) => {
                crate::log_err!("epoll: {error}");
                return Some(-1);
            }
        }
        for event in events {
            // The bits below 0x20 are poll's.
            let flags = event.flags;
            let revents = (flags.bits() & 0x1f) as i16;
            let data = event.data;
            if cx.service_fd(data.u64() as i32, revents) == Serviced::Ending {
                return Some(-1);
            }
        }
        Some(0)
    }
}
