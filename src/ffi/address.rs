//! Numeric IP addresses and network interfaces for the C API.
#![expect(clippy::similar_names, reason = "sa46a and sa46b are what C calls them")]

use std::ffi::{CStr, c_char, c_int};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{fmt, ptr};

use super::guard::guard;
use super::strings::{Output, bytes, c_bytes};
use super::types::{lws_sockaddr46, sockaddr_in, sockaddr_in6};

/// The interface is there and has an address.
const ITOSA_USABLE: c_int = 0;
/// There is no such interface, nor is it an address.
const ITOSA_NOT_EXIST: c_int = -1;
/// The interface has no address, or none that `addr` has room for.
const ITOSA_NOT_USABLE: c_int = -2;

/// Bits that an IPv4 address has before it as an IPv6 one.
const MAPPED_PREFIX: c_int = 96;

/// Parses a numeric IPv4 or IPv6 address, `ads`, into bytes in network order at `result`.
///
/// Returns how many: 4 or 16; negative if it is no address, does not fit into `max_len` bytes, or a pointer
/// is NULL. Spaces around it are allowed, a scope, a port or a network length are not.
///
/// # Safety
///
/// `ads` is NULL or a C string; `result` is NULL or has room for `max_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_parse_numeric_address(
    ads: *const c_char,
    result: *mut u8,
    max_len: usize,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller gives a C string.
        let Some(address) = parse(unsafe { c_bytes(ads) }) else {
            return -1;
        };
        let octets = Octets::of(address);
        if result.is_null() || octets.as_slice().len() > max_len {
            return -1;
        }
        // SAFETY: it fits.
        unsafe {
            result.copy_from_nonoverlapping(octets.as_slice().as_ptr(), octets.as_slice().len());
        };
        octets.as_slice().len() as c_int
    })
}

/// Parses a numeric IPv4 or IPv6 address, `ads`, into the family and address of `sa46`; the rest of it,
/// the port for one, stays as it is.
///
/// Returns 0; -1 if it is no address or a pointer is NULL, `sa46` is left alone then.
///
/// # Safety
///
/// `ads` is NULL or a C string; `sa46` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sa46_parse_numeric_address(
    ads: *const c_char,
    sa46: *mut lws_sockaddr46,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller gives a C string.
        let Some(address) = parse(unsafe { c_bytes(ads) }) else {
            return -1;
        };
        if sa46.is_null() {
            return -1;
        }
        // SAFETY: the union has room for either.
        unsafe { store(address, sa46.cast()) };
        0
    })
}

/// Writes the address of `size` bytes (4 or 16), in network order at `ads`, as text to `buf`, which has room
/// for `len` bytes: "1.2.3.4", or IPv6 as RFC 5952 has it, `2001:db8::1`.
///
/// Returns the length of the text, which always ends in a NUL. A longer IPv4 text is cut, and the result is
/// `len`. -1 if an IPv6 text does not fit, `size` is another, a pointer is NULL or `len` is 0.
///
/// # Safety
///
/// `ads` is NULL or has `size` bytes; `buf` is NULL or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_write_numeric_address(
    ads: *const u8,
    size: c_int,
    buf: *mut c_char,
    len: usize,
) -> c_int {
    guard(-1, || {
        let Ok(size) = usize::try_from(size) else {
            return -1;
        };
        // SAFETY: the caller gives that many bytes.
        let Some(octets) = (unsafe { bytes(ads.cast(), size) }) else {
            return -1;
        };
        let Some(address) = from_octets(octets) else {
            return -1;
        };
        // SAFETY: the caller gives that much room.
        unsafe { put_address(address, buf, len) }
    })
}

/// Writes the address in `sa46` as text to `buf`, which has room for `len` bytes, as
/// `lws_write_numeric_address()` does.
///
/// For a family of 0 the text is "(unset)", for a unix socket "(unix skt)", and its length is returned; for
/// any other family it says that it is not supported, and -1 is returned.
///
/// # Safety
///
/// `sa46` is NULL or valid; `buf` is NULL or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sa46_write_numeric_address(
    sa46: *mut lws_sockaddr46,
    buf: *mut c_char,
    len: usize,
) -> c_int {
    guard(-1, || {
        if sa46.is_null() {
            return -1;
        }
        // SAFETY: the caller gives a valid one.
        match unsafe { load(sa46) } {
            // SAFETY: the caller gives that much room.
            Ok(address) => unsafe { put_address(address, buf, len) },
            // SAFETY: as above.
            Err(0) => unsafe { put_text(&"(unset)", buf, len) },
            // SAFETY: as above.
            Err(libc::AF_UNIX) => unsafe { put_text(&"(unix skt)", buf, len) },
            Err(family) => {
                // SAFETY: as above.
                unsafe { put_text(&format_args!("(AF{family} unsupp)"), buf, len) };
                -1
            }
        }
    })
}

/// Compares the addresses, not the ports, of `sa46a` and `sa46b`.
///
/// Returns 0 if the families and the addresses are the same, or the same family is neither IPv4 nor IPv6;
/// else nonzero, also if one is NULL. An IPv4 address and the IPv6 one that it maps to are different.
///
/// # Safety
///
/// Both are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sa46_compare_ads(
    sa46a: *const lws_sockaddr46,
    sa46b: *const lws_sockaddr46,
) -> c_int {
    guard(1, || {
        if sa46a.is_null() || sa46b.is_null() {
            return 1;
        }
        // SAFETY: the caller gives valid ones.
        c_int::from(unsafe { load(sa46a) != load(sa46b) })
    })
}

/// Whether the address in `sa46a` is in the network whose address is in `sa46_net`, and whose first
/// `net_len` bits count.
///
/// If one is IPv4 and the other IPv6, the IPv4 one is taken as `::ffff:1.2.3.4`, and the length of an IPv4
/// network as so much longer.
///
/// Returns 0 if it is; 1 if not, or if `net_len` is negative or more than the network's address has bits, a
/// family is neither IPv4 nor IPv6, or one is NULL.
///
/// # Safety
///
/// Both are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_sa46_on_net(
    sa46a: *const lws_sockaddr46,
    sa46_net: *const lws_sockaddr46,
    net_len: c_int,
) -> c_int {
    guard(1, || {
        if sa46a.is_null() || sa46_net.is_null() {
            return 1;
        }
        // SAFETY: the caller gives valid ones.
        match unsafe { (load(sa46a), load(sa46_net)) } {
            (Ok(address), Ok(net)) => c_int::from(!is_on_net(address, net, net_len)),
            _ => 1,
        }
    })
}

/// Writes the address of the network interface called `ifname`, or the numeric address that `ifname` is, to
/// `addr`: a `struct sockaddr_in` or `sockaddr_in6` of `addrlen` bytes.
///
/// Without `ipv6`, an interface's IPv4 address is taken; with it, its IPv6 address, or else its IPv4 one as
/// `::ffff:1.2.3.4`, and `addr` needs the size of a `struct sockaddr_in6`. A numeric address is taken as it
/// is. Family, address and scope are written; the port stays as it is.
///
/// Returns `LWS_ITOSA_USABLE` (0), `LWS_ITOSA_NOT_EXIST` (-1) if there is no such interface or a pointer is
/// NULL, `LWS_ITOSA_NOT_USABLE` (-2) if it has no such address or `addrlen` is too small for it.
///
/// # Safety
///
/// `ifname` is NULL or a C string; `addr` is NULL or has room for `addrlen` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lws_interface_to_sa(
    ipv6: c_int,
    ifname: *const c_char,
    addr: *mut sockaddr_in,
    addrlen: usize,
) -> c_int {
    guard(ITOSA_NOT_EXIST, || {
        if ifname.is_null() || addr.is_null() {
            return ITOSA_NOT_EXIST;
        }
        // SAFETY: the caller gives a C string.
        let name = unsafe { CStr::from_ptr(ifname) };
        let (address, scope) = match parse(name.to_bytes()) {
            Some(address) => (address, 0),
            None => match interface_address(name, ipv6 != 0) {
                Ok(found) => found,
                Err(code) => return code,
            },
        };
        let needed = match address {
            IpAddr::V4(_) => size_of::<sockaddr_in>(),
            IpAddr::V6(_) => size_of::<sockaddr_in6>(),
        };
        if addrlen < needed {
            return ITOSA_NOT_USABLE;
        }
        // SAFETY: there is room for the one that it is.
        unsafe {
            store(address, addr.cast());
            if address.is_ipv6() {
                (&raw mut (*addr.cast::<sockaddr_in6>()).sin6_scope_id).write_unaligned(scope);
            }
        }
        ITOSA_USABLE
    })
}

/// The bytes of an address, 4 or 16.
enum Octets {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl Octets {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => Self::V6(address.octets()),
        }
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
        }
    }
}

fn parse(text: &[u8]) -> Option<IpAddr> {
    str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

fn from_octets(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// Writes an address's text as documented for [`lws_write_numeric_address`].
///
/// # Safety
///
/// `buf` is null or has room for `len` bytes.
unsafe fn put_address(address: IpAddr, buf: *mut c_char, len: usize) -> c_int {
    // SAFETY: the caller's promise.
    let written = unsafe { put_text(&address, buf, len) };
    if address.is_ipv6() && usize::try_from(written) == Ok(len) { -1 } else { written }
}

/// Writes text, cut to fit; its length, at most `len`, or -1 if there is no room at all.
///
/// # Safety
///
/// `buf` is null or has room for `len` bytes.
unsafe fn put_text(text: &dyn fmt::Display, buf: *mut c_char, len: usize) -> c_int {
    // SAFETY: the caller's promise.
    let Some(mut out) = (unsafe { Output::new(buf, len) }) else {
        return -1;
    };
    let text = text.to_string();
    out.push_all(text.as_bytes());
    text.len().min(len) as c_int
}

/// Sets the family and the address of a socket address, and nothing else of it.
///
/// # Safety
///
/// `to` has room for the kind of socket address that it is; it need not be aligned.
#[expect(clippy::cast_ptr_alignment, reason = "written unaligned")]
unsafe fn store(address: IpAddr, to: *mut u8) {
    match address {
        IpAddr::V4(address) => {
            let to = to.cast::<sockaddr_in>();
            // SAFETY: the caller's promise.
            unsafe {
                (&raw mut (*to).sin_family).write_unaligned(libc::AF_INET as libc::sa_family_t);
                (&raw mut (*to).sin_addr.s_addr).write_unaligned(u32::from_ne_bytes(address.octets()));
            }
        }
        IpAddr::V6(address) => {
            let to = to.cast::<sockaddr_in6>();
            // SAFETY: the caller's promise.
            unsafe {
                (&raw mut (*to).sin6_family).write_unaligned(libc::AF_INET6 as libc::sa_family_t);
                (&raw mut (*to).sin6_addr.s6_addr).write_unaligned(address.octets());
            }
        }
    }
}

/// The address in a socket address; its family if that is neither IPv4 nor IPv6.
///
/// # Safety
///
/// `from` is valid.
unsafe fn load(from: *const lws_sockaddr46) -> Result<IpAddr, c_int> {
    // SAFETY: the caller's promise; the family says which member is there.
    unsafe {
        match c_int::from((*from).sa4.sin_family) {
            libc::AF_INET => Ok(Ipv4Addr::from((*from).sa4.sin_addr.s_addr.to_ne_bytes()).into()),
            libc::AF_INET6 => Ok(Ipv6Addr::from((*from).sa6.sin6_addr.s6_addr).into()),
            family => Err(family),
        }
    }
}

fn is_on_net(address: IpAddr, net: IpAddr, net_len: c_int) -> bool {
    let width = if net.is_ipv4() { c_int::try_from(Ipv4Addr::BITS) } else { c_int::try_from(Ipv6Addr::BITS) };
    if !width.is_ok_and(|width| (0..=width).contains(&net_len)) {
        return false;
    }
    let prefix = if net.is_ipv4() { net_len + MAPPED_PREFIX } else { net_len };
    let ignored = Ipv6Addr::BITS - prefix.cast_unsigned();
    let significant = |address| mapped(address).to_bits().checked_shr(ignored).unwrap_or(0);
    significant(address) == significant(net)
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// An address of the interface called `name`, with its scope; or the code that says why there is none.
fn interface_address(name: &CStr, ipv6: bool) -> Result<(IpAddr, u32), c_int> {
    let list = InterfaceList::get().ok_or(ITOSA_NOT_EXIST)?;
    let mut exists = false;
    let mut fallback = None;
    for (interface, address) in list.iter() {
        if interface != name {
            continue;
        }
        exists = true;
        match address {
            Some((IpAddr::V4(address), _)) if ipv6 => {
                fallback = fallback.or(Some((IpAddr::V6(address.to_ipv6_mapped()), 0)));
            }
            Some(found @ (IpAddr::V4(_), _)) => return Ok(found),
            Some(found @ (IpAddr::V6(_), _)) if ipv6 => return Ok(found),
            _ => {}
        }
    }
    fallback.ok_or(if exists { ITOSA_NOT_USABLE } else { ITOSA_NOT_EXIST })
}

/// The system's list of interfaces and their addresses.
struct InterfaceList(*mut libc::ifaddrs);

impl InterfaceList {
    fn get() -> Option<Self> {
        let mut first = ptr::null_mut();
        // SAFETY: a place for the list's start.
        let got = unsafe { libc::getifaddrs(&raw mut first) };
        (got == 0).then_some(Self(first))
    }

    /// Each interface's name with one of its addresses and that one's scope; `None` for one of another kind.
    fn iter(&self) -> impl Iterator<Item = (&CStr, Option<(IpAddr, u32)>)> {
        let mut next = self.0;
        std::iter::from_fn(move || {
            // SAFETY: the list is valid until it is dropped, which outlasts what borrows from it.
            let entry = unsafe { next.as_ref() }?;
            next = entry.ifa_next;
            // SAFETY: as above.
            Some(unsafe { (CStr::from_ptr(entry.ifa_name), entry_address(entry.ifa_addr)) })
        })
    }
}

impl Drop for InterfaceList {
    fn drop(&mut self) {
        // SAFETY: what `getifaddrs` gave, once.
        unsafe { libc::freeifaddrs(self.0) };
    }
}

/// # Safety
///
/// `address` is null or as large as its family says.
unsafe fn entry_address(address: *const libc::sockaddr) -> Option<(IpAddr, u32)> {
    if address.is_null() {
        return None;
    }
    // SAFETY: the caller's promise; read as bytes, for there is no promise of alignment.
    unsafe {
        match c_int::from((&raw const (*address).sa_family).read_unaligned()) {
            libc::AF_INET => {
                let v4 = address.cast::<sockaddr_in>().read_unaligned();
                Some((Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()).into(), 0))
            }
            libc::AF_INET6 => {
                let v6 = address.cast::<sockaddr_in6>().read_unaligned();
                Some((Ipv6Addr::from(v6.sin6_addr.s6_addr).into(), v6.sin6_scope_id))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_they_should() {
        let on = |address: &str, net: &str, len| {
            is_on_net(address.parse().expect("an address"), net.parse().expect("an address"), len)
        };
        assert!(on("10.1.2.3", "10.1.0.0", 16));
        assert!(!on("10.1.2.3", "10.2.0.0", 16));
        assert!(on("10.1.2.3", "10.1.2.3", 32));
        assert!(!on("10.1.2.3", "10.1.2.2", 32));
        assert!(on("10.1.2.3", "192.168.0.0", 0));
        assert!(on("2001:db8::1", "2001:db8::", 32));
        assert!(!on("2001:db9::1", "2001:db8::", 32));
        assert!(on("::1", "::1", 128));
        assert!(on("::1", "2001::", 0));
        assert!(on("10.1.2.3", "::ffff:10.1.0.0", 112));
        assert!(on("::ffff:10.1.2.3", "10.1.0.0", 16));
        assert!(!on("::1", "10.1.0.0", 16), "an IPv4 network has no other IPv6 addresses");
    }

    #[test]
    fn a_length_that_the_address_does_not_have_contains_nothing() {
        let same = "10.1.2.3".parse().expect("an address");
        for len in [-1, 33, 128] {
            assert!(!is_on_net(same, same, len), "length {len}");
        }
        assert!(!is_on_net(IpAddr::from([0; 16]), IpAddr::from([0; 16]), 129));
    }

    #[test]
    fn only_addresses_are_parsed() {
        for text in
            ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1::2::3", "::1:", "localhost", "1.2.3.4/8", "[::1]"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b" 1.2.3.4 "), Some(IpAddr::from([1, 2, 3, 4])));
        assert_eq!(parse(b"::ffff:1.2.3.4"), Some(IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x102, 0x304])));
    }

    #[test]
    fn the_loopback_interface_is_found() {
        assert_eq!(interface_address(c"lo", false), Ok((IpAddr::V4(Ipv4Addr::LOCALHOST), 0)));
        assert_eq!(interface_address(c"no-such-if", false), Err(ITOSA_NOT_EXIST));
    }
}
