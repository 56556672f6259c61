//! Listening sockets and the connections they bring.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::rc::Rc;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::close::OnPanic;
use super::connection::Net;
use super::context::{Context, CreateError};
use super::dispatch::Arg;
use super::event_loop::Admit;
use super::ledger::Kind;
use super::reason::Reason;
use super::timer::{SECOND, Timeout};
use super::vhost::{Listen, Vhost};
use super::wsi::{Role, Wsi};

/// Connections taken from one listener in one turn.
const ACCEPT_PER_TURN: usize = 32;

impl Context {
    /// Opens the vhost's listening socket, or shares that of a vhost on the same port.
    pub(super) fn listen(&self, vhost: &Rc<Vhost>) -> Result<(), CreateError> {
        if vhost.listen == Listen::No {
            return Ok(());
        }
        if let Some(other) = self.listening_alike(vhost) {
            vhost.listener.set(other.listener.get());
            vhost.port.set(other.port.get());
            return Ok(());
        }
        let fail = |value: &dyn std::fmt::Display, error: &dyn std::fmt::Display| {
            let field = if matches!(vhost.listen, Listen::Unix { .. }) { "iface" } else { "port" };
            CreateError::new(field, value, error)
        };
        let (fd, shown) = open(vhost)?;
        let wsi = self.new_wsi(Role::Listen);
        wsi.bind_vhost(Some(Rc::clone(vhost)));
        wsi.set_fd(fd);
        // Shown to the loop bound and not yet listening, as event libs have come to expect.
        if !self.admit(wsi, Admit::Listen) {
            self.close(wsi);
            self.settle();
            return Err(CreateError::new(
                "event_lib_custom",
                "init_vhost_listen_wsi",
                "the event lib refused the listening socket",
            ));
        }
        wsi.announced.set(true);
        if let Some(Err(error)) = wsi.with_fd(|fd| rustix::net::listen(fd, vhost.backlog)) {
            wsi.announced.set(false);
            self.close(wsi);
            self.settle();
            return Err(fail(&shown, &error));
        }
        if let Some(Ok(address)) = wsi.with_fd(|fd| rustix::net::getsockname(fd))
            && let Ok(address) = SocketAddr::try_from(address)
        {
            vhost.port.set(address.port());
        }
        vhost.listener.set(Some(wsi.id()));
        Ok(())
    }

    fn listening_alike(&self, vhost: &Rc<Vhost>) -> Option<Rc<Vhost>> {
        if matches!(vhost.listen, Listen::Tcp { port: 0, .. }) {
            return None;
        }
        let here = |other: &Rc<Vhost>| {
            !Rc::ptr_eq(other, vhost)
                && !other.going.get()
                && other.listener.get().is_some_and(|id| self.wsi(id).is_some())
                && match (&other.listen, &vhost.listen) {
                    (Listen::Tcp { iface: a, .. }, Listen::Tcp { port, iface: b, .. }) => {
                        other.port.get() == *port && a == b
                    }
                    (a, b) => a == b,
                }
        };
        self.vhosts().into_iter().find(here)
    }

    /// The vhost no longer listens; a vhost that shares its socket inherits it.
    pub(super) fn stop_listening(&self, vhost: &Rc<Vhost>) {
        let Some(listener) = vhost.listener.take().and_then(|id| self.wsi(id)) else { return };
        if !listener.vhost().is_some_and(|of| Rc::ptr_eq(&of, vhost)) {
            return;
        }
        let heir = self
            .vhosts()
            .into_iter()
            .find(|other| !other.going.get() && other.listener.get() == Some(listener.id()));
        match heir {
            Some(heir) => {
                listener.bind_vhost(Some(heir));
            }
            None => self.close(listener),
        }
    }

    /// Takes the connections that wait at a listener.
    pub(super) fn accept(&self, listener: &Wsi) {
        for _ in 0..ACCEPT_PER_TURN {
            if self.ledger.account(Kind::Fd).live >= self.config.max_fds as u64 {
                // Those that wait are taken when a descriptor is free.
                crate::log_info!("{}: fd_limit_per_thread reached", listener.tag());
                self.set_interest(listener, 0);
                self.waiting_for_fd.borrow_mut().push(listener.id());
                return;
            }
            let accepted = listener
                .with_fd(|fd| rustix::net::acceptfrom_with(fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK));
            match accepted {
                Some(Ok((fd, peer))) => self.adopt(listener, fd, peer.as_ref()),
                Some(Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    // The connection stays in the queue and the listener stays readable: look away for a while
                    // rather than spin.
                    crate::log_warn!("{}: out of descriptors, accepting again in a second", listener.tag());
                    self.set_interest(listener, 0);
                    self.set_timeout(listener, Timeout::AcceptPause, SECOND);
                    return;
                }
                Some(Err(Errno::INTR | Errno::CONNABORTED)) => {}
                Some(Err(_)) | None => return,
            }
            if !listener.is_open() {
                return;
            }
        }
    }

    /// Makes a connection of an accepted socket: the program may turn it away, and so may the loop.
    fn adopt(&self, listener: &Wsi, fd: OwnedFd, peer: Option<&SocketAddrAny>) {
        let Some(vhost) = listener.vhost() else { return };
        let asked = Arg::Peer { address: peer, fd: fd.as_raw_fd() };
        // The program may have ended the vhost over it.
        if self.dispatch_as(listener, 0, Reason::FilterNetworkConnection, asked) != 0 || vhost.going.get() {
            return;
        }
        prepare(&fd, &vhost);
        let wsi = self.new_wsi(Role::Connection);
        let _lost = OnPanic(self, || self.close(wsi));
        wsi.bind_vhost(Some(Rc::clone(&vhost)));
        wsi.set_fd(fd);
        wsi.set_net(Net::new(vhost.tls.is_some(), &self.spares));
        wsi.announced.set(true);
        self.dispatch_as(wsi, 0, Reason::WsiCreate, Arg::Null);
        if !wsi.is_open() {
            self.reap();
            return;
        }
        if !self.admit(wsi, Admit::Socket) {
            crate::log_info!("{}: the event lib refused the connection", wsi.tag());
            self.close(wsi);
            self.reap();
            return;
        }
        self.set_timeout(wsi, Timeout::Establish, self.config.timeout);
        if self.dispatch_as(wsi, 0, Reason::ServerNewClientInstantiated, Arg::Null) != 0 {
            self.close(wsi);
        }
        self.reap();
    }
}

/// Options of an accepted TCP socket; a unix socket has none and says so.
fn prepare(fd: &OwnedFd, vhost: &Vhost) {
    let _ = sockopt::set_tcp_nodelay(fd, true);
    set_tcp_keepalive(fd, vhost);
}

/// TCP keep-alive as the vhost has it.
pub(super) fn set_tcp_keepalive(fd: &OwnedFd, vhost: &Vhost) {
    if let Some((idle, probes, between)) = vhost.tcp_keepalive {
        let _ = sockopt::set_socket_keepalive(fd, true);
        let _ = sockopt::set_tcp_keepidle(fd, std::time::Duration::from_secs(idle.into()));
        let _ = sockopt::set_tcp_keepcnt(fd, probes);
        let _ = sockopt::set_tcp_keepintvl(fd, std::time::Duration::from_secs(between.into()));
    }
}

/// A bound socket, and how to show where.
fn open(vhost: &Vhost) -> Result<(OwnedFd, String), CreateError> {
    match &vhost.listen {
        Listen::No => Err(CreateError::new("port", "", "the vhost does not listen")),
        Listen::Unix { path, owner } => open_unix(path, owner.as_deref()),
        Listen::Tcp { port, iface, ipv4_only, v6only } => {
            let shown = port.to_string();
            let address = bind_address(*port, iface.as_deref(), *ipv4_only)?;
            let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
            let fail = |error: Errno| CreateError::new("port", &shown, error);
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let fd = match rustix::net::socket_with(family, SocketType::STREAM, flags, None) {
                // No IPv6 on this machine: any address means any IPv4 address.
                Err(Errno::AFNOSUPPORT) if iface.is_none() => {
                    return bind_tcp(
                        rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
                            .map_err(fail)?,
                        SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), *port),
                        vhost,
                        shown,
                    );
                }
                other => other.map_err(fail)?,
            };
            if address.is_ipv6() {
                sockopt::set_ipv6_v6only(&fd, v6only.unwrap_or(false)).map_err(fail)?;
            }
            bind_tcp(fd, address, vhost, shown)
        }
    }
}

fn bind_tcp(
    fd: OwnedFd,
    address: SocketAddr,
    vhost: &Vhost,
    shown: String,
) -> Result<(OwnedFd, String), CreateError> {
    let fail = |error: Errno| CreateError::new("port", &shown, error);
    sockopt::set_socket_reuseaddr(&fd, true).map_err(fail)?;
    if vhost.share_port {
        sockopt::set_socket_reuseport(&fd, true).map_err(fail)?;
    }
    rustix::net::bind(&fd, &address).map_err(fail)?;
    if let Some(prepare) = &vhost.prepare_listener {
        prepare(fd.as_fd());
    }
    Ok((fd, shown))
}

/// The address that `iface` (a number, an interface's name, or nothing) and the port mean.
fn bind_address(port: u16, iface: Option<&str>, ipv4_only: bool) -> Result<SocketAddr, CreateError> {
    let Some(iface) = iface else {
        let any =
            if ipv4_only { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        return Ok(SocketAddr::new(any, port));
    };
    if let Ok(address) = iface.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, port));
    }
    interface_address(iface, ipv4_only)
        .map(|address| SocketAddr::new(address, port))
        .ok_or_else(|| CreateError::new("iface", iface, "no such interface or address"))
}

/// The first address of a network interface, IPv4 preferred, as the kernel lists them.
fn interface_address(name: &str, ipv4_only: bool) -> Option<IpAddr> {
    let addresses = interface_addresses(name);
    let first = || addresses.first().filter(|_| !ipv4_only);
    addresses.iter().find(|address| address.is_ipv4()).or_else(first).copied()
}

/// The addresses of a network interface, as the kernel lists them; none where it does not exist.
pub(super) fn interface_addresses(name: &str) -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().filter(|interface| interface.name == name).map(if_addrs::Interface::ip).collect()
}

fn open_unix(path: &str, owner: Option<&str>) -> Result<(OwnedFd, String), CreateError> {
    let fail = |error: Errno| CreateError::new("iface", path, error);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(fail)?;
    let address = match path.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()).map_err(fail)?,
        _ => {
            // A socket file that a dead process left behind is in the way; anything else is not ours to remove.
            if rustix::fs::lstat(path)
                .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_socket())
            {
                let _ = rustix::fs::unlink(path);
            }
            SocketAddrUnix::new(path).map_err(fail)?
        }
    };
    rustix::net::bind(fd.as_fd(), &address).map_err(fail)?;
    if let Some(owner) = owner {
        give_to(path, owner).map_err(|reason| CreateError::new("unix_socket_perms", owner, reason))?;
    }
    Ok((fd, path.to_owned()))
}

/// Gives a socket file to `user:group`.
fn give_to(path: &str, owner: &str) -> Result<(), String> {
    let (user, group) = owner.split_once(':').ok_or("not of the form user:group")?;
    let uid = uzers::get_user_by_name(user).ok_or_else(|| format!("no user '{user}'"))?.uid();
    let gid = uzers::get_group_by_name(group).ok_or_else(|| format!("no group '{group}'"))?.gid();
    std::os::unix::fs::chown(path, Some(uid), Some(gid)).map_err(|error| error.to_string())
}
