//! Names to addresses, off the loop's thread.
//!
//! `getaddrinfo` blocks for as long as name servers like, so it runs in threads of its own; what it finds comes back through
//! a channel, and the context's event pipe wakes the loop. Lookups outlive nothing: a context that ends forgets its own,
//! and the thread that is stuck in one ends when it returns.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::sys::signal::{SigSet, SigmaskHow};
use parking_lot::Mutex;

use crate::util::slots::Id;

/// Lookups at once; others wait for one of these to end.
const MOST_THREADS: usize = 8;

/// What a lookup found.
pub struct Found {
    /// Who asked.
    pub who: Id,
    /// The addresses, in the order of preference of the system, or why there are none.
    pub addresses: Result<Vec<SocketAddr>, String>,
}

/// A name that is being looked up.
struct Lookup {
    who: Id,
    name: String,
    port: u16,
}

/// The lookups of one context.
pub struct Resolver {
    waiting: Arc<Mutex<Waiting>>,
    found: Receiver<Found>,
    answers: Sender<Found>,
}

#[derive(Default)]
struct Waiting {
    lookups: VecDeque<Lookup>,
    threads: usize,
}

impl Default for Resolver {
    fn default() -> Self {
        let (answers, found) = channel();
        Self { waiting: Arc::default(), found, answers }
    }
}

impl Resolver {
    /// Looks `name` up; `wake` is written to when [`Resolver::found`] has the answer.
    pub fn look_up(&self, who: Id, name: &str, port: u16, wake: OwnedFd) -> Result<(), String> {
        let mut waiting = self.waiting.lock();
        waiting.lookups.push_back(Lookup { who, name: name.to_owned(), port });
        if waiting.threads == MOST_THREADS {
            return Ok(());
        }
        waiting.threads += 1;
        drop(waiting);
        let (shared, answers) = (Arc::clone(&self.waiting), self.answers.clone());
        // Signals are the program's: its handlers run in its own threads.
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK);
        let started = std::thread::Builder::new()
            .name("lws-resolver".to_owned())
            .spawn(move || work_off(&shared, &answers, &wake));
        if let Ok(mask) = mask {
            // Cannot fail: the mask is one that was in force.
            let _ = mask.thread_set_mask();
        }
        started.map(drop).map_err(|error| {
            let mut waiting = self.waiting.lock();
            waiting.threads -= 1;
            waiting.lookups.retain(|lookup| lookup.who != who);
            format!("no thread to look the name up: {error}")
        })
    }

    /// Takes one answer that has come.
    #[must_use]
    pub fn found(&self) -> Option<Found> {
        self.found.try_recv().ok()
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.waiting.lock().lookups.clear();
    }
}

/// A thread's work: lookups until there are none, or nobody is interested any more.
fn work_off(waiting: &Mutex<Waiting>, answers: &Sender<Found>, wake: &OwnedFd) {
    loop {
        let next = {
            let mut waiting = waiting.lock();
            let next = waiting.lookups.pop_front();
            if next.is_none() {
                waiting.threads -= 1;
            }
            next
        };
        let Some(Lookup { who, name, port }) = next else { return };
        let addresses = match (name.as_str(), port).to_socket_addrs() {
            Ok(addresses) => Ok(addresses.collect()),
            Err(error) => Err(error.to_string()),
        };
        if answers.send(Found { who, addresses }).is_ok() {
            // A full counter wakes as well as a written one.
            let _ = rustix::io::write(wake.as_fd(), &1_u64.to_ne_bytes());
        }
    }
}

/// The addresses of a name that nobody needs to be asked about: a number, or this machine (RFC 6761 §6.3).
#[must_use]
pub fn known(name: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let number = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if let Ok(address) = number.parse::<IpAddr>() {
        return Some(vec![SocketAddr::new(address, port)]);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_local = name.eq_ignore_ascii_case("localhost")
        || name.len() > 10 && name[name.len() - 10..].eq_ignore_ascii_case(".localhost");
    is_local.then(|| {
        // IPv4 first: most that listen on one of them only listen there.
        vec![
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
            SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_this_machine_need_no_lookup() {
        let v4 = "127.0.0.1:80".parse().unwrap();
        let v6 = "[::1]:80".parse().unwrap();
        assert_eq!(known("127.0.0.1", 80), Some(vec![v4]));
        assert_eq!(known("::1", 80), Some(vec![v6]));
        assert_eq!(known("[::1]", 80), Some(vec![v6]));
        for name in ["localhost", "LOCALHOST", "localhost.", "www.localhost"] {
            assert_eq!(known(name, 80), Some(vec![v4, v6]), "{name}");
        }
        for name in ["example.com", "notlocalhost", "localhost.example.com", ".", "", "é.localhost.x"] {
            assert_eq!(known(name, 80), None, "{name}");
        }
    }
}
