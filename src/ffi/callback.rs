//! The program's protocol callbacks, as the engine calls them.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{from_mut, null_mut};

use super::handle::wsi_ptr;
use super::types::{
    lws_callback_function, lws_filter_network_conn_args, lws_pollargs, lws_process_html_args,
    sockaddr_storage,
};
use crate::engine::dispatch::{Arg, Call, Callback, HeaderRoom};
use crate::engine::http::HANDLED_BY_CALLBACK;
use crate::engine::reason::Reason;

/// A protocol's function pointer; NULL takes everything and does nothing.
pub(super) struct CCallback(pub(super) lws_callback_function);

impl CCallback {
    fn invoke(&self, call: &Call<'_>, user: *mut c_void, arg: *mut c_void, len: usize) -> c_int {
        let Some(function) = self.0 else { return 0 };
        // SAFETY: the program promised this signature; the pointers live for the call.
        unsafe { function(wsi_ptr(call.wsi), call.reason as u32, user, arg, len) }
    }
}

impl Callback for CCallback {
    fn call(&self, call: &Call<'_>) -> i32 {
        let user = call.user.cast::<c_void>();
        match call.arg {
            Arg::Null => self.invoke(call, user, null_mut(), 0),
            Arg::Certificate => self.invoke(call, null_mut(), null_mut(), 1),
            Arg::Len(len) => self.invoke_with_poll(
                call,
                lws_pollargs { fd: call.wsi.raw_fd(), events: 0, prev_events: 0 },
                len,
            ),
            Arg::Bytes(bytes) => self.invoke(call, user, bytes.as_ptr().cast_mut().cast(), bytes.len()),
            Arg::Text(text) => self.invoke(call, user, text.as_ptr().cast_mut().cast(), text.count_bytes()),
            Arg::Fd(fd) => self.invoke(call, user, fd_as_pointer(fd), 0),
            Arg::Wsi(wsi) => self.invoke(call, user, wsi_ptr(wsi).cast(), 0),
            Arg::Opaque(pointer) => self.invoke(call, user, pointer.cast(), 0),
            Arg::Poll { fd, events, before } => {
                let args = lws_pollargs { fd, events: events.into(), prev_events: before.into() };
                self.invoke_with_poll(call, args, 0)
            }
            Arg::Access { path, mask } => self.invoke_with_access(call, path, mask),
            Arg::Headers(window) => self.invoke_with_room(call, window),
            Arg::Handshake(window) => self.invoke_with_pointer(call, window),
            Arg::Numbered(text, number) => self.invoke(call, user, text.as_ptr().cast_mut().cast(), number),
            Arg::Number(number) => self.invoke(call, user, null_mut(), number),
            Arg::Options { of, at, len } => self.invoke(call, of.as_ptr().cast_mut().cast(), at.cast(), len),
            Arg::Payload { at, len } => self.invoke(call, user, at.cast(), len),
            Arg::Peer { address, fd } => self.invoke_with_peer(call, address, fd),
        }
    }
}

/// What `in` is where it is a record. Apart, so that the common calls do not make room for it.
impl CCallback {
    fn invoke_with_poll(&self, call: &Call<'_>, mut args: lws_pollargs, len: usize) -> i32 {
        self.invoke(call, call.user.cast(), from_mut(&mut args).cast(), len)
    }

    fn invoke_with_access(&self, call: &Call<'_>, path: &CStr, mask: u32) -> i32 {
        let mut args = lws_process_html_args {
            p: path.as_ptr().cast_mut(),
            len: path.count_bytes() as c_int,
            max_len: mask as c_int,
            r#final: 0,
            chunked: 0,
        };
        let result = self.invoke(call, call.user.cast(), from_mut(&mut args).cast(), 0);
        if result == 0 && args.r#final != 0 { HANDLED_BY_CALLBACK } else { result }
    }

    fn invoke_with_room(&self, call: &Call<'_>, window: &Cell<HeaderRoom>) -> i32 {
        let HeaderRoom { at, room } = window.get();
        let mut args =
            lws_process_html_args { p: at.cast(), len: 0, max_len: room as c_int, r#final: 0, chunked: 0 };
        let result = self.invoke(call, call.user.cast(), from_mut(&mut args).cast(), 0);
        let used = (args.p as usize).wrapping_sub(at as usize);
        if used <= room {
            window.set(HeaderRoom { at: args.p.cast(), room: room - used });
            result
        } else {
            crate::log_err!("ADD_HEADERS: the callback wrote beyond the room it was given");
            -1
        }
    }

    fn invoke_with_pointer(&self, call: &Call<'_>, window: &Cell<HeaderRoom>) -> i32 {
        let HeaderRoom { at, room } = window.get();
        let mut end = at;
        let result = self.invoke(call, call.user.cast(), from_mut(&mut end).cast(), room);
        let used = (end as usize).wrapping_sub(at as usize);
        if used <= room {
            window.set(HeaderRoom { at: end, room: room - used });
            result
        } else {
            crate::log_err!(
                "CLIENT_APPEND_HANDSHAKE_HEADER: the callback wrote beyond the room it was given"
            );
            -1
        }
    }

    #[inline(never)]
    fn invoke_with_peer(
        &self,
        call: &Call<'_>,
        address: Option<&rustix::net::SocketAddrAny>,
        fd: i32,
    ) -> i32 {
        let mut args = peer_args(address, fd);
        self.invoke(call, from_mut(&mut args).cast(), fd_as_pointer(fd), 0)
    }
}

/// A descriptor in a pointer's clothes, as `(void *)(intptr_t)fd`.
fn fd_as_pointer(fd: i32) -> *mut c_void {
    std::ptr::without_provenance_mut(fd as isize as usize)
}

fn peer_args(address: Option<&rustix::net::SocketAddrAny>, fd: i32) -> lws_filter_network_conn_args {
    let mut storage = MaybeUninit::<sockaddr_storage>::zeroed();
    let mut len = 0;
    if let Some(address) = address {
        let size = (address.addr_len() as usize).min(size_of::<sockaddr_storage>());
        // SAFETY: the source holds `addr_len` bytes, the destination is larger.
        unsafe {
            std::ptr::copy_nonoverlapping(
                address.as_ptr().cast::<u8>(),
                storage.as_mut_ptr().cast::<u8>(),
                size,
            );
        }
        len = size as u32;
    }
    // SAFETY: all zeroes is a valid sockaddr_storage, and so is what was copied over it.
    lws_filter_network_conn_args { cli_addr: unsafe { storage.assume_init() }, clilen: len, accept_fd: fd }
}

// The engine's numbers are the C API's.
const _: () = {
    use super::types::lws_callback_reasons as c;
    assert!(Reason::ClosedHttp as u32 == c::LWS_CALLBACK_CLOSED_HTTP as u32);
    assert!(Reason::Http as u32 == c::LWS_CALLBACK_HTTP as u32);
    assert!(Reason::HttpBody as u32 == c::LWS_CALLBACK_HTTP_BODY as u32);
    assert!(Reason::HttpBodyCompletion as u32 == c::LWS_CALLBACK_HTTP_BODY_COMPLETION as u32);
    assert!(Reason::HttpFileCompletion as u32 == c::LWS_CALLBACK_HTTP_FILE_COMPLETION as u32);
    assert!(Reason::HttpWriteable as u32 == c::LWS_CALLBACK_HTTP_WRITEABLE as u32);
    assert!(Reason::FilterNetworkConnection as u32 == c::LWS_CALLBACK_FILTER_NETWORK_CONNECTION as u32);
    assert!(Reason::FilterHttpConnection as u32 == c::LWS_CALLBACK_FILTER_HTTP_CONNECTION as u32);
    assert!(
        Reason::ServerNewClientInstantiated as u32 == c::LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED as u32
    );
    assert!(Reason::ProtocolInit as u32 == c::LWS_CALLBACK_PROTOCOL_INIT as u32);
    assert!(Reason::ProtocolDestroy as u32 == c::LWS_CALLBACK_PROTOCOL_DESTROY as u32);
    assert!(Reason::WsiCreate as u32 == c::LWS_CALLBACK_WSI_CREATE as u32);
    assert!(Reason::WsiDestroy as u32 == c::LWS_CALLBACK_WSI_DESTROY as u32);
    assert!(Reason::GetThreadId as u32 == c::LWS_CALLBACK_GET_THREAD_ID as u32);
    assert!(Reason::AddPollFd as u32 == c::LWS_CALLBACK_ADD_POLL_FD as u32);
    assert!(Reason::DelPollFd as u32 == c::LWS_CALLBACK_DEL_POLL_FD as u32);
    assert!(Reason::ChangeModePollFd as u32 == c::LWS_CALLBACK_CHANGE_MODE_POLL_FD as u32);
    assert!(Reason::LockPoll as u32 == c::LWS_CALLBACK_LOCK_POLL as u32);
    assert!(Reason::UnlockPoll as u32 == c::LWS_CALLBACK_UNLOCK_POLL as u32);
    assert!(Reason::HttpBindProtocol as u32 == c::LWS_CALLBACK_HTTP_BIND_PROTOCOL as u32);
    assert!(Reason::HttpDropProtocol as u32 == c::LWS_CALLBACK_HTTP_DROP_PROTOCOL as u32);
    assert!(Reason::CheckAccessRights as u32 == c::LWS_CALLBACK_CHECK_ACCESS_RIGHTS as u32);
    assert!(Reason::AddHeaders as u32 == c::LWS_CALLBACK_ADD_HEADERS as u32);
    assert!(Reason::ChildClosing as u32 == c::LWS_CALLBACK_CHILD_CLOSING as u32);
    assert!(Reason::EventWaitCancelled as u32 == c::LWS_CALLBACK_EVENT_WAIT_CANCELLED as u32);
    assert!(Reason::Timer as u32 == c::LWS_CALLBACK_TIMER as u32);
    assert!(Reason::ClientConnectionError as u32 == c::LWS_CALLBACK_CLIENT_CONNECTION_ERROR as u32);
    assert!(Reason::ClientFilterPreEstablish as u32 == c::LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH as u32);
    assert!(
        Reason::ClientAppendHandshakeHeader as u32 == c::LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER as u32
    );
    assert!(Reason::EstablishedClientHttp as u32 == c::LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP as u32);
    assert!(Reason::ClosedClientHttp as u32 == c::LWS_CALLBACK_CLOSED_CLIENT_HTTP as u32);
    assert!(Reason::ReceiveClientHttp as u32 == c::LWS_CALLBACK_RECEIVE_CLIENT_HTTP as u32);
    assert!(Reason::CompletedClientHttp as u32 == c::LWS_CALLBACK_COMPLETED_CLIENT_HTTP as u32);
    assert!(Reason::ReceiveClientHttpRead as u32 == c::LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ as u32);
    assert!(Reason::ClientHttpWriteable as u32 == c::LWS_CALLBACK_CLIENT_HTTP_WRITEABLE as u32);
    assert!(
        Reason::OpensslPerformServerCertVerification as u32
            == c::LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION as u32
    );
    assert!(Reason::ClientHttpDropProtocol as u32 == c::LWS_CALLBACK_CLIENT_HTTP_DROP_PROTOCOL as u32);
    assert!(Reason::ClientHttpBindProtocol as u32 == c::LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL as u32);
    assert!(Reason::ClientHttpRedirect as u32 == c::LWS_CALLBACK_CLIENT_HTTP_REDIRECT as u32);
    assert!(Reason::Connecting as u32 == c::LWS_CALLBACK_CONNECTING as u32);
    assert!(Reason::Established as u32 == c::LWS_CALLBACK_ESTABLISHED as u32);
    assert!(Reason::ClientEstablished as u32 == c::LWS_CALLBACK_CLIENT_ESTABLISHED as u32);
    assert!(Reason::Closed as u32 == c::LWS_CALLBACK_CLOSED as u32);
    assert!(Reason::ClientClosed as u32 == c::LWS_CALLBACK_CLIENT_CLOSED as u32);
    assert!(Reason::Receive as u32 == c::LWS_CALLBACK_RECEIVE as u32);
    assert!(Reason::ReceivePong as u32 == c::LWS_CALLBACK_RECEIVE_PONG as u32);
    assert!(Reason::ClientReceive as u32 == c::LWS_CALLBACK_CLIENT_RECEIVE as u32);
    assert!(Reason::ClientReceivePong as u32 == c::LWS_CALLBACK_CLIENT_RECEIVE_PONG as u32);
    assert!(Reason::ClientWriteable as u32 == c::LWS_CALLBACK_CLIENT_WRITEABLE as u32);
    assert!(Reason::ServerWriteable as u32 == c::LWS_CALLBACK_SERVER_WRITEABLE as u32);
    assert!(Reason::FilterProtocolConnection as u32 == c::LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION as u32);
    assert!(Reason::ConfirmExtensionOkay as u32 == c::LWS_CALLBACK_CONFIRM_EXTENSION_OKAY as u32);
    assert!(
        Reason::ClientConfirmExtensionSupported as u32
            == c::LWS_CALLBACK_CLIENT_CONFIRM_EXTENSION_SUPPORTED as u32
    );
    assert!(Reason::WsPeerInitiatedClose as u32 == c::LWS_CALLBACK_WS_PEER_INITIATED_CLOSE as u32);
    assert!(Reason::WsExtDefaults as u32 == c::LWS_CALLBACK_WS_EXT_DEFAULTS as u32);
    assert!(Reason::WsServerDropProtocol as u32 == c::LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL as u32);
    assert!(Reason::WsClientDropProtocol as u32 == c::LWS_CALLBACK_WS_CLIENT_DROP_PROTOCOL as u32);
    assert!(Reason::HttpConfirmUpgrade as u32 == c::LWS_CALLBACK_HTTP_CONFIRM_UPGRADE as u32);
};
