//! From a name to a connected socket.
//!
//! The addresses are tried in turn, those of the two families taking turns too; an attempt that has not succeeded after
//! a head start gets company (RFC 8305). The first attempt is the client wsi's own, which is what loops have come to
//! expect; those that race it have wsi of their own, and the winner's socket is handed over. Every socket is shown to the
//! loop before it is used, and taken back from it before it is closed or handed on.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::rc::Rc;

use nix::sys::socket::{setsockopt, sockopt as nix_sockopt};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::measure::LookUp;
use super::resolve::known;
use super::{Client, Stage};
use crate::engine::connection::Net;
use crate::engine::context::Context;
use crate::engine::dispatch::Arg;
use crate::engine::event_loop::{Admit, interest};
use crate::engine::listen::{interface_addresses, set_tcp_keepalive};
use crate::engine::reason::Reason;
use crate::engine::timer::{Timeout, Usec};
use crate::engine::vhost::Vhost;
use crate::engine::wsi::{Role, Wsi};

/// How long an attempt is alone before the next address is tried beside it (RFC 8305 §5).
pub(super) const HEAD_START: Usec = 250_000;

/// Somewhere to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Inet(SocketAddr),
    /// A unix socket; `@` starts an abstract name.
    Unix(String),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(path) => path.fmt(f),
        }
    }
}

impl Context {
    /// Makes the client's own connection, from the name on.
    pub(super) fn start_connecting(&self, wsi: &Wsi, client: &Rc<Client>) {
        client.stage.set(Stage::Resolving);
        client.start_step();
        self.set_own_timeout(wsi, Timeout::Connect, self.config.connect_timeout);
        let (address, port) = match wsi.vhost().and_then(|vhost| vhost.proxy.borrow().clone()) {
            Some(proxy) if !client.target.borrow().address.starts_with('+') => (proxy.host, proxy.port),
            _ => {
                let target = client.target.borrow();
                (target.address.clone(), target.port)
            }
        };
        if let Some(path) = address.strip_prefix('+') {
            client.addresses.replace(VecDeque::from([Address::Unix(path.to_owned())]));
            self.try_addresses(wsi, client);
        } else if let Some(known) = known(&address, port) {
            self.addresses_found(wsi, client, known);
        } else if let Err(why) =
            self.wake_handle().and_then(|wake| self.resolver.look_up(wsi.id(), &address, port, wake))
        {
            self.fail_client(wsi, why);
        }
    }

    fn wake_handle(&self) -> Result<OwnedFd, String> {
        self.wake_fd()
            .try_clone_to_owned()
            .map_err(|error| format!("no descriptor to wake the loop: {error}"))
    }

    /// Goes on with the lookups that have ended.
    pub(in crate::engine) fn take_found_addresses(&self) {
        while let Some(found) = self.resolver.found() {
            let Some(wsi) = self.wsi(found.who).filter(|wsi| wsi.is_open()) else { continue };
            let Some(client) = wsi.client().filter(|client| client.stage.get() == Stage::Resolving) else {
                continue;
            };
            match found.addresses {
                Ok(addresses) => self.addresses_found(wsi, &client, addresses),
                Err(why) => {
                    client.end_step(|measured, took| {
                        measured.look_up = LookUp::Nothing;
                        measured.look_up_us = took;
                    });
                    let name = client.target.borrow().address.clone();
                    self.fail_client(wsi, format!("unable to look up '{name}': {why}"));
                }
            }
        }
    }

    fn addresses_found(&self, wsi: &Wsi, client: &Rc<Client>, mut addresses: Vec<SocketAddr>) {
        if wsi.vhost().is_some_and(|vhost| vhost.ipv4_only) {
            addresses.retain(SocketAddr::is_ipv4);
        }
        client.end_step(|measured, took| {
            measured.look_up = LookUp::Found;
            measured.look_up_us = took;
            measured.addresses.clone_from(&addresses);
        });
        client.addresses.replace(take_turns(addresses).map(Address::Inet).collect());
        self.try_addresses(wsi, client);
    }

    /// The next address, on the client's own wsi.
    fn try_addresses(&self, wsi: &Wsi, client: &Rc<Client>) {
        client.stage.set(Stage::Connecting);
        while wsi.is_open() {
            let next = client.addresses.borrow_mut().pop_front();
            let Some(address) = next else {
                if client.rivals.borrow().is_empty() {
                    self.no_address_left(wsi, client);
                }
                return;
            };
            if self.attempt(wsi, wsi, client, &address) {
                self.set_race(wsi, client);
                return;
            }
        }
    }

    fn no_address_left(&self, wsi: &Wsi, client: &Client) {
        let why = client.last_error.take();
        self.fail_client(wsi, why.unwrap_or_else(|| "the name has no address that can be used".to_owned()));
    }

    /// When the attempts that are under way get company.
    fn set_race(&self, wsi: &Wsi, client: &Client) {
        let more = !client.addresses.borrow().is_empty();
        self.set_race_deadline(wsi, more.then_some(HEAD_START));
    }

    /// The attempts have had their time: one more beside them.
    pub(in crate::engine) fn race(&self, wsi: &Wsi) {
        let Some(client) = wsi.client().filter(|client| client.stage.get() == Stage::Connecting) else {
            return;
        };
        while wsi.is_open() {
            let Some(address) = client.addresses.borrow_mut().pop_front() else { return };
            let rival = self.new_wsi(Role::Attempt);
            rival.bind_vhost(wsi.vhost());
            rival.parent.set(Some(wsi.id()));
            client.rivals.borrow_mut().push(rival.id());
            if self.attempt(rival, wsi, &client, &address) {
                self.set_race(wsi, &client);
                return;
            }
            self.forget_rival(&client, rival);
        }
    }

    fn forget_rival(&self, client: &Client, rival: &Wsi) {
        client.rivals.borrow_mut().retain(|&id| id != rival.id());
        self.close(rival);
    }

    /// Starts a connect to `address` on `seat`, for `wsi` (itself, or one that races for it); `false` when it failed at once.
    fn attempt(&self, seat: &Wsi, wsi: &Wsi, client: &Client, address: &Address) -> bool {
        let failed = |why: String| {
            crate::log_info!("{}: {address}: {why}", wsi.tag());
            client.last_error.replace(Some(why));
            false
        };
        if self.outside(|| self.event_loop.may_connect(self, seat)).is_err() {
            return failed("the event lib is not ready for another connect".to_owned());
        }
        let Some(vhost) = wsi.vhost() else { return false };
        let fd = match open(address, client, &vhost) {
            Ok(fd) => fd,
            Err(why) => return failed(why),
        };
        let raw = fd.as_raw_fd();
        client.start_step();
        seat.set_fd(fd);
        seat.set_net(Net::new(false, &self.spares));
        if !self.admit(seat, Admit::Socket) {
            self.give_up_socket(seat);
            return failed("conn fail: sock accept".to_owned());
        }
        if self.dispatch(wsi, Reason::Connecting, Arg::Fd(raw)) != 0 {
            self.fail_client(wsi, "the protocol's callback refused CONNECTING");
            return wsi.is_open();
        }
        match seat.with_fd(|fd| connect_to(fd, address)) {
            Some(Ok(()) | Err(Errno::INPROGRESS)) => {
                self.set_interest(seat, interest::READ | interest::WRITE);
                true
            }
            Some(Err(error)) => {
                self.give_up_socket(seat);
                failed(connect_error(error, address))
            }
            None => failed("the socket was closed".to_owned()),
        }
    }

    /// The loop forgets the wsi's socket, then it is closed. The wsi stays.
    pub(super) fn give_up_socket(&self, wsi: &Wsi) {
        self.unadmit(wsi);
        self.forget_output(wsi);
        wsi.take_fd();
        wsi.take_net();
    }

    /// Whether the client's own socket is connecting, or was a moment ago.
    pub(in crate::engine) fn is_connecting(&self, wsi: &Wsi) -> bool {
        wsi.client().is_some_and(|client| matches!(client.stage.get(), Stage::Connecting | Stage::Opening))
    }

    /// A connecting socket has news.
    pub(in crate::engine) fn service_attempt(&self, seat: &Wsi) {
        let owner = match seat.role.get() {
            Role::Attempt => seat.parent.get().and_then(|id| self.wsi(id)),
            _ => Some(seat),
        };
        let Some((wsi, client)) = owner.and_then(|wsi| Some((wsi, wsi.client()?))) else {
            self.close(seat);
            return;
        };
        if client.stage.get() == Stage::Opening {
            // A callback services the loop again before the request has been sent.
            return;
        }
        match seat.with_fd(socket_state) {
            Some(Ok(true)) => self.attempt_won(seat, wsi, &client),
            Some(Ok(false)) => {}
            Some(Err(error)) => self.attempt_lost(seat, wsi, &client, error),
            None => self.attempt_lost(seat, wsi, &client, Errno::BADF),
        }
    }

    fn attempt_lost(&self, seat: &Wsi, wsi: &Wsi, client: &Rc<Client>, error: Errno) {
        let why = format!("conn fail: {}: {error}", error.raw_os_error());
        crate::log_info!("{}: {why}", wsi.tag());
        client.last_error.replace(Some(why));
        if seat.role.get() == Role::Attempt {
            self.forget_rival(client, seat);
            self.reap();
        } else {
            self.give_up_socket(wsi);
        }
        // The next at once, where the wsi's own attempt is not under way any more.
        if wsi.raw_fd() < 0 {
            self.try_addresses(wsi, client);
        }
    }

    fn attempt_won(&self, seat: &Wsi, wsi: &Wsi, client: &Rc<Client>) {
        client.stage.set(Stage::Opening);
        self.set_race_deadline(wsi, None);
        client.addresses.borrow_mut().clear();
        let peer = seat.with_fd(|fd| rustix::net::getpeername(fd)).and_then(Result::ok).flatten();
        client.end_step(|measured, took| {
            measured.connect_us = took;
            measured.peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        });
        if seat.role.get() == Role::Attempt {
            self.give_up_socket(wsi);
            if !self.hand_over(seat, wsi) {
                self.fail_client(wsi, "conn fail: sock accept");
                return;
            }
        }
        for rival in client.rivals.take() {
            if let Some(rival) = self.wsi(rival) {
                self.close(rival);
            }
        }
        self.reap();
        self.set_interest(wsi, interest::READ);
        self.announce_client(wsi);
        if wsi.is_open() {
            self.connected(wsi, client);
        }
    }

    /// The connection of `from` becomes that of `to`: the loop forgets the descriptor of the one and is shown it as the
    /// other's. `false` when it does not want that; the socket is gone then.
    pub(super) fn hand_over(&self, from: &Wsi, to: &Wsi) -> bool {
        self.unadmit(from);
        let (Some(fd), Some(net)) = (from.take_fd(), from.take_net()) else { return false };
        self.forget_output(from);
        to.set_fd(fd);
        to.put_net(net);
        if !to.is_open() || !self.admit(to, Admit::Socket) {
            self.give_up_socket(to);
            return false;
        }
        true
    }
}

/// A socket to connect to `address` with.
fn open(address: &Address, client: &Client, vhost: &Vhost) -> Result<OwnedFd, String> {
    let options = &client.options;
    let family = match address {
        Address::Inet(SocketAddr::V4(_)) => AddressFamily::INET,
        Address::Inet(SocketAddr::V6(_)) => AddressFamily::INET6,
        Address::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)
        .map_err(|error| format!("unable to open a socket: {error}"))?;
    let Address::Inet(address) = address else { return Ok(fd) };
    // Conveniences: a kernel that has none of it connects all the same.
    let _ = sockopt::set_tcp_nodelay(&fd, true);
    set_tcp_keepalive(&fd, vhost);
    if options.tos != 0 {
        let _ = match address {
            SocketAddr::V4(_) => sockopt::set_ip_tos(&fd, options.tos),
            SocketAddr::V6(_) => sockopt::set_ipv6_tclass(&fd, options.tos.into()),
        };
    }
    if options.priority != 0 {
        let _ = setsockopt(&fd, nix_sockopt::Priority, &i32::from(options.priority));
    }
    if let Some(iface) = &options.iface {
        bind_to(&fd, iface, address).map_err(|why| format!("unable to connect from '{iface}': {why}"))?;
    }
    Ok(fd)
}

/// Has the socket connect from an interface or address of this machine.
fn bind_to(fd: &OwnedFd, iface: &str, to: &SocketAddr) -> Result<(), String> {
    let from = match iface.parse::<IpAddr>() {
        Ok(from) => vec![from],
        Err(_) => interface_addresses(iface),
    };
    if from.is_empty() {
        return Err("no such interface or address".to_owned());
    }
    let is_near = |address: &IpAddr| matches!(address, IpAddr::V6(six) if six.is_unicast_link_local());
    let mut of_its_kind: Vec<_> = from.into_iter().filter(|from| from.is_ipv4() == to.is_ipv4()).collect();
    // From an address of the link only what is on the link is reached.
    of_its_kind.sort_by_key(|from| is_near(from) != is_near(&to.ip()));
    let from = match (of_its_kind.first(), to) {
        (None, _) => return Err(format!("it has no address of the kind of {to}")),
        (Some(&IpAddr::V6(from)), SocketAddr::V6(to)) => SocketAddrV6::new(from, 0, 0, to.scope_id()).into(),
        (Some(&from), _) => SocketAddr::new(from, 0),
    };
    rustix::net::bind(fd, &from).map_err(|error| error.to_string())
}

fn connect_to(fd: std::os::fd::BorrowedFd<'_>, address: &Address) -> rustix::io::Result<()> {
    match address {
        Address::Inet(address) => rustix::net::connect(fd, address),
        Address::Unix(path) => match path.strip_prefix('@') {
            #[cfg(target_os = "linux")]
            Some(name) => rustix::net::connect(fd, &SocketAddrUnix::new_abstract_name(name.as_bytes())?),
            _ => rustix::net::connect(fd, &SocketAddrUnix::new(path.as_str())?),
        },
    }
}

/// Whether the socket is connected; not yet when its loop only thinks so.
fn socket_state(fd: std::os::fd::BorrowedFd<'_>) -> rustix::io::Result<bool> {
    sockopt::socket_error(fd)??;
    match rustix::net::getpeername(fd) {
        Ok(_) => Ok(true),
        Err(Errno::NOTCONN) => Ok(false),
        Err(error) => Err(error),
    }
}

fn connect_error(error: Errno, address: &Address) -> String {
    format!("conn fail: {}: {error} ({address})", error.raw_os_error())
}

/// The families take turns, beginning with that of the system's first choice (RFC 8305 §4).
fn take_turns(addresses: Vec<SocketAddr>) -> impl Iterator<Item = SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut from_first = false;
    std::iter::from_fn(move || {
        from_first = !from_first;
        if from_first {
            first.next().or_else(|| second.next())
        } else {
            second.next().or_else(|| first.next())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_beginning_with_the_preferred() {
        let parse =
            |text: &str| -> Vec<SocketAddr> { text.split(' ').map(|one| one.parse().unwrap()).collect() };
        for (given, tried) in [
            ("[::1]:1 [::2]:1 1.1.1.1:1 1.1.1.2:1", "[::1]:1 1.1.1.1:1 [::2]:1 1.1.1.2:1"),
            ("1.1.1.1:1 [::1]:1 [::2]:1 [::3]:1", "1.1.1.1:1 [::1]:1 [::2]:1 [::3]:1"),
            ("1.1.1.1:1 1.1.1.2:1", "1.1.1.1:1 1.1.1.2:1"),
        ] {
            assert_eq!(take_turns(parse(given)).collect::<Vec<_>>(), parse(tried));
        }
        assert_eq!(take_turns(Vec::new()).next(), None);
    }
}
