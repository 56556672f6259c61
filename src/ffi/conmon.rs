//! Measurements of client connections.

use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::ptr::null_mut;

use rustix::net::SocketAddrAny;
use rustix::net::addr::SocketAddrArg as _;

use super::guard::guard;
use super::handle::wsi;
use super::types::*;
use crate::engine::client::measure::{LookUp, Measured};
use crate::engine::wsi::Wsi;

/// One address of a look-up, as C walks it: `info` is first, and points to `address`.
#[repr(C)]
struct Node {
    info: addrinfo,
    address: sockaddr_storage,
}

/// Fills `dest` with what the steps to the client's answer took: the look-up, the connect, the TLS handshake and the time
/// until the answer, in microseconds, 0 for steps that were not taken (by requests over a connection that there was), and
/// the peer's address. With `LCCSCF_CONMON` also the addresses that were found, a list that the caller gives back with
/// `lws_conmon_release()`. All zero for what is no client; NULL is ignored.
///
/// # Safety
/// `context` is NULL or a wsi of a live context; `dest` is NULL or writable. Service thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_conmon_wsi_take(context: *mut lws, dest: *mut lws_conmon) {
    guard((), || {
        if dest.is_null() {
            return;
        }
        // SAFETY: the caller's promise.
        let client = unsafe { wsi(context) }.and_then(Wsi::client);
        let measured = client.as_ref().map(|client| client.measured.borrow().clone()).unwrap_or_default();
        let status = client.as_ref().map_or(0, |client| client.status.get());
        let listed = client.is_some_and(|client| client.options.keep_addresses);
        // SAFETY: the caller's promise; all zeroes is a valid value.
        unsafe { dest.write(fill(&measured, status, listed)) };
    });
}

fn fill(measured: &Measured, status: u16, listed: bool) -> lws_conmon {
    // SAFETY: all zeroes is a valid value of every member: NULL, 0, the first of each enum.
    let mut filled: lws_conmon = unsafe { MaybeUninit::zeroed().assume_init() };
    if let Some(peer) = &measured.peer {
        // SAFETY: the union is as large as the larger of the two addresses that a peer may have.
        unsafe { copy_address(peer, (&raw mut filled.peer46).cast(), size_of::<lws_sockaddr46>()) };
    }
    if status != 0 {
        filled.pcol = lws_conmon_pcol::LWSCONMON_PCOL_HTTP;
        filled.protocol_specific.http.response = status.into();
    }
    if listed {
        filled.dns_results_copy = list(&measured.addresses);
    }
    filled.ciu_dns = measured.look_up_us;
    filled.ciu_sockconn = measured.connect_us;
    filled.ciu_tls = measured.tls_us;
    filled.ciu_txn_resp = measured.answer_us;
    filled.dns_disposition = match measured.look_up {
        LookUp::None => lws_conmon_dns_disposition::LWSCONMON_DNS_NONE,
        LookUp::Found => lws_conmon_dns_disposition::LWSCONMON_DNS_OK,
        LookUp::Nothing => lws_conmon_dns_disposition::LWSCONMON_DNS_NO_RESULT,
    };
    filled
}

/// Copies a socket address; its length.
///
/// # Safety
/// `to` has room for `room` bytes.
unsafe fn copy_address(from: &SocketAddr, to: *mut u8, room: usize) -> socklen_t {
    let from: SocketAddrAny = from.as_any();
    let len = from.addr_len();
    debug_assert!(len as usize <= room, "an IPv4 or IPv6 address fits");
    // SAFETY: the source has that many bytes, and so has the destination.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr().cast::<u8>(), to, (len as usize).min(room)) };
    len
}

fn list(addresses: &[SocketAddr]) -> *mut addrinfo {
    addresses.iter().rev().fold(null_mut(), |next, address| {
        // SAFETY: all zeroes is a valid value of both members.
        let node: &mut Node = Box::leak(unsafe { Box::new(MaybeUninit::zeroed().assume_init()) });
        let room = size_of::<sockaddr_storage>();
        // SAFETY: the node's own memory.
        node.info.ai_addrlen = unsafe { copy_address(address, (&raw mut node.address).cast(), room) };
        node.info.ai_family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        node.info.ai_socktype = libc::SOCK_STREAM;
        node.info.ai_addr = (&raw mut node.address).cast();
        node.info.ai_next = next;
        std::ptr::from_mut(node).cast()
    })
}

/// Gives the addresses back that `lws_conmon_wsi_take()` put into `conmon`, which has none afterwards. NULL is ignored.
///
/// # Safety
/// `conmon` is NULL, all zero, or was filled by `lws_conmon_wsi_take()`, and its list is as it was then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_conmon_release(conmon: *mut lws_conmon) {
    guard((), || {
        // SAFETY: the caller's promise.
        let Some(conmon) = (unsafe { conmon.as_mut() }) else { return };
        let mut next = std::mem::replace(&mut conmon.dns_results_copy, null_mut());
        while !next.is_null() {
            // SAFETY: each was made by `list`, as the box of a `Node` that begins with it.
            let node = unsafe { Box::from_raw(next.cast::<Node>()) };
            next = node.info.ai_next;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_told_and_the_addresses_are_given_back() {
        let addresses: Vec<SocketAddr> = vec!["[::1]:443".parse().unwrap(), "127.0.0.1:443".parse().unwrap()];
        let mut measured = Measured::default();
        measured.look_up = LookUp::Found;
        measured.addresses.clone_from(&addresses);
        measured.connect_us = 12;
        measured.peer = Some(addresses[1]);
        let mut filled = fill(&measured, 204, true);
        assert_eq!(filled.ciu_sockconn, 12);
        assert_eq!(filled.pcol, lws_conmon_pcol::LWSCONMON_PCOL_HTTP);
        assert_eq!(filled.dns_disposition, lws_conmon_dns_disposition::LWSCONMON_DNS_OK);
        // SAFETY: the members that the status and the peer say are there, and the list that was made.
        unsafe {
            assert_eq!(filled.protocol_specific.http.response, 204);
            assert_eq!(filled.peer46.sa4.sin_port, 443_u16.to_be());
            assert_eq!(filled.peer46.sa4.sin_addr.s_addr, u32::from_ne_bytes([127, 0, 0, 1]));
            let first = &*filled.dns_results_copy;
            assert_eq!((first.ai_family, first.ai_addrlen), (libc::AF_INET6, 28));
            let second = &*first.ai_next;
            assert_eq!((second.ai_family, second.ai_addrlen), (libc::AF_INET, 16));
            assert!(second.ai_next.is_null());
            lws_conmon_release(&raw mut filled);
            assert!(filled.dns_results_copy.is_null());
            lws_conmon_release(&raw mut filled);
        }
        assert!(fill(&measured, 0, false).dns_results_copy.is_null());
    }
}
