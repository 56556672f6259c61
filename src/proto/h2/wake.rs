//! How streams that wait report: by their id, on the connection's queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;

use crate::util::slots::Id;

/// The streams of one connection that have news.
#[derive(Debug, Default)]
pub struct WakeQueue(Mutex<Vec<Id>>);

impl WakeQueue {
    /// Takes the ids that were woken since the last call, each at least once.
    pub fn take(&self, into: &mut Vec<Id>) {
        into.append(&mut self.0.lock());
    }
}

/// Puts one stream on its connection's [`WakeQueue`]. Made on first use: most streams never wait.
#[derive(Debug)]
pub struct StreamWaker {
    id: Id,
    queue: Arc<WakeQueue>,
    made: std::cell::OnceCell<Arc<Wakeup>>,
}

impl StreamWaker {
    /// The waker of stream `id`.
    #[must_use]
    pub fn new(id: Id, queue: Arc<WakeQueue>) -> Self {
        Self { id, queue, made: std::cell::OnceCell::new() }
    }

    pub(super) fn waker(&self) -> Waker {
        let wakeup = self.made.get_or_init(|| {
            Arc::new(Wakeup { id: self.id, queue: Arc::clone(&self.queue), queued: AtomicBool::new(false) })
        });
        wakeup.queued.store(false, Ordering::Relaxed);
        Waker::from(Arc::clone(wakeup))
    }
}

#[derive(Debug)]
struct Wakeup {
    id: Id,
    queue: Arc<WakeQueue>,
    queued: AtomicBool,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.queue.0.lock().push(self.id);
        }
    }
}
